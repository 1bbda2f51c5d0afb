// What the configuration means for the parts of the node, at the start and at each new generation.

#include <algorithm>
#include <filesystem>

#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/blockd/node_impl.hpp"
#include "kernel/programs/blockd/places.hpp"
#include "kernel/programs/blockd/plugin_check.hpp"
#include "kernel/programs/blockd/plugin_config.hpp"
#include "kernel/programs/blockd/release_check.hpp"

namespace blockd {

Result<LoadRules> NodeImpl::load_rules(const Config& c) const {
  Result<LoadRules> made = plugin_rules(c);
  if (!made.ok()) return made;
  LoadRules& rules = *made;
  rules.store_dir = c.text("plugins.store");
  rules.probe_program = program_;
  // While the node starts nobody can be asked: check_releases looks at those libraries.
  rules.admit = [this](std::string_view id, const Hash& file) {
    const bool asks = rpc_ && config()->boolean("plugins.require_approved_release");
    return asks ? check_approved(*rpc_, file, id) : Status();
  };
  return made;
}

// Ids of the configuration, with the file of each as places.hpp finds it.
std::vector<PluginRequest> NodeImpl::plugin_requests(const Config& c) const {
  const std::string program_dir = std::filesystem::path(program_).parent_path().string();
  std::vector<PluginRequest> out;
  for (const PluginLoad& wanted : plugins_to_load(c)) {
    if (!flags_.plugins.empty() &&
        std::find(flags_.plugins.begin(), flags_.plugins.end(), wanted.id) == flags_.plugins.end())
      continue;
    if (std::find(flags_.no_plugins.begin(), flags_.no_plugins.end(), wanted.id) !=
        flags_.no_plugins.end())
      continue;
    out.push_back({wanted.id,
                   plugin_file(c, program_dir, wanted),
                   wanted.required,
                   wanted.enabled,
                   wanted.isolated,
                   {wanted.memory_mb, wanted.step_ms, wanted.cpu_percent}});
  }
  return out;
}

MempoolLimits NodeImpl::mempool_limits(const Config& c) const {
  MempoolLimits limits;
  limits.fee_lane_max = static_cast<std::uint32_t>(c.u64("mempool.max"));
  limits.service_max = static_cast<std::uint32_t>(c.u64("mempool.service_max"));
  limits.fee_account_cap = static_cast<std::uint32_t>(c.u64("mempool.account_cap"));
  limits.service_account_cap = static_cast<std::uint32_t>(c.u64("mempool.service_account_cap"));
  limits.fee_ttl_ms = c.u64("mempool.ttl_secs") * 1000;
  limits.service_ttl_ms = c.u64("mempool.service_ttl_ms");
  limits.min_fee_per_byte = c.u64("mempool.min_fee_per_byte");
  limits.service_min_fee_per_byte = c.u64("mempool.service_min_fee_per_byte");
  limits.service_requires_account = c.boolean("mempool.service_requires_account");
  limits.max_bytes = c.u64("mempool.max_bytes");
  if (c.has("mempool.min_fee_per_byte_consumer"))
    limits.min_fee_per_byte_consumer = c.u64("mempool.min_fee_per_byte_consumer");
  if (c.has("mempool.min_fee_per_byte_industrial"))
    limits.min_fee_per_byte_industrial = c.u64("mempool.min_fee_per_byte_industrial");
  limits.comfort_p90.reset();
  if (c.has("mempool.comfort_threshold_p90"))
    limits.comfort_p90 = c.u64("mempool.comfort_threshold_p90");
  return limits;
}

ProducerOptions NodeImpl::producer_options(const Config& c) const {
  ProducerOptions options;
  options.block_interval_ms = c.u64("chain.block_interval_ms");
  options.empty_block_interval_ms = c.u64("chain.empty_block_interval_ms");
  return options;
}

HttpLimits NodeImpl::http_limits(const Config& c) const {
  HttpLimits limits;
  limits.head_bytes = static_cast<std::uint32_t>(c.u64("rpc.max_head_bytes"));
  limits.body_bytes = c.u64("rpc.max_body_bytes");
  limits.header_timeout_ms = static_cast<std::uint32_t>(c.u64("rpc.header_timeout_ms"));
  limits.body_timeout_ms = static_cast<std::uint32_t>(c.u64("rpc.header_timeout_ms"));
  limits.keep_alive_ms = static_cast<std::uint32_t>(c.u64("rpc.keep_alive_ms"));
  limits.handshake_timeout_ms = static_cast<std::uint32_t>(c.u64("tls.handshake_timeout_ms"));
  limits.connections = static_cast<std::uint32_t>(c.u64("rpc.max_connections"));
  limits.connections_per_ip = static_cast<std::uint32_t>(c.u64("rpc.max_connections_per_ip"));
  limits.requests_in_work = static_cast<std::uint32_t>(c.u64("rpc.max_in_flight"));
  limits.ws_queue_messages = static_cast<std::uint32_t>(c.u64("rpc.ws_queue"));
  limits.ws_message_bytes = c.u64("rpc.ws_max_frame_bytes");
  limits.keys = {.head_bytes = "rpc.max_head_bytes",
                 .body_bytes = "rpc.max_body_bytes",
                 .header_timeout_ms = "rpc.header_timeout_ms",
                 .body_timeout_ms = "rpc.header_timeout_ms",
                 .connections = "rpc.max_connections",
                 .connections_per_ip = "rpc.max_connections_per_ip",
                 .requests_in_work = "rpc.max_in_flight"};
  // 0: the default.
  const auto runtime_ms = [&](std::string_view key, std::uint32_t otherwise) {
    const auto set = static_cast<std::uint32_t>(c.u64(key));
    return set == 0 ? otherwise : set;
  };
  limits.idle_poll_ms = runtime_ms("runtime.reactor_idle_poll_ms", limits.idle_poll_ms);
  limits.read_backoff_ms = runtime_ms("runtime.io_read_backoff_ms", limits.read_backoff_ms);
  limits.write_backoff_ms = runtime_ms("runtime.io_write_backoff_ms", limits.write_backoff_ms);
  return limits;
}

namespace {

// The first of the TLS sections in `order` that has anything set (node-and-cli spec 5.4).
std::optional<TlsServerConfig> tls_of(const Config& c,
                                      std::initializer_list<std::string_view> order) {
  for (const std::string_view part : order) {
    const std::string section = "tls." + std::string(part) + ".";
    const std::string cert = c.text(section + "cert"), key = c.text(section + "key");
    const std::string ca = c.text(section + "client_ca"),
                      optional_ca = c.text(section + "client_ca_optional");
    if (cert.empty() && key.empty() && ca.empty() && optional_ca.empty()) continue;
    TlsServerConfig tls;
    tls.cert_file = cert;
    tls.key_file = key;
    tls.client_ca_file = ca.empty() ? optional_ca : ca;
    tls.client_cert_required = !ca.empty();
    return tls;
  }
  return std::nullopt;
}

}  // namespace

std::vector<ListenerConfig> NodeImpl::listeners(const Config& c, const Manifests& manifests) const {
  std::vector<ListenerConfig> out;
  auto add = [&](const std::string& name, std::vector<std::string> addresses,
                 std::optional<TlsServerConfig> tls) {
    if (addresses.empty()) return;
    ListenerConfig listener;
    listener.name = name;
    listener.addresses = std::move(addresses);
    listener.handler = rpc_;
    listener.tls = std::move(tls);
    out.push_back(std::move(listener));
  };
  add("rpc", c.list("listeners.rpc"), tls_of(c, {"rpc", "node", "http"}));
  add("metrics", c.list("listeners.metrics"), tls_of(c, {"rpc", "node", "http"}));
  add("status", c.list("listeners.status"), tls_of(c, {"status", "node", "http"}));
  add("telemetry", c.list("telemetry.extra_listen"), std::nullopt);
  if (const std::string socket = c.text("rpc.socket"); !socket.empty() && socket != "off") {
    ListenerConfig listener;
    listener.name = "socket";
    listener.addresses = {"unix:" + socket};
    listener.handler = rpc_;
    listener.unix_group = c.text("rpc.socket_group");
    listener.unix_mode = listener.unix_group.empty() ? 0600 : 0660;
    out.push_back(std::move(listener));
  }
  // A plugin whose routes name its own id as listener says in its key `listen` where that is.
  for (const auto& manifest : manifests) {
    const Manifest& m = *manifest;
    const bool own = std::any_of(m.http.begin(), m.http.end(),
                                 [&](const HttpRoute& r) { return r.listener == m.id; });
    const std::string key = plugin_config_key(m, "listen");
    if (!own || !c.schema().find(key)) continue;
    if (const std::string address = c.text(key); !address.empty() && address != "off")
      add(m.id, {address}, std::nullopt);
  }
  return out;
}

void NodeImpl::apply_config(const std::shared_ptr<const Config>& now,
                            const std::vector<std::string>& changed) {
  const LogTarget log = log_->target("config");
  if (Result<LogLevels> levels = LogLevels::parse(now->text("log.level")); levels.ok())
    log_->set_levels(*levels);
  log_->set_json(now->text("log.format") == "json");
  for (const std::string& secret : now->secrets()) (void)log_->add_secret(secret);
  stores_->configure(*now);
  producer_->set_options(producer_options(*now));
  producer_->set_limits(mempool_limits(*now));
  if (snapshots_) snapshots_->configure(snapshot_settings(*now));
  local_scripts_->install();
  server_->set_limits(http_limits(*now));
  host_->on_config_changed(changed);
  std::string list;
  for (const std::string& key : changed) list += (list.empty() ? "" : ",") + key;
  log.info("config_reload_ok", {{"changed", list}});
}

// On a solo chain whose operator may change the roster, a plugin that the configuration newly names
// is installed through the log.
void NodeImpl::install_new_plugins() {
  if (chain_->genesis().authority != "operator") return;
  const StateViewPtr view = chain_->view();
  const GenerationPtr generation = host_->generation();
  for (const RosterEntry& entry : host_->genesis_roster()) {
    if (view->machines->find(entry.id)) continue;
    install_plugin(entry, manifest_in(generation->manifests, entry.id).get());
  }
}

// A plugin that begins with the rows of its mirror comes behind them, or not at all.
void NodeImpl::install_plugin(const RosterEntry& entry, const Manifest* manifest) {
  const std::string done = "plugin installed through the log";
  std::optional<NodeMirrors::Place> place;
  if (manifest != nullptr) place = mirrors_->place_ahead(entry, *manifest);
  if (!place) {
    send_roster_wish(entry, "active", done);
    return;
  }
  const LogTarget log = log_->target("mirror");
  const bool taken = workers_->submit([this, entry, place = *place, done, log] {
    if (const Status imported = mirrors_->import_ahead(place); imported.ok()) {
      send_roster_wish(entry, "active", done);
    } else {
      log.error("plugin not installed",
                {{"plugin", entry.id}, {"reason", imported.message()}, {"hint", imported.hint()}});
    }
  });
  if (!taken)
    log.error("plugin not installed", {{"plugin", entry.id}, {"reason", "all workers are taken"}});
}

void NodeImpl::send_roster_wish(const RosterEntry& entry, std::string_view status,
                                const std::string& done) {
  json::object params;
  params["id"] = entry.id;
  params["sm"] = entry.sm;
  params["schema"] = entry.schema;
  params["consensus_hash"] = to_hex(entry.consensus_hash);
  params["first_height"] = 0;
  params["status"] = status;
  const LogTarget log = log_->target("host");
  auto refusal = producer_->submit_own(
      *keys_.op, "chain.set_plugin", params, "configuration",
      [log, id = entry.id, done](const CommandResult& result) {
        if (result.refusal || result.outcome != Outcome::kApplied) {
          log.error(
              "roster not changed",
              {{"plugin", id}, {"reason", result.refusal ? result.refusal->message : result.text}});
        } else {
          log.info(done, {{"plugin", id}, {"height", result.height}});
        }
      });
  if (refusal)
    log.error("roster not changed", {{"plugin", entry.id}, {"reason", refusal->message}});
}

std::string NodeImpl::greeting() const {
  const std::shared_ptr<const Config> c = config();
  auto url = [&](const char* listener, const char* path) {
    const std::vector<std::string> bound = server_->bound_addresses(listener);
    const char* own = listener == std::string_view("status") ? "status" : "rpc";
    const char* scheme = tls_of(*c, {own, "node", "http"}) ? "https://" : "http://";
    return bound.empty() ? std::string("off") : scheme + bound.front() + path;
  };
  std::string plugins;
  for (const PluginStatus& p : host_->list()) {
    plugins +=
        (plugins.empty() ? "" : ", ") + p.id + (p.state == "running" ? "" : " (" + p.state + ")");
  }
  std::string out = "blockd " TB_VERSION " is ready on chain '" + chain_->genesis().chain_id +
                    "' at height " + std::to_string(chain_->view()->height) + "\n";
  out += "  plugins   " + plugins + "\n";
  out += "  JSON-RPC  " + url("rpc", "/") + "\n";
  out += "  console   " + url("rpc", "/console/") + "\n";
  out += "  metrics   " + url("metrics", "/metrics") + "\n";
  out += "  status    " + url("status", "/v1/status") + "\n";
  out += "  data      " + data_dir_ + "   (log: " + config()->text("log.file") + ")\n";
  out += "  operator  " + address_of(keys_.op->public_key()) + "\n";
  out += "  next      contract-cli top, contract-cli doctor, contract-cli help\n";
  return out;
}

}  // namespace blockd
