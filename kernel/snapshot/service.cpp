#include "kernel/snapshot/service.hpp"

#include <algorithm>

#include "kernel/base/background.hpp"
#include "kernel/base/clock.hpp"

namespace blockd {
namespace {

constexpr int kSnapshotNice = 19;
constexpr std::uint64_t kLookMs = 100;  // whether it has been cancelled
constexpr auto kAskAgain = std::chrono::milliseconds(200);
const std::vector<double> kSecondsBuckets = {0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600};

Status was_cancelled() { return Status(Code::kAborted, "the snapshot was cancelled"); }

}  // namespace

Result<std::unique_ptr<SnapshotService>> SnapshotService::create(SnapshotServiceOptions options,
                                                                 const SnapshotSettings& settings) {
  std::unique_ptr<SnapshotService> out(new SnapshotService(std::move(options), settings));
  TB_TRY(out->declare_metrics());
  clean_snapshots(settings.dir);
  std::vector<std::string> problems;
  const std::vector<SnapshotInfo> here = list_snapshots(settings.dir, &problems);
  if (!here.empty()) out->newest_ = here.front().height;
  for (const std::string& problem : problems) out->say(true, problem);
  out->refresh_gauges();
  return out;
}

Status SnapshotService::declare_metrics() {
  MetricRegistry& registry = *options_.metrics;
  const auto declare = [&](const char* name, MetricType type, const char* help) {
    MetricDecl decl{.name = name, .type = type, .help = help};
    if (type == MetricType::kHistogram) decl.buckets = kSecondsBuckets;
    return registry.declare("kernel", decl);
  };
  auto seconds = declare("snapshot_duration_seconds", MetricType::kHistogram,
                         "Time to make a snapshot, from the request to the file");
  auto created = declare("snapshot_created_total", MetricType::kCounter, "Snapshots made");
  auto failed =
      declare("snapshot_fail_total", MetricType::kCounter, "Snapshots that could not be made");
  auto restore = declare("snapshot_restore_fail_total", MetricType::kCounter,
                         "Snapshots that could not be restored at a start");
  auto interval =
      declare("snapshot_interval", MetricType::kGauge, "Blocks between automatic snapshots");
  auto changed = declare("snapshot_interval_changed", MetricType::kGauge,
                         "Unix time of the last change of snapshot_interval");
  for (const auto* family : {&seconds, &created, &failed, &restore, &interval, &changed}) {
    if (!family->ok()) return family->status();
  }
  seconds_ = (*seconds)->histogram();
  created_ = (*created)->counter();
  failed_ = (*failed)->counter();
  (*restore)->counter();
  interval_ = (*interval)->gauge();
  changed_at_ = (*changed)->gauge();
  return {};
}

void SnapshotService::refresh_gauges() { interval_->set(static_cast<double>(settings_.interval)); }

void SnapshotService::say(bool error, const std::string& line) const {
  if (options_.note) options_.note(error, line);
}

// ---- asked from outside

Result<std::uint64_t> SnapshotService::start(SnapshotRequest request) {
  std::unique_lock lock(mutex_);
  if (ending_) return Status(Code::kUnavailable, "the node is stopping");
  if (job_.running() && job_.number != 0) {
    return Status(Code::kBusy, "snapshot " + std::to_string(job_.number) + " is being made",
                  "wait for it, or end it with `contract-cli snapshots cancel`");
  }
  if (request.dir.empty()) request.dir = settings_.dir;
  if (!request.base.empty()) {
    Result<std::vector<std::string>> chain = snapshot_chain(request.base.back());
    if (!chain.ok()) return chain.status();
    request.base = *std::move(chain);
  }
  return launch(std::move(request), nullptr);
}

// REQUIRES mutex_, and no job runs.
std::uint64_t SnapshotService::launch(SnapshotRequest request,
                                      std::shared_ptr<const MacroPoint> point) {
  if (thread_.joinable()) thread_.join();  // it has shown its end: nothing is left to wait for
  const std::uint64_t number = job_.number + 1;
  job_ = Job();
  job_.number = number;
  job_.state = "waiting_for_point";
  if (point) job_.height = point->height;
  point_ = std::move(point);
  macro_.reset();
  asked_.reset();
  wants_point_ = point_ == nullptr;
  cancelled_.store(false);
  thread_ = std::thread([this, request = std::move(request)] { run(request); });
  return number;
}

std::optional<SnapshotService::Job> SnapshotService::find(
    std::optional<std::uint64_t> number) const {
  std::lock_guard lock(mutex_);
  if (job_.number == 0 || (number && *number != job_.number)) return std::nullopt;
  return job_;
}

std::optional<SnapshotService::Job> SnapshotService::wait(std::uint64_t number,
                                                          std::uint64_t limit_ms) const {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(limit_ms),
                      [&] { return ending_ || job_.number != number || !job_.running(); });
  }
  return find(number);
}

bool SnapshotService::cancel(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  if (job_.number == 0 || job_.number != number) return false;
  if (job_.running()) cancelled_.store(true);
  changed_.notify_all();
  return true;
}

void SnapshotService::configure(const SnapshotSettings& settings) {
  std::lock_guard lock(mutex_);
  const bool interval = settings.interval != settings_.interval;
  settings_ = settings;
  refresh_gauges();
  if (interval) changed_at_->set(static_cast<double>(system_clock().unix_ms() / 1000));
}

SnapshotSettings SnapshotService::settings() const {
  std::lock_guard lock(mutex_);
  return settings_;
}

std::optional<std::uint64_t> SnapshotService::pinned_height() const {
  // A point that waits is computed again from the deltas behind it, should the node be killed.
  const std::shared_ptr<const MacroPoint> waits = options_.chain->macro_point();
  std::optional<std::uint64_t> out;
  if (waits) out = waits->height;
  std::lock_guard lock(mutex_);
  if (job_.number != 0 && job_.running() && job_.height != 0)
    out = std::min(out.value_or(job_.height), job_.height);
  return out;
}

void SnapshotService::stop() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    cancelled_.store(true);
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// ---- what the executor tells

void SnapshotService::committed(const BlockRecord& block) {
  const std::shared_ptr<const MacroPoint> point = options_.chain->macro_point();
  std::lock_guard lock(mutex_);
  if (ending_) return;
  const Header& header = block.header;
  const bool running = job_.number != 0 && job_.running();
  if (running && point_ && header.macro && header.macro->state_height == point_->height) {
    macro_.emplace(header, block.certificate);
    changed_.notify_all();
  }
  if (point == nullptr || !point->whole || point->height != header.height) return;
  if (running && wants_point_) {
    point_ = point;
    job_.height = point->height;
    wants_point_ = false;
    changed_.notify_all();
  } else if (!running && point->height >= newest_ + settings_.interval) {
    launch(SnapshotRequest{settings_.dir, {}, {}}, point);
  }
}

// ---- the job

void SnapshotService::show(std::string_view state) {
  std::lock_guard lock(mutex_);
  job_.state = state;
}

void SnapshotService::run(SnapshotRequest request) {
  work_in_background(kSnapshotNice);
  const std::uint64_t begun = system_clock().monotonic_us();
  Result<SnapshotInfo> result = work(request);
  if (result.ok() && request.dir == settings().dir) {
    const Status kept = retain_snapshots(request.dir, settings().keep);
    if (!kept.ok()) say(true, kept.message());
  }
  if (result.ok() && options_.on_created) options_.on_created(*result);
  finish(result, begun);
}

Result<SnapshotInfo> SnapshotService::work(const SnapshotRequest& request) {
  Result<std::shared_ptr<const MacroPoint>> point = take_point();
  if (!point.ok()) return point.status();
  show("computing_root");
  while (!(*point)->wait_ms(kLookMs)) {
    if (stopped()) return was_cancelled();
  }
  TB_TRY((*point)->status());
  show("writing");
  BackgroundPace pace;
  Result<std::unique_ptr<SnapshotDraft>> draft = SnapshotDraft::write(
      **point, options_.chain->genesis().chain_id, request, [&](const SnapshotProgress& progress) {
        pace.rest();
        std::lock_guard lock(mutex_);
        job_.progress = progress;
        return !stopped();
      });
  if (!draft.ok()) return draft.status();
  show("waiting_for_block");
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return macro_ || stopped(); });
  if (!macro_) return was_cancelled();
  const auto [header, certificate] = *macro_;
  lock.unlock();
  return (*draft)->finish(header, certificate);
}

// The point of the job: given, the one that waits here already, or one that is asked for.
Result<std::shared_ptr<const MacroPoint>> SnapshotService::take_point() {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (point_) return point_;
      if (stopped()) return was_cancelled();
      asked_ = std::make_shared<std::optional<Status>>();
    }
    options_.ask_point([signals = signals_, answer = asked_](const Status& status) {
      std::lock_guard lock(signals->mutex);
      *answer = status;
      signals->changed.notify_all();
    });
    TB_TRY(wait_for_point());
  }
}

// Until there is a point, or reason to ask again.
Status SnapshotService::wait_for_point() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return point_ || *asked_ || stopped(); });
  if (point_ || stopped()) return {};
  const Status status = **asked_;
  if (status.ok()) {
    changed_.wait(lock, [this] { return point_ || stopped(); });
    return {};
  }
  if (status.code() == Code::kBusy) {
    changed_.wait_for(lock, kAskAgain, [this] { return point_ || stopped(); });
    return {};
  }
  if (status.code() != Code::kDenied) return status;
  job_.note = "this node may not ask for a macro point (" + status.message() +
              "): waiting for the next one by interval";
  changed_.wait(lock, [this] { return point_ || stopped(); });
  return {};
}

void SnapshotService::finish(const Result<SnapshotInfo>& result, std::uint64_t begun_us) {
  const double seconds = static_cast<double>(system_clock().monotonic_us() - begun_us) / 1'000'000;
  std::lock_guard lock(mutex_);
  point_ = nullptr;
  wants_point_ = false;
  if (result.ok()) {
    job_.state = "done";
    job_.result = *result;
    newest_ = std::max(newest_, result->height);
    created_->add();
    seconds_->observe(seconds);
    say(false, "snapshot made: " + result->path);
  } else if (cancelled_.load() && result.status().code() == Code::kAborted) {
    job_.state = "cancelled";
  } else {
    job_.state = "failed";
    job_.failure = result.status();
    failed_->add();
    say(true, "snapshot failed: " + result.status().message());
  }
  changed_.notify_all();
}

}  // namespace blockd
