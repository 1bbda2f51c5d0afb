// What a node does to keep its data small and safe: snapshots of macro points, pruning, and a lost
// state made again from the newest snapshot; with deaths on the way.
#include "kernel/chain/macro_block.hpp"
#include "kernel/chain/store/prune.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "tests/simulation/simulation.hpp"

namespace blockd::sim {
namespace {

constexpr std::uint64_t kMaxPruneDelay = 30;  // durable operations until a death while it prunes
constexpr std::uint64_t kAllBlocks = UINT64_MAX, kNoLimit = 1'000'000'000;

Status failing(const std::string& what) { return Status(Code::kInternal, what); }

}  // namespace

// After each block: the snapshot under way may end with it, and its macro point may begin one.
Status Simulation::tend_snapshots(const BlockRecord& block) {
  if (!keeps_) return {};
  auto ended = shelf_.end(block);
  if (!ended.ok()) return ended.status();
  if (*ended) {
    ++counts_.snapshots;
    note("snapshot of height " + std::to_string(*shelf_.newest()));
    if (!fate_.dead()) TB_TRY(check_snapshots());
  }
  const std::shared_ptr<const MacroPoint> point = chain_->macro_point();
  if (fate_.dead() || shelf_.under_way() || point == nullptr || !point->whole || !point->done())
    return {};
  note("pages of a snapshot of height " + std::to_string(point->height));
  return shelf_.begin(*point, genesis_.chain_id);
}

Status Simulation::check_snapshots() {
  return shelf_.check(genesis_, [this](const SnapshotInfo& info) -> Status {
    const Acknowledged& block = acknowledged_.at(info.height);
    const std::string which = "the snapshot of height " + std::to_string(info.height);
    if (block.hash != info.block_hash) return failing(which + " is of another block");
    if (block.state_root && *block.state_root != info.state_root)
      return failing(which + " holds another state");
    return {};
  });
}

// Blocks up to the newest snapshot may go; a death may come before any operation on the way.
Status Simulation::prune() {
  TB_TRY(acknowledge(LogWait::kAll));
  if (!pruned_) TB_TRY(check_replay());  // from genesis, for the last time
  pruned_ = true;
  ++counts_.prunes;
  const std::uint64_t height = 1 + below(*shelf_.newest() + 1);
  note("prune below " + std::to_string(height));
  if (one_in(2)) fate_.crash_in(1 + below(kMaxPruneDelay));
  const Status status = prune_below(height);
  if (fate_.dead()) return recover(!one_in(4));
  fate_.revive();
  TB_TRY(status.in("prune"));
  TB_TRY(acknowledge(LogWait::kNone));
  TB_TRY(check_acknowledged());
  return check_pruned_log();
}

Status Simulation::prune_below(std::uint64_t height) {
  BlockLog& log = *chain_->log();
  PruneCount count;
  TB_TRY(chain_->checkpoint());
  TB_TRY(log.close_segment());
  for (;;) {
    auto one = log.rewrite_below(height, prune_records(height, &count, nullptr));
    if (!one.ok()) return one.status();
    if (one->blocks == 0) return {};
  }
}

// A state that is gone: a log that is whole makes it again, and so does the newest snapshot with
// the blocks behind it.
Status Simulation::bring_back() {
  if (!state_.empty() || !shelf_.newest() || (!pruned_ && one_in(2))) return {};
  auto rows = shelf_.restore(genesis_, acknowledged_.size());
  if (!rows.ok()) return rows.status();
  ++counts_.restored;
  note("the state is that of the snapshot of height " + std::to_string(*shelf_.newest()));
  state_.replace(*std::move(rows));
  return {};
}

// What is left is read to the last root, and all blocks that are whole execute again, from the
// state at the oldest of them.
Status Simulation::check_pruned_log() {
  ++counts_.replays;
  StoreCheckInput input;
  input.disk = &disk_;
  input.log_dir = kLogDir;
  input.genesis = &genesis_;
  input.state = chain_->view()->state.get();
  auto report = check_store(input);
  if (!report.ok()) return report.status();
  if (report->count() != 0)
    return failing("the pruned log does not hold: " + report->findings.front().what);
  auto machine = images_.find(plugins_.roster().front());
  if (!machine.ok()) return machine.status();
  return chain_->rehearse(*machine, kAllBlocks, kNoLimit).in("replay of a pruned log");
}

}  // namespace blockd::sim
