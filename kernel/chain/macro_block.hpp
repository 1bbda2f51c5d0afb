// Macro points and macro blocks (moloch spec 6.16).
//
// A macro point is a block after which the root of the whole state is computed; the macro block is
// a later one, whose header carries that root. At most one point waits for its macro block. What is
// known of the newest point is a row of the state, so that every node, every replay and a node that
// was killed in between know the same; the root itself is computed beside the executor, on a
// snapshot of the store.
//
// The row also holds what a node needs that starts from this state and has no blocks before it: the
// peaks of the MMR over all earlier headers, and the hash of the genesis. So both are under the
// state root.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/base/background.hpp"
#include "kernel/chain/roots.hpp"
#include "kernel/chain/state_root.hpp"

namespace blockd {

inline constexpr std::string_view kMacroRow = "s/chain/macro";
// Written by chain.macro_point, taken away at the end of the same block.
inline constexpr std::string_view kMacroAskedRow = "s/chain/macro_asked";
inline constexpr std::string_view kMacroSpacingKey = "snapshot_interval_secs";
inline constexpr std::uint64_t kMacroSpacingSecs = 30;      // where governance has set nothing
inline constexpr std::uint64_t kMacroDeadlineMs = 600'000;  // the first block behind must commit

struct MacroRow {
  std::uint64_t point = 0;         // height of the newest macro point; 0: none yet
  std::uint64_t time_ms = 0;       // of that block
  std::uint64_t macro_height = 0;  // of the macro block that commits it; 0: it waits
  Hash genesis{};
  MmrPeaks peaks;  // over the headers below `point`

  bool waits() const { return point != 0 && macro_height == 0; }
  Bytes encode() const;
  // Errors: kCorrupt.
  static Result<MacroRow> decode(BytesView row);
};

// The row of a state; without one, that of a chain that had no point yet. Errors: kCorrupt, kIo.
Result<MacroRow> read_macro_row(const KvReader& state);

// A point and the work on its root. Kept by whoever writes a snapshot of it; it must not outlive
// the chain. Fields are fixed when it is made; the result is there once done() says so. [any]
class MacroPoint {
 public:
  MacroPoint(std::uint64_t height_, std::uint64_t time_ms_, const Hash& hash,
             std::shared_ptr<const KvReader> state_, bool whole_)
      : height(height_),
        time_ms(time_ms_),
        block_hash(hash),
        state(std::move(state_)),
        whole(whole_) {}

  const std::uint64_t height, time_ms;
  const Hash block_hash;
  const std::shared_ptr<const KvReader> state;  // after that block
  // Whether other threads may read `state` beside the one that computes the root; not so for a
  // point from before a restart, which is read through the deltas since.
  const bool whole;

  bool done() const;
  void wait() const;                     // until done()
  bool wait_ms(std::uint64_t ms) const;  // the same, at most so long; done()
  // REQUIRES: done().
  const Status& status() const { return status_; }
  const std::vector<NamespaceSummary>& namespaces() const { return namespaces_; }
  const Hash& root() const { return root_; }

  // Computes the root. Once.
  void compute(BackgroundPace* pace);  // null: without rests
  void stop() { stopped_.store(true); }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool done_ = false;
  std::atomic<bool> stopped_{false};
  Status status_;
  std::vector<NamespaceSummary> namespaces_;
  Hash root_{};
};

// The point that waits, and the thread that computes its root. [executor, but point()]
class MacroWork {
 public:
  // `in_background` false: start() computes before it returns, as tests and the simulator want it.
  MacroWork(bool in_background, std::function<void()> on_ready)
      : in_background_(in_background), on_ready_(std::move(on_ready)) {}
  ~MacroWork() { stop(); }
  MacroWork(const MacroWork&) = delete;
  MacroWork& operator=(const MacroWork&) = delete;

  void start(std::shared_ptr<MacroPoint> point);
  void stop();                                      // ends the work and forgets the point
  void committed();                                 // its macro block is in the log
  std::shared_ptr<const MacroPoint> point() const;  // null: none waits [any]

 private:
  const bool in_background_;
  const std::function<void()> on_ready_;  // from the thread that computed
  mutable std::mutex mutex_;
  std::shared_ptr<MacroPoint> point_;
  std::thread thread_;
};

}  // namespace blockd
