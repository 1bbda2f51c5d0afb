// The node's snapshots and mirrors: who asks for macro points, what is imported, and what the
// configuration says.
#include <filesystem>

#include "kernel/chain/kernel_rows.hpp"
#include "kernel/programs/blockd/node_impl.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxImports = 4096;  // one a namespace
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
  options.on_created = [this](const SnapshotInfo& made) {
    std::vector<std::string> only;
    for (const SnapshotNamespace& space : made.namespaces) {
      if (space.included && !made.whole()) only.push_back(space.id);
    }
    mirrors_->write_all(only);
  };
  Result<std::unique_ptr<SnapshotService>> made =
      SnapshotService::create(std::move(options), snapshot_settings(*config()));
  if (!made.ok()) return made.status();
  snapshots_ = *std::move(made);
  effects_.attach(snapshots_.get());
  return {};
}

Status NodeImpl::make_mirrors() {
  import_files_ = std::make_unique<ImportFiles>(data_dir_ + "/imports");
  NodeMirrors::Parts parts;
  parts.host = host_.get();
  parts.files = import_files_.get();
  parts.config = [this] { return config(); };
  parts.log = log_.get();
  parts.metrics = &metrics_;
  parts.data_dir = data_dir_;
  Result<std::unique_ptr<NodeMirrors>> mirrors = NodeMirrors::create(std::move(parts));
  if (!mirrors.ok()) return mirrors.status();
  mirrors_ = *std::move(mirrors);
  return {};
}

Status NodeImpl::start_mirrors() {
  TB_TRY(clean_imports());
  mirrors_->attach(chain_.get(), workers_.get(), [this](json::object params, auto answer) {
    auto refusal = producer_->submit_own(
        *keys_.op, "chain.import_namespace", params, "mirror",
        [this, answer](const CommandResult& result) {
          if (result.refusal) {
            answer(Status(Code::kDenied, result.refusal->message), 0);
          } else if (result.outcome != Outcome::kApplied) {
            answer(Status(Code::kDenied, result.name + ": " + result.text), 0);
          } else {
            std::lock_guard lock(cut_mutex_);
            if (cut_ != nullptr) cut_->cut_now();  // its rows come with the next block
            answer(Status(), result.height);
          }
        });
    if (refusal) answer(Status(Code::kDenied, refusal->message), 0);
  });
  effects_.attach(mirrors_.get());
  return mirrors_->start();
}

// A file is needed for as long as the log holds the block that took its rows, or the next block is
// going to take them.
Status NodeImpl::clean_imports() {
  const KvReader& state = *chain_->view()->state;
  std::vector<Hash> wanted;
  Status damaged;
  const auto name_of = [](BytesView key, std::string_view rows) {
    return std::string(key.substr(rows.size()));
  };
  TB_TRY(state.scan(kImportRows, {}, kMaxImports, [&](BytesView key, BytesView value) {
    Result<ImportNote> note = parse_import_row(name_of(key, kImportRows), value);
    damaged = note.status();
    if (note.ok() && note->at >= chain_->first_height()) wanted.push_back(note->import.blake3);
    return damaged.ok();
  }));
  TB_TRY(damaged);
  TB_TRY(state.scan(kImportingRows, {}, kMaxImports, [&](BytesView key, BytesView value) {
    Result<NamespaceImport> next = parse_importing_row(name_of(key, kImportingRows), value);
    damaged = next.status();
    if (next.ok()) wanted.push_back(next->blake3);
    return damaged.ok();
  }));
  TB_TRY(damaged);
  return import_files_->clean(wanted, chain_->first_height(), chain_->view()->height);
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
