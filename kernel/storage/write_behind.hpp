// A store that takes writes into memory and hands them to its engine on a thread of its own, so
// that whoever writes never waits for compactions, table files or the engine's log.
//
// What was written is seen at once, by reads and by snapshots taken from then on, from memory until
// the engine has it. The engine gets whole batches, oldest first, when kGatheredBytes of them wait
// or somebody flushes: many in one write, in the order of their keys, of each key the newest only.
// A killed process loses what only memory held, so the owner must be able to write it again (the
// chain has the deltas of its log). Bounded: a write waits while kMaxWaitingBytes are in memory,
// and reads pass at most kMaxLayers of it.
//
// Rows may be held back from the engine until their owner lets them go (write_held()).
//
// Once many reads have asked the engine for rows that it does not have, a filter of all its keys is
// made beside the writes (a walk over the store, in steps), and such reads are answered from memory
// from then on. It takes two bytes a row and at most 42 MiB; of a larger store it is given up.
//
// When the engine refuses a write, every later write and flush answers with its error, while reads
// go on, until reopen(); then what memory holds is written once more.
//
// Thread: as KvStore; flush() and compact() also beside write().
#pragma once

#include "kernel/storage/kv_store.hpp"

namespace blockd {

inline constexpr std::size_t kMaxWaitingBytes = 64u << 20;
// A few thousand commands: a row costs the engine half when its neighbours come with it, and
// nothing when a later command has overwritten it meanwhile.
inline constexpr std::size_t kGatheredBytes = 2u << 20;

std::unique_ptr<KvStore> make_write_behind(std::unique_ptr<KvStore> engine,
                                           std::size_t max_waiting_bytes = kMaxWaitingBytes);

}  // namespace blockd
