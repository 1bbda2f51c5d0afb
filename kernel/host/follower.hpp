// Follower: carries committed events to the faces, in chain order, at least once, and tells them of
// commits.
//
// It runs on the face thread. Live blocks are handed over by the executor (bounded; what does not
// fit is read from the log later); after a restart each face goes on behind the cursor in its local
// store.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "kernel/chain/chain.hpp"
#include "kernel/host/plugin_impl.hpp"

namespace blockd {

class Follower {
 public:
  static constexpr std::size_t kMaxLiveBlocks = 64;
  static constexpr std::uint64_t kBlocksPerTurn =
      256;  // then other tasks of the face thread get their turn

  Follower(HostServices& services, Chain& chain) : services_(services), chain_(chain) {}

  // Which faces are served; replaces the list. [any]
  void set_plugins(std::vector<std::shared_ptr<Plugin>> plugins);
  // A block was committed. Never waits. [executor]
  void committed(std::shared_ptr<const BlockRecord> block);
  // Brings every face up to the head. [face thread]
  void catch_up();
  // No further turn is scheduled. [any]
  void stop();

 private:
  // Delivers blocks up to `head` to one face; true when more are left for another turn. A block
  // whose events were refused is offered again after the next commit.
  bool serve(Plugin& plugin, std::uint64_t head);
  bool deliver_block(Plugin& plugin, const BlockRecord& block);
  std::shared_ptr<const BlockRecord> block_at(std::uint64_t height);
  void schedule();

  HostServices& services_;
  Chain& chain_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Plugin>> plugins_;
  std::deque<std::shared_ptr<const BlockRecord>> live_;  // newest blocks, ascending
  bool scheduled_ = false, stopped_ = false;
  std::map<std::shared_ptr<LocalStore>, std::uint64_t>
      next_;                                // height from which a face is served; face thread only
  std::uint64_t told_height_ = UINT64_MAX;  // of the last commit notice; face thread only
};

}  // namespace blockd
