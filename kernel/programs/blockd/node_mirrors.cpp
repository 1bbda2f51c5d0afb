#include "kernel/programs/blockd/node_mirrors.hpp"

#include <algorithm>
#include <chrono>
#include <future>

#include "kernel/base/clock.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/config/config.hpp"
#include "kernel/config/data_place.hpp"
#include "kernel/programs/blockd/plugin_config.hpp"

namespace blockd {
namespace {

constexpr auto kImportWait = std::chrono::seconds(60);

Result<bool> holds_rows(const StateView& view, const std::string& space) {
  bool found = false;
  const Status status = view.state->scan(space_prefix(space), {}, 1, [&](BytesView, BytesView) {
    found = true;
    return false;
  });
  return status.ok() ? Result<bool>(found) : Result<bool>(status);
}

Status schema_differs(const std::string& dir, const Mirror& mirror, std::uint32_t schema) {
  return Status(Code::kInvalid,
                "the mirror in " + dir + " has schema " + std::to_string(mirror.state.schema) +
                    ", the plugin has " + std::to_string(schema),
                "start with a build of the plugin that writes schema " +
                    std::to_string(mirror.state.schema) +
                    " and upgrade it afterwards, or set `ignore_mirror: true` in plugins.load");
}

}  // namespace

Result<std::unique_ptr<NodeMirrors>> NodeMirrors::create(Parts parts) {
  std::unique_ptr<NodeMirrors> out(new NodeMirrors(std::move(parts)));
  Result<MetricFamily*> failures =
      out->parts_.metrics->declare("kernel", {.name = "mirror_fail_total",
                                              .labels = {"plugin"},
                                              .help = "Mirrors that could not be written"});
  if (!failures.ok()) return failures.status();
  out->failures_ = *failures;
  return out;
}

NodeMirrors::Place NodeMirrors::place_of(const Manifest& manifest, const MirrorKey& key,
                                         std::uint32_t schema) const {
  const std::shared_ptr<const Config> config = parts_.config();
  const std::string name = plugin_config_key(manifest, key.key);
  // A configuration from before the plugin does not know its keys.
  const std::string dir =
      config->schema().find(name) != nullptr ? config->text(name) : key.default_dir;
  Place out{manifest.id, in_data_dir(dir, parts_.data_dir), schema, key.local, key.copy_only};
  for (const PluginLoad& load : plugins_to_load(*config)) {
    if (load.id == manifest.id) out.ignored = out.ignored || load.ignore_mirror;
  }
  return out;
}

std::vector<NodeMirrors::Place> NodeMirrors::places(const MachineSet& machines) const {
  std::vector<Place> out;
  for (const BoundMachine& machine : machines.machines()) {
    const Manifest& manifest = *machine.machine.manifest;
    const std::optional<MirrorKey> key = mirror_key(manifest);
    if (!key) continue;
    out.push_back(place_of(manifest, *key, machine.roster.schema));
    const tb_machine& table = *machine.machine.table;
    out.back().has_hooks = table.begin || table.end || table.epoch;
    const std::string dir = out.back().dir;
    for (const std::string& id : key->also) {
      if (const BoundMachine* beside = machines.find(id))
        out.push_back({id, dir + "/" + id, beside->roster.schema, {}, true});
    }
  }
  for (const Place& place : out) failures_->counter({place.plugin});  // from 0
  return out;
}

// ---- writing

Result<MirrorInfo> NodeMirrors::write_place(const Place& place, const StateView& view) {
  RowPairs local;
  TB_TRY(parts_.host->visit_local(place.plugin, place.local, kMaxMirrorLocalRows,
                                  [&](BytesView key, BytesView value) {
                                    local.emplace_back(key, value);
                                    return true;
                                  }));
  std::sort(local.begin(), local.end());
  std::lock_guard lock(write_mutex_);
  return write_mirror(place.dir, place.plugin, place.schema, view, local,
                      system_clock().unix_ms() / 1000);
}

void NodeMirrors::try_write(const Place& place, const StateView& view) {
  Result<bool> rows = holds_rows(view, place.plugin);
  Status status = rows.status();
  if (rows.ok() && !*rows) return;  // an empty one must not take the place of one that is not
  if (status.ok()) status = write_place(place, view).status();
  if (status.ok()) return;
  failures_->counter({place.plugin})->add();
  parts_.log->target("mirror").error("mirror not written",
                                     {{"plugin", place.plugin}, {"reason", status.message()}});
}

Result<MirrorInfo> NodeMirrors::write(const std::string& plugin) {
  if (chain_ == nullptr) return Status(Code::kUnavailable, "the node is starting");
  const StateViewPtr view = chain_->view();
  for (const Place& place : places(*view->machines)) {
    if (place.plugin == plugin) return write_place(place, *view);
  }
  return Status(Code::kNotFound, "no active plugin '" + plugin + "' has a mirror",
                "`contract-cli plugin list` shows which plugins run; a plugin names the folder of "
                "its mirror in its manifest");
}

void NodeMirrors::write_all(const std::vector<std::string>& only) {
  if (chain_ == nullptr) return;
  const StateViewPtr view = chain_->view();
  for (const Place& place : places(*view->machines)) {
    if (only.empty() || std::find(only.begin(), only.end(), place.plugin) != only.end())
      try_write(place, *view);
  }
}

void NodeMirrors::write_behind() {
  if (chain_ == nullptr) return;
  const StateViewPtr view = chain_->view();
  for (const Place& place : places(*view->machines)) {
    const Result<std::optional<MirrorNote>> note = read_mirror_note(place.dir);
    const bool level = note.ok() && *note && (*note)->height == view->height;
    if (!level) try_write(place, *view);
  }
}

// ---- bringing back

Result<std::optional<Mirror>> NodeMirrors::to_import(const Place& place) const {
  if (place.ignored) return std::optional<Mirror>();
  Result<std::optional<Mirror>> mirror = load_mirror(place.dir);
  if (!mirror.ok()) return mirror.status().in("plugin " + place.plugin);
  if (!*mirror || (*mirror)->state.rows.empty()) return std::optional<Mirror>();
  if ((*mirror)->state.space != place.plugin)
    return Status(Code::kInvalid,
                  "plugin " + place.plugin + ": the mirror in " + place.dir + " is of namespace '" +
                      (*mirror)->state.space + "'",
                  "each plugin has a folder of its own");
  if ((*mirror)->state.schema != place.schema)
    return schema_differs(place.dir, **mirror, place.schema).in("plugin " + place.plugin);
  return mirror;
}

Result<std::vector<NamespaceImport>> NodeMirrors::for_genesis() {
  std::vector<NamespaceImport> out;
  for (const std::shared_ptr<const Manifest>& manifest : parts_.host->generation()->manifests) {
    const std::optional<MirrorKey> key = mirror_key(*manifest);
    if (!key) continue;
    Result<std::optional<Mirror>> mirror = to_import(place_of(*manifest, *key, manifest->schema));
    if (!mirror.ok()) return mirror.status();
    if (!*mirror) continue;
    TB_TRY(parts_.files->keep(**mirror));
    out.push_back({manifest->id, (*mirror)->state.height, (*mirror)->blake3});
    genesis_locals_.emplace_back(manifest->id, std::move((*mirror)->local));
  }
  std::sort(out.begin(), out.end(),
            [](const NamespaceImport& a, const NamespaceImport& b) { return a.space < b.space; });
  return out;
}

Status NodeMirrors::put_genesis_locals() {
  for (const auto& [plugin, rows] : genesis_locals_) TB_TRY(parts_.host->put_local(plugin, rows));
  genesis_locals_.clear();
  return {};
}

void NodeMirrors::attach(const Chain* chain, WorkerPool* workers, Send send) {
  chain_ = chain;
  workers_ = workers;
  std::lock_guard lock(send_mutex_);
  send_ = std::move(send);
}

void NodeMirrors::detach() {
  std::lock_guard lock(send_mutex_);
  send_ = nullptr;
}

Status NodeMirrors::start() {
  const StateViewPtr view = chain_->view();
  seen_ = view->machines.get();
  watching_ = true;
  return look(view, true);
}

void NodeMirrors::committed(const StateViewPtr& view) {
  {
    std::lock_guard lock(height_mutex_);
    height_ = view->height;
  }
  grew_.notify_all();
  if (!watching_ || seen_.exchange(view->machines.get()) == view->machines.get()) return;
  const bool taken = workers_->submit([this, view] {
    if (Status status = look(view, false); !status.ok())
      parts_.log->target("mirror").error(status.message(), {{"hint", status.hint()}});
  });
  if (!taken) seen_ = nullptr;  // the next block asks again
}

Status NodeMirrors::look(const StateViewPtr& view, bool at_start) {
  // A chain that waits for a library executes nothing; what it can read goes on being read.
  if (!chain_->stalled().ok()) return {};
  for (const Place& place : places(*view->machines)) TB_TRY(look_at(place, *view, at_start));
  return {};
}

Status NodeMirrors::look_at(const Place& place, const StateView& view, bool at_start) {
  const LogTarget log = parts_.log->target("mirror");
  Result<bool> rows = holds_rows(view, place.plugin);
  if (!rows.ok()) return rows.status();
  if (!*rows) {
    Result<std::optional<Mirror>> mirror = to_import(place);
    if (!mirror.ok()) return mirror.status();
    return *mirror ? import(place, **mirror) : Status();
  }
  if (!at_start) return {};
  const Result<std::optional<MirrorNote>> note = read_mirror_note(place.dir);
  if (!note.ok()) {
    log.warn("mirror cannot be read; the state counts",
             {{"plugin", place.plugin}, {"reason", note.status().message()}});
  } else if (*note && (*note)->height != view.height) {
    log.warn("mirror height differs; the state counts", {{"plugin", place.plugin},
                                                         {"dir", place.dir},
                                                         {"mirror", (*note)->height},
                                                         {"height", view.height}});
  }
  return {};
}

std::optional<NodeMirrors::Place> NodeMirrors::place_ahead(const RosterEntry& entry,
                                                           const Manifest& manifest) const {
  const std::optional<MirrorKey> key = mirror_key(manifest);
  if (!key) return std::nullopt;
  Place place = place_of(manifest, *key, entry.schema);
  const Result<bool> rows = holds_rows(*chain_->view(), entry.id);
  if (place.ignored || (rows.ok() && *rows)) return std::nullopt;
  const Result<std::optional<MirrorNote>> note = read_mirror_note(place.dir);
  if (note.ok() && !*note) return std::nullopt;
  return place;
}

Status NodeMirrors::import_ahead(const Place& place) {
  Result<std::optional<Mirror>> mirror = to_import(place);
  if (!mirror.ok()) return mirror.status();
  if (!*mirror) return {};
  const std::string where = "plugin " + place.plugin + ": import of the mirror in " + place.dir;
  TB_TRY(may_import(place).in(where));
  TB_TRY(parts_.files->keep(**mirror));
  TB_TRY(send_import(place, **mirror).status().in(where));
  return parts_.host->put_local(place.plugin, (*mirror)->local);
}

Status NodeMirrors::before_joining(const RosterEntry& entry) {
  Result<Machine> machine = parts_.host->find(entry);
  if (!machine.ok()) return {};  // the switch itself says what is missing
  const std::optional<Place> place = place_ahead(entry, *machine->manifest);
  return place ? import_ahead(*place) : Status();
}

Status NodeMirrors::may_import(const Place& place) const {
  const std::string empty =
      "to begin with an empty namespace set `ignore_mirror: true` in the plugin's entry of "
      "plugins.load";
  if (chain_->genesis().validators.size() != 1)
    return Status(Code::kDenied, "import needs the same data on every node", empty);
  if (place.has_hooks)
    return Status(Code::kDenied,
                  "the plugin is in force already, and its next block writes rows of its own: rows "
                  "come with the genesis, or before the plugin comes into the roster",
                  "begin the chain anew with the mirror in place; or " + empty);
  return {};
}

Status NodeMirrors::import(const Place& place, const Mirror& mirror) {
  const std::string where = "plugin " + place.plugin + ": import of the mirror in " + place.dir;
  TB_TRY(may_import(place).in(where));
  TB_TRY(parts_.files->keep(mirror));
  Result<std::uint64_t> height = send_import(place, mirror);
  if (!height.ok()) return height.status().in(where);
  {
    std::unique_lock lock(height_mutex_);
    if (!grew_.wait_for(lock, kImportWait, [&] { return height_ > *height; }))
      return Status(Code::kUnavailable, where + ": no block came behind the command's",
                    "`contract-cli node status` says why the chain stands still");
  }
  TB_TRY(outcome_of(place, mirror, *height + 1).in(where));
  parts_.log->target("mirror").info("namespace imported", {{"plugin", place.plugin},
                                                           {"from", place.dir},
                                                           {"mirror_height", mirror.state.height},
                                                           {"rows", mirror.state.rows.size()}});
  return parts_.host->put_local(place.plugin, mirror.local);
}

Result<std::uint64_t> NodeMirrors::send_import(const Place& place, const Mirror& mirror) {
  using Ended = std::pair<Status, std::uint64_t>;
  auto ended = std::make_shared<std::promise<Ended>>();
  std::future<Ended> answer = ended->get_future();
  {
    std::lock_guard lock(send_mutex_);
    if (!send_) return Status(Code::kAborted, "the node is stopping");
    send_({{"namespace", place.plugin},
           {"height", mirror.state.height},
           {"blake3", to_hex(mirror.blake3)}},
          [ended](const Status& status, std::uint64_t height) {
            ended->set_value({status, height});
          });
  }
  if (answer.wait_for(kImportWait) != std::future_status::ready)
    return Status(Code::kUnavailable, "no block took the command",
                  "`contract-cli node status` says why the chain stands still; the import is tried "
                  "again at the next start");
  const auto [status, height] = answer.get();
  if (!status.ok()) return status;
  return height;
}

Status NodeMirrors::outcome_of(const Place& place, const Mirror& mirror,
                               std::uint64_t height) const {
  std::optional<Bytes> row;
  TB_TRY(chain_->view()->state->get(std::string(kImportRows) + place.plugin, &row));
  if (row) {
    Result<ImportNote> note = parse_import_row(place.plugin, *row);
    if (!note.ok()) return note.status();
    if (note->at == height && note->import.blake3 == mirror.blake3) return {};
  }
  Result<std::shared_ptr<const BlockRecord>> block = chain_->block(height);
  if (!block.ok()) return block.status();
  for (const Step& step : (*block)->steps) {
    if (step.kind == StepKind::kMigrate && step.plugin == place.plugin &&
        step.outcome != Outcome::kApplied)
      return Status(Code::kDenied, step.name + ": " + step.text,
                    "to begin with an empty namespace set `ignore_mirror: true` in the plugin's "
                    "entry of plugins.load");
  }
  return Status(Code::kInternal, "block " + std::to_string(height) + " says nothing of the import");
}

}  // namespace blockd
