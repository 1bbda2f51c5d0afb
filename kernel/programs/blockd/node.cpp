// Starting and stopping (node-and-cli spec 5.1): config, lock, keys, log, plugins, chain, services,
// listeners, faces, ready.

#include <malloc.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "kernel/base/address.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/programs/blockd/genesis_maker.hpp"
#include "kernel/programs/blockd/node_impl.hpp"
#include "kernel/programs/blockd/pause_metrics.hpp"
#include "kernel/programs/blockd/places.hpp"
#include "kernel/programs/blockd/plugin_config.hpp"
#include "kernel/programs/blockd/release_check.hpp"
#include "kernel/storage/data_schema.hpp"

namespace blockd {
namespace {

constexpr unsigned kWorkers = 4;
constexpr std::size_t kWorkerQueue = 8192;

std::string with_newlines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += (out.empty() ? "" : "\n") + line;
  return out;
}

}  // namespace

Result<std::unique_ptr<Node>> Node::start(const NodeFlags& flags, const std::string& program,
                                          int* exit_code) {
  auto node = std::make_unique<NodeImpl>(flags, program);
  *exit_code = 1;
  if (Status status = node->start(exit_code); !status.ok()) return status;
  return std::unique_ptr<Node>(std::move(node));
}

NodeImpl::~NodeImpl() { stop(); }

Status NodeImpl::start(int* exit_code) {
  crypto_init();
  TB_TRY(load_first_config(exit_code));
  TB_TRY(open_data_dir());
  TB_TRY(open_log());
  TB_TRY(load_plugins());
  TB_TRY(load_full_config(exit_code));
  TB_TRY(load_local_scripts(exit_code));
  TB_TRY(open_chain());
  TB_TRY(start_services());
  TB_TRY(check_releases(*config(), *rpc_, *host_, exit_code));
  producer_->go();  // what runs here is what was approved: now it may make blocks
  TB_TRY(start_mirrors());
  TB_TRY(open_listeners());
  install_new_plugins();
  return {};
}

// The kernel's own keys: enough to know the data directory and which plugins to load.
Status NodeImpl::load_first_config(int* exit_code) {
  Result<std::shared_ptr<const ConfigSchema>> schema = make_schema({});
  TB_ASSERT(schema.ok());
  const std::string program_dir = std::filesystem::path(program_).parent_path().string();
  inputs_.environment = environment_variables();
  inputs_.file = flags_.config_given ? flags_.config_file
                                     : default_config_file(inputs_.environment, program_dir);
  inputs_.file_required = flags_.config_given || inputs_.environment.contains("TB_CONFIG");
  inputs_.flags = flags_.keys;
  inputs_.profile_dirs = profile_dirs_of(inputs_.file, program_dir);
  first_load_ = load_config(*schema, inputs_);
  if (!first_load_.ok()) {
    *exit_code = 2;
    return Status(Code::kInvalid, with_newlines(first_load_.errors()),
                  "`contract-cli config check FILE` says the same without a start");
  }
  first_config_ = first_load_.config;
  data_dir_ = first_config_->text("data_dir");
  return {};
}

Status NodeImpl::open_data_dir() {
  TB_TRY(make_directories(data_dir_, 0750));
  Result<DirectoryLock> lock = DirectoryLock::acquire(data_dir_);
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  TB_TRY(check_data_schema(data_dir_));
  TB_TRY(write_file_atomic(data_dir_ + "/node.pid", std::to_string(::getpid()) + "\n"));
  Result<NodeKeys> keys = load_node_keys(*first_config_, data_dir_);
  if (!keys.ok()) return keys.status();
  keys_ = *std::move(keys);
  return {};
}

Status NodeImpl::open_log() {
  MetricDecl emitted{.name = "log_emit_total", .help = "Log lines written"};
  MetricDecl dropped{.name = "log_drop_total",
                     .labels = {"reason"},
                     .help = "Log lines that were not written",
                     .presets = {{"rate_limit"}, {"queue_full"}, {"disk"}}};
  Result<MetricFamily*> emit = metrics_.declare("kernel", emitted);
  Result<MetricFamily*> drop = metrics_.declare("kernel", dropped);
  if (!emit.ok()) return emit.status();
  if (!drop.ok()) return drop.status();
  LogOptions options;
  const std::string file = first_config_->text("log.file");
  options.file = file == "off" || offline_ ? "" : file;
  // Somebody who sits at a terminal reads the greeting and what is wrong; all else is in the file.
  const bool quiet = ::isatty(STDERR_FILENO) == 1 && !options.file.empty();
  if (!flags_.foreground && !offline_) options.stderr_from = LogLevel::kOff;
  if (flags_.foreground && quiet) options.stderr_from = LogLevel::kWarn;
  options.json = first_config_->text("log.format") == "json";
  options.max_file_bytes = first_config_->u64("log.max_file_bytes");
  options.max_files = static_cast<unsigned>(first_config_->u64("log.max_files"));
  options.lines_per_second = first_config_->u64("log.lines_per_second");
  options.queue_lines = first_config_->u64("log.queue");
  Result<LogLevels> levels =
      LogLevels::parse(offline_ ? "error" : first_config_->text("log.level"));
  if (!levels.ok()) return levels.status().in("log.level");
  options.levels = *levels;
  options.on_emit = [counter = (*emit)->counter()] { counter->add(); };
  options.on_drop = [family = *drop](LogDrop reason, std::uint64_t n) {
    family->counter({log_drop_name(reason)})->add(n);
  };
  if (const std::string folder = log_folder(*first_config_, data_dir_);
      !folder.empty() && !offline_) {
    TB_TRY(open_log_index(folder));
    options.on_line = [this](std::string_view line) {
      log_index_->add_line(line, system_clock().unix_ms());
    };
  }
  Result<std::unique_ptr<Logger>> log = Logger::open(std::move(options));
  if (!log.ok()) return log.status();
  log_ = *std::move(log);
  for (const std::string& secret : first_config_->secrets()) TB_TRY(log_->add_secret(secret));
  return {};
}

Status NodeImpl::open_log_index(const std::string& folder) {
  Result<std::unique_ptr<LogIndex>> index = LogIndex::open(folder, {});
  if (!index.ok()) return index.status().in("log.index");
  log_index_ = *std::move(index);
  Result<MetricFamily*> rows = metrics_.declare(
      "kernel", {.name = "log_entries_indexed_total", .help = "Log lines that can be searched"});
  Result<MetricFamily*> bytes = metrics_.declare("kernel", {.name = "log_size_bytes",
                                                            .type = MetricType::kGauge,
                                                            .help = "Bytes of the searchable log"});
  if (!rows.ok()) return rows.status();
  if (!bytes.ok()) return bytes.status();
  metrics_.on_render([this, rows = (*rows)->counter(), bytes = (*bytes)->gauge()] {
    rows->add(log_index_->indexed() - rows->value());
    bytes->set(static_cast<double>(log_index_->bytes()));
  });
  return {};
}

Status NodeImpl::load_plugins() {
  HostOptions options;
  Result<LoadRules> rules = load_rules(*first_config_);
  if (!rules.ok()) return rules.status();
  options.rules = *std::move(rules);
  requests_ = plugin_requests(*first_config_);
  options.load = requests_;
  options.library_dirs = first_config_->list("plugins.dir");
  options.plugins_dir = plugins_dir_of(std::filesystem::path(program_).parent_path().string());
  options.stores_dir = data_dir_ + "/stores";
  options.kernel_manifests = Rpc::kernel_manifests();
  options.metrics = &metrics_;
  options.bus = &bus_;
  options.log = log_.get();
  options.clock = &system_clock();
  options.config = [this] { return config(); };
  options.child_limits = {first_config_->u64("plugins.child_memory_mb"),
                          first_config_->u64("plugins.child_step_ms"),
                          first_config_->u64("plugins.child_cpu_percent")};
  options.run_timers = !offline_;
  Result<std::unique_ptr<Host>> host = Host::create(std::move(options));
  if (!host.ok()) return host.status();
  host_ = *std::move(host);
  effects_.attach(host_.get());
  return host_->load_all();
}

// Now that the plugins have declared their keys: the same files again, with all of them.
Status NodeImpl::load_full_config(int* exit_code) {
  Result<std::shared_ptr<const ConfigSchema>> schema = make_schema(host_->generation()->manifests);
  if (!schema.ok()) return schema.status();
  ConfigLoad load = load_config(*schema, inputs_);
  if (!load.ok()) {
    *exit_code = 2;
    return Status(Code::kInvalid, with_newlines(load.errors()),
                  "`contract-cli config check FILE` says the same without a start");
  }
  for (const std::string& warning : load.warnings()) log_->target("config").warn(warning);
  for (const std::string& secret : load.config->secrets()) TB_TRY(log_->add_secret(secret));
  service_ = std::make_unique<ConfigService>(*schema, inputs_, std::move(load));
  Result<ConfigStore> store = ConfigStore::open(data_dir_ + "/config/generations", system_clock());
  if (!store.ok()) return store.status();
  return service_->attach_store(*std::move(store));
}

// A text that does not compile is a fault of the configuration, at the start as at every reload.
Status NodeImpl::load_local_scripts(int* exit_code) {
  Result<std::unique_ptr<LocalScripts>> made = LocalScripts::create(
      metrics_, [target = log_->target("script")](bool error, std::string_view script,
                                                  std::string_view text) {
        target.log(error ? LogLevel::kWarn : LogLevel::kInfo, text, {{"script", script}});
      });
  if (!made.ok()) return made.status();
  local_scripts_ = *std::move(made);
  std::vector<std::string> lines;
  for (const ConfigProblem& problem : local_scripts_->prepare(config()->list("lua.local")))
    lines.push_back(problem.to_string());
  if (!lines.empty()) {
    *exit_code = 2;
    return Status(Code::kInvalid, with_newlines(lines),
                  "correct the script, or take it out of lua.local");
  }
  local_scripts_->install();
  effects_.attach(local_scripts_.get());
  service_->add_validator([this](const Config& next) {
    const std::vector<std::string> files = next.list("lua.local");
    std::vector<ConfigProblem> problems = local_scripts_->prepare(files);
    // Nobody is told of a reload without other values: then the files may have changed all the
    // same.
    if (problems.empty() && files == config()->list("lua.local")) local_scripts_->install();
    return problems;
  });
  return {};
}

// A genesis made here fixes the roster for ever: a library that could not be loaded would silently
// not be in it.
Status NodeImpl::check_new_genesis() const {
  const std::string file = config()->text("chain.genesis_file");
  if (file_exists(file)) return {};
  if (holds_chain(data_dir_))
    return Status(Code::kNotFound,
                  file + " is missing, but " + data_dir_ + " holds a chain that was made with it",
                  "restore the genesis file from a backup or from another node of this chain");
  for (const PluginStatus& plugin : host_->list()) {
    if (plugin.error.empty()) continue;
    return Status(Code::kUnavailable,
                  "plugin " + plugin.id + " of plugins.load is not usable (" + plugin.error +
                      "), and a new chain would begin without it",
                  "mend what stands in brackets, or take the plugin out of plugins.load");
  }
  return {};
}

Status NodeImpl::open_chain() {
  const std::shared_ptr<const Config> c = config();
  TB_TRY(check_new_genesis());
  TB_TRY(make_mirrors());
  bool made = false;
  Result<Genesis> genesis = load_or_make_genesis(
      *c, keys_, host_->genesis_roster(), system_clock().unix_ms(),
      [this] { return mirrors_->for_genesis(); }, &made, &notes_);
  if (!genesis.ok()) return genesis.status();
  TB_TRY(mirrors_->put_genesis_locals());
  const std::string log_dir = data_dir_ + "/chain";
  StoreDirs dirs{log_dir,
                 c->text("storage.state_dir"),
                 data_dir_ + "/mmr",
                 data_dir_ + "/index",
                 data_dir_ + "/mempool",
                 c->text("snapshot_dir")};
  Result<std::unique_ptr<NodeStores>> stores =
      NodeStores::create(std::move(dirs), metrics_, system_clock());
  if (!stores.ok()) return stores.status();
  stores_ = *std::move(stores);
  TB_TRY(begin_from_snapshot(*c, *genesis));
  Result<std::function<void(std::uint64_t)>> syncs = sync_metrics(metrics_);
  if (!syncs.ok()) return syncs.status();
  const auto make_options = [&] {
    ChainOptions options;
    options.log_dir = log_dir;
    options.disk = &system_disk();
    options.log.ahead = offline_ ? LogAheadMode::kOff : LogAheadMode::kThread;
    options.log.sync = offline_ ? LogSyncMode::kInline : LogSyncMode::kThread;
    options.log.on_sync = *syncs;
    options.ahead_blocks = offline_ ? 0 : kMaxAheadBlocks;
    options.clock = &system_clock();
    options.genesis = *genesis;
    options.machines = host_.get();
    options.effects = &effects_;
    options.imports = import_files_.get();
    options.validator_key = keys_.validator.get();
    options.history_blocks = c->u64("chain.history_blocks");
    options.background_roots = true;
    options.on_macro_ready = [this] { macro_root_ready(); };
    return options;
  };
  Result<std::unique_ptr<Chain>> chain = stores_->open_chain(make_options, *c, &notes_);
  for (const std::string& note : notes_) log_->target("chain").info(note);
  if (!chain.ok()) return chain.status();
  chain_ = *std::move(chain);
  TB_TRY(stores_->open_views(
      *chain_, [target = log_->target("storage")](std::string line) { target.warn(line); }));
  effects_.attach(stores_->views());
  if (Status stalled = chain_->stalled(); !stalled.ok())
    log_->target("chain").error(stalled.message(), {{"hint", stalled.hint()}});
  return {};
}

// Once when the disk is full and once when it is no more; every refusal counts. [executor]
void NodeImpl::told_of_stall(const Status& why) {
  const bool full = why.code() == Code::kNoSpace;
  if (full) stores_->count_full();
  if (full == storage_full_.exchange(full)) return;
  if (full) {
    log_->target("storage").error("storage_full_pause",
                                  {{"reason", why.message()}, {"hint", why.hint()}});
  } else {
    log_->target("storage").warn("storage_full_resume", {{"height", chain_->view()->height}});
  }
}

Status NodeImpl::start_services() {
  const std::shared_ptr<const Config> c = config();
  io_ = std::make_unique<IoPool>(2);
  workers_ = std::make_unique<WorkerPool>(kWorkers, kWorkerQueue);
  AdmissionOptions admission;
  admission.limits = mempool_limits(*c);
  admission.journal_dir = data_dir_ + "/mempool";
  admission.policy = local_scripts_.get();
  for (const auto& key : {keys_.op, keys_.admin, keys_.oracle})
    admission.own_accounts.push_back(address_of(key->public_key()));
  ProducerOptions producing = producer_options(*c);
  producing.only_reads = offline_;
  producing.waits_for_go = true;
  producing.on_fatal = [this](const Status& why) {
    log_->target("node").error("storage_error", {{"reason", why.message()}});
    exit_code_.store(1);
    shutdown_.store(true);
  };
  Result<std::function<void(std::string_view, std::uint64_t)>> pauses = pause_metrics(metrics_);
  if (!pauses.ok()) return pauses.status();
  producing.on_pause = *std::move(pauses);
  Result<MetricFamily*> failures = metrics_.declare(
      "kernel", {.name = "block_apply_fail_total", .help = "Blocks that could not be made"});
  if (!failures.ok()) return failures.status();
  producing.on_stall = [this, failed = (*failures)->counter()](const Status& why) {
    if (!why.ok()) failed->add();
    told_of_stall(why);
  };
  producing.on_note = [target = log_->target("producer")](std::string_view line) {
    target.info(line);
  };
  Result<std::unique_ptr<Producer>> producer =
      Producer::start(*chain_, system_clock(), producing, admission);
  if (!producer.ok()) return producer.status();
  producer_ = *std::move(producer);
  if (!offline_) {
    {
      std::lock_guard lock(cut_mutex_);
      cut_ = producer_.get();
    }
    TB_TRY(start_snapshots());
  }
  RpcParts parts;
  parts.host = host_.get();
  parts.chain = chain_.get();
  parts.producer = producer_.get();
  parts.metrics = &metrics_;
  parts.bus = &bus_;
  parts.log = log_.get();
  parts.clock = &system_clock();
  parts.workers = workers_.get();
  parts.io = io_.get();
  parts.keys = keys_;
  parts.config = [this] { return config(); };
  parts.data_dir = data_dir_;
  parts.version = TB_VERSION;
  parts.request_shutdown = [this] {
    shutdown_.store(true);
    ::kill(::getpid(), SIGTERM);
  };
  parts.config_service = service_.get();
  parts.views = stores_->views();
  parts.snapshots = snapshots_.get();
  parts.write_mirror = [this](const std::string& plugin) { return mirrors_->write(plugin); };
  parts.before_joining = [this](const RosterEntry& entry) {
    return mirrors_->before_joining(entry);
  };
  Result<std::shared_ptr<Rpc>> rpc = Rpc::create(std::move(parts));
  if (!rpc.ok()) return rpc.status();
  rpc_ = *std::move(rpc);
  effects_.attach(rpc_.get());
  return host_->start(chain_.get(), producer_.get(), rpc_.get());
}

Status NodeImpl::open_listeners() {
  const std::shared_ptr<const Config> c = config();
  Result<std::shared_ptr<HttpObserver>> observer = Rpc::request_observer(metrics_);
  if (!observer.ok()) return observer.status();
  server_ = std::make_shared<HttpServer>(*io_, http_limits(*c), *observer);
  TB_TRY(show_wakeups());
  Result<std::shared_ptr<HttpServer::Change>> change =
      server_->prepare(listeners(*c, host_->generation()->manifests));
  if (!change.ok()) return change.status();
  TB_TRY(server_->commit(*change));
  TB_TRY(watch_config());
  // What only the start needed, bytes of libraries and trees of manifests and configuration, goes
  // back to the system.
  ::malloc_trim(0);
  log_->target("node").info(
      "ready", {{"height", chain_->view()->height}, {"chain", chain_->genesis().chain_id}});
  return {};
}

Status NodeImpl::show_wakeups() {
  Result<MetricFamily*> reads =
      metrics_.declare("kernel", {.name = "runtime_read_without_ready_total",
                                  .help = "Reads that succeeded without an event of the socket"});
  Result<MetricFamily*> writes =
      metrics_.declare("kernel", {.name = "runtime_write_without_ready_total",
                                  .help = "Writes that succeeded without an event of the socket"});
  if (!reads.ok()) return reads.status();
  if (!writes.ok()) return writes.status();
  Result<MetricFamily*> dropped = metrics_.declare(
      "kernel", {.name = "http_connections_dropped_total",
                 .labels = {"reason"},
                 .help = "Connections that the node did not take, or cut, by reason",
                 .presets = {{"limit"}, {"accept"}, {"handshake"}, {"not_reading"}}});
  if (!dropped.ok()) return dropped.status();
  metrics_.on_render([server = std::weak_ptr<HttpServer>(server_), read = (*reads)->counter(),
                      write = (*writes)->counter(), dropped = *dropped] {
    const std::shared_ptr<HttpServer> alive = server.lock();
    if (!alive) return;
    const HttpServerStats stats = alive->stats();
    read->add(stats.reads_without_ready - read->value());
    write->add(stats.writes_without_ready - write->value());
    const auto raise = [dropped](std::string_view reason, std::uint64_t to) {
      Counter* counter = dropped->counter({reason});
      counter->add(to - counter->value());
    };
    raise("limit", stats.refused_connections);
    raise("accept", stats.accept_failures);
    raise("handshake", stats.failed_handshakes);
    raise("not_reading", stats.stalled_writes);
  });
  return {};
}

int NodeImpl::run() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&set, signal);
  const timespec poll{1, 0};
  for (;;) {
    const int signal = ::sigtimedwait(&set, nullptr, &poll);
    if (signal == SIGHUP) {
      (void)reload("signal");
    } else if (signal == SIGUSR1) {
      log_->reopen();
    } else if (signal == SIGTERM || signal == SIGINT || shutdown_.load()) {
      break;
    }
  }
  stop();
  return exit_code_.load();
}

void NodeImpl::stop() {
  if (stopped_) return;
  stopped_ = true;
  const std::uint64_t begun = system_clock().monotonic_us();
  if (log_) log_->target("node").info("stopping");
  watcher_.reset();
  if (rpc_) rpc_->stopping();
  if (server_) {
    const auto deadline = static_cast<std::uint32_t>(config()->u64("shutdown_timeout_secs") * 1000);
    if (Status cut = server_->stop(deadline); !cut.ok()) {
      if (log_) log_->target("node").warn(cut.message());
      exit_code_ = 1;
    }
  }
  if (host_) host_->stop();
  if (snapshots_) snapshots_->stop();
  if (workers_) workers_->stop();
  if (mirrors_) mirrors_->detach();
  {
    std::lock_guard lock(cut_mutex_);
    cut_ = nullptr;
  }
  effects_.attach(static_cast<NodeMirrors*>(nullptr));
  const bool whole = producer_ != nullptr && !offline_ && exit_code_ == 0;
  producer_.reset();
  if (whole) mirrors_->write_behind();  // the newest state that there will be
  effects_.attach(static_cast<SnapshotService*>(nullptr));
  effects_.attach(static_cast<Rpc*>(nullptr));
  server_.reset();
  if (io_) io_->stop();
  rpc_.reset();
  snapshots_.reset();
  effects_.attach(static_cast<LogViews*>(nullptr));
  if (stores_) stores_->close_views();
  mirrors_.reset();
  chain_.reset();
  host_.reset();
  if (!data_dir_.empty() && lock_) ::unlink((data_dir_ + "/node.pid").c_str());
  if (log_) {
    log_->target("node").info("stopped", {{"ms", (system_clock().monotonic_us() - begun) / 1000}});
    log_->flush();
  }
}

}  // namespace blockd
