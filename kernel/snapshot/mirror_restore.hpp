// A mirror beside the state of a node that does not run: what it would make of that state, and a
// restored state whose next block begins with the mirror's rows.
#pragma once

#include "kernel/snapshot/mirror.hpp"

namespace blockd {

struct MirrorRoots {
  Hash stored{}, resulting{};  // of the state as it is, and with the mirror's rows in its namespace
};
// Errors: those of the store.
Result<MirrorRoots> roots_with_mirror(const KvReader& state, const Mirror& mirror);

// `state_dir` holds a state as restore_snapshot() leaves it, and no node runs on it: the namespace
// of the mirror is emptied, and the next block takes the mirror's rows, which have to lie in the
// node's ImportFiles then. Errors: kInvalid (its roster has no such plugin, or one of another
// schema), kCorrupt, kIo.
Status begin_with_mirror(const std::string& state_dir, const Mirror& mirror);

}  // namespace blockd
