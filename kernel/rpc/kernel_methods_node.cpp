// node.*, consensus.status, whoami, metrics, rpc.discover, mining on demand.

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "kernel/base/address.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kMiningUs = 60'000'000;  // start_mining ends by itself
constexpr std::uint64_t kLateBlocks = 5;  // empty intervals without a block: something is down

using Answer = std::optional<RpcError>;

json::object pool_sizes(const Mempool::Stats& pool) {
  return {{"consumer", pool.size[0]}, {"industrial", pool.size[1]}, {"service", pool.size[2]}};
}

// Also where the file was replaced after the start: the system keeps the one that runs.
Result<Hash> hash_of_program() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  std::vector<char> buffer(1u << 20);
  Blake3 hasher;
  while (file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    hasher.update(BytesView(buffer.data(), static_cast<std::size_t>(file.gcount())));
  }
  if (!file.eof()) return Status(Code::kIo, "/proc/self/exe cannot be read");
  return hasher.finish();
}

// What runs here, by hash: the program, and each library as it was loaded.
Answer node_provenance(RpcImpl& rpc, const Call&, std::string* result) {
  const RpcParts& p = rpc.parts();
  const Result<Hash> program = hash_of_program();
  if (!program.ok()) return from_status(program.status());
  std::error_code gone;
  const std::string file = std::filesystem::read_symlink("/proc/self/exe", gone).string();
  json::array plugins;
  for (const PluginStatus& s : p.host->list()) {
    if (s.blake3.empty()) continue;  // its library was never loaded
    plugins.push_back(json::object{{"id", s.id},
                                   {"version", s.version},
                                   {"sm", s.sm},
                                   {"state", s.state},
                                   {"file", s.file},
                                   {"blake3", s.blake3},
                                   {"signature", s.signature}});
  }
  *result = to_text(json::object{
      {"chain_id", p.chain->genesis().chain_id},
      {"node", json::object{{"version", p.version}, {"file", file}, {"blake3", to_hex(*program)}}},
      {"plugins", std::move(plugins)}});
  return std::nullopt;
}

Answer node_status(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  const Mempool::Stats pool = p.producer->pool().stats();
  const Status health = p.producer->health();
  json::object out;
  out["chain_id"] = p.chain->genesis().chain_id;
  out["version"] = p.version;
  out["current_block_height"] = call.view->height;
  out["head_hash"] = to_hex(call.view->head_hash);
  out["finalized_height"] = call.view->height;
  out["epoch"] = call.view->epoch;
  out["peer_count"] = 0;
  out["syncing"] = false;
  out["sync_lag"] = 0;
  out["mempool_size"] = pool.size[0] + pool.size[1] + pool.size[2];
  out["mempool"] = pool_sizes(pool);
  out["validator"] = rpc.is_validator();
  out["operator"] = address_of(p.keys.op->public_key());
  out["uptime_secs"] = rpc.uptime_secs();
  const char* storage = health.code() == Code::kNoSpace                                 ? "full"
                        : health.code() == Code::kIo || health.code() == Code::kCorrupt ? "error"
                                                                                        : "ok";
  const std::shared_ptr<const Config> config = p.config();
  out["storage"] = json::object{{"state", storage},
                                {"bytes", rpc.storage_bytes()},
                                {"limit", config->u64("storage.total_limit_bytes")}};
  json::array plugins;
  for (const PluginStatus& plugin : p.host->list()) {
    plugins.push_back(
        json::object{{"name", plugin.id}, {"version", plugin.version}, {"state", plugin.state}});
  }
  out["plugins"] = std::move(plugins);
  out["relay_only"] = config->boolean("rpc.relay_only");
  *result = to_text(out);
  return std::nullopt;
}

Answer node_shutdown(RpcImpl& rpc, const Call&, std::string* result) {
  *result = R"({"status":"stopping"})";
  rpc.parts().request_shutdown();
  return std::nullopt;
}

Answer consensus_status(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  const Genesis& genesis = p.chain->genesis();
  const std::shared_ptr<const Config> config = p.config();
  const std::uint64_t now = p.clock->unix_ms(), head = call.view->time_ms;
  const std::uint64_t since = now > head ? now - head : 0,
                      empty = config->u64("chain.empty_block_interval_ms");
  const bool down = !p.chain->stalled().ok() || !p.producer->health().ok() ||
                    (empty > 0 && since > kLateBlocks * empty);
  std::uint64_t total = 0;
  json::array validators;
  for (const Genesis::Validator& v : genesis.validators) {
    total += v.power;
    validators.push_back(json::object{{"pk", to_hex(v.key)}, {"power", v.power}, {"active", true}});
  }
  json::object out;
  out["height"] = call.view->height;
  out["finalized_height"] = call.view->height;
  out["state"] = down ? "orderer_down" : "ok";
  out["validators"] = std::move(validators);
  out["online_power"] = rpc.is_validator() ? total : 0;
  out["total_power"] = total;
  out["quorum_power"] = total == 0 ? 0 : 2 * total / 3 + 1;
  out["quorum"] = rpc.is_validator();
  out["orderer"] = "order-solo";
  const std::uint64_t in_ms = empty > since ? empty - since : 0;
  out["next_slot"] = json::object{
      {"height", call.view->height + 1},
      {"proposer", genesis.validators.empty() ? "" : to_hex(genesis.validators[0].key)},
      {"in_ms", in_ms}};
  out["last_block_ms"] = rpc.last_block_ms();
  *result = to_text(out);
  return std::nullopt;
}

std::string_view level_name(Level level) {
  constexpr std::string_view kNames[] = {"none", "open", "read", "operator", "admin"};
  return kNames[static_cast<std::size_t>(level)];
}

Answer whoami(RpcImpl&, const Call& call, std::string* result) {
  const Caller& caller = call.message->caller;
  json::object out;
  out["role"] = level_name(caller.level);
  out["side_roles"] = json::array(caller.side_roles.begin(), caller.side_roles.end());
  out["id"] = caller.id;
  *result = to_text(out);
  return std::nullopt;
}

Answer metrics(RpcImpl& rpc, const Call& call, std::string* result) {
  *result =
      to_text(json::object{{"text", rpc.parts().metrics->render()}, {"height", call.view->height}});
  return std::nullopt;
}

Answer discover(RpcImpl& rpc, const Call& call, std::string* result) {
  *result = rpc.discovery(call);
  return std::nullopt;
}

// A request with a nonce is carried out once, however often it arrives.
Answer take_nonce(RpcImpl& rpc, const Call& call) {
  const json::value* given = raw_param(call, "nonce");
  if (given == nullptr) return std::nullopt;
  const std::string nonce = to_text(*given);
  if (nonce.size() > ReplayNonces::kMaxBytes)
    return param_error(call, "nonce", "expected at most 128 bytes");
  if (rpc.nonces().take(call.spec().name, nonce)) return std::nullopt;
  return rpc_error(-32000, "replayed_nonce",
                   "a request with nonce " + nonce +
                       " was carried out within the last ten minutes; send another nonce");
}

Answer start_mining(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  if (auto replayed = take_nonce(rpc, call)) return replayed;
  if (p.config()->boolean("rpc.relay_only"))
    return rpc_error(-32075, "relay_only", "this node makes no blocks (rpc.relay_only)");
  if (!has_param(call, "blocks")) rpc.mine_until(p.clock->monotonic_us() + kMiningUs);
  const std::uint64_t limit_ms = p.config()->u64("rpc.request_timeout_ms");
  const std::uint64_t first = p.chain->view()->height;
  for (std::uint64_t height = first; height < first + call.number("blocks", 1);
       height = p.chain->view()->height) {
    p.producer->cut_now();
    if (!rpc.wait_for_block(limit_ms, [&] { return p.chain->view()->height > height; })) {
      return rpc_error(-34001, "timeout",
                       "no block came within " + std::to_string(limit_ms) + " ms after height " +
                           std::to_string(height));
    }
  }
  *result = to_text(json::object{{"status", "ok"}, {"height", p.chain->view()->height}});
  return std::nullopt;
}

Answer stop_mining(RpcImpl& rpc, const Call& call, std::string* result) {
  if (auto replayed = take_nonce(rpc, call)) return replayed;
  rpc.mine_until(0);
  *result = to_text(json::object{{"status", "ok"}, {"height", call.view->height}});
  return std::nullopt;
}

constexpr KernelEntry kNodeEntries[] = {
    {"node.status", node_status, KernelRun::kWorker},
    {"node.provenance", node_provenance, KernelRun::kWorker},
    {"node.shutdown", node_shutdown, KernelRun::kWorker},
    {"consensus.status", consensus_status},
    {"whoami", whoami},
    {"metrics", metrics, KernelRun::kWorker},
    {"rpc.discover", discover, KernelRun::kWorker},
    {"start_mining", start_mining, KernelRun::kWorker},
    {"stop_mining", stop_mining},
};

}  // namespace

std::span<const KernelEntry> node_methods() { return kNodeEntries; }

}  // namespace blockd
