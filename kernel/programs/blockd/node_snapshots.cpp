// The node's snapshots: who asks for macro points, and what the configuration says.
#include <filesystem>

#include "kernel/programs/blockd/node_impl.hpp"

namespace blockd {
namespace {

constexpr std::int32_t kRefusedForbidden = -34003, kRefusedBusy = -34005;

Status point_status(std::int32_t code, const std::string& text) {
  const Code word = code == kRefusedForbidden ? Code::kDenied
                    : code == kRefusedBusy    ? Code::kBusy
                                              : Code::kUnavailable;
  return Status(word, text);
}

}  // namespace

SnapshotSettings NodeImpl::snapshot_settings(const Config& c) const {
  SnapshotSettings out;
  out.dir = c.text("snapshot_dir");
  out.interval = c.u64("snapshot_interval");
  out.keep = c.u64("snapshot_keep");
  return out;
}

// --snapshot: only where there is neither a log nor a state; later starts find both.
Status NodeImpl::begin_from_snapshot(const Config& c, const Genesis& genesis) {
  const std::string file = c.text("snapshot_file"), state = c.text("storage.state_dir");
  const auto holds = [](const std::string& dir) {
    std::error_code error;
    return std::filesystem::exists(dir, error) && !std::filesystem::is_empty(dir, error);
  };
  if (file.empty() || holds(state) || holds(data_dir_ + "/chain")) return {};
  const Result<std::vector<std::string>> files = snapshot_chain(file);
  if (!files.ok()) return files.status().in("--snapshot");
  const Result<SnapshotInfo> info = restore_snapshot(*files, {&genesis, std::nullopt}, state);
  if (!info.ok()) return info.status().in("--snapshot");
  notes_.push_back("state restored from " + file + " at height " + std::to_string(info->height));
  return {};
}

Status NodeImpl::start_snapshots() {
  SnapshotServiceOptions options;
  options.chain = chain_.get();
  options.metrics = &metrics_;
  options.ask_point = [this](PointAnswer answer) { ask_macro_point(std::move(answer)); };
  options.note = [target = log_->target("snapshot")](bool error, const std::string& line) {
    target.log(error ? LogLevel::kError : LogLevel::kInfo, line);
  };
  options.on_created = [this](const SnapshotInfo&) { write_mirrors(); };
  Result<std::unique_ptr<SnapshotService>> made =
      SnapshotService::create(std::move(options), snapshot_settings(*config()));
  if (!made.ok()) return made.status();
  snapshots_ = *std::move(made);
  effects_.attach(snapshots_.get());
  return {};
}

// A plugin whose state is also kept in files of its own offers the local method
// <id>.create_snapshot: it is called beside each snapshot of the node.
void NodeImpl::write_mirrors() {
  Rpc* rpc = effects_.rpc();
  if (rpc == nullptr) return;
  const GenerationPtr generation = host_->generation();
  for (const std::shared_ptr<const Manifest>& manifest : generation->manifests) {
    const std::string method = manifest->id + ".create_snapshot";
    const auto at = generation->methods.find(method);
    if (at == generation->methods.end() || at->second.spec->kind != MethodKind::kLocal) continue;
    rpc->call_as_plugin(
        "snapshots", method, json::object{},
        [target = log_->target("snapshot"), id = manifest->id](bool ok, json::value answer) {
          if (ok) return;
          const json::object* error = answer.if_object();
          const json::value* text = error ? error->if_contains("message") : nullptr;
          target.error("mirror not written", {{"plugin", id},
                                              {"reason", text != nullptr && text->is_string()
                                                             ? std::string_view(text->get_string())
                                                             : std::string_view("unknown")}});
        });
  }
}

void NodeImpl::ask_macro_point(PointAnswer answer) {
  auto refusal =
      producer_->submit_own(*keys_.op, "chain.macro_point", json::object{}, "snapshot",
                            [answer](const CommandResult& result) {
                              if (result.refusal)
                                answer(point_status(result.refusal->code, result.refusal->message));
                              else if (result.outcome != Outcome::kApplied)
                                answer(point_status(result.code, result.name + ": " + result.text));
                              else
                                answer(Status());
                            });
  if (refusal) answer(point_status(refusal->code, refusal->message));
}

// A root that waits counts as work. With an interval the producer's cadence brings the block;
// without one it comes at once.
void NodeImpl::macro_root_ready() {
  std::lock_guard lock(cut_mutex_);
  if (cut_ != nullptr && config()->u64("chain.block_interval_ms") == 0) cut_->cut_now();
}

}  // namespace blockd
