#include "kernel/programs/blockd/node_stores.hpp"

#include <algorithm>
#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/chain/store/log_front.hpp"
#include "kernel/chain/store/lost_blocks.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "kernel/snapshot/state_source.hpp"
#include "kernel/storage/write_behind.hpp"

namespace blockd {
namespace {

constexpr const char* kEngine = "leveldb";
constexpr std::string_view kStateWord = "state store";

Result<LogExtent> extent_of(const std::string& log_dir, const std::string& mmr_dir) {
  BlockLogOptions options;
  options.examine = [&](const BlockLog& log, const std::string& cut) {
    return check_lost_blocks(mmr_dir, log, {}, cut).in(log_dir);
  };
  std::string cut;
  Result<std::unique_ptr<BlockLog>> log = BlockLog::open(system_disk(), log_dir, options, &cut);
  if (!log.ok()) return log.status();
  return LogExtent{(*log)->head().value_or(0), (*log)->first().value_or(0)};
}

// `<dir>.before-<unix>`; a second time within the second gets a number behind it.
Status set_state_aside(const std::string& dir, std::uint64_t unix_secs,
                       std::vector<std::string>* notes) {
  if (!std::filesystem::exists(dir)) return {};
  std::string to = dir + ".before-" + std::to_string(unix_secs);
  for (int n = 1; std::filesystem::exists(to) && n < 1000; ++n)
    to = dir + ".before-" + std::to_string(unix_secs) + "-" + std::to_string(n);
  std::error_code error;
  std::filesystem::rename(dir, to, error);
  if (error) return Status(Code::kIo, dir + ": cannot be set aside: " + error.message());
  notes->push_back("the damaged state is kept as " + to);
  return {};
}

}  // namespace

NodeStores::NodeStores(StoreDirs dirs, Clock& clock) : dirs_(std::move(dirs)), clock_(clock) {
  std::vector<SpaceGuard::Store> stores = {{"state", dirs_.state},
                                           {"mmr", dirs_.mmr},
                                           {"index", dirs_.index},
                                           {"mempool", dirs_.mempool}};
  stores.push_back({"log", dirs_.log, [shared = shared_] {
                      std::lock_guard lock(shared->mutex);
                      return shared->chain ? shared->chain->log()->bytes() : 0;
                    }});
  guard_ = std::make_unique<SpaceGuard>(std::move(stores), clock);
  shared_->stores = this;
}

NodeStores::~NodeStores() {
  std::lock_guard lock(shared_->mutex);
  shared_->stores = nullptr;
  shared_->chain = nullptr;
}

Result<std::unique_ptr<NodeStores>> NodeStores::create(StoreDirs dirs, MetricRegistry& metrics,
                                                       Clock& clock) {
  std::unique_ptr<NodeStores> made(new NodeStores(std::move(dirs), clock));
  TB_TRY(made->declare(metrics));
  return made;
}

Status NodeStores::declare(MetricRegistry& metrics) {
  auto counter = [&](const char* name, const char* help, Counter** out) -> Status {
    Result<MetricFamily*> family = metrics.declare("kernel", {.name = name, .help = help});
    if (!family.ok()) return family.status();
    *out = (*family)->counter();
    return {};
  };
  TB_TRY(counter("storage_disk_full_total", "Writes that were refused for lack of space",
                 &disk_full_));
  TB_TRY(counter("wal_corrupt_recovery_total",
                 "Torn or damaged files that were cut off or made again at an opening",
                 &recoveries_));
  constexpr std::pair<const char*, const char*> kGauges[] = {
      {"storage_engine_size_bytes", "Bytes of a store's files"},
      {"storage_engine_sst_bytes", "Bytes of a store's tables"},
      {"storage_engine_memtable_bytes", "Bytes that a store holds in memory"},
      {"storage_engine_level0_files", "Tables that wait for their first compaction"},
      {"storage_engine_pending_compactions", "1 while level 0 is due for a compaction"},
      {"storage_engine_running_compactions", "Compactions that an operator has asked for"},
      {"storage_engine_sst_files", "Tables of a store"}};
  for (std::size_t i = 0; i < std::size(kGauges); ++i) {
    Result<MetricFamily*> family = metrics.declare("kernel", {.name = kGauges[i].first,
                                                              .type = MetricType::kGauge,
                                                              .labels = {"db", "engine"},
                                                              .help = kGauges[i].second});
    if (!family.ok()) return family.status();
    engine_[i] = *family;
  }
  Result<MetricFamily*> info = metrics.declare("kernel", {.name = "storage_engine_info",
                                                          .type = MetricType::kGauge,
                                                          .labels = {"name", "engine"},
                                                          .help = "1 for the engine of a store"});
  if (!info.ok()) return info.status();
  for (std::string_view name : {"default", "mmr", "index"})
    (*info)->gauge({name, std::string_view(kEngine)})->set(1);
  metrics.on_render([shared = shared_] {
    std::lock_guard lock(shared->mutex);
    if (shared->stores) shared->stores->update_gauges();
  });
  return {};
}

void NodeStores::update_gauges() {
  constexpr double kLevel0Due = 4;  // LevelDB's own number
  auto show = [&](std::string_view name, const std::string& dir, const KvStore* store) {
    if (!store) return;
    const KvStats stats = store->stats();
    const double values[] = {static_cast<double>(directory_bytes(dir)),
                             static_cast<double>(stats.table_bytes),
                             static_cast<double>(stats.memory_bytes),
                             static_cast<double>(stats.level0_files),
                             static_cast<double>(stats.level0_files) >= kLevel0Due ? 1.0 : 0.0,
                             0.0,
                             static_cast<double>(stats.table_files)};
    for (std::size_t i = 0; i < std::size(values); ++i)
      engine_[i]->gauge({name, std::string_view(kEngine)})->set(values[i]);
  };
  if (shared_->chain) show("default", dirs_.state, shared_->chain->state_store());
  if (views_) show("mmr", dirs_.mmr, &views_->mmr());
  if (views_) show("index", dirs_.index, &views_->index());
}

void NodeStores::configure(const Config& config) {
  guard_->set_limits({config.u64("storage.limit_bytes"), config.u64("storage.total_limit_bytes"),
                      config.u64("storage.reserve_bytes")});
}

Status NodeStores::admit(std::uint64_t log_bytes, std::uint64_t state_bytes) {
  return guard_->admit({{"log", log_bytes}, {"state", state_bytes}});
}

StoreOpener NodeStores::state_opener(bool create, const Config& config) const {
  constexpr std::uint64_t kMaxCacheMb = 8;  // the executor's row cache stands in front of it
  LevelDbOptions options;
  options.create_if_missing = create;
  options.own_log = false;  // the block log is
  options.write_buffer_bytes = config.u64("storage.write_buffer_mb") << 20;
  options.cache_bytes = std::min(config.u64("storage.cache_mb"), kMaxCacheMb) << 20;
  return [dir = dirs_.state, options] { return open_leveldb(dir, options); };
}

Result<std::unique_ptr<KvStore>> NodeStores::open_state(const Genesis& genesis,
                                                        const Config& config,
                                                        std::vector<std::string>* notes) {
  TB_TRY(make_directories(dirs_.log));
  const bool fresh_log = std::filesystem::is_empty(dirs_.log);
  Result<std::unique_ptr<KvStore>> state = state_opener(fresh_log, config)();
  if (state.ok()) return dressed(*std::move(state), config);
  const Code code = state.status().code();
  if (fresh_log || (code != Code::kNotFound && code != Code::kCorrupt)) return state.status();
  return bring_back(state.status().message(), genesis, config, notes);
}

// The newest snapshot that holds, if the log goes on behind it; else the log alone, if it is whole.
Result<std::unique_ptr<KvStore>> NodeStores::bring_back(const std::string& why,
                                                        const Genesis& genesis,
                                                        const Config& config,
                                                        std::vector<std::string>* notes) {
  recoveries_->add();
  notes->push_back("the state is not usable (" + why + ")");
  Result<LogExtent> log = extent_of(dirs_.log, dirs_.mmr);
  if (!log.ok()) return log.status();
  Result<StateSource> source = find_state_source(dirs_.snapshots, genesis, *log, notes);
  if (!source.ok())
    return source.status().in(std::string(kStateWord) + " " + dirs_.state + ": " + why);
  TB_TRY(set_state_aside(dirs_.state, clock_.unix_ms() / 1000, notes));
  if (!source->files.empty()) {
    Result<SnapshotInfo> restored =
        restore_snapshot(source->files, {&genesis, std::nullopt}, dirs_.state);
    if (!restored.ok()) return restored.status();
  }
  notes->push_back("the state is made again from " + source->text);
  Result<std::unique_ptr<KvStore>> state = state_opener(source->files.empty(), config)();
  if (!state.ok()) return state.status();
  return dressed(*std::move(state), config);
}

// The engine, opened anew after a full disk, and written beside the executor.
std::unique_ptr<KvStore> NodeStores::dressed(std::unique_ptr<KvStore> engine,
                                             const Config& config) const {
  return make_write_behind(make_renewable(std::move(engine), state_opener(false, config),
                                          [dir = dirs_.state] { return room_to_reopen(dir); }));
}

Result<std::unique_ptr<Chain>> NodeStores::open_chain(
    const std::function<ChainOptions()>& make_options, const Config& config,
    std::vector<std::string>* notes) {
  configure(config);
  const Genesis genesis = make_options().genesis;
  Result<std::unique_ptr<KvStore>> state = open_state(genesis, config, notes);
  for (bool again = true;; again = false) {
    if (!state.ok()) return state.status();
    ChainOptions options = make_options();
    options.state = *std::move(state);
    options.admit = [this](std::uint64_t log, std::uint64_t rows) { return admit(log, rows); };
    options.examine = [this](const BlockLog& log, const KvStore& rows, const std::string& cut) {
      Result<LogFront> front = log_front(log, rows);
      return front.ok() ? check_lost_blocks(dirs_.mmr, log, *front, cut) : front.status();
    };
    Result<std::unique_ptr<Chain>> chain = Chain::open(std::move(options), notes);
    Status damage;
    if (!chain.ok() && chain.status().code() == Code::kCorrupt &&
        chain.status().message().find(kStateWord) != std::string::npos) {
      damage = chain.status();
    } else if (!chain.ok()) {
      return chain.status();
    } else if (config.boolean("storage.verify_state")) {
      StoreCheckInput input;
      input.disk = &system_disk();
      input.log_dir = dirs_.log;
      input.genesis = &genesis;
      input.state = (*chain)->state_store();
      input.fast = true;
      Result<StoreCheckReport> report = check_store(input);
      if (!report.ok()) return report.status();
      for (const StoreFinding& finding : report->findings) {
        const std::string what =
            (finding.height ? "height " + std::to_string(*finding.height) + ": " : "") +
            finding.what;
        if (!finding.what.starts_with("state:"))
          return Status(Code::kCorrupt, dirs_.log + ": " + what,
                        "`contract-cli maintenance verify --data-dir DIR` lists all of it");
        damage = Status(Code::kCorrupt, what);
      }
    }
    if (damage.ok()) {
      for (const std::string& note : *notes) {
        if (note.find("cut off at offset") != std::string::npos) recoveries_->add();
      }
      return chain;
    }
    if (!again) return damage;
    if (chain.ok()) (*chain).reset();
    state = bring_back(damage.message(), genesis, config, notes);
  }
}

Status NodeStores::open_views(Chain& chain, std::function<void(std::string)> note) {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->chain = &chain;
  }
  Result<LogFront> front = log_front(*chain.log(), *chain.state_store());
  if (!front.ok()) return front.status();
  LogViewsOptions options;
  options.mmr_dir = dirs_.mmr;
  options.index_dir = dirs_.index;
  options.log = chain.log();
  options.base_blocks = front->blocks;
  options.base_peaks = std::move(front->peaks);
  options.note = std::move(note);
  Result<std::unique_ptr<LogViews>> views = LogViews::open(std::move(options));
  if (!views.ok()) return views.status();
  std::lock_guard lock(shared_->mutex);
  views_ = *std::move(views);
  return {};
}

void NodeStores::close_views() {
  std::unique_ptr<LogViews> views;
  std::lock_guard lock(shared_->mutex);
  shared_->chain = nullptr;
  views.swap(views_);
}

}  // namespace blockd
