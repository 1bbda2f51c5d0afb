// Accounts, commands, the pool, blocks, events and rows of the state.

#include <algorithm>

#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/bus/bus.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/store/log_views.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

constexpr std::uint64_t kNonceWindow = 4;  // times the account cap of a lane

Hash hash_param(const Call& call, std::string_view name) {
  Hash out{};
  const std::string bytes = call.text(name);
  std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
  return out;
}

RpcError not_found(std::string message) {
  return rpc_error(-34006, "not_found", std::move(message));
}

Answer account_nonce(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  const std::string account = call.text("account");
  Result<std::uint64_t> nonce = p.chain->nonce(call.view, account);
  if (!nonce.ok()) return from_status(nonce.status());
  const Mempool& pool = p.producer->pool();
  const std::shared_ptr<const Config> config = p.config();
  json::object out;
  out["nonce"] = *nonce;
  out["pending"] = pool.pending(account);
  out["next"] = pool.next_nonce(account, *nonce);
  out["window_end"] = *nonce + kNonceWindow * config->u64("mempool.account_cap");
  out["window_end_service"] = *nonce + kNonceWindow * config->u64("mempool.service_account_cap");
  *result = to_text(out);
  return std::nullopt;
}

// The envelope of `tx` (object or hex), or of the params themselves.
ParsedCommand envelope_of(const Call& call) {
  const json::value* tx = raw_param(call, "tx");
  if (!tx) return parse_envelope(*call.params, call.message->body);
  if (!tx->is_string()) return parse_envelope(*tx, call.message->body);
  Result<Bytes> bytes = from_hex(tx->get_string());
  if (bytes.ok()) return parse_envelope(*std::move(bytes));
  ParsedCommand out;
  out.refusal = Refusal{};
  out.refusal->code = kRpcInvalidParams;
  out.refusal->name = "invalid_params";
  out.refusal->message = "tx: " + bytes.status().message();
  out.refusal->field = "tx";
  return out;
}

// Answers in the words of the admission list; only a malformed command is an error of the call.
Answer submit_tx(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  ParsedCommand parsed = envelope_of(call);
  if (parsed.refusal) return rpc.admission(*parsed.refusal, call);
  rpc.metrics().submitted->add();
  if (auto refusal = p.producer->submit(parsed.command, true, nullptr)) {
    if (refusal->code == kRpcInvalidParams || refusal->code == kRpcDiskFull ||
        refusal->code == kRpcNotReady)
      return rpc.admission(*refusal, call);
    rpc.metrics().rejected(refusal->name);
    json::object out{{"status", "error"},
                     {"error", refusal->name},
                     {"code", refusal->admission_code ? refusal->admission_code : refusal->code},
                     {"message", refusal->message}};
    if (refusal->expected) out["expected"] = *refusal->expected;
    *result = to_text(out);
    return std::nullopt;
  }
  rpc.metrics().admitted->add();
  *result = to_text(json::object{{"status", "ok"},
                                 {"id", to_hex(parsed.command->id)},
                                 {"state", p.producer->pool().state(parsed.command->id)}});
  return std::nullopt;
}

Answer command_check(RpcImpl& rpc, const Call& call, std::string* result) {
  if (!has_param(call, "tx") && !call.is_envelope())
    return param_error(call, "tx", "missing: an envelope, or `command` and `signatures`");
  ParsedCommand parsed = envelope_of(call);
  if (parsed.refusal) return from_refusal(*parsed.refusal, call.manifest().invalid_params_name);
  DryRun dry;
  auto refusal = rpc.parts().producer->check(parsed.command, &dry);
  const bool rejected = !refusal && dry.outcome != Outcome::kApplied;
  json::object out;
  out["id"] = to_hex(parsed.command->id);
  out["size"] = parsed.command->envelope.size();
  out["signing_bytes"] = to_hex(parsed.command->signed_bytes);
  out["admissible"] = !refusal && !rejected;
  if (refusal)
    out["error"] = error_object(from_refusal(*refusal, call.manifest().invalid_params_name));
  if (rejected)
    out["error"] = json::object{
        {"code", dry.code},
        {"message", dry.text},
        {"data", json::object{{"name", dry.name}, {"outcome", outcome_name(dry.outcome)}}}};
  *result = to_text(out);
  return std::nullopt;
}

// The step of command `index`; nullptr if the block has none.
const Step* step_of(const BlockRecord& block, std::uint32_t index) {
  for (const Step& step : block.steps) {
    if (step.kind == StepKind::kCommand && step.command == index) return &step;
  }
  return nullptr;
}

void put_outcome(const Step& step, json::object* out) {
  (*out)["outcome"] = outcome_name(step.outcome);
  if (step.outcome != Outcome::kApplied) {
    (*out)["code"] = step.code;
    (*out)["name"] = step.name;
    if (!step.text.empty()) (*out)["message"] = step.text;
    return;
  }
  Result<json::value> parsed = parse_json(step.result.empty() ? "{}" : step.result);
  if (parsed.ok()) (*out)["result"] = *std::move(parsed);
}

Answer tx_status(RpcImpl& rpc, const Call& call, std::string* result) {
  const Hash id = hash_param(call, "id");
  json::object out;
  auto place = rpc.transactions().find(id);
  if (!place && rpc.parts().views) {
    // Older than what is kept in memory: the index on disk knows all.
    Result<std::optional<LogViews::Place>> indexed = rpc.parts().views->find(id);
    if (!indexed.ok()) return from_status(indexed.status());
    if (*indexed) place = TxIndex::Place{(*indexed)->height, (*indexed)->index};
  }
  if (!place || place->height > call.view->height) {
    std::string state = rpc.parts().producer->pool().state(id);
    // Meanwhile it may have left the pool for a block that the view of this call does not show.
    if (state == "unknown" && rpc.transactions().find(id)) state = "pending";
    out["state"] = state;
    *result = to_text(out);
    return std::nullopt;
  }
  out["state"] = "final";
  out["height"] = place->height;
  out["index"] = place->index;
  if (place->height < rpc.parts().chain->first_height()) {
    out["pruned"] = true;  // its outcome is not kept here any more
    *result = to_text(out);
    return std::nullopt;
  }
  Result<std::shared_ptr<const BlockRecord>> block = rpc.parts().chain->block(place->height);
  if (!block.ok()) return from_status(block.status());
  if (const Step* step = step_of(**block, place->index)) put_outcome(*step, &out);
  *result = to_text(out);
  return std::nullopt;
}

json::object lane_stats(const RpcImpl& rpc, Lane lane) {
  const Mempool::LaneFigures f = rpc.parts().producer->pool().figures(lane);
  const LanePrice price = rpc.parts().producer->price(lane);
  return {{"size", f.size},
          {"age_p50", f.age_p50_ms},
          {"age_p95", f.age_p95_ms},
          {"fee_p50", f.fee_p50},
          {"fee_p90", f.fee_p90},
          {"fee_floor", price.floor},
          {"base_fee", price.base_fee}};
}

Lane lane_of(std::string_view name) {
  return name == "industrial" ? Lane::kIndustrial
         : name == "service"  ? Lane::kService
                              : Lane::kConsumer;
}

Answer mempool_stats(RpcImpl& rpc, const Call& call, std::string* result) {
  const Mempool::Stats pool = rpc.parts().producer->pool().stats();
  json::object out;
  if (has_param(call, "lane")) {
    out = lane_stats(rpc, lane_of(call.text("lane")));
  } else {
    for (Lane lane : {Lane::kConsumer, Lane::kIndustrial, Lane::kService})
      out[lane_name(lane)] = lane_stats(rpc, lane);
    out["size"] = pool.size[0] + pool.size[1] + pool.size[2];
  }
  out["parked"] = pool.parked;
  out["bytes"] = pool.bytes;
  *result = to_text(out);
  return std::nullopt;
}

Answer mempool_set_cap(RpcImpl& rpc, const Call& call, std::string* result) {
  const Lane lane = lane_of(call.text("lane"));
  const std::uint64_t cap = call.number("cap", 0);
  const std::uint64_t previous = rpc.set_pool_cap(lane, cap);
  *result = to_text(json::object{{"lane", lane_name(lane)}, {"previous", previous}, {"cap", cap}});
  return std::nullopt;
}

json::object block_head(const BlockRecord& block) {
  const Header& h = block.header;
  std::size_t bytes = 0;
  for (const CommandPtr& command : block.commands) bytes += command->envelope.size();
  json::object out;
  out["height"] = h.height;
  out["hash"] = to_hex(h.hash());
  out["previous"] = to_hex(h.previous);
  out["time_ms"] = h.time_ms;
  out["epoch"] = h.epoch;
  out["proposer"] = to_hex(h.proposer);
  out["command_root"] = to_hex(h.command_root);
  out["receipt_root"] = to_hex(h.receipt_root);
  out["write_set_root"] = to_hex(h.write_set_root);
  out["roster_hash"] = to_hex(h.roster_hash);
  out["validators_hash"] = to_hex(h.validators_hash);
  out["mmr_root"] = to_hex(h.mmr_root);
  if (h.macro) {
    out["state_height"] = h.macro->state_height;
    out["state_root"] = to_hex(h.macro->state_root);
  }
  out["final"] = true;  // one validator: what is committed is final
  out["command_count"] = block.commands.size();
  out["bytes"] = bytes;
  return out;
}

json::value data_of(const std::string& text) {
  Result<json::value> parsed = parse_json(text.empty() ? "{}" : text);
  return parsed.ok() ? *std::move(parsed) : json::value(text);
}

// What the receipt root covers of a step: its result (but for the hash of the events, which whoever
// verifies computes), its events and its records.
json::object covered(const BlockRecord& block, const Step& step) {
  json::object result{{"code", step.code}, {"name", step.name}};
  result["outcome"] = outcome_name(step.outcome);
  if (step.kind == StepKind::kCommand) {
    result["kind"] = "result";
    if (step.command < block.commands.size())
      result["id"] = to_hex(block.commands[step.command]->id);
  } else {
    result["kind"] = "step";
    result["hook"] = step_kind_name(step.kind);
    result["plugin"] = step.plugin;
  }
  json::array events, records;
  for (const Event& event : step.events)
    events.push_back(json::object{{"data", data_of(event.data)}, {"topic", event.topic}});
  for (const Record& record : step.records)
    records.push_back(json::object{{"data", data_of(record.data)}, {"kind", record.kind}});
  return {{"result", std::move(result)},
          {"events", std::move(events)},
          {"records", std::move(records)}};
}

void put_full(const BlockRecord& block, json::object* out) {
  json::array commands, results, records, events, steps;
  for (const CommandPtr& command : block.commands) {
    Result<json::value> parsed = parse_json(command->envelope);
    commands.push_back(parsed.ok() ? *std::move(parsed) : json::value(nullptr));
  }
  for (const Step& step : block.steps) {
    if (has_receipt_leaf(step)) steps.push_back(covered(block, step));
    for (const Event& event : step.events) {
      const std::string cursor =
          cursor_text(block.header.height, static_cast<std::uint32_t>(events.size()));
      events.push_back(
          json::object{{"cursor", cursor}, {"topic", event.topic}, {"data", data_of(event.data)}});
    }
    for (const Record& record : step.records)
      records.push_back(json::object{{"kind", record.kind}, {"data", data_of(record.data)}});
    if (step.kind != StepKind::kCommand) continue;
    json::object one{{"index", step.command}};
    if (step.command < block.commands.size())
      one["command_id"] = to_hex(block.commands[step.command]->id);
    put_outcome(step, &one);
    results.push_back(std::move(one));
  }
  (*out)["header"] = to_hex(block.header.encode());
  (*out)["commands"] = std::move(commands);
  (*out)["results"] = std::move(results);
  (*out)["records"] = std::move(records);
  (*out)["events"] = std::move(events);
  (*out)["steps"] = std::move(steps);
  (*out)["receipts_commitment"] = to_hex(block.receipts_commitment);
  (*out)["certificate"] = to_hex(block.certificate);
  (*out)["proposer_signature"] = to_hex(block.proposer_signature);
}

Answer answer_block(RpcImpl& rpc, const Call& call, std::uint64_t height, std::string* result) {
  const Chain& chain = *rpc.parts().chain;
  if (height > call.view->height)
    return not_found("block " + std::to_string(height) + " is not made yet; the newest is " +
                     std::to_string(call.view->height));
  if (height < chain.first_height()) {
    return rpc_error(-34006, "pruned",
                     "block " + std::to_string(height) +
                         " is no longer in the log, which begins at " +
                         std::to_string(chain.first_height()));
  }
  Result<std::shared_ptr<const BlockRecord>> block = chain.block(height);
  if (!block.ok()) return from_status(block.status());
  json::object out = block_head(**block);
  if (call.flag("full")) put_full(**block, &out);
  *result = to_text(out);
  return std::nullopt;
}

Answer block_get(RpcImpl& rpc, const Call& call, std::string* result) {
  const bool by_height = has_param(call, "height"), by_hash = has_param(call, "hash");
  if (by_height == by_hash)
    return param_error(call, by_height ? "hash" : "height", "give either a height or a hash");
  if (by_height) return answer_block(rpc, call, call.number("height", 0), result);
  Result<std::uint64_t> height = rpc.parts().chain->height_of(hash_param(call, "hash"));
  if (!height.ok()) return from_status(height.status());
  return answer_block(rpc, call, *height, result);
}

Answer block_latest(RpcImpl& rpc, const Call& call, std::string* result) {
  return answer_block(rpc, call, call.view->height, result);
}

// The newest blocks with the time since the one before. There is no work to be proven, so this is
// all that "difficulty" can mean here.
Answer consensus_difficulty(RpcImpl& rpc, const Call& call, std::string* result) {
  const Chain& chain = *rpc.parts().chain;
  const std::uint64_t head = call.view->height;
  const std::uint64_t wanted = call.number("last", 10);
  const std::uint64_t first = std::max(chain.first_height(), head - std::min(head, wanted));
  json::array blocks;
  std::uint64_t before_ms = 0, begin_ms = 0;
  for (std::uint64_t height = first; height <= head; ++height) {
    Result<std::shared_ptr<const BlockRecord>> block = chain.block(height);
    if (!block.ok()) return from_status(block.status());
    const Header& h = (*block)->header;
    if (height == first) {
      begin_ms = h.time_ms;
    } else {
      blocks.push_back(json::object{{"height", height},
                                    {"interval_ms", h.time_ms - before_ms},
                                    {"proposer", to_hex(h.proposer)}});
    }
    before_ms = h.time_ms;
  }
  const std::uint64_t mean = blocks.empty() ? 0 : (before_ms - begin_ms) / blocks.size();
  *result = to_text(
      json::object{{"height", head}, {"mean_interval_ms", mean}, {"blocks", std::move(blocks)}});
  return std::nullopt;
}

Answer block_genesis(RpcImpl& rpc, const Call&, std::string* result) {
  *result = rpc.parts().chain->genesis().to_json();
  return std::nullopt;
}

// Old blocks cost a read of the disk each: whoever asks for them must be an operator.
std::optional<RpcError> may_read_archive(const Call& call) {
  const Caller& caller = call.message->caller;
  if (caller.plugin || caller.level >= Level::kOperator) return std::nullopt;
  return rpc_error(-34003, "forbidden", "`archived` needs the role operator", 403);
}

Answer events_list(RpcImpl& rpc, const Call& call, std::string* result) {
  EventLog& log = rpc.events();
  const bool archived = call.flag("archived");
  if (archived) {
    if (auto refusal = may_read_archive(call)) return refusal;
  }
  Result<EventPosition> begin = log.position(has_param(call, "from") ? call.text("from") : "start");
  if (!begin.ok()) return param_error(call, "from", begin.status().message());
  std::optional<EventLog::Gap> gap;
  EventPosition at = log.served(*begin, archived, &gap);
  const std::uint64_t limit = std::min<std::uint64_t>(call.number("limit", 100), kMaxListedEvents);
  std::string list;
  std::size_t count = 0;
  Result<bool> end = log.read(&at, list_param(call, "topics"), [&](const EventLog::Item& item) {
    if (count == limit) return false;
    list.append(count++ ? "," : "").append(event_json(item, ""));
    return true;
  });
  if (!end.ok()) return from_status(end.status());
  *result = "{\"events\":[" + list + "],\"cursor\":\"" + cursor_before(at) +
            "\",\"more\":" + (*end ? "false" : "true");
  if (gap)
    *result += ",\"gap\":{\"from\":" + std::to_string(gap->from) +
               ",\"to\":" + std::to_string(gap->to) + "}";
  *result += "}";
  return std::nullopt;
}

Answer events_subscribe(RpcImpl&, const Call& call, std::string* result) {
  if (!call.message->session)
    return rpc_error(-32600, "invalid_request",
                     "subscriptions need a WebSocket: connect to /ws, or poll events.list");
  Result<ClientSession::Subscribed> made =
      call.message->session->subscribe(list_param(call, "topics"), call.text("from"));
  if (!made.ok())
    return made.status().code() == Code::kInvalid
               ? param_error(call, "from", made.status().message())
               : from_status(made.status());
  *result = to_text(json::object{{"subscription", made->id}, {"cursor", made->cursor}});
  return std::nullopt;
}

Answer events_unsubscribe(RpcImpl&, const Call& call, std::string* result) {
  if (!call.message->session)
    return rpc_error(-32600, "invalid_request", "subscriptions need a WebSocket");
  if (!call.message->session->unsubscribe(call.text("subscription")))
    return not_found("no subscription '" + call.text("subscription") + "' on this connection");
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

// Signs a command as an unsigned call of it would be, and leaves it to the caller when to hand it
// in: who pays out must know the command's id before it is on its way.
Answer command_sign(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  const std::string name = call.text("method");
  const auto found = call.plans->by_name.find(std::string_view(name));
  if (found == call.plans->by_name.end() || found->second->entry.spec->kind != MethodKind::kCommand)
    return param_error(call, "method", "there is no command '" + name + "' here");
  const MethodSpec& method = *found->second->entry.spec;
  const Message& message = *call.message;
  if (!message.caller.plugin && !message.caller.may(method.role, message.credentials->roles()))
    return rpc_error(-34003, "forbidden", "'" + name + "' needs the role " + method.role, 403);
  const json::value* params = raw_param(call, "params");
  if (params != nullptr && !params->is_object())
    return param_error(call, "params", "give an object, as it is to be signed");
  const SigningKey* key = rpc.key_for(method, message);
  if (key == nullptr) {
    return rpc_error(-34003, "forbidden", "this node has no key for the role " + method.role, 403);
  }
  const std::string account = address_of(key->public_key());
  Result<std::uint64_t> nonce = p.chain->nonce(call.view, account);
  if (!nonce.ok()) return from_status(nonce.status());
  CommandDraft draft;
  draft.chain = p.chain->genesis().chain_id;
  draft.method = method.name;
  draft.memo = message.caller.id;
  draft.nonce = has_param(call, "nonce") ? call.number("nonce", 0)
                                         : p.producer->pool().next_nonce(account, *nonce);
  draft.params = params == nullptr ? json::value(json::object()) : *params;
  Result<CommandPtr> command = sign_command(draft, *key);
  if (!command.ok()) return from_status(command.status());
  *result = to_text(json::object{{"envelope", to_hex((*command)->envelope)},
                                 {"hash", to_hex((*command)->id)},
                                 {"nonce", draft.nonce},
                                 {"account", account}});
  return std::nullopt;
}

constexpr KernelEntry kChainEntries[] = {
    {"account.nonce", account_nonce},
    {"submit_tx", submit_tx, KernelRun::kWorker},
    {"command.submit", nullptr, KernelRun::kSigned},
    {"command.check", command_check, KernelRun::kWorker},
    {"command.sign", command_sign},
    {"tx.status", tx_status},
    {"mempool.stats", mempool_stats},
    {"mempool.set_cap", mempool_set_cap},
    {"block.get", block_get},
    {"block.latest", block_latest},
    {"block.genesis", block_genesis},
    {"consensus.difficulty", consensus_difficulty, KernelRun::kWorker},
    {"events.list", events_list, KernelRun::kWorker},
    {"events.subscribe", events_subscribe},
    {"events.unsubscribe", events_unsubscribe},
};

}  // namespace

std::span<const KernelEntry> chain_methods() { return kChainEntries; }

}  // namespace blockd
