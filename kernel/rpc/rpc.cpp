// The Rpc's life: made, configured, told of blocks. Calls come in through http_routes.cpp and
// event_stream.cpp.

#include "kernel/rpc/rpc.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <filesystem>

#include "kernel/chain/kernel_rows.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/manifest/openrpc.hpp"
#include "kernel/rpc/rpc_impl.hpp"
#include "kernel/snapshot/service.hpp"
#include "kernel/storage/space_guard.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxDiscoveries = 16;
constexpr std::uint64_t kMaxIndexedBlocks = 10'000;  // at start
constexpr std::uint64_t kStorageWalkUs =
    10'000'000;  // the data directory is measured at most that often
constexpr std::uint32_t kMinMiningMs = 50;
constexpr std::uint32_t kPumpRetryMs = 20;
constexpr std::size_t kGenerationQueue = 4;  // the newest tells all

Checkpoints::Parts checkpoints_parts(const RpcParts& parts) {
  return {parts.chain, parts.views,   parts.keys.validator,           parts.workers,
          parts.log,   parts.metrics, parts.data_dir + "/checkpoints"};
}

StoreJobsParts store_jobs_parts(const RpcParts& parts) {
  StoreJobsParts out;
  out.chain = parts.chain;
  out.producer = parts.producer;
  out.views = parts.views;
  out.metrics = parts.metrics;
  out.log_disk = parts.log_disk ? parts.log_disk : &system_disk();
  out.data_dir = parts.data_dir;
  out.log_dir = parts.log_dir.empty() ? parts.data_dir + "/chain" : parts.log_dir;
  out.state_dir = parts.config()->text("storage.state_dir");
  if (parts.snapshots) {
    out.pinned = [snapshots = parts.snapshots]() -> std::optional<std::uint64_t> {
      const auto job = snapshots->find();
      return job && job->running() ? std::optional(job->height) : std::nullopt;
    };
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<Rpc>> Rpc::create(RpcParts parts) {
  auto made = std::make_shared<RpcImpl>(std::move(parts));
  TB_TRY(made->init());
  return std::shared_ptr<Rpc>(std::move(made));
}

std::vector<std::shared_ptr<const Manifest>> Rpc::kernel_manifests() {
  return kernel_manifest_list();
}

RpcImpl::RpcImpl(RpcParts parts)
    : parts_(std::move(parts)),
      previews_(*parts_.chain),
      store_jobs_(store_jobs_parts(parts_)),
      checkpoints_(std::make_shared<Checkpoints>(checkpoints_parts(parts_))),
      limiter_(*parts_.clock),
      events_(*parts_.chain,
              [config = parts_.config] { return config()->u64("bus.retain_blocks"); }),
      started_us_(parts_.clock->monotonic_us()),
      gauges_(std::make_shared<Gauges>()) {
  gauges_->rpc = this;
}

RpcImpl::~RpcImpl() {
  std::lock_guard lock(gauges_->mutex);
  gauges_->rpc = nullptr;
}

Status RpcImpl::init() {
  Result<RpcMetrics> metrics = RpcMetrics::declare(*parts_.metrics);
  if (!metrics.ok()) return metrics.status();
  metrics_ = *metrics;
  TB_TRY(store_jobs_.declare());
  TB_TRY(checkpoints_->declare());
  TB_TRY(tls_warnings_.declare(*parts_.metrics));
  running_ = std::make_shared<RunningQueries>(
      *parts_.io, [weak = weak_from_this()](const CallPtr& call, std::uint32_t limit_ms) {
        if (const auto self = weak.lock()) self->too_late(call, limit_ms);
      });
  TB_TRY(configure());
  index_recent_blocks();
  auto generations = parts_.bus->subscribe(
      {kGenerationTopic}, kGenerationQueue,
      [this](std::function<void()> work) { run_later(std::move(work)); },
      [this](const BusMessage&, std::uint64_t) { pump_sessions(); });
  if (!generations.ok()) return generations.status();
  generations_ = *std::move(generations);
  parts_.metrics->on_render([gauges = gauges_] {
    std::lock_guard lock(gauges->mutex);
    if (gauges->rpc) gauges->rpc->update_gauges();
  });
  return {};
}

Status RpcImpl::configure() {
  const std::shared_ptr<const Config> config = parts_.config();
  auto roles = std::make_shared<const RoleTable>(parts_.host->generation()->manifests);
  auto credentials = Credentials::load(*config, parts_.chain->genesis().chain_id,
                                       parts_.keys.op->public_key(), roles, *parts_.clock);
  if (!credentials.ok()) return credentials.status();
  auto next = std::make_shared<Access>();
  next->credentials = *credentials;
  next->hosts = config->list("rpc.allowed_hosts");
  next->origins = config->list("rpc.cors_allow_origins");
  next->exempt_loopback = config->boolean("rpc.exempt_loopback");
  next->telemetry = config->boolean("telemetry.enabled");
  for (const std::string& secret : next->credentials->secrets())
    TB_TRY(parts_.log->add_secret(secret));
  for (const std::string& warning : next->credentials->warnings())
    parts_.log->target("rpc").warn(warning);
  note_tls(*config);
  limiter_.set_limits({config->u64("rpc.tokens_per_sec"), config->u64("rpc.ban_secs") * 1000,
                       config->u64("rpc.client_timeout_secs") * 1000});
  {
    std::lock_guard lock(access_mutex_);
    access_ = next;
  }
  std::vector<std::weak_ptr<ClientSession>> sessions;
  {
    std::lock_guard lock(sessions_mutex_);
    sessions = sessions_;
  }
  for (const auto& weak : sessions) {
    if (auto session = weak.lock()) session->check_credential();
  }
  return {};
}

void RpcImpl::note_tls(const Config& config) {
  const std::vector<TlsWarning> warnings = tls_warnings_of(config);
  for (const TlsWarning& warning : warnings) {
    parts_.log->target("tls").warn(
        "tls_env_warning",
        {{"prefix", warning.prefix}, {"code", warning.code}, {"detail", warning.detail}});
  }
  tls_warnings_.note(warnings, parts_.clock->unix_ms());
}

Status RpcImpl::check(const Config& next) const {
  auto roles = std::make_shared<const RoleTable>(parts_.host->generation()->manifests);
  return Credentials::load(next, parts_.chain->genesis().chain_id, parts_.keys.op->public_key(),
                           roles, *parts_.clock)
      .status();
}

std::shared_ptr<const Access> RpcImpl::access() const {
  std::lock_guard lock(access_mutex_);
  return access_;
}

// tx.status knows what was committed before this start, as far as the index reaches.
void RpcImpl::index_recent_blocks() {
  const std::uint64_t head = parts_.chain->view()->height;
  std::uint64_t first = std::max(parts_.chain->first_height(),
                                 head >= kMaxIndexedBlocks ? head - kMaxIndexedBlocks + 1 : 0);
  // Backwards until the index would be full, then forwards, so that the newest stay.
  std::vector<std::shared_ptr<const BlockRecord>> blocks;
  std::size_t commands = 0;
  for (std::uint64_t h = head + 1; h-- > first && commands < kMaxTransactions;) {
    Result<std::shared_ptr<const BlockRecord>> block = parts_.chain->block(h);
    if (!block.ok()) break;
    commands += (*block)->commands.size();
    if (h == head) events_.set_newest(*block);
    if (!(*block)->commands.empty()) blocks.push_back(*block);
  }
  for (auto it = blocks.rbegin(); it != blocks.rend(); ++it) transactions_.add(**it);
  last_time_ms_.store(parts_.chain->view()->time_ms);
}

void RpcImpl::committed(const std::shared_ptr<const BlockRecord>& block) {
  transactions_.add(*block);
  events_.set_newest(block);
  metrics_.mined->add();
  metrics_.process.blocks->add();
  for (const Step& step : block->steps) {
    if (step.kind != StepKind::kCommand) continue;
    metrics_.plugin_commands->counter({std::string_view(step.plugin), outcome_name(step.outcome)})
        ->add();
    // One that has nothing to say is "{}".
    if (step.outcome == Outcome::kApplied && step.result.empty())
      metrics_.results_dropped->counter({std::string_view(step.plugin)})->add();
  }
  const std::uint64_t before = last_time_ms_.exchange(block->header.time_ms);
  if (before && block->header.time_ms >= before)
    last_block_ms_.store(block->header.time_ms - before);
  {
    std::lock_guard lock(blocks_mutex_);
    ++blocks_seen_;
  }
  blocks_changed_.notify_all();
  pump_sessions();
  note_included(*block);
  checkpoints_->committed(block->header.height);
}

void RpcImpl::watch(const std::shared_ptr<ClientSession>& session) {
  std::lock_guard lock(sessions_mutex_);
  std::erase_if(sessions_, [](const auto& weak) {
    return weak.expired();
  });  // bounded by the connections of the server
  sessions_.push_back(session);
}

void RpcImpl::pump_sessions() {
  std::vector<std::shared_ptr<ClientSession>> open;
  {
    std::lock_guard lock(sessions_mutex_);
    for (const auto& weak : sessions_) {
      if (auto session = weak.lock(); session && session->has_subscriptions())
        open.push_back(std::move(session));
    }
  }
  for (const auto& session : open) session->pump();
}

void RpcImpl::run_later(std::function<void()> work) {
  if (stopping_.load() || parts_.workers->submit(work)) return;
  parts_.io->post_after(kPumpRetryMs,
                        [this, work = std::move(work)]() mutable { run_later(std::move(work)); });
}

bool RpcImpl::wait_for_block(std::uint64_t limit_ms, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  std::unique_lock lock(blocks_mutex_);
  for (;;) {
    const std::uint64_t seen = blocks_seen_;
    lock.unlock();
    if (done()) return true;
    if (stopping_.load()) return false;
    lock.lock();
    if (!blocks_changed_.wait_until(lock, deadline,
                                    [&] { return blocks_seen_ != seen || stopping_.load(); })) {
      lock.unlock();
      return done();
    }
  }
}

void RpcImpl::stopping() {
  stopping_.store(true);
  {
    std::lock_guard lock(blocks_mutex_);
  }  // whoever is about to wait has seen it, or gets the call below
  blocks_changed_.notify_all();
  previews_.stop();
  store_jobs_.stop();
}

void RpcImpl::mine_until(std::uint64_t until_us) {
  mine_until_us_.store(until_us);
  if (until_us == 0 || mining_.exchange(true)) return;
  mine_again();
}

// One block each interval; ends by itself, so that a forgotten start_mining costs a minute of empty
// blocks.
void RpcImpl::mine_again() {
  if (stopping_.load() || parts_.clock->monotonic_us() >= mine_until_us_.load()) {
    mining_.store(false);
    return;
  }
  parts_.producer->cut_now();
  const std::uint64_t interval = parts_.config()->u64("chain.block_interval_ms");
  const auto wait = static_cast<std::uint32_t>(std::max<std::uint64_t>(
      interval ? interval : parts_.config()->u64("chain.empty_block_interval_ms"), kMinMiningMs));
  parts_.io->post_after(wait, [this] { mine_again(); });
}

std::uint64_t RpcImpl::uptime_secs() const {
  return (parts_.clock->monotonic_us() - started_us_) / 1'000'000;
}

bool RpcImpl::is_validator() const {
  const auto& validators = parts_.chain->genesis().validators;
  return parts_.keys.validator &&
         std::any_of(validators.begin(), validators.end(), [&](const Genesis::Validator& v) {
           return v.key == parts_.keys.validator->public_key();
         });
}

std::uint64_t RpcImpl::storage_bytes() {
  std::lock_guard lock(storage_mutex_);
  const std::uint64_t now = parts_.clock->monotonic_us();
  if (storage_at_us_ == 0 || now - storage_at_us_ > kStorageWalkUs) {
    storage_bytes_ = directory_bytes(parts_.data_dir);
    storage_at_us_ = std::max<std::uint64_t>(now, 1);
  }
  return storage_bytes_;
}

std::vector<std::string> RpcImpl::not_ready_reasons() const {
  std::vector<std::string> out;
  if (starting_.load()) out.emplace_back("starting");
  const StateViewPtr view = parts_.chain->view();
  bool migrating = false;
  const Status scanned = view->state->scan(kMigrateRows, {}, 1, [&](BytesView, BytesView) {
    migrating = true;
    return false;
  });
  if (migrating) out.emplace_back("migrating");
  const Status health = parts_.producer->health();
  if (health.code() == Code::kNoSpace) out.emplace_back("storage_full");
  const bool views_failed = parts_.views && parts_.views->health().code() == Code::kIo;
  if (health.code() == Code::kIo || health.code() == Code::kCorrupt || !scanned.ok() ||
      views_failed)
    out.emplace_back("storage_error");
  for (const std::string& id : parts_.host->not_ready()) out.push_back("plugin:" + id);
  if (stopping_.load()) out.emplace_back("stopping");
  return out;
}

std::uint64_t RpcImpl::set_pool_cap(Lane lane, std::uint64_t cap) {
  std::lock_guard lock(caps_mutex_);
  MempoolLimits limits = parts_.producer->pool().limits();
  std::uint32_t& mine = lane == Lane::kService ? limits.service_max : limits.fee_lane_max;
  const std::uint32_t previous = std::exchange(mine, static_cast<std::uint32_t>(cap));
  parts_.producer->set_limits(limits);
  return previous;
}

void RpcImpl::update_gauges() {
  const StateViewPtr view = parts_.chain->view();
  const Mempool::Stats pool = parts_.producer->pool().stats();
  for (int lane = 0; lane < 3; ++lane) {
    metrics_.mempool_size->gauge({lane_name(static_cast<Lane>(lane))})
        ->set(static_cast<double>(pool.size[lane]));
  }
  metrics_.pool_total->set(static_cast<double>(pool.size[0] + pool.size[1] + pool.size[2]));
  metrics_.height->set(static_cast<double>(view->height));
  metrics_.finalized->set(static_cast<double>(finalized_height()));
  metrics_.process.update(view->height - std::min(view->height, finalized_height()));
  metrics_.sync_lag->set(0);  // this node makes the blocks itself
  metrics_.storage_bytes->set(static_cast<double>(storage_bytes()));
  const std::shared_ptr<const Config> config = parts_.config();
  metrics_.storage_capacity->set(static_cast<double>(config->u64("storage.total_limit_bytes")));
  metrics_.block_time->set(static_cast<double>(last_block_ms_.load()));
  metrics_.telemetry.update(parts_.producer->pool(), parts_.producer->comfort_threshold(),
                            parts_.workers->queue_size());
  metrics_.tokens_available->gauge({"min"})->set(
      static_cast<double>(limiter_.fewest_tokens(config->u64("rpc.tokens_per_sec"))));
  for (const MetricSeries* series : metrics_.plugin_info->series()) {
    const auto& v = series->label_values;
    metrics_.plugin_info
        ->gauge({std::string_view(v[0]), std::string_view(v[1]), std::string_view(v[2])})
        ->set(0);
  }
  for (const MetricSeries* series : metrics_.upgrade_ready->series())
    metrics_.upgrade_ready->gauge({std::string_view(series->label_values[0])})->set(0);
  for (MetricFamily* family : {metrics_.migration_rows, metrics_.images_draining}) {
    for (const MetricSeries* series : family->series())
      family->gauge({std::string_view(series->label_values[0])})->set(0);
  }
  metrics_.images_leaked->set(static_cast<double>(leaked_images().size()));
  for (const PluginStatus& plugin : parts_.host->list()) {
    metrics_.plugin_info
        ->gauge({std::string_view(plugin.id), std::string_view(plugin.version),
                 std::string_view(plugin.state)})
        ->set(1);
    metrics_.results_dropped->counter({std::string_view(plugin.id)});  // from 0 on
    metrics_.upgrade_ready->gauge({std::string_view(plugin.id)})
        ->add(plugin.state == "staged" ? 1 : 0);
    if (plugin.migration)
      metrics_.migration_rows->gauge({std::string_view(plugin.id)})
          ->set(static_cast<double>(plugin.migration->rows));
    if (!plugin.held_by.empty())
      metrics_.images_draining->gauge({std::string_view(plugin.id)})->set(1);
  }
}

std::string RpcImpl::discovery(const Call& call) {
  const Generation& generation = *call.plans->generation;
  const RoleTable& roles = call.message->credentials->roles();
  auto visible = [&](const MethodSpec& m) {
    return !m.hidden || call.message->caller.plugin || call.message->caller.may(m.role, roles);
  };
  std::string key = std::to_string(generation.number);
  for (const auto& manifest : generation.manifests) {
    for (const MethodSpec& m : manifest->methods) {
      if (m.hidden && visible(m)) key += "," + m.name;
    }
  }
  std::lock_guard lock(discovery_mutex_);
  if (auto at = discovery_.find(key); at != discovery_.end()) return at->second;
  if (discovery_.size() >= kMaxDiscoveries) discovery_.clear();
  OpenRpcOptions options;
  options.version = parts_.version;
  options.visible = visible;
  return discovery_[key] = json::serialize(openrpc_document(generation.manifests, options));
}

}  // namespace blockd
