// PreviewJobs: previews that run beside the node, each on a thread of its own at low priority.
//
// At most kMaxRunning run at once; the newest kMaxKept are remembered until the node stops. All
// functions [any]; stop() and the destructor wait for the block at which each preview stands.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

#include "kernel/base/status.hpp"
#include "kernel/chain/chain.hpp"

namespace blockd {

class PreviewJobs {
 public:
  static constexpr std::size_t kMaxRunning = 2, kMaxKept = 8;

  explicit PreviewJobs(const Chain& chain) : chain_(chain) {}
  ~PreviewJobs() { stop(); }
  PreviewJobs(const PreviewJobs&) = delete;
  PreviewJobs& operator=(const PreviewJobs&) = delete;

  // The job's number. Errors: kBusy.
  Result<std::uint64_t> start(PreviewRequest request);
  struct Shown {
    std::string_view state;  // running | done | failed | cancelled
    PreviewProgress progress;
    Status failure;                               // when failed
    std::shared_ptr<const PreviewReport> report;  // when done
  };
  // nullopt: there is no such job any more.
  std::optional<Shown> find(std::uint64_t job) const;
  // Asks a running job to stop; false: there is no such job.
  bool cancel(std::uint64_t job);
  void stop();

 private:
  struct Job {
    PreviewRequest request;
    std::atomic<bool> cancelled{false};
    std::thread thread;
    // Under mutex_.
    bool running = true;
    PreviewProgress progress;
    Status failure;
    std::shared_ptr<const PreviewReport> report;
  };
  void run(Job& job);

  const Chain& chain_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::unique_ptr<Job>> jobs_;
  std::uint64_t last_ = 0;
  bool stopped_ = false;
};

}  // namespace blockd
