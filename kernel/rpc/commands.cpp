// Calls of methods of kind `command`: unsigned ones are signed with the node's key of the role, signed ones go in as they are.

#include <boost/json/serialize.hpp>

#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/mempool.hpp"
#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {
namespace {

std::string committed_members(const CommandResult& r) {
  return ",\"height\":" + std::to_string(r.height) + ",\"hash\":\"" + to_hex(r.block_hash) + "\",\"command_id\":\"" + to_hex(r.id) + "\"";
}

std::string wait_of(const Call& call) {
  const json::value* wait = call.tx.if_contains("wait");
  return wait && wait->is_string() ? std::string(wait->get_string()) : "committed";
}

}  // namespace

const SigningKey* NodeKeys::for_role(std::string_view name) const {
  if (name == "admin") return admin.get();
  if (name == "oracle") return oracle.get();
  return op.get();
}

// The key of the role that the method needs: an unsigned call is never signed with a stronger one.
const SigningKey* RpcImpl::key_for(const Call& call) const {
  const std::string& role = call.spec().role;
  if (role == "admin") return parts_.keys.admin.get();
  if (const RoleSpec* side = call.message->credentials->roles().find(role)) return parts_.keys.for_role(side->key);
  return parts_.keys.op.get();
}

void RpcImpl::run_command(CallPtr call) {
  const json::object* o = call->params ? call->params->if_object() : nullptr;
  if (o && o->contains("command") && o->contains("signatures")) return run_signed(call, *o);
  run_unsigned(std::move(call));
}

std::optional<RpcError> RpcImpl::admission(const Refusal& refusal, const Call& call) {
  metrics_.tx_rejected->counter({std::string_view(refusal.name)})->add();
  return from_refusal(refusal, call.manifest().invalid_params_name);
}

// Answers when the command is committed, or at the time-out of the request, whichever comes first.
void submit_command(RpcImpl& rpc, const CallPtr& call, const CommandPtr& command, bool wait) {
  rpc.metrics().submitted->add();
  auto answered = std::make_shared<std::atomic<bool>>(false);
  CommandDone done;
  if (wait) {
    const std::uint64_t limit_ms = rpc.parts().config()->u64("rpc.request_timeout_ms");
    rpc.parts().io->post_after(static_cast<std::uint32_t>(limit_ms), [&rpc, call, answered, id = command->id, limit_ms] {
      if (answered->exchange(true)) return;
      RpcError error = rpc_error(-34001, "timeout", "not committed within " + std::to_string(limit_ms) + " ms; the command goes on");
      error.data["command_id"] = to_hex(id);
      rpc.finish(call, std::move(error), {});
    });
    done = [&rpc, call, answered](const CommandResult& result) { rpc.answer_command(call, result, answered); };
  }
  std::optional<Refusal> refusal = rpc.parts().producer->submit(command, !wait, std::move(done));
  if (refusal) {
    if (!answered->exchange(true)) rpc.finish(call, rpc.admission(*refusal, *call), {});
    return;
  }
  rpc.metrics().admitted->add();
  if (!wait) rpc.finish(call, std::nullopt, "{\"status\":\"ok\",\"command_id\":\"" + to_hex(command->id) + "\",\"state\":\"" + rpc.parts().producer->pool().state(command->id) + "\"}");
}

void RpcImpl::answer_command(const CallPtr& call, const CommandResult& result, const std::shared_ptr<std::atomic<bool>>& answered) {
  if (answered->exchange(true)) return;
  if (result.refusal) return finish(call, admission(*result.refusal, *call), {});
  if (result.outcome != Outcome::kApplied) return finish(call, from_result(result), {});
  finish(call, std::nullopt, splice(result.result.empty() ? "{}" : result.result, committed_members(result)));
}

void RpcImpl::run_signed(CallPtr call, const json::object& params) {
  for (const auto& member : params) {
    if (member.key() != "command" && member.key() != "signatures") {
      return finish(call, from_param_error({std::string(member.key()), "an envelope has exactly `command` and `signatures`", {}, {}, {}, {}}, call->manifest().invalid_params_name), {});
    }
  }
  ParsedCommand parsed = parse_envelope(*call->params, call->message->body);
  if (parsed.refusal) return finish(call, admission(*parsed.refusal, *call), {});
  // Inside the method itself the command must be that method's, by name or alias.
  if (call->spec().name != "command.submit") {
    auto named = call->plans->by_name.find(std::string_view(parsed.command->method));
    if (named == call->plans->by_name.end() || named->second->entry.spec != &call->spec()) {
      return finish(call, from_param_error({"command.method", "'" + parsed.command->method + "' is not the method that was called", {}, {}, {}, {}}, call->manifest().invalid_params_name), {});
    }
  }
  const std::string wait = call->tx.empty() && call->spec().name == "command.submit" ? "none" : wait_of(*call);
  submit_command(*this, call, parsed.command, wait != "none");
}

void RpcImpl::run_unsigned(CallPtr call) {
  const SigningKey* key = key_for(*call);
  if (!key) return finish(call, rpc_error(-34003, "forbidden", "this node has no key for the role " + call->spec().role), {});
  json::value params = call->params ? *call->params : json::value(json::object());
  if (params.is_array()) {
    // Positional params become named ones: the command is what is signed.
    json::object named;
    for (std::size_t i = 0; i < params.get_array().size() && i < call->spec().params.size(); ++i) named[call->spec().params[i].name] = params.get_array()[i];
    params = std::move(named);
  }
  std::string memo = call->message->caller.id;
  if (const json::value* given = call->tx.if_contains("memo"); given && given->is_string()) memo = std::string(given->get_string());
  const bool dry_run = call->tx.if_contains("dry_run") && call->tx.at("dry_run").is_bool() && call->tx.at("dry_run").get_bool();
  const std::string wait = wait_of(*call);
  if (dry_run || wait == "none") {
    const std::string account = address_of(key->public_key());
    Result<std::uint64_t> nonce = parts_.chain->nonce(parts_.chain->view(), account);
    if (!nonce.ok()) return finish(call, from_status(nonce.status()), {});
    CommandDraft draft;
    draft.chain = parts_.chain->genesis().chain_id;
    draft.method = call->spec().name;
    draft.memo = memo;
    draft.nonce = dry_run ? *nonce + 1 : parts_.producer->pool().next_nonce(account, *nonce);
    draft.params = std::move(params);
    Result<CommandPtr> command = sign_command(draft, *key);
    if (!command.ok()) return finish(call, from_status(command.status()), {});
    if (!dry_run) return submit_command(*this, call, *command, false);
    DryRun dry;
    if (auto refusal = parts_.producer->check(*command, &dry)) return finish(call, admission(*refusal, *call), {});
    if (dry.outcome == Outcome::kApplied) return finish(call, std::nullopt, splice(dry.result.empty() ? "{}" : dry.result, ",\"dry_run\":true"));
    CommandResult result;
    result.id = (*command)->id;
    result.outcome = dry.outcome;
    result.code = dry.code;
    result.name = dry.name;
    result.text = dry.text;
    result.error_data = dry.error_data;
    RpcError error = from_result(result);
    error.data.erase("height");
    error.data.erase("hash");
    error.data["dry_run"] = true;
    return finish(call, std::move(error), {});
  }
  metrics_.submitted->add();
  auto answered = std::make_shared<std::atomic<bool>>(false);
  const std::uint64_t limit_ms = parts_.config()->u64("rpc.request_timeout_ms");
  parts_.io->post_after(static_cast<std::uint32_t>(limit_ms), [this, call, answered, limit_ms] {
    if (answered->exchange(true)) return;
    finish(call, rpc_error(-34001, "timeout", "not committed within " + std::to_string(limit_ms) + " ms; the command goes on"), {});
  });
  std::optional<Refusal> refusal = parts_.producer->submit_own(*key, call->spec().name, params, memo, [this, call, answered](const CommandResult& result) {
    answer_command(call, result, answered);
  });
  if (refusal) {
    if (!answered->exchange(true)) finish(call, admission(*refusal, *call), {});
    return;
  }
  metrics_.admitted->add();
}

}  // namespace blockd
