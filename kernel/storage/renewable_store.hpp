// A store that can be closed and opened again behind the same interface.
//
// LevelDB refuses every write after one that failed for lack of space, until it is opened anew; and
// whoever reads must not notice. So this store owns the engine: reopen() waits for reads and writes
// under way, closes the engine and opens another one on the same directory. Snapshots taken before
// answer kUnavailable from then on; the owner publishes a new one. What the old engine had not yet
// on disk may be missing in the new one, so the owner writes again what it knows to be missing.
// Between a failed reopen() and one that succeeds everything answers kUnavailable.
//
// Thread: as KvStore; reopen() from the writing thread.
#pragma once

#include "kernel/storage/kv_store.hpp"

namespace blockd {

using StoreOpener = std::function<Result<std::unique_ptr<KvStore>>()>;

// Whether an engine in `dir` could be opened: that takes some room, and one that cannot be opened
// again could not be read either. Errors: kNoSpace.
Status room_to_reopen(const std::string& dir);

// `open` opens what `engine` was opened from. reopen() asks `has_room` (may be null) first, and
// leaves the engine as it is when that says no.
std::unique_ptr<KvStore> make_renewable(std::unique_ptr<KvStore> engine, StoreOpener open,
                                        std::function<Status()> has_room = nullptr);

}  // namespace blockd
