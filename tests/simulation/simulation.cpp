#include "tests/simulation/simulation.hpp"

#include <array>

namespace blockd::sim {
namespace {

constexpr std::uint64_t kMaxBatch = 10;       // commands
constexpr std::uint64_t kMaxCrashDelay = 24;  // durable operations; a block takes about four
constexpr std::size_t kMaxTrace = 24;
constexpr int kMaxRecoveries = 8;                      // crashes while recovering from a crash
constexpr std::uint64_t kDraws = 44, kCrashDraws = 9;  // a fifth of the steps are deaths
constexpr std::uint64_t kReloadsPerLoad = 12;  // a library that is loaded costs a child process
constexpr std::uint64_t kAheadBlocks = 5;
constexpr int kBlocksToFailedSync = 80;  // of a log that syncs several of them at once
constexpr std::uint64_t kRehearsedBlocks = 64, kRehearsalMs = 60'000;

Status broken(const std::string& what) { return Status(Code::kInternal, what); }

}  // namespace

Simulation::Simulation(std::uint64_t seed, support::PluginImages& plugins, LoadRules loader,
                       std::string dir)
    : random_(seed),
      plugins_(plugins),
      images_(plugins, std::move(loader)),
      validator_(support::key_of("validator", 0)),
      disk_(seed, fate_),
      state_(fate_),
      actors_(seed),
      shelf_(std::move(dir), fate_),
      ahead_(seed % 4 >= 2),
      keeps_(seed % 2 == 0) {
  make_genesis();
  for (std::string_view id : {"ledger", "energy"}) {
    const auto* image = plugins_.image(id);
    if (image == nullptr) continue;
    FaceHost::Services services;
    services.view = [this] { return chain_->view(); };
    services.unix_ms = [this] { return clock_.unix_ms(); };
    services.call = [](const std::string&, const std::string&) { return FaceHost::Answer{}; };
    services.metric = [](const std::string&, const std::string&, double, bool) {};
    services.log = [](const std::string&) {};
    faces_.emplace(
        id, std::make_unique<FaceHost>(image->manifest, image->plugin->face, std::move(services)));
  }
}

Simulation::~Simulation() {
  faces_.clear();
  fate_.kill();  // the end of a simulation is a death as well: nothing is written any more
  chain_.reset();
}

void Simulation::make_genesis() {
  genesis_.chain_id = support::kChainId;
  genesis_.timestamp_ms = clock_.now_ms;
  genesis_.epoch_length = 4 + below(12);
  genesis_.max_commands_per_block = static_cast<std::uint32_t>(4 + below(12));  // some do not fit
  if (keeps_) genesis_.macro_interval_blocks = 4 + below(12);
  genesis_.validators.push_back({"v1", 1, validator_.public_key()});
  actors_.fill(genesis_);
  genesis_.params = {{"energy_capacity_period_blocks", below(2) * 25},
                     {"energy_expired_retention_blocks", below(20)},
                     {"energy_oracle_timeout_blocks", 3 + below(20)},
                     {"energy_settlement_mode", below(2)},
                     {"energy_settlement_quorum_ppm", below(2) * 20'000},
                     {"energy_slashing_rate_bps", below(2) * 2500}};
  genesis_.plugins = plugins_.roster();
}

void Simulation::note(std::string what) {
  trace_.push_back("height " + std::to_string(acknowledged_.size()) + ": " + std::move(what));
  if (trace_.size() > kMaxTrace) trace_.pop_front();
}

Status Simulation::open() {
  chain_.reset();
  ChainOptions options;
  options.log_dir = kLogDir;
  options.disk = &disk_;
  options.clock = &clock_;
  options.state = state_.open();
  options.recreate_state = [this]() -> Result<std::unique_ptr<KvStore>> {
    state_.lose_all();
    return state_.open();
  };
  options.genesis = genesis_;
  options.machines = &images_;
  options.validator_key = &validator_;
  options.checkpoint_bytes = 16u << 10;
  options.cache_rows = 64;  // so that rows leave it
  options.log.segment_bytes = 96u << 10;
  options.log.preallocate_bytes = 8u << 10;
  options.log.ahead = LogAheadMode::kStepped;
  options.log.sync = ahead_ ? LogSyncMode::kStepped : LogSyncMode::kInline;
  options.ahead_blocks = ahead_ ? kAheadBlocks : 0;
  std::vector<std::string> notes;
  auto chain = Chain::open(std::move(options), &notes);
  for (std::string& line : notes) note("open: " + std::move(line));
  if (!chain.ok()) note("open: " + chain.status().to_string());
  if (!chain.ok()) return chain.status();
  chain_ = *std::move(chain);
  return chain_->stalled();
}

std::string Simulation::run(std::uint64_t steps) {
  Status status = open();
  if (status.ok()) status = check_acknowledged();
  std::uint64_t at = 0;
  for (; status.ok() && at < steps; ++at) status = step();
  if (status.ok()) status = acknowledge(LogWait::kAll);
  if (status.ok()) status = check_replay();
  if (status.ok()) return {};
  std::string out = "step " + std::to_string(at) + ": " + status.to_string() + "\nbefore it:";
  for (const std::string& line : trace_) out += "\n  " + line;
  return out;
}

Status Simulation::step() {
  clock_.now_ms += below(4000);
  if (one_in(60)) clock_.now_ms -= 5000;  // a clock that was set back
  const std::uint64_t draw = below(kDraws);
  if (draw < kCrashDraws) return crash_somewhere();
  switch (draw - kCrashDraws) {
    case 0:
      return failed_sync();
    case 1:
      return full_disk();
    case 2:  // a clean stop
      ++counts_.restarts;
      return clean_restart();
    case 3:
      if (one_in(kReloadsPerLoad)) return reload();
      TB_TRY(chain_->swap_machines());
      TB_TRY(acknowledge(LogWait::kNone));
      return block();
    case 4:
      if (!one_in(4)) return block();
      TB_TRY(acknowledge(LogWait::kAll));
      return check_replay();
    case 5:
      return keeps_ && shelf_.newest() ? prune() : block();
    default:
      return block();
  }
}

// Nothing is lost by it: what is in flight becomes durable before the end.
Status Simulation::clean_restart() {
  note("clean restart");
  shelf_.stop();
  const std::size_t made = acknowledged_.size() + flight_.size();
  TB_TRY(open());
  TB_TRY(check_acknowledged());
  flight_.clear();
  if (acknowledged_.size() == made) return {};
  return broken("a clean stop left " + std::to_string(acknowledged_.size()) + " of " +
                std::to_string(made) + " blocks");
}

Status Simulation::block() {
  if (flight_.empty()) TB_TRY(actors_.catch_up(*chain_));
  auto produced = chain_->produce(actors_.batch(below(kMaxBatch + 1), clock_.now_ms));
  if (!produced.ok()) return produced.status();
  if (!produced->poisoned.empty()) return broken("a command made its plugin fail");
  flight_.push_back(produced->block);
  if (!ahead_) return acknowledge(LogWait::kNone);
  for (std::uint64_t halves = below(4); halves > 0; --halves) TB_TRY(acknowledge(LogWait::kNone));
  return {};
}

// What has become durable is what the outside was told of.
Status Simulation::acknowledge(LogWait wait) {
  const Result<std::uint64_t> durable = chain_->settle(wait);
  if (!durable.ok()) return durable.status();
  while (!flight_.empty() && flight_.front()->header.height <= *durable) {
    const std::shared_ptr<const BlockRecord> block = std::move(flight_.front());
    flight_.pop_front();
    TB_TRY(learn(*block));
  }
  return {};
}

Status Simulation::learn(const BlockRecord& block) {
  ++counts_.blocks;
  counts_.commands += block.commands.size();
  actors_.learn(block);
  const std::uint64_t height = block.header.height;
  if (height != acknowledged_.size())
    return broken("height " + std::to_string(height) + " came out of turn");
  acknowledged_.push_back({block.header.hash(), std::nullopt});
  if (chain_->view()->height > height) return tend_snapshots(block);  // one of several
  if (chain_->view()->height != height) {
    return fate_.dead() ? Status()
                        : broken("height " + std::to_string(height) +
                                 " is committed, and views do not show it");
  }
  auto root = chain_->state_root(chain_->view());
  if (!root.ok()) return root.status();
  acknowledged_.back().state_root = *root;
  TB_TRY(tend_snapshots(block));
  return check_market();
}

// ---- trouble

// No room for the next blocks; then room again. Nothing may have changed in between.
Status Simulation::full_disk() {
  ++counts_.full_disks;
  note("the disk is full");
  disk_.inner().set_capacity(disk_.used(kLogDir) + below(6000));
  const std::uint64_t until = acknowledged_.size() + 20;
  while (acknowledged_.size() < until) {
    const Status status = block();
    if (status.ok()) continue;
    if (status.code() != Code::kNoSpace) return status.in("on a full disk");
    break;
  }
  disk_.inner().set_capacity(std::nullopt);
  TB_TRY(acknowledge(LogWait::kNone));
  TB_TRY(check_acknowledged());
  return block();
}

// An fsync that fails ends the process; what it was to make durable may be there or not.
Status Simulation::failed_sync() {
  ++counts_.failed_syncs;
  note("an fsync will fail");
  disk_.inner().fail_sync(1 + below(3));
  for (int i = 0; i < (ahead_ ? kBlocksToFailedSync : 6); ++i) {
    const Status status = block();
    if (status.ok()) continue;
    if (status.code() != Code::kIo) return status.in("after a failed fsync");
    return recover(true);
  }
  return broken("an fsync failed, and nobody noticed");
}

Status Simulation::crash_somewhere() {
  fate_.crash_in(1 + below(kMaxCrashDelay));
  while (!fate_.dead()) {
    const Status status = block();
    if (!status.ok() && !fate_.dead()) return status.in("before a crash");
  }
  return recover(!one_in(4));
}

// Another image of a plugin between two blocks, by the node's own loader; it must do the newest
// blocks again to the byte before it is taken.
Status Simulation::reload() {
  ++counts_.reloads;
  constexpr std::array kPlugins = {"ledger", "receipts", "energy"};
  const std::string id = kPlugins.at(below(kPlugins.size()));
  note("reload of " + id);
  auto library = images_.load(id);
  if (!library.ok()) return library.status().in("reload of " + id);
  TB_TRY(chain_->rehearse(LiveImages::machine_of(*library), kRehearsedBlocks, kRehearsalMs));
  images_.take(*std::move(library));
  TB_TRY(chain_->swap_machines());
  TB_TRY(acknowledge(LogWait::kNone));
  return block();
}

Status Simulation::recover(bool power_cut) {
  for (int i = 0;; ++i) {
    ++counts_.crashes;
    fate_.kill();
    chain_.reset();  // its destructor finds every operation refused
    note(power_cut ? "power cut" : "killed");
    shelf_.crash(random_, power_cut);
    if (power_cut) {
      disk_.inner().crash();
      state_.crash(random_);
    }
    if (one_in(6)) {
      ++counts_.lost_states;
      note("the state store is lost");
      state_.lose_all();
    }
    fate_.revive();
    if (i < kMaxRecoveries && one_in(3))
      fate_.crash_in(1 + below(kMaxCrashDelay));  // and again, while it recovers
    Status status = bring_back();
    if (status.ok()) status = open();
    if (!fate_.dead()) {
      fate_.revive();
      if (!status.ok()) return status.in("recovery");
      break;
    }
  }
  TB_TRY(check_snapshots());
  TB_TRY(check_acknowledged());
  flight_.clear();
  return {};
}

// ---- invariants

// All that was acknowledged is in the log under its hash; those in flight may be there, the first
// ones first, and one more, whose acknowledgement was lost.
Status Simulation::check_acknowledged() {
  const StateViewPtr view = chain_->view();
  const std::uint64_t head = view->height;
  if (head + 1 < acknowledged_.size()) {
    return broken("acknowledged height " + std::to_string(acknowledged_.size() - 1) +
                  " is lost, the head is " + std::to_string(head));
  }
  if (head > acknowledged_.size() + flight_.size())
    return broken("the log has blocks that were never made");
  for (std::uint64_t height = 0; height < acknowledged_.size(); ++height) {
    auto header = chain_->header(height);
    if (!header.ok()) return header.status();
    if (header->hash() != acknowledged_[height].hash)
      return broken("height " + std::to_string(height) + " is another block than acknowledged");
  }
  if (head >= acknowledged_.size()) return learn_recovered(head);
  auto root = chain_->state_root(view);
  if (!root.ok()) return root.status();
  std::optional<Hash>& known = acknowledged_.back().state_root;
  if (known && *root != *known)
    return broken("recovered another state at height " + std::to_string(head));
  if (!known) {
    known = *root;
    return check_replay();
  }
  return {};
}

Status Simulation::learn_recovered(std::uint64_t head) {
  const std::uint64_t first = acknowledged_.size();
  for (std::uint64_t height = first; height <= head; ++height) {
    auto block = chain_->block(height);
    if (!block.ok()) return block.status();
    const std::uint64_t place = height - first;
    if (place < flight_.size() && flight_[place]->header.hash() != (*block)->header.hash()) {
      return broken("height " + std::to_string(height) +
                    " is another block than the one in flight");
    }
    if (height > 0) ++counts_.recovered_blocks;
    TB_TRY(learn(**block));
  }
  return {};
}

Status Simulation::check_market() {
  auto ledger = query("ledger", "ledger.check");
  if (!ledger.ok()) return ledger.status();
  auto value = parse_json(*ledger);
  if (!value.ok()) return value.status();
  const json::object& sums = value->get_object();
  if (sums.at("ok") != true || sums.at("sum").to_number<std::uint64_t>() != actors_.supply()) {
    return broken("money is not conserved at height " + std::to_string(acknowledged_.size() - 1) +
                  ": " + *ledger);
  }
  auto energy = query("energy", "energy.check");
  return energy.ok() ? Status() : energy.status();
}

Status Simulation::check_replay() {
  if (pruned_) return check_pruned_log();
  ++counts_.replays;
  const ReplayReport report = chain_->replay(one_in(2), nullptr);
  if (!report.ok) return broken("replay differs: " + report.difference);
  if (report.state_root != *acknowledged_.back().state_root)
    return broken("replay ends in another state");
  return {};
}

Result<std::string> Simulation::query(std::string_view plugin, std::string_view method) {
  const auto at = faces_.find(plugin);
  if (at == faces_.end()) return broken("plugin " + std::string(plugin) + " is not in this build");
  FaceHost& face = *at->second;
  if (face.instance() == nullptr && face.create() != TB_OK)
    return broken(std::string(plugin) + ": its face refuses to start");
  const auto& image = *plugins_.image(plugin);
  std::uint32_t index = 0;
  while (index < image.manifest->methods.size() && image.manifest->methods[index].name != method)
    ++index;
  if (index == image.manifest->methods.size()) return broken("no method " + std::string(method));
  ViewContext context(chain_->view(), image.manifest);
  JsonOut result, error;
  const tb_status status = face.face()->query(face.instance(), context.view(), index, nullptr, 0,
                                              result.out(), error.out());
  if (status != TB_OK)
    return broken(std::string(method) + " at height " + std::to_string(acknowledged_.size() - 1) +
                  ": " + error.finish());
  return result.finish();
}

}  // namespace blockd::sim
