// A restored state as the beginning of another chain: for staging, or after a split that no quorum
// can heal.
//
// The new chain goes on at the height of the snapshot, because rows hold heights and epochs that
// must not lie in the future; its name and its genesis are others, so nothing that was signed for
// the old chain counts on it. The headers of the old chain stay in its MMR: what happened before
// can still be proven.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernel/chain/chain.hpp"

namespace blockd {

struct NewChain {
  Genesis genesis;  // validators are those of the new chain
  // Accounts that have these roles on it, beside those of the old one.
  std::vector<std::pair<std::string, std::string>> roles;
};

// `state_dir` holds a state as restore_snapshot() leaves it, and no node runs on it. The next block
// commits the root of what it holds afterwards. Errors: kCorrupt (it is no restored state), kIo.
Status begin_new_chain(const std::string& state_dir, const NewChain& chain);

}  // namespace blockd
