#include "kernel/config/kernel_keys.hpp"

#include <algorithm>
#include <iterator>

#include "kernel/config/child_limits.hpp"
#include "kernel/config/config.hpp"

namespace blockd {
namespace {
using T = ConfigType;
constexpr ReloadKind kHot = ReloadKind::kYes;
constexpr ReloadKind kRestart = ReloadKind::kNo;
constexpr ReloadKind kGenesis = ReloadKind::kGenesis;
constexpr std::uint64_t kU32Max = 0xFFFF'FFFF;

// Shorthands for the tables below; `more` fills what is rare.
using Adjust = std::function<void(ConfigKey&)>;

class Table {
 public:
  explicit Table(ConfigSchema& schema) : schema_(schema) {}

  void number(const char* name, std::uint64_t def, std::uint64_t min, std::uint64_t max,
              ReloadKind reload, const char* unit, const char* help, Adjust more = {}) {
    ConfigKey k{.name = name,
                .type = T::kU64,
                .default_value = def,
                .min = json::value(min),
                .max = json::value(max),
                .help = help,
                .unit = unit,
                .reload = reload};
    add(std::move(k), std::move(more));
  }
  void flag(const char* name, bool def, ReloadKind reload, const char* help, Adjust more = {}) {
    add({.name = name, .type = T::kBool, .default_value = def, .help = help, .reload = reload},
        more);
  }
  // `def` null: unset.
  void text(std::string name, const char* def, ReloadKind reload, const char* help,
            Adjust more = {}) {
    ConfigKey k{.name = std::move(name), .type = T::kString, .help = help, .reload = reload};
    if (def != nullptr) k.default_value = json::string(def);
    add(std::move(k), std::move(more));
  }
  void choice(const char* name, const char* def, std::vector<std::string> choices,
              ReloadKind reload, const char* help, Adjust more = {}) {
    add({.name = name,
         .type = T::kString,
         .default_value = json::string(def),
         .choices = std::move(choices),
         .help = help,
         .reload = reload},
        more);
  }
  void texts(const char* name, json::array def, ReloadKind reload, const char* help,
             Adjust more = {}) {
    add({.name = name,
         .type = T::kStringList,
         .default_value = std::move(def),
         .help = help,
         .reload = reload},
        more);
  }
  void structure(const char* name, json::value def, ReloadKind reload, const char* help) {
    const T type = def.is_object() ? T::kMap : T::kList;
    add({.name = name,
         .type = type,
         .default_value = std::move(def),
         .help = help,
         .reload = reload},
        {});
  }
  void decimal(const char* name, double def, double min, double max, ReloadKind reload,
               const char* help) {
    add({.name = name,
         .type = T::kDecimal,
         .default_value = def,
         .min = json::value(min),
         .max = json::value(max),
         .help = help,
         .reload = reload},
        {});
  }

 private:
  void add(ConfigKey key, const Adjust& more) {
    if (more) more(key);
    const Status added = schema_.add(std::move(key));
    TB_ASSERT(added.ok());  // two of our own keys in conflict
  }
  ConfigSchema& schema_;
};

void add_process(Table t) {
  t.text("data_dir", "node-data", kRestart, "Directory of chain, state, keys and generations",
         [](ConfigKey& k) { k.flag = "--data-dir"; });
  t.number("snapshot_interval", 1024, 10, kU32Max, kHot, "blocks",
           "Blocks between automatic snapshots",
           [](ConfigKey& k) { k.flag = "--snapshot-interval"; });
  t.number("snapshot_keep", 5, 1, 10'000, kHot, "files", "Snapshot files that are kept");
  t.text("snapshot_dir", "<data>/snapshots", kRestart, "Directory of snapshot files");
  t.text("snapshot_file", "", kRestart, "Begin from this snapshot where there is no chain yet",
         [](ConfigKey& k) { k.flag = "--snapshot"; });
  t.number("shutdown_timeout_secs", 30, 1, 3600, kHot, "secs",
           "Longest wait for requests in flight at a stop");
  t.text("node.label", "node", kHot, "Label of this node in exported summaries");
  t.text("node.key_hex", nullptr, kRestart, "Seed of the node key, 64 hex digits",
         [](ConfigKey& k) {
           k.min = k.max = json::value(64u);
           k.secret = true;
         });
  // kernel/net/http_server.hpp says what these do. 0: the default.
  const auto ms = [&](const char* key, std::uint64_t def, const char* env, const char* help) {
    t.number(key, def, 0, 60'000, kHot, "ms", help, [env](ConfigKey& k) { k.env = {env}; });
  };
  ms("runtime.reactor_idle_poll_ms", 100, "TB_REACTOR_IDLE_POLL_MS", "Longest sleep of the loop");
  ms("runtime.io_read_backoff_ms", 10, "TB_IO_READ_BACKOFF_MS", "Wait before an unasked read");
  ms("runtime.io_write_backoff_ms", 10, "TB_IO_WRITE_BACKOFF_MS", "Wait before an unasked write");
}

void add_chain(Table t) {
  t.text("chain.profile", "dev", kRestart,
         "Profile of config/profiles that fills what this file leaves open",
         [](ConfigKey& k) { k.flag = "--chain"; });
  t.text("chain.id", "dev", kRestart, "Name of the chain; part of every signed command",
         [](ConfigKey& k) { k.max = json::value(64u); });
  t.choice("chain.network_kind", "testnet", {"testnet", "mainnet", "by_id"}, kRestart,
           "On a mainnet fault switches and seed keys are refused; by_id: a mainnet if chain.id "
           "ends in mainnet");
  t.text("chain.genesis_file", "<data>/genesis.json", kRestart, "Genesis of the chain");
  t.choice("chain.genesis", "create", {"create", "file"}, kRestart,
           "create: made at the first start when there is no file; file: the start is refused "
           "without one");
  t.number("chain.block_interval_ms", 0, 10, 60'000, kHot, "ms",
           "Least time between two blocks; 0 = as soon as there is work", [](ConfigKey& k) {
             k.zero_allowed = true;
             k.aliases = {"chain.block_time_ms"};
           });
  t.number("chain.empty_block_interval_ms", 1000, 1, 86'400'000, kHot, "ms",
           "Time after which an idle chain makes an empty block; 0 = never", [](ConfigKey& k) {
             k.zero_allowed = true;
             k.aliases = {"chain.heartbeat_ms"};
           });
  t.number("chain.epoch_length", 120, 10, 1'000'000, kGenesis, "blocks", "Blocks of an epoch");
  t.number("chain.max_commands_per_block", 10'000, 1, 100'000, kGenesis, "commands",
           "Commands that a block takes");
  t.number("chain.max_block_bytes", 10'485'760, 65'536, 15'728'640, kGenesis, "bytes",
           "Size of a block body");
  t.number("chain.macro_interval_blocks", 1024, 16, 1'000'000, kGenesis, "blocks",
           "Blocks between two macro blocks (1024 or more outside tests)");
  t.choice("chain.authority", "operator", {"operator", "governance"}, kGenesis,
           "Who may change the roster of plugins");
  t.choice("chain.launch_profile", "open", {"open", "gated"}, kGenesis,
           "Whether markets open at once or through the governor's gates",
           [](ConfigKey& k) { k.aliases = {"launch_profile"}; });
  t.number("chain.max_clock_skew_ms", 15'000, 1000, 300'000, kHot, "ms",
           "How far a block's time may be ahead of this clock");
  t.number("chain.history_blocks", 1024, 1024, 100'000'000, kHot, "blocks",
           "Blocks whose deltas stay in the log");
  t.flag("chain.validator", false, kRestart, "Take part in production and votes",
         [](ConfigKey& k) { k.flag = "--validator"; });
  t.text("chain.validator_key", nullptr, kRestart,
         "Key file of the validator; else the node key votes");
  t.text("chain.validator_key_next", nullptr, kRestart,
         "Key file to sign with from the epoch in which it is in the set");
  t.choice("order.provider", "order-solo", {"order-solo", "order-etcd", "solo", "etcd"}, kRestart,
           "Who orders the log");
  t.structure("chain.genesis_params", json::object(), kGenesis,
              "Governance parameters of a genesis made here: key -> value");
  t.text("operator.key_file", "<data>/keys/operator.key", kHot,
         "Key that signs unsigned calls of the role operator");
  t.structure("operator.role_keys", json::object(), kHot, "Role -> key file, for the other roles");
}

void add_storage(Table t) {
  t.text("storage.state_dir", "<data>/state", kRestart, "Directory of the state",
         [](ConfigKey& k) { k.flag = "--db-path"; });
  t.choice("storage.default_engine", "inhouse", {"inhouse", "leveldb", "rocksdb", "sled", "memory"},
           kRestart, "Engine of the stores; inhouse, rocksdb and sled are names for leveldb");
  t.structure("storage.overrides", json::object(), kRestart, "Store -> engine");
  t.number("storage.limit_bytes", 0, 0, UINT64_MAX, kHot, "bytes", "Bound of one store; 0 = off",
           [](ConfigKey& k) { k.env = {"TB_SIMPLE_DB_LIMIT_BYTES"}; });
  t.number("storage.total_limit_bytes", 0, 0, UINT64_MAX, kHot, "bytes",
           "Bound of all stores; 0 = off");
  t.number("storage.reserve_bytes", 8u << 20, 0, UINT64_MAX, kHot, "bytes",
           "Free space on the file system that is left alone; 0 = none");
  t.flag("storage.pruning", false, kHot, "Whether `maintenance prune` may remove bodies of blocks");
  t.number("storage.prune_keep_blocks", 10'000, 1000, 100'000'000, kHot, "blocks",
           "Newest blocks whose bodies are never pruned");
  t.number("storage.cache_mb", 128, 8, 65'536, kRestart, "MiB",
           "Block cache, shared by the stores");
  t.number("storage.write_buffer_mb", 64, 1, 4096, kRestart, "MiB", "Write buffer of a store");
  t.number("storage.max_open_files", 10'000, 64, 1'000'000, kRestart, "files",
           "Open table files of a store");
  t.flag("storage.compression", true, kRestart, "Compress tables");
  t.flag("storage.verify_state", false, kRestart, "Compute the state root at start and compare",
         [](ConfigKey& k) { k.flag = "--verify-state"; });
}

void add_plugins(Table t) {
  t.texts("plugins.dir", {"plugins"}, kHot,
          "Directories that are searched for libraries, in order");
  t.structure(
      "plugins.load", json::array(), kHot,
      "Ids, or {id, file, required, isolation, enabled, memory_mb, step_ms, cpu_percent}, in "
      "any order; the host sorts by dependencies");
  t.choice("plugins.signatures", "warn", {"off", "warn", "enforce"}, kHot,
           "What an unsigned library means");
  t.text("plugins.signers_file", "config/release_signers.txt", kHot, "Keys whose signatures count",
         [](ConfigKey& k) { k.env = {"TB_RELEASE_SIGNERS_FILE"}; });
  t.text("release.signers", "", kGenesis,
         "Keys of release signers for a genesis made here; empty: those of plugins.signers_file",
         [](ConfigKey& k) { k.env = {"TB_RELEASE_SIGNERS"}; });
  t.flag("release.enforce", false, kRestart,
         "Start only if this executable is a release that governance approved");
  t.flag("plugins.require_approved_release", false, kHot,
         "Only libraries of a release that governance approved");
  t.structure("plugins.min_version", json::object(), kHot, "Plugin id -> least version");
  const auto& [memory, step, cpu] = kChildLimits;
  t.number("plugins.child_memory_mb", 512, memory.least, memory.most, kRestart, "MiB",
           "Memory that the process of a plugin with isolation: process may take");
  t.number("plugins.child_step_ms", 5000, step.least, step.most, kRestart, "ms",
           "Time that such a process may think about one call before it is ended");
  t.number(
      "plugins.child_cpu_percent", 0, cpu.least, cpu.most, kRestart, "%",
      "Share of one core, over two seconds, beyond which such a process is ended; 0: no limit");
  t.text("plugins.store", "<data>/plugins", kRestart, "Where images that executed blocks are kept");
}

void add_mempool(Table t) {
  t.number("mempool.max", 1024, 1, 10'000'000, kHot, "commands", "Commands of one fee lane");
  t.number("mempool.ttl_secs", 1800, 1, 604'800, kHot, "secs",
           "Age at which a command of a fee lane is dropped");
  t.number("mempool.account_cap", 16, 1, 100'000, kHot, "commands",
           "Pending commands of one account in the fee lanes");
  t.number("mempool.min_fee_per_byte", 1, 0, UINT64_MAX, kHot, "",
           "Least fee per byte in the fee lanes",
           [](ConfigKey& k) { k.env = {"TB_MIN_FEE_PER_BYTE"}; });
  t.number("mempool.min_fee_per_byte_consumer", 0, 0, UINT64_MAX, kHot, "",
           "As min_fee_per_byte, for this lane alone", [](ConfigKey& k) {
             k.default_value = nullptr;
             k.env = {"TB_MIN_FEE_PER_BYTE_CONSUMER"};
           });
  t.number("mempool.min_fee_per_byte_industrial", 0, 0, UINT64_MAX, kHot, "",
           "As min_fee_per_byte, for this lane alone", [](ConfigKey& k) {
             k.default_value = nullptr;
             k.env = {"TB_MIN_FEE_PER_BYTE_INDUSTRIAL"};
           });
  t.number("mempool.comfort_threshold_p90", 0, 0, UINT64_MAX, kHot, "",
           "Fees of the consumer lane (90th percentile) above which the industrial lane waits; 0 = "
           "never; unset: the parameter consumer_fee_comfort_p90_microunits",
           [](ConfigKey& k) {
             k.default_value = nullptr;
             k.env = {"TB_COMFORT_THRESHOLD_P90"};
           });
  t.number("mempool.purge_interval_secs", 0, 0, 86'400, kHot, "secs",
           "Time between sweeps; 0 = off", [](ConfigKey& k) {
             k.env = {"TB_PURGE_LOOP_SECS"};
             k.flag = "--mempool-purge-interval";
           });
  t.number("mempool.service_max", 100'000, 1, 10'000'000, kHot, "commands",
           "Commands of the service lane", [](ConfigKey& k) { k.aliases = {"mempool.max_size"}; });
  t.number("mempool.service_ttl_ms", 86'400'000, 1000, 604'800'000, kHot, "ms",
           "Age at which a command of the service lane is dropped",
           [](ConfigKey& k) { k.aliases = {"mempool.ttl_ms"}; });
  t.number("mempool.service_account_cap", 1024, 1, 1'000'000, kHot, "commands",
           "Pending commands of one account in the service lane");
  t.number("mempool.service_min_fee_per_byte", 0, 0, UINT64_MAX, kHot, "",
           "Least fee per byte in the service lane");
  t.flag("mempool.service_requires_account", false, kHot,
         "Only accounts that exist may use the service lane");
  t.number("mempool.max_bytes", 268'435'456, 1'048'576, 1ull << 40, kHot, "bytes",
           "All lanes together");
  t.number("mempool.rebroadcast_ms", 30'000, 1000, 3'600'000, kHot, "ms",
           "Time after which a pending command is sent to peers again");
}

void add_scripts(Table t) {
  t.texts("lua.local", {}, kHot, "Scripts of this node alone, called at admission and at commits",
          [](ConfigKey& k) { k.max = json::value(16u); });
}

void add_rpc(Table t) {
  t.text("rpc.socket", "<data>/rpc.sock", kHot, "Local socket, or off",
         [](ConfigKey& k) { k.flag = "--rpc-socket"; });
  t.text("rpc.socket_group", nullptr, kHot, "Group that may use the local socket as operator");
  t.choice("rpc.loopback_role", "operator", {"open", "read", "operator"}, kHot,
           "Role of a TCP caller from this host without credential");
  t.text("rpc.auth_token", nullptr, kHot, "Token that every call must carry; role operator",
         [](ConfigKey& k) {
           k.min = json::value(16u);
           k.max = json::value(4096u);
           k.secret = true;
         });
  t.text("rpc.admin_token_file", "secrets/admin.token", kHot,
         "File with the token of the role admin");
  for (const char* role : {"provider", "oracle", "admin"}) {
    const std::string name = std::string("rpc.energy_") + role + "_token_file";
    const std::string file = std::string("secrets/energy_") + role + ".token";
    t.text(name, file.c_str(), kHot, "File with the token of this energy role");
  }
  t.text("rpc.tokens_file", "secrets/tokens.yaml", kHot, "Listed tokens: id, hash, roles, expiry");
  t.structure("rpc.token_keys", json::array(), kHot, "Keys that may sign tokens: {key, roles}");
  t.texts("rpc.revoked_tokens", {}, kHot, "Ids of tokens that no longer count");
  t.structure("rpc.client_roles", json::array(), kHot,
              "Client certificates: {fingerprint | subject, role}");
  t.texts("rpc.allowed_hosts", {"127.0.0.1", "localhost", "[::1]"}, kHot,
          "Values of the Host header that are served");
  t.texts("rpc.cors_allow_origins", {}, kHot, "Origins that browsers may call from",
          [](ConfigKey& k) { k.env = {"TB_RPC_ALLOWED_ORIGINS"}; });
  t.number("rpc.max_body_bytes", 1'048'576, 1024, 67'108'864, kHot, "bytes", "Body of a request");
  t.number("rpc.max_head_bytes", 16'384, 1024, 1'048'576, kHot, "bytes", "Head of a request");
  t.number("rpc.request_timeout_ms", 5000, 100, 600'000, kHot, "ms", "Time that a call may take");
  t.number("rpc.header_timeout_ms", 10'000, 100, 600'000, kHot, "ms",
           "Time in which the head must have arrived");
  t.number("rpc.keep_alive_ms", 90'000, 1000, 3'600'000, kHot, "ms", "Life of an idle connection");
  t.number("rpc.max_batch", 100, 1, 10'000, kHot, "calls", "Calls of one batch");
  t.number("rpc.max_in_flight", 1024, 1, 1'000'000, kHot, "calls",
           "Calls that are worked on at the same time");
  t.number("rpc.max_connections", 4096, 1, 1'000'000, kHot, "connections", "Open connections");
  t.number("rpc.max_connections_per_ip", 256, 1, 1'000'000, kHot, "connections",
           "Open connections of one address");
  t.number("rpc.ws_queue", 1000, 1, 1'000'000, kHot, "messages",
           "Messages that wait for a slow WebSocket client");
  t.number("rpc.ws_max_frame_bytes", 1'048'576, 1024, 67'108'864, kHot, "bytes",
           "Message from a WebSocket client");
  t.flag("rpc.exempt_loopback", false, kHot, "No rate limit for callers from this host");
  t.flag("rpc.relay_only", false, kHot, "No block production",
         [](ConfigKey& k) { k.flag = "--relay-only"; });
  t.flag("rpc.enable_debug", false, kHot, "Serve debug methods");
  t.number("rpc.tokens_per_sec", 100, 1, 1'000'000, kHot, "calls/s",
           "Rate and burst of one client address");
  t.number("rpc.ban_secs", 60, 0, 86'400, kHot, "secs", "Ban after an empty bucket; 0 = none");
  t.number("rpc.client_timeout_secs", 300, 1, 86'400, kHot, "secs",
           "After which an idle client's bucket is forgotten");
}

void add_listeners(Table t) {
  t.texts("listeners.rpc", {"127.0.0.1:8545"}, kHot, "JSON-RPC, WebSockets, console; off = none",
          [](ConfigKey& k) {
            k.env = {"TB_RPC_ADDR"};
            k.flag = "--rpc-addr";
            k.off_allowed = true;
          });
  t.texts("listeners.metrics", {"127.0.0.1:26658"}, kHot,
          "GET /metrics and the same JSON-RPC; off = none", [](ConfigKey& k) {
            k.env = {"TB_METRICS_ADDR"};
            k.flag = "--metrics-addr";
            k.off_allowed = true;
          });
  t.texts("listeners.status", {"127.0.0.1:8080"}, kHot, "Status API; off = none", [](ConfigKey& k) {
    k.env = {"TB_STATUS_ADDR"};
    k.flag = "--status-addr";
    k.off_allowed = true;
  });
  const auto off = [](ConfigKey& k) { k.off_allowed = true; };
  t.texts("listeners.gateway", {"0.0.0.0:9000"}, kHot,
          "Bound only when the plugin gateway runs; off = none", [](ConfigKey& k) {
            k.env = {"TB_GATEWAY_LISTEN"};
            k.off_allowed = true;
          });
  t.texts("listeners.aggregator", {"127.0.0.1:9010"}, kHot,
          "Bound only when the plugin aggregator runs; off = none", off);
  t.texts("listeners.explorer", {"127.0.0.1:3001"}, kHot,
          "Bound only when the plugin explorer runs; off = none", off);
  t.texts("listeners.storage", {"127.0.0.1:9020"}, kHot,
          "Bound only when the plugin storage runs; off = none", off);
  t.texts("telemetry.extra_listen", {}, kHot, "A second metrics listener; off = none", off);
  t.flag("telemetry.enabled", true, kHot, "Serve /metrics", [](ConfigKey& k) {
    k.env = {"TB_ENABLE_TELEMETRY"};
    k.flag = "--telemetry";
  });
  t.decimal("telemetry.sample_rate", 1.0, 0.0, 1.0, kHot, "Share of events that histograms see");
  t.number("telemetry.compaction_secs", 60, 1, 86'400, kHot, "secs",
           "Time between compactions of kept summaries");
}

// Sections tls.<part> are the variables TB_<PART>_TLS_*.
void add_tls(Table t) {
  for (const char* part : {"node", "rpc", "http", "status", "gateway", "aggregator"}) {
    const std::string section = std::string("tls.") + part + ".";
    const std::string prefix = derived_variable(part) + "_TLS_";
    auto path = [&](const char* name, const char* variable, const char* help) {
      t.text(section + name, nullptr, kHot, help,
             [&](ConfigKey& k) { k.env = {prefix + variable}; });
    };
    path("cert", "CERT", "Certificate chain, PEM; needs the key");
    path("key", "KEY", "Private key, PEM; needs the certificate");
    path("client_ca", "CLIENT_CA", "Clients must show a certificate of this authority");
    path("client_ca_optional", "CLIENT_CA_OPTIONAL",
         "Clients may show a certificate of this authority");
    path("ca", "CA", "As a client: trust this authority");
  }
  t.number("tls.handshake_timeout_ms", 10'000, 100, 600'000, kHot, "ms",
           "Time that a handshake may take");
}

// The part of the network's keys that profiles and the listeners need.
void add_net(Table t) {
  t.text("net.listen", "0.0.0.0:8001", kHot, "Peers, TCP and UDP; off = dial only",
         [](ConfigKey& k) {
           k.env = {"TB_P2P_ADDR"};
           k.flag = "--p2p";
         });
  t.texts("net.advertise", {}, kHot, "Addresses that peers are told",
          [](ConfigKey& k) { k.env = {"TB_P2P_ADVERTISE"}; });
  t.text("net.key_path", "~/.the_block/net_key", kRestart, "Key of this node among its peers");
  t.texts("net.bootstrap_peers", {}, kHot, "Peers that are dialled at start",
          [](ConfigKey& k) { k.env = {"TB_BOOTSTRAP_PEERS"}; });
  t.number("net.max_peers", 50, 1, 1000, kHot, "peers", "Active peers");
  t.number("net.min_peers", 0, 0, 1000, kHot, "peers", "Below it peers are dialled from the store");
}

void add_log_and_bus(Table t) {
  t.choice("log.format", "plain", {"plain", "json"}, kHot, "How a line looks",
           [](ConfigKey& k) { k.flag = "--log-format"; });
  t.text("log.level", "info,mempool=debug,storage=warn", kHot, "level[,target=level]…",
         [](ConfigKey& k) {
           k.env = {"TB_LOG"};
           k.flag = "--log-level";
         });
  t.text("log.file", "logs/node.log", kRestart, "Log file; off = none",
         [](ConfigKey& k) { k.flag = "--log-file"; });
  t.text("log.index", "", kRestart,
         "Folder of the searchable log, kept for 7 days; off = none; <data>/logs.db when empty",
         [](ConfigKey& k) {
           k.env = {"TB_LOG_DB_PATH", "TB_LOG_STORE_PATH"};
         });
  t.number("log.max_file_bytes", 100ull << 20, 4096, 1ull << 40, kRestart, "bytes",
           "Size at which the file rotates");
  t.number("log.max_files", 7, 1, 1000, kRestart, "files",
           "Files that are kept, the present one included");
  t.number("log.lines_per_second", 100, 0, 1'000'000, kRestart, "lines/s",
           "Bound of one target; 0 = none");
  t.number("log.queue", 8192, 64, 1'000'000, kRestart, "lines", "Lines that wait for the disk");
  t.choice("config.watch", "auto", {"auto", "inotify", "poll"}, kHot,
           "How changes of the file are noticed");
  t.number("config.watch_poll_ms", 250, 10, 3'600'000, kHot, "ms",
           "Time between looks when inotify is not available");
  t.number("bus.retain_blocks", 10'000, 1, 1'000'000'000, kHot, "blocks",
           "How far back in the log a cursor may begin");
  t.number("bus.queue", 1024, 1, 65'536, kHot, "messages",
           "Messages that wait for one subscriber of an ephemeral topic");
  t.number("bus.max_subscribers", 4096, 1, 4096, kHot, "subscribers",
           "Subscribers at the same time");
}

// The mock energy oracle answers on 8080 itself; a node beside it moves its status listener.
std::optional<json::value> status_beside_oracle(const Config& c) {
  Result<std::vector<PluginLoad>> list = parse_plugin_list(c.get("plugins.load"));
  if (!list.ok()) return std::nullopt;
  for (const PluginLoad& p : *list) {
    if (p.enabled && p.id == "mock-oracle") return json::value(json::array{"127.0.0.1:8082"});
  }
  return std::nullopt;
}

}  // namespace

void add_kernel_keys(ConfigSchema& schema) {
  Table table(schema);
  add_process(table);
  add_chain(table);
  add_storage(table);
  add_plugins(table);
  add_mempool(table);
  add_scripts(table);
  add_rpc(table);
  add_listeners(table);
  add_tls(table);
  add_net(table);
  add_log_and_bus(table);
  add_kernel_rules(schema);
  schema.add_default("listeners.status", status_beside_oracle);
  for (const char* name : {"TB_CONFIG",
                           "TB_HOME",
                           "TB_LANG",
                           "TB_COLOR",
                           "TB_NO_COLOR",
                           "TB_RPC_ENDPOINT",
                           "TB_RPC_TIMEOUT_MS",
                           "TB_RPC_TIMEOUT_JITTER_MS",
                           "TB_RPC_MAX_RETRIES",
                           "TB_RPC_FAULT_RATE",
                           "TB_HTTP_PLAIN",
                           "TB_HTTP_DEBUG",
                           "TB_RPC_DEBUG",
                           "TB_WALLET_SCHEME",
                           "TB_WALLET_PASSWORD_FILE",
                           "TB_GATEWAY_URL",
                           "TB_AGGREGATOR_URL",
                           "TB_NODE_TLS_INSECURE",
                           "TB_RPC_TLS_INSECURE",
                           "TB_HTTP_TLS_INSECURE",
                           "TB_BENCH_*",
                           "TB_TEST_*",
                           "TB_SIM_SEED",
                           "TB_PROP_SEED",
                           "TB_FUZZ_ITERS"}) {
    schema.add_known_variable(name);
  }
}

bool is_mainnet(const Config& config) {
  const std::string kind = config.text("chain.network_kind");
  return kind == "mainnet" || (kind == "by_id" && config.text("chain.id").ends_with("mainnet"));
}

}  // namespace blockd
