// SnapshotService: snapshots of a running node. One at a time: asked for, or by itself at the first
// macro point that is `interval` blocks behind the newest snapshot.
//
// A job runs on a thread of its own at low priority: it has a macro point made (or takes the one
// that waits), writes its pages, waits for the header that commits it, and puts the file in its
// place; then old files of the node's own directory go. A job that fails or is cancelled leaves no
// file. Everything is [any] but committed(), which the executor calls; destroy it before the chain.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "kernel/metrics/registry.hpp"
#include "kernel/snapshot/create.hpp"

namespace blockd {

inline constexpr std::uint64_t kMinSnapshotInterval = 10;

struct SnapshotSettings {
  std::string dir;                // the node's own
  std::uint64_t interval = 1024;  // blocks
  std::uint64_t keep = 5;         // files in `dir`
};

// How the asking for a macro point ended: ok when its block is committed. Errors: kDenied (this
// node may not: the job waits for a point by interval), kBusy (one waits already), others.
using PointAnswer = std::function<void(const Status&)>;

struct SnapshotServiceOptions {
  const Chain* chain = nullptr;
  MetricRegistry* metrics = nullptr;
  // Sends the command chain.macro_point; the answer may come on any thread.
  std::function<void(PointAnswer)> ask_point;
  // Lines for the log; may be null.
  std::function<void(bool error, const std::string& line)> note;
  // Called with each new file, on the job's thread; may be null.
  std::function<void(const SnapshotInfo&)> on_created;
};

class SnapshotService {
 public:
  struct Job {
    std::uint64_t number = 0;
    std::string state;  // waiting_for_point | computing_root | writing | waiting_for_block | done
                        // | failed | cancelled
    SnapshotProgress progress;
    std::uint64_t height = 0;  // of the point, when there is one
    std::string note;          // why it waits longer than usual
    Status failure;
    std::optional<SnapshotInfo> result;
    bool running() const { return state != "done" && state != "failed" && state != "cancelled"; }
  };

  // Removes what a killed node has left in the directory. Errors: those of the metric registry.
  static Result<std::unique_ptr<SnapshotService>> create(SnapshotServiceOptions options,
                                                         const SnapshotSettings& settings);
  ~SnapshotService() { stop(); }
  SnapshotService(const SnapshotService&) = delete;
  SnapshotService& operator=(const SnapshotService&) = delete;

  // `request.dir` empty: the node's own. The job's number. Errors: kBusy, kUnavailable (stopping),
  // kNotFound and kInvalid (a base that cannot be one).
  Result<std::uint64_t> start(SnapshotRequest request);
  // The newest job, or the one of that number; nullopt: there is none.
  std::optional<Job> find(std::optional<std::uint64_t> number = std::nullopt) const;
  // Waits until the job has ended, at most so long; then as find().
  std::optional<Job> wait(std::uint64_t number, std::uint64_t limit_ms) const;
  bool cancel(std::uint64_t number);
  void configure(const SnapshotSettings& settings);
  SnapshotSettings settings() const;
  // The height from which on a running job, or a macro point that waits, needs the log and its
  // deltas; nullopt: none.
  std::optional<std::uint64_t> pinned_height() const;

  void committed(const BlockRecord& block);  // [executor]
  void stop();

 private:
  SnapshotService(SnapshotServiceOptions options, const SnapshotSettings& settings)
      : options_(std::move(options)), settings_(settings) {}
  Status declare_metrics();
  std::uint64_t launch(SnapshotRequest request, std::shared_ptr<const MacroPoint> point);
  void run(SnapshotRequest request);
  Result<SnapshotInfo> work(const SnapshotRequest& request);
  Result<std::shared_ptr<const MacroPoint>> take_point();
  Status wait_for_point();
  void finish(const Result<SnapshotInfo>& result, std::uint64_t begun_us);
  void show(std::string_view state);
  bool stopped() const { return cancelled_.load(); }
  void say(bool error, const std::string& line) const;
  void refresh_gauges();

  const SnapshotServiceOptions options_;
  Histogram* seconds_ = nullptr;
  Counter *created_ = nullptr, *failed_ = nullptr;
  Gauge *interval_ = nullptr, *changed_at_ = nullptr;

  // Shared with answers that may come when this object is gone.
  struct Signals {
    std::mutex mutex;
    std::condition_variable changed;
  };
  const std::shared_ptr<Signals> signals_ = std::make_shared<Signals>();
  std::mutex& mutex_ = signals_->mutex;
  std::condition_variable& changed_ = signals_->changed;
  SnapshotSettings settings_;
  std::uint64_t newest_ = 0;  // height of the newest snapshot in the own directory
  Job job_;
  bool ending_ = false, wants_point_ = false;
  std::shared_ptr<std::optional<Status>> asked_;   // how the asking ended
  std::shared_ptr<const MacroPoint> point_;        // of the job
  std::optional<std::pair<Header, Bytes>> macro_;  // the block that commits it, its certificate
  std::atomic<bool> cancelled_{false};
  std::thread thread_;
};

}  // namespace blockd
