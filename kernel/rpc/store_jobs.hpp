// StoreJobs: compaction, pruning and verification of the stores of a running node, one at a time,
// on a thread of its own at low priority.
//
// The newest job is remembered until the next one begins. Pruning asks the executor for one thing:
// a checkpoint and a new segment, between two blocks; all else runs beside it. stop() and the
// destructor wait for the range, segment or block at which the job stands. All functions [any].
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/chain/store/log_views.hpp"
#include "kernel/chain/store/prune.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

struct StoreJobsParts {  // all outlive the jobs
  Chain* chain = nullptr;
  Producer* producer = nullptr;
  LogViews* views = nullptr;  // may be null
  MetricRegistry* metrics = nullptr;
  Disk* log_disk = nullptr;
  std::string data_dir, log_dir, state_dir;
  // The lowest height whose blocks somebody still needs; nullopt: nobody. May be null.
  std::function<std::optional<std::uint64_t>()> pinned;
};

struct PruneRequest {
  std::uint64_t below = 0;        // height
  bool allowed = false;           // storage.pruning
  std::uint64_t keep_blocks = 0;  // storage.prune_keep_blocks and chain.history_blocks
  bool dry_run = false;
};
struct VerifyRequest {
  std::uint64_t from_height = 0;
  std::optional<std::uint64_t> to_height;
  bool fast = false;
  bool signatures = false;  // in the replay too
  bool replay = false;      // execute everything again
};

class StoreJobs {
 public:
  explicit StoreJobs(StoreJobsParts parts) : parts_(std::move(parts)) {}
  ~StoreJobs() { stop(); }
  StoreJobs(const StoreJobs&) = delete;
  StoreJobs& operator=(const StoreJobs&) = delete;
  Status declare();

  // The job's number. Errors: kBusy; of prune also kDenied (pruning_disabled) and kInvalid
  // (too_recent: a height that is not to be pruned yet).
  Result<std::uint64_t> compact(const std::string& store);  // chain, mmr, index; empty: all
  Result<std::uint64_t> prune(const PruneRequest& request);
  Result<std::uint64_t> verify(const VerifyRequest& request);

  struct Shown {
    std::uint64_t number = 0;
    std::string kind;                   // compact | prune | verify
    std::string state;                  // running | done | failed | cancelled
    std::uint64_t done = 0, total = 0;  // ranges or blocks
    Status failure;
    json::object report;  // when done, and of what was done when cancelled
  };
  std::optional<Shown> find(std::optional<std::uint64_t> number = {}) const;
  // Until it has ended, or `limit_ms` passed, or the node stops.
  std::optional<Shown> wait(std::uint64_t number, std::uint64_t limit_ms) const;
  bool cancel(std::uint64_t number);
  void stop();

  // Sizes and counts for `storage stats`.
  json::object stats() const;

 private:
  using Work = std::function<Status(json::object* report)>;
  Result<std::uint64_t> start(std::string kind, Work work);
  bool go_on(std::uint64_t done, std::uint64_t total);
  Status run_compact(const std::string& store, json::object* report);
  Status run_prune(const PruneRequest& request, json::object* report);
  Status dry_prune(std::uint64_t below, PruneCount* count);
  Status run_verify(const VerifyRequest& request, json::object* report);
  Status between_blocks(const std::function<Status()>& task);

  const StoreJobsParts parts_;
  Counter* compactions_ = nullptr;
  MetricFamily* findings_ = nullptr;
  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  Shown job_;  // number 0: there was none
  std::thread thread_;
  std::atomic<bool> cancelled_{false};
  bool stopped_ = false;
};

}  // namespace blockd
