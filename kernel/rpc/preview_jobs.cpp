#include "kernel/rpc/preview_jobs.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace blockd {
namespace {

constexpr int kNice = 10;

// Of this thread only, as Linux does it. A node that may not have it runs the preview all the same.
void lower_priority() {
  const int refused = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
  static_cast<void>(refused);
}

}  // namespace

Result<std::uint64_t> PreviewJobs::start(PreviewRequest request) {
  std::lock_guard lock(mutex_);
  if (stopped_) return Status(Code::kUnavailable, "the node is stopping");
  const auto running =
      std::count_if(jobs_.begin(), jobs_.end(), [](const auto& e) { return e.second->running; });
  if (static_cast<std::size_t>(running) >= kMaxRunning) {
    return Status(Code::kBusy, "two previews are running already",
                  "wait for one, or end it with chain.preview_cancel");
  }
  if (jobs_.size() >= kMaxKept) {
    auto oldest =
        std::find_if(jobs_.begin(), jobs_.end(), [](const auto& e) { return !e.second->running; });
    oldest->second->thread.join();
    jobs_.erase(oldest);
  }
  auto job = std::make_unique<Job>();
  job->request = std::move(request);
  job->thread = std::thread([this, at = job.get()] { run(*at); });
  jobs_.emplace(++last_, std::move(job));
  return last_;
}

void PreviewJobs::run(Job& job) {
  lower_priority();
  Result<PreviewReport> report = chain_.preview(job.request, [&](const PreviewProgress& progress) {
    std::lock_guard lock(mutex_);
    job.progress = progress;
    return !job.cancelled.load();
  });
  std::lock_guard lock(mutex_);
  job.running = false;
  if (report.ok()) {
    job.report = std::make_shared<const PreviewReport>(*std::move(report));
    job.progress.blocks = job.progress.total_blocks;
    job.progress.commands = job.report->commands;
  } else {
    job.failure = report.status();
  }
}

std::optional<PreviewJobs::Shown> PreviewJobs::find(std::uint64_t number) const {
  std::lock_guard lock(mutex_);
  const auto it = jobs_.find(number);
  if (it == jobs_.end()) return std::nullopt;
  const Job& job = *it->second;
  Shown shown{"running", job.progress, job.failure, job.report};
  if (job.running) return shown;
  shown.state = job.report ? "done" : job.cancelled.load() ? "cancelled" : "failed";
  return shown;
}

bool PreviewJobs::cancel(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  const auto it = jobs_.find(number);
  if (it == jobs_.end()) return false;
  it->second->cancelled.store(true);
  return true;
}

void PreviewJobs::stop() {
  std::map<std::uint64_t, std::unique_ptr<Job>> jobs;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    for (auto& [number, job] : jobs_) job->cancelled.store(true);
    jobs.swap(jobs_);
  }
  for (auto& [number, job] : jobs) job->thread.join();
}

}  // namespace blockd
