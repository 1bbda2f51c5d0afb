// Simulation: one node's chain on a disk, a state store and a clock that a seed drives, with the
// real plugins in it.
//
// A step is a block, a crash, a restart, a full disk, a failed fsync or a reload of a plugin; in
// every second run macro points become snapshots, and the log is pruned below them. After every
// block, and after every recovery, these hold or run() says which does not, and at which step:
//   - what was acknowledged is there: every height with the hash it was acknowledged under, and the
//   state root of the newest;
//   - money is conserved: the ledger's accounts add up to what genesis gave out, and the energy
//   market's invariants hold;
//   - replay equals live: at the end, and now and then before it, the whole log executes again to
//   the same roots; of a pruned log every root that is left is checked, and all that is whole
//   executes again;
//   - the newest snapshot verifies and has the root that its height had; a state that is lost comes
//   back from it, also behind a pruned log.
// With half of the seeds execution runs ahead of the disk: blocks are acknowledged when they are
// durable, and a death may find several in flight, of which the first ones may be there.
// The same seed gives the same run. [one thread]
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kernel/testkit/face_host.hpp"
#include "tests/simulation/actors.hpp"
#include "tests/simulation/faulty_media.hpp"
#include "tests/simulation/live_images.hpp"
#include "tests/simulation/snapshot_shelf.hpp"
#include "tests/support/plugin_images.hpp"

namespace blockd::sim {

inline constexpr const char* kLogDir = "chain";

class Simulation {
 public:
  struct Counts {
    std::uint64_t blocks = 0, commands = 0, crashes = 0, recovered_blocks = 0, full_disks = 0,
                  failed_syncs = 0, lost_states = 0, restarts = 0, replays = 0, reloads = 0,
                  snapshots = 0, prunes = 0, restored = 0;
  };

  // `loader` says how a plugin is loaded again while the node runs; snapshots lie in `dir`, which
  // is there and empty.
  Simulation(std::uint64_t seed, support::PluginImages& plugins, LoadRules loader, std::string dir);
  ~Simulation();

  // Empty: all invariants held. Else what broke, and at which step.
  std::string run(std::uint64_t steps);
  const Counts& counts() const { return counts_; }
  const std::map<std::string, std::uint64_t>& outcomes() const { return actors_.outcomes(); }

 private:
  struct VirtualClock final : Clock {
    std::uint64_t now_ms = 1'700'000'000'000;
    std::uint64_t unix_ms() const override { return now_ms; }
    std::uint64_t monotonic_us() const override { return now_ms * 1000; }
  };
  struct Acknowledged {
    Hash hash{};
    std::optional<Hash> state_root;  // absent where the process died between the log and the state
  };

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  void make_genesis();
  void note(std::string what);
  Status open();
  Status step();
  Status block();
  Status acknowledge(LogWait wait);
  Status full_disk();
  Status failed_sync();
  Status crash_somewhere();
  Status reload();
  Status clean_restart();
  // The process is dead: what the media kept, and the next process.
  Status recover(bool power_cut);
  Status learn(const BlockRecord& block);
  Status check_acknowledged();
  Status learn_recovered(std::uint64_t head);
  Status check_market();
  Status check_replay();
  // keeping.cpp
  Status tend_snapshots(const BlockRecord& block);
  Status check_snapshots();
  Status prune();
  Status prune_below(std::uint64_t height);
  Status bring_back();
  Status check_pruned_log();
  Result<std::string> query(std::string_view plugin, std::string_view method);

  std::mt19937_64 random_;
  support::PluginImages& plugins_;
  LiveImages images_;
  SigningKey validator_;
  VirtualClock clock_;
  Fate fate_;
  MortalDisk disk_;
  MortalState state_;
  Actors actors_;
  SnapshotShelf shelf_;
  const bool ahead_;     // whether blocks may be in flight
  const bool keeps_;     // whether this run makes snapshots and prunes
  bool pruned_ = false;  // no replay from genesis any more
  Genesis genesis_;
  std::vector<Acknowledged> acknowledged_;                 // by height
  std::deque<std::shared_ptr<const BlockRecord>> flight_;  // made, not acknowledged
  std::map<std::string, std::unique_ptr<FaceHost>, std::less<>> faces_;
  Counts counts_;
  std::deque<std::string> trace_;  // what happened last, for the report of a failure
  std::unique_ptr<Chain> chain_;
};

}  // namespace blockd::sim
