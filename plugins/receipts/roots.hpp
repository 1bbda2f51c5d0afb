// Micro-shard roots: announced roots wait in the queue of their size class and are bundled once a
// slot. [machine] [worker]
//
// A queue has at most kMaxRoots entries; beyond, the oldest goes. A block takes a whole queue as
// one bundle when its time lies in a later slot than the class's last bundle. The newest
// kMaxBundles bundles are kept.
#pragma once

#include <tb/plugin.hpp>

#include "plugins/receipts/state.hpp"

namespace receipts {

inline constexpr std::uint64_t kMaxRoots = 1024;
inline constexpr std::uint64_t kMaxBundles = 4096;
inline constexpr std::uint32_t kMaxListedBundles = 64;

// At the end of a block.
void bundle_roots(tb::Ctx& ctx);

struct AnnounceParams {
  tb::Hash root_hash;
  std::uint32_t shard_id = 0;
  std::string_view size_class;  // L2, L3
  std::string_view lane = "consumer";
  std::uint32_t payload_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(AnnounceParams, (), (root_hash, shard_id, size_class, lane, payload_bytes))
// Puts a root into its queue; its availability ends with the window of this block's receipts.
tb::Status announce_root(tb::Ctx& ctx, const AnnounceParams& in, tb::Out& out);

void describe_roots(tb::Plugin& p);

}  // namespace receipts
