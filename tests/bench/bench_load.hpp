// Load: readings for a producer, as fast as it takes them. Pauses: how long its executor stood
// still.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/chain/producer.hpp"
#include "tests/bench/bench_world.hpp"

namespace blockd::bench {

// Submits readings until told to stop; counts those that were committed.
class Load {
 public:
  static constexpr std::uint64_t kOutstanding = 2000;
  // Readings that are signed beforehand, again and again.
  static constexpr std::uint64_t kSlice = 4000;

  Load(BenchWorld& world, Producer& producer) : world_(world), producer_(producer) {}
  void run_for(double seconds) {
    const double end = wall_s() + seconds;
    run([end] { return wall_s() < end; });
  }
  template <class GoOn>
  void run(const GoOn& go_on) {
    while (go_on()) {
      for (const CommandPtr& command : world_.readings(kSlice)) submit(command->envelope);
    }
    wait(0);
  }
  std::uint64_t ended() const { return ended_.load(); }

 private:
  void submit(Bytes envelope) {
    wait(kOutstanding);
    ParsedCommand parsed = parse_envelope(std::move(envelope));
    if (parsed.refusal) die(Status(Code::kInternal, parsed.refusal->message));
    auto refusal = producer_.submit(parsed.command, false, [this](const CommandResult& result) {
      if (result.refusal) die(Status(Code::kInternal, result.refusal->message));
      std::lock_guard lock(mutex_);
      ended_.fetch_add(1);
      changed_.notify_all();
    });
    if (refusal) die(Status(Code::kInternal, refusal->message));
    ++sent_;
  }
  void wait(std::uint64_t outstanding) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sent_ <= ended_.load() + outstanding; });
  }
  BenchWorld& world_;
  Producer& producer_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t sent_ = 0;
  std::atomic<std::uint64_t> ended_{0};
};

// How long the executor stood still for commits, and what the log's disk took of it.
class Pauses {
 public:
  void note(std::string_view cause, std::uint64_t us) {
    std::lock_guard lock(mutex_);
    (cause == "log" ? log_ : commit_).push_back(us);
  }
  // The longest so far, commits and tasks alike, in milliseconds.
  double longest() {
    std::lock_guard lock(mutex_);
    const auto at = std::max_element(commit_.begin(), commit_.end());
    return at == commit_.end() ? 0 : static_cast<double>(*at) / 1000;
  }
  void report_and_forget(const std::string& when) {
    std::lock_guard lock(mutex_);
    for (auto& [name, list] :
         {std::pair<const char*, std::vector<std::uint64_t>&>{"commit", commit_}, {"log", log_}}) {
      if (list.empty()) continue;
      std::sort(list.begin(), list.end());
      const std::string prefix = std::string("pause_") + name + "_" + when;
      report(prefix + "_p99", static_cast<double>(list[list.size() * 99 / 100]) / 1000, "ms");
      report(prefix + "_longest", static_cast<double>(list.back()) / 1000, "ms");
      list.clear();
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::uint64_t> commit_, log_;  // bounded by the length of a run
};

}  // namespace blockd::bench
