// Calls of methods of kind `command`: unsigned ones are signed with the node's key of the role,
// signed ones go in as they are.

#include <boost/json/serialize.hpp>

#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/mempool.hpp"
#include "kernel/log/log_index.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxNoted = 100;  // commands of a block that get a line in the log
constexpr int kNonceTries = 8;          // a nonce may be taken between looking and sending

// The members that the node adds are the node's: a plugin's own of the same name would stand twice
// in the object.
std::string without_committed_members(const std::string& result) {
  const char* const kOurs[] = {"height", "hash", "command_id"};
  bool may_clash = false;
  for (const char* name : kOurs) {
    may_clash = may_clash || result.find("\"" + std::string(name) + "\":") != std::string::npos;
  }
  if (!may_clash) return result.empty() ? "{}" : result;
  Result<json::value> parsed = parse_json(result);
  if (!parsed.ok() || !parsed->is_object()) return result;
  for (const char* name : kOurs) parsed->get_object().erase(name);
  return json::serialize(*parsed);
}

std::string committed_members(const CommandResult& r) {
  return ",\"height\":" + std::to_string(r.height) + ",\"hash\":\"" + to_hex(r.block_hash) +
         "\",\"command_id\":\"" + to_hex(r.id) + "\"";
}

std::string text_option(const Call& call, std::string_view name, std::string otherwise) {
  const json::value* v = call.tx.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string()) : otherwise;
}
std::optional<std::uint64_t> number_option(const Call& call, std::string_view name) {
  const json::value* v = call.tx.if_contains(name);
  if (v && v->is_int64() && v->get_int64() >= 0) return static_cast<std::uint64_t>(v->get_int64());
  return v && v->is_string() ? parse_u64(v->get_string()) : std::nullopt;
}
bool flag_option(const Call& call, std::string_view name) {
  const json::value* v = call.tx.if_contains(name);
  return v && v->is_bool() && v->get_bool();
}

// Positional params become named ones: the command is what is signed.
json::value named_params(const Call& call) {
  if (!call.params) return json::object();
  const json::array* list = call.params->if_array();
  if (!list) return *call.params;
  json::object named;
  for (std::size_t i = 0; i < list->size() && i < call.spec().params.size(); ++i)
    named[call.spec().params[i].name] = (*list)[i];
  return named;
}

RpcError tx_error(const Call& call, const std::string& field, std::string message,
                  std::string nearest = {}) {
  return from_param_error({field, std::move(message), {}, {}, std::move(nearest), {}},
                          call.manifest().invalid_params_name);
}

}  // namespace

// Who waits for a command: its end and the time-out race for the answer.
struct CommandWait {
  std::atomic<bool> answered{false};
  IoTimer timer;
  // True for the first who asks.
  bool win() { return !answered.exchange(true); }
};

const SigningKey* NodeKeys::for_role(std::string_view name) const {
  if (name == "admin") return admin.get();
  if (name == "oracle") return oracle.get();
  return op.get();
}

std::optional<RpcError> check_tx_options(const Call& call) {
  static const std::vector<std::string> kKnown = {"wait",          "lane",    "fee",
                                                  "expires_at_ms", "dry_run", "memo"};
  for (const auto& member : call.tx) {
    const std::string name(member.key());
    const json::value& v = member.value();
    bool good = false;
    if (name == "wait")
      good = v.is_string() && (v.get_string() == "committed" || v.get_string() == "final" ||
                               v.get_string() == "none");
    if (name == "lane")
      good = v.is_string() && (v.get_string() == "consumer" || v.get_string() == "industrial");
    if (name == "fee" || name == "expires_at_ms") good = number_option(call, name).has_value();
    if (name == "dry_run") good = v.is_bool();
    if (name == "memo") good = v.is_string() && v.get_string().size() <= kMaxMemoBytes;
    if (good) continue;
    if (std::find(kKnown.begin(), kKnown.end(), name) == kKnown.end()) {
      return tx_error(call, "_tx." + name, "unknown field",
                      nearest_name(name, kKnown).value_or(""));
    }
    return tx_error(call, "_tx." + name, "not a value of this option");
  }
  return std::nullopt;
}

// The key of the role that the method needs: an unsigned call is never signed with a stronger one.
const SigningKey* RpcImpl::key_for(const MethodSpec& method, const Message& message) const {
  const std::string& role = method.role;
  if (role == "admin") return parts_.keys.admin.get();
  const RoleSpec* side = message.credentials->roles().find(role);
  if (side == nullptr) return parts_.keys.op.get();
  // "config:key" of the role "treasury.executor" is what treasury.key says.
  constexpr std::string_view kConfigured = "config:";
  if (!side->key.starts_with(kConfigured)) return parts_.keys.for_role(side->key);
  const std::string plugin = role.substr(0, role.find('.'));
  return parts_.keys.for_role(
      parts_.config()->text(plugin + "." + side->key.substr(kConfigured.size())));
}

void RpcImpl::run_command(CallPtr call) {
  if (call->is_envelope()) return run_signed(std::move(call));
  run_unsigned(std::move(call));
}

RpcError RpcImpl::admission(const Refusal& refusal, const Call& call) {
  metrics_.rejected(refusal.name);
  return from_refusal(refusal, call.manifest().invalid_params_name);
}

// The request's time runs: answers with -34001 unless somebody has answered before.
std::shared_ptr<CommandWait> RpcImpl::start_wait(const CallPtr& call, std::optional<Hash> id) {
  auto wait = std::make_shared<CommandWait>();
  const std::uint64_t limit_ms = parts_.config()->u64("rpc.request_timeout_ms");
  wait->timer = parts_.io->post_after(
      static_cast<std::uint32_t>(limit_ms), [this, call, weak = std::weak_ptr(wait), id, limit_ms] {
        const std::shared_ptr<CommandWait> alive = weak.lock();
        if (!alive || !alive->win()) return;
        RpcError error = rpc_error(
            -34001, "timeout",
            "not committed within " + std::to_string(limit_ms) + " ms; the command goes on");
        if (id) error.data["command_id"] = to_hex(*id);
        finish(call, std::move(error), {});
      });
  return wait;
}

void RpcImpl::answer_command(const CallPtr& call, const CommandResult& result, CommandWait& wait) {
  if (!wait.win()) return;
  wait.timer.cancel();
  if (result.refusal) return finish(call, admission(*result.refusal, *call), {});
  if (result.outcome != Outcome::kApplied) return finish(call, from_result(result), {});
  finish(call, std::nullopt,
         splice(without_committed_members(result.result), committed_members(result)));
}

void RpcImpl::note_included(const BlockRecord& block) const {
  const LogTarget log = parts_.log->target("commands");
  if (!log.enabled(LogLevel::kInfo)) return;
  std::size_t noted = 0;
  for (const Step& step : block.steps) {
    if (step.kind != StepKind::kCommand) continue;
    if (++noted > kMaxNoted) return;  // more would not pass the log's limit of lines
    const Command& command = *block.commands[step.command];
    log.info("command in a block", {{"tx", to_hex(command.id)},
                                    {"block", block.header.height},
                                    {"correlation", correlation_of_command(view(command.id))},
                                    {"outcome", outcome_name(step.outcome)}});
  }
}

// Hands in a signed command and answers: at once, or when it is committed. Returns the refusal
// instead of answering it.
std::optional<Refusal> RpcImpl::submit_command(const CallPtr& call, const CommandPtr& command,
                                               bool until_committed) {
  std::optional<Refusal> refusal = hand_in(call, command, until_committed);
  note_command(*command, refusal);
  if (command->lane != Lane::kIndustrial) return refusal;
  if (refusal) {
    metrics_.telemetry.industrial_refused(refusal->name, refusal->data.contains("reason"));
  } else {
    metrics_.telemetry.industrial_admitted->add();
  }
  return refusal;
}

// A line by which `logs search` finds what became of a command.
void RpcImpl::note_command(const Command& command, const std::optional<Refusal>& refusal) const {
  const LogTarget log = parts_.log->target("commands");
  if (!log.enabled(LogLevel::kInfo)) return;
  const std::string id = to_hex(command.id);
  log.info(refusal ? "command refused" : "command admitted",
           {{"tx", id},
            {"correlation", correlation_of_command(view(command.id))},
            {"method", command.method},
            {"reason", refusal ? std::string_view(refusal->name) : std::string_view("none")}});
}

std::optional<Refusal> RpcImpl::hand_in(const CallPtr& call, const CommandPtr& command,
                                        bool until_committed) {
  metrics_.submitted->add();
  if (!until_committed) {
    if (auto refusal = parts_.producer->submit(command, true, nullptr)) return refusal;
    metrics_.admitted->add();
    finish(call, std::nullopt,
           R"({"status":"ok","command_id":")" + to_hex(command->id) + R"(","state":")" +
               parts_.producer->pool().state(command->id) + "\"}");
    return std::nullopt;
  }
  const std::shared_ptr<CommandWait> wait = start_wait(call, command->id);
  auto refusal = parts_.producer->submit(
      command, false,
      [this, call, wait](const CommandResult& result) { answer_command(call, result, *wait); });
  if (!refusal) {
    metrics_.admitted->add();
    return std::nullopt;
  }
  if (!wait->win()) return std::nullopt;
  wait->timer.cancel();
  return refusal;
}

void RpcImpl::run_signed(CallPtr call) {
  const json::object& params = call->params->get_object();
  for (const auto& member : params) {
    if (member.key() == "command" || member.key() == "signatures") continue;
    return finish(call,
                  tx_error(*call, std::string(member.key()),
                           "an envelope has exactly `command` and `signatures`"),
                  {});
  }
  ParsedCommand parsed = parse_envelope(*call->params, call->message->body, false);
  if (parsed.refusal) return finish(call, admission(*parsed.refusal, *call), {});
  // Inside the method itself the command must be that method's, by name or alias.
  const bool any_method = call->plan->how == KernelRun::kSigned;
  if (!any_method) {
    auto named = call->plans->by_name.find(std::string_view(parsed.command->method));
    if (named == call->plans->by_name.end() || named->second->entry.spec != &call->spec()) {
      return finish(call,
                    tx_error(*call, "command.method",
                             "'" + parsed.command->method + "' is not the method that was called"),
                    {});
    }
  }
  const std::string wait = text_option(*call, "wait", any_method ? "none" : "committed");
  if (auto refusal = submit_command(call, parsed.command, wait != "none"))
    finish(call, admission(*refusal, *call), {});
}

void RpcImpl::run_unsigned(CallPtr call) {
  const SigningKey* key = key_for(*call);
  if (!key)
    return finish(call,
                  rpc_error(-34003, "forbidden",
                            "this node has no key for the role " + call->spec().role, 403),
                  {});
  const bool plain = !call->tx.if_contains("fee") && !call->tx.if_contains("lane") &&
                     !call->tx.if_contains("expires_at_ms");
  if (flag_option(*call, "dry_run")) return dry_run(call, *key);
  if (!plain || text_option(*call, "wait", "committed") == "none") return run_draft(call, *key);
  metrics_.submitted->add();
  const std::shared_ptr<CommandWait> wait = start_wait(call, std::nullopt);
  auto refusal = parts_.producer->submit_own(
      *key, call->spec().name, named_params(*call),
      text_option(*call, "memo", call->message->caller.id),
      [this, call, wait](const CommandResult& result) { answer_command(call, result, *wait); });
  if (!refusal) return metrics_.admitted->add();
  if (!wait->win()) return;
  wait->timer.cancel();
  finish(call, admission(*refusal, *call), {});
}

// A command of the node's own account with the caller's fee, lane or end, unsigned as yet.
Result<CommandPtr> RpcImpl::draft(const Call& call, const SigningKey& key,
                                  bool next_in_pool) const {
  const std::string account = address_of(key.public_key());
  Result<std::uint64_t> nonce = parts_.chain->nonce(parts_.chain->view(), account);
  if (!nonce.ok()) return nonce.status();
  CommandDraft out;
  out.chain = parts_.chain->genesis().chain_id;
  out.method = call.spec().name;
  out.memo = text_option(call, "memo", call.message->caller.id);
  out.nonce = next_in_pool ? parts_.producer->pool().next_nonce(account, *nonce) : *nonce + 1;
  out.fee = number_option(call, "fee").value_or(0);
  out.expires_at_ms = number_option(call, "expires_at_ms");
  if (const std::string lane = text_option(call, "lane", ""); !lane.empty())
    out.lane = lane == "industrial" ? Lane::kIndustrial : Lane::kConsumer;
  out.params = named_params(call);
  return sign_command(out, key);
}

void RpcImpl::run_draft(const CallPtr& call, const SigningKey& key) {
  const bool until_committed = text_option(*call, "wait", "committed") != "none";
  for (int i = 1;; ++i) {
    std::optional<Refusal> refusal;
    {
      std::lock_guard lock(draft_mutex_);
      Result<CommandPtr> command = draft(*call, key, true);
      if (!command.ok()) return finish(call, from_status(command.status()), {});
      refusal = submit_command(call, *command, until_committed);
    }
    if (!refusal) return;
    // submit_own takes nonces beside us.
    const bool taken = refusal->name == "duplicate" || refusal->name == "nonce_gap";
    if (!taken || i == kNonceTries) return finish(call, admission(*refusal, *call), {});
  }
}

void RpcImpl::dry_run(const CallPtr& call, const SigningKey& key) {
  Result<CommandPtr> command = draft(*call, key, false);
  if (!command.ok()) return finish(call, from_status(command.status()), {});
  DryRun dry = parts_.chain->dry_run(parts_.chain->view(), **command);
  if (dry.outcome == Outcome::kApplied)
    return finish(call, std::nullopt,
                  splice(dry.result.empty() ? "{}" : dry.result, ",\"dry_run\":true"));
  CommandResult result;
  result.outcome = dry.outcome;
  result.code = dry.code;
  result.name = dry.name;
  result.text = dry.text;
  result.error_data = dry.error_data;
  RpcError error = from_result(result);
  for (const char* member : {"height", "hash", "command_id"}) error.data.erase(member);
  error.data["dry_run"] = true;
  finish(call, std::move(error), {});
}

}  // namespace blockd
