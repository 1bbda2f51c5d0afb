// snapshots.* and set_snapshot_interval: snapshots of the running node.

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/rpc/kernel_methods.hpp"
#include "kernel/snapshot/mirror.hpp"
#include "kernel/snapshot/service.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;
constexpr std::uint64_t kLongestWaitMs = 20'000;  // of a worker; the job goes on behind it

RpcError no_snapshots() {
  return rpc_error(-34004, "not_ready", "this node only reads its data: it makes no snapshots");
}

json::object snapshot_json(const SnapshotInfo& info) {
  json::object out;
  out["height"] = info.height;
  out["path"] = info.path;
  out["bytes"] = info.bytes;
  out["block_hash"] = to_hex(info.block_hash);
  out["state_root"] = to_hex(info.state_root);
  out["base_height"] = info.base_height ? json::value(*info.base_height) : json::value(nullptr);
  json::array stores;
  for (const SnapshotNamespace& space : info.namespaces) {
    if (space.included) stores.push_back(json::value(space.id));
  }
  out["stores"] = std::move(stores);
  return out;
}

json::object job_json(const SnapshotService::Job& job) {
  json::object out;
  if (job.result) {
    out = snapshot_json(*job.result);
    out["macro_height"] = job.result->macro_height;
    out["entries"] = job.result->entries;
    out["blake3"] = to_hex(job.result->blake3);
  }
  out["job"] = job.number;
  out["state"] = job.state;
  if (job.running()) {
    out["height"] = job.height;
    out["done_bytes"] = job.progress.done_bytes;
    out["total_bytes"] = job.progress.total_bytes;
  }
  if (!job.note.empty()) out["note"] = job.note;
  if (job.state == "failed") {
    out["error"] = job.failure.message();
    if (!job.failure.hint().empty()) out["hint"] = job.failure.hint();
  }
  return out;
}

Answer create(RpcImpl& rpc, const Call& call, std::string* result) {
  SnapshotService* service = rpc.parts().snapshots;
  if (service == nullptr) return no_snapshots();
  SnapshotRequest request;
  request.dir = call.text("path");
  request.space = call.text("namespace");
  const bool names_files = has_param(call, "path") || has_param(call, "base");
  if (names_files && call.message->caller.level < Level::kAdmin)
    return rpc_error(-34003, "forbidden", "`path` and `base` need the role admin", 403);
  if (has_param(call, "base")) request.base = {call.text("base")};
  const Result<std::uint64_t> job = service->start(std::move(request));
  if (!job.ok()) return from_status(job.status());
  const std::optional<SnapshotService::Job> shown =
      call.flag("wait") ? service->wait(*job, kLongestWaitMs) : service->find(*job);
  if (!shown) return rpc_error(-34004, "not_ready", "the node is stopping");
  if (shown->state == "failed") return from_status(shown->failure);
  *result = to_text(job_json(*shown));
  return std::nullopt;
}

RpcError no_snapshot_job(std::uint64_t number) {
  return rpc_error(
      -34006, "not_found",
      "there is no snapshot job " + std::to_string(number) + "; only the newest is remembered");
}

Answer status(RpcImpl& rpc, const Call& call, std::string* result) {
  SnapshotService* service = rpc.parts().snapshots;
  if (service == nullptr) return no_snapshots();
  std::optional<std::uint64_t> number;
  if (has_param(call, "job")) number = call.number("job", 0);
  const std::optional<SnapshotService::Job> job = service->find(number);
  if (!job && number) return no_snapshot_job(*number);
  const SnapshotSettings settings = service->settings();
  json::object out = job ? job_json(*job) : json::object{{"job", nullptr}, {"state", "none"}};
  out["dir"] = settings.dir;
  out["snapshot_interval"] = settings.interval;
  out["keep"] = settings.keep;
  *result = to_text(out);
  return std::nullopt;
}

Answer cancel_snapshot(RpcImpl& rpc, const Call& call, std::string* result) {
  SnapshotService* service = rpc.parts().snapshots;
  if (service == nullptr) return no_snapshots();
  const std::optional<SnapshotService::Job> newest = service->find();
  const std::uint64_t number = call.number("job", newest ? newest->number : 0);
  if (!service->cancel(number)) return no_snapshot_job(number);
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

// `created_at` and `blake3` are what was noted when the file was made; a file from elsewhere has
// neither.
Answer list_all(RpcImpl& rpc, const Call&, std::string* result) {
  json::array out;
  for (const SnapshotInfo& info : list_snapshots(rpc.parts().config()->text("snapshot_dir"))) {
    json::object one = snapshot_json(info);
    const std::optional<SnapshotNote> note = read_snapshot_note(info.path);
    one["blake3"] = note ? json::value(note->blake3) : json::value(nullptr);
    one["created_at"] = note ? json::value(note->created_at) : json::value(nullptr);
    out.push_back(std::move(one));
  }
  *result = to_text(out);
  return std::nullopt;
}

Answer set_interval(RpcImpl& rpc, const Call& call, std::string* result) {
  SnapshotService* service = rpc.parts().snapshots;
  if (service == nullptr) return no_snapshots();
  SnapshotSettings settings = service->settings();
  const std::uint64_t interval = call.number("interval", 0);
  if (interval < kMinSnapshotInterval) {
    return rpc_error(-32050, "interval_too_small",
                     "interval too small: expected " + std::to_string(kMinSnapshotInterval) +
                         " blocks or more, found " + std::to_string(interval));
  }
  settings.interval = interval;
  service->configure(settings);
  *result = to_text(json::object{{"status", "ok"}, {"snapshot_interval", interval}});
  return std::nullopt;
}

Answer write_mirror_now(RpcImpl& rpc, const Call& call, std::string* result) {
  if (rpc.parts().write_mirror == nullptr) return no_snapshots();
  const Result<MirrorInfo> made = rpc.parts().write_mirror(call.text("namespace"));
  if (!made.ok()) return from_status(made.status());
  *result = to_text(json::object{{"path", made->path},
                                 {"height", made->height},
                                 {"rows", made->rows},
                                 {"bytes", made->bytes},
                                 {"blake3", to_hex(made->blake3)}});
  return std::nullopt;
}

constexpr KernelEntry kSnapshotsEntries[] = {
    {"snapshots.create", create, KernelRun::kWorker},
    {"snapshots.status", status, KernelRun::kWorker},
    {"snapshots.cancel", cancel_snapshot},
    {"snapshots.mirror", write_mirror_now, KernelRun::kWorker},
    {"snapshots.list", list_all, KernelRun::kWorker},
    {"set_snapshot_interval", set_interval},
};

}  // namespace

std::span<const KernelEntry> snapshot_methods() { return kSnapshotsEntries; }

}  // namespace blockd
