#include "kernel/rpc/store_jobs.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>

#include "kernel/base/hex.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "kernel/storage/space_guard.hpp"

namespace blockd {
namespace {

constexpr int kStoreJobNice = 10;
constexpr auto kViewStep = std::chrono::milliseconds(10);
constexpr int kViewSteps = 500;

void be_quiet() {
  // Of this thread only, as Linux does it. A node that may not have it works all the same.
  const int refused = ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kStoreJobNice);
  static_cast<void>(refused);
}

struct NamedStore {
  std::string name, dir;
  KvStore* store;
};

}  // namespace

Status StoreJobs::declare() {
  Result<MetricFamily*> compactions = parts_.metrics->declare(
      "kernel", {.name = "storage_compaction_total", .help = "Compactions that were asked for"});
  if (!compactions.ok()) return compactions.status();
  compactions_ = (*compactions)->counter();
  Result<MetricFamily*> findings = parts_.metrics->declare(
      "kernel", {.name = "moloch_verify_findings",
                 .type = MetricType::kGauge,
                 .labels = {"class"},
                 .help = "What the last verification of the stores has found",
                 .presets = {{"minor"}, {"body"}, {"major"}}});
  if (!findings.ok()) return findings.status();
  findings_ = *findings;
  return {};
}

Result<std::uint64_t> StoreJobs::start(std::string kind, Work work) {
  std::unique_lock lock(mutex_);
  if (stopped_) return Status(Code::kUnavailable, "the node is stopping");
  if (job_.state == "running")
    return Status(
        Code::kBusy,
        "maintenance job " + std::to_string(job_.number) + " (" + job_.kind + ") is running",
        "wait for it, or end it with `contract-cli maintenance cancel`");
  if (thread_.joinable()) thread_.join();  // it has ended
  const std::uint64_t number = job_.number + 1;
  job_ = {};
  job_.number = number;
  job_.kind = std::move(kind);
  job_.state = "running";
  cancelled_.store(false);
  thread_ = std::thread([this, work = std::move(work)] {
    be_quiet();
    json::object report;
    Status status = work(&report);
    std::lock_guard end(mutex_);
    job_.report = std::move(report);
    job_.failure = status;
    job_.state = status.ok() ? "done" : status.code() == Code::kAborted ? "cancelled" : "failed";
    ended_.notify_all();
  });
  return number;
}

bool StoreJobs::go_on(std::uint64_t done, std::uint64_t total) {
  std::lock_guard lock(mutex_);
  job_.done = done;
  job_.total = total;
  return !cancelled_.load();
}

std::optional<StoreJobs::Shown> StoreJobs::find(std::optional<std::uint64_t> number) const {
  std::lock_guard lock(mutex_);
  if (job_.number == 0 || (number && *number != job_.number)) return std::nullopt;
  return job_;
}

std::optional<StoreJobs::Shown> StoreJobs::wait(std::uint64_t number,
                                                std::uint64_t limit_ms) const {
  std::unique_lock lock(mutex_);
  ended_.wait_for(lock, std::chrono::milliseconds(limit_ms),
                  [&] { return stopped_ || job_.number != number || job_.state != "running"; });
  if (job_.number != number) return std::nullopt;
  return job_;
}

bool StoreJobs::cancel(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  if (job_.number != number || job_.number == 0) return false;
  cancelled_.store(true);
  return true;
}

void StoreJobs::stop() {
  std::thread thread;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    cancelled_.store(true);
    thread.swap(thread_);
    ended_.notify_all();
  }
  if (thread.joinable()) thread.join();
}

// ---- compact

Result<std::uint64_t> StoreJobs::compact(const std::string& store) {
  return start("compact",
               [this, store](json::object* report) { return run_compact(store, report); });
}

Status StoreJobs::run_compact(const std::string& which, json::object* report) {
  std::vector<NamedStore> stores = {{"chain", parts_.state_dir, parts_.chain->state_store()}};
  if (parts_.views) {
    stores.push_back({"mmr", parts_.data_dir + "/mmr", &parts_.views->mmr()});
    stores.push_back({"index", parts_.data_dir + "/index", &parts_.views->index()});
  }
  json::array rows;
  Status status;
  for (const NamedStore& store : stores) {
    if (!which.empty() && which != store.name) continue;
    compactions_->add();
    const std::uint64_t before = directory_bytes(store.dir);
    status = store.store->compact(
        [this](std::size_t done, std::size_t total) { return go_on(done, total); });
    rows.push_back(json::object{{"store", store.name},
                                {"bytes_before", before},
                                {"bytes_after", directory_bytes(store.dir)}});
    if (!status.ok()) break;
  }
  (*report)["stores"] = std::move(rows);
  return status;
}

// ---- prune

Result<std::uint64_t> StoreJobs::prune(const PruneRequest& request) {
  if (!request.allowed)
    return Status(Code::kDenied, "pruning_disabled: storage.pruning is false",
                  "set storage.pruning to true; bodies that are pruned do not come back");
  const std::uint64_t head = parts_.chain->view()->height;
  std::uint64_t newest = head > request.keep_blocks ? head - request.keep_blocks : 0;
  std::string why = "the newest " + std::to_string(request.keep_blocks) +
                    " blocks are kept (storage.prune_keep_blocks, chain.history_blocks)";
  if (parts_.pinned) {
    if (const auto pin = parts_.pinned(); pin && *pin < newest) {
      newest = *pin;
      why = "a snapshot under way needs the blocks from " + std::to_string(newest) + " on";
    }
  }
  if (request.below > newest)
    return Status(Code::kInvalid, "too_recent: blocks below " + std::to_string(request.below) +
                                      " were asked for, those below " + std::to_string(newest) +
                                      " may be pruned: the head is " + std::to_string(head) +
                                      ", and " + why);
  return start("prune",
               [this, request](json::object* report) { return run_prune(request, report); });
}

Status StoreJobs::between_blocks(const std::function<Status()>& task) {
  auto ended = std::make_shared<std::promise<Status>>();
  std::future<Status> future = ended->get_future();
  parts_.producer->run_between_blocks([task, ended] { ended->set_value(task()); });
  return future.get();
}

Status StoreJobs::dry_prune(std::uint64_t below, PruneCount* count) {
  const BlockLog& log = *parts_.chain->log();
  const std::uint64_t first = log.first().value_or(0);
  LogRecordChange change = prune_records(
      below, count, [&](std::uint64_t height) { return go_on(height - first, below - first); });
  for (std::uint64_t h = first; h < below; ++h) {
    for (const LogRecordType type : {LogRecordType::kBatch, LogRecordType::kBlock}) {
      Result<Bytes> payload = log.read(type, h);
      if (!payload.ok()) return payload.status();
      Result<std::optional<LogRecord>> changed = change({type, h, *std::move(payload)});
      if (!changed.ok()) return changed.status();
    }
  }
  return {};
}

// What lies below the mark is not needed by a restart from here on: the checkpoint says so first.
Status StoreJobs::run_prune(const PruneRequest& request, json::object* report) {
  BlockLog& log = *parts_.chain->log();
  PruneCount count;
  const std::uint64_t first = log.first().value_or(0);
  const std::uint64_t before = log.bytes();
  Status status;
  if (request.below > first && request.dry_run) {
    status = dry_prune(request.below, &count);
  } else if (request.below > first) {
    status = between_blocks([this, &log]() -> Status {
      TB_TRY(parts_.chain->checkpoint());
      return log.close_segment();
    });
    while (status.ok()) {
      Result<LogRewrite> one = log.rewrite_below(
          request.below, prune_records(request.below, &count, [&](std::uint64_t height) {
            return go_on(height - first, request.below - first);
          }));
      if (!one.ok()) status = one.status();
      if (!one.ok() || one->blocks == 0) break;
    }
  }
  (*report)["dry_run"] = request.dry_run;
  (*report)["blocks"] = count.blocks;
  (*report)["events"] = count.events;
  (*report)["bytes"] = request.dry_run ? count.bytes : before - std::min(before, log.bytes());
  (*report)["pruned_below"] = log.first().value_or(0);
  return status;
}

// ---- verify

Result<std::uint64_t> StoreJobs::verify(const VerifyRequest& request) {
  return start("verify",
               [this, request](json::object* report) { return run_verify(request, report); });
}

Status StoreJobs::run_verify(const VerifyRequest& request, json::object* report) {
  // The views are written behind the blocks: a moment later they have this one too.
  const StateViewPtr view = parts_.chain->view();
  const bool whole_range = !request.to_height || *request.to_height >= view->height;
  const auto level = [&] {
    return parts_.views->leaves() > view->height && parts_.views->indexed_below() > view->height;
  };
  for (int step = 0; step < kViewSteps && parts_.views && !level() && !cancelled_.load(); ++step)
    std::this_thread::sleep_for(kViewStep);
  const bool views_level = parts_.views && parts_.views->health().ok() && level();
  StoreCheckInput input;
  input.disk = parts_.log_disk;
  input.log_dir = parts_.log_dir;
  input.genesis = &parts_.chain->genesis();
  input.state = whole_range ? view->state.get() : nullptr;
  if (views_level) {
    input.mmr = &parts_.views->mmr();
    input.index = &parts_.views->index();
  }
  input.from_height = request.from_height;
  input.to_height = whole_range ? view->height : *request.to_height;
  input.fast = request.fast;
  const std::uint64_t total = *input.to_height + 1;
  input.progress = [&](std::uint64_t height) { return go_on(height + 1, total); };
  Result<StoreCheckReport> checked = check_store(input);
  if (!checked.ok()) return checked.status();
  json::array findings;
  for (const StoreFinding& one : checked->findings) {
    findings.push_back(
        json::object{{"class", finding_class_name(one.type)},
                     {"height", one.height ? json::value(*one.height) : json::value(nullptr)},
                     {"what", one.what}});
  }
  for (auto [name, n] :
       {std::pair{"minor", checked->minor}, {"body", checked->body}, {"major", checked->major}})
    findings_->gauge({std::string_view(name)})->set(static_cast<double>(n));
  (*report)["ok"] = checked->count() == 0;
  (*report)["blocks"] = checked->blocks;
  (*report)["pruned"] = checked->pruned;
  (*report)["events"] = checked->events;
  (*report)["commands"] = checked->commands;
  (*report)["findings_count"] = checked->count();
  (*report)["exit_code"] = checked->exit_code();
  (*report)["findings"] = std::move(findings);
  (*report)["views"] = views_level;
  if (checked->stopped) return Status(Code::kAborted, "stopped");
  if (!request.replay) return {};
  const ReplayReport replay = parts_.chain->replay(
      request.signatures, [&](std::uint64_t height) { return go_on(height + 1, total); });
  (*report)["ok"] = replay.ok && checked->count() == 0;
  (*report)["from"] = replay.from;
  (*report)["to"] = replay.to;
  (*report)["commands"] = replay.commands;
  (*report)["state_root"] = to_hex(replay.state_root);
  if (!replay.difference.empty()) (*report)["difference"] = replay.difference;
  if (cancelled_.load()) return Status(Code::kAborted, "stopped");
  return {};
}

// ---- sizes

json::object StoreJobs::stats() const {
  const Chain& chain = *parts_.chain;
  const StateViewPtr view = chain.view();
  const std::uint64_t log = directory_bytes(parts_.log_dir);
  // In the profile of one directory the state lies below the log.
  const bool inside = parts_.state_dir.starts_with(parts_.log_dir + "/");
  const std::uint64_t chain_bytes = log + (inside ? 0 : directory_bytes(parts_.state_dir));
  const std::uint64_t mmr = directory_bytes(parts_.data_dir + "/mmr");
  const std::uint64_t index = directory_bytes(parts_.data_dir + "/index");
  const BlockLog* log_store = const_cast<Chain&>(chain).log();
  json::object out;
  out["chain_bytes"] = chain_bytes;
  out["mmr_bytes"] = mmr;
  out["index_bytes"] = index;
  out["total_bytes"] = chain_bytes + mmr + index;
  out["wal_bytes"] = log_store ? log_store->bytes() : 0;
  out["wal_ahead_bytes"] = log_store ? log_store->ahead_bytes() : 0;
  out["blocks"] = view->height + 1;
  out["pruned_below"] = chain.first_height();
  return out;
}

}  // namespace blockd
