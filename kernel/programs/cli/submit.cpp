#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

std::uint32_t wait_ms(const Session& session) {
  return session.options.wait_secs
             ? static_cast<std::uint32_t>(std::max<std::uint64_t>(*session.options.wait_secs, 1) *
                                          1000)
             : 0;
}

Status check_flags(const Options& options) {
  if (options.wait_secs && options.no_wait)
    return Status(Code::kInvalid, "--wait and --no-wait exclude each other");
  if (options.nonce && !options.signs()) {
    return Status(Code::kInvalid, "--nonce goes with --key-id, --key or --remote-signer",
                  "the node chooses the nonce of commands that it signs");
  }
  if (options.pct && !options.signs())
    return Status(Code::kInvalid, "--pct goes with --key-id, --key or --remote-signer");
  return {};
}

Result<std::uint64_t> number_in(const json::value& answer, const char* member) {
  const json::object* object = answer.if_object();
  const json::value* value = object ? object->if_contains(member) : nullptr;
  if (value && value->is_int64() && value->get_int64() >= 0)
    return static_cast<std::uint64_t>(value->get_int64());
  if (value && value->is_uint64()) return value->get_uint64();
  return Status(Code::kCorrupt, std::string("the node's answer has no number '") + member + "'");
}

Result<std::string> chain_id(NodeClient& client) {
  Result<json::value> status = client.call("node.status", json::object{});
  if (!status.ok()) return status.status();
  const json::object* object = status->if_object();
  const json::value* id = object ? object->if_contains("chain_id") : nullptr;
  if (!id || !id->is_string()) return Status(Code::kCorrupt, "node.status has no chain_id");
  return std::string(id->get_string());
}

}  // namespace

json::object tx_member(const Options& options) {
  json::object tx;
  if (options.no_wait) tx["wait"] = "none";
  if (!options.lane.empty()) tx["lane"] = options.lane;
  if (options.fee)
    tx["fee"] = *options.fee > kMaxSafeInteger ? json::value(std::to_string(*options.fee))
                                               : json::value(*options.fee);
  if (!options.memo.empty()) tx["memo"] = options.memo;
  if (options.dry_run) tx["dry_run"] = true;
  return tx;
}

Result<CommandPtr> sign_for_node(Session& session, NodeClient& client, CommandSigner& signer,
                                 const std::string& method, const json::value& params) {
  const Options& options = session.options;
  CommandDraft draft;
  Result<std::string> chain = chain_id(client);
  if (!chain.ok()) return chain.status();
  draft.chain = *chain;
  draft.method = method;
  draft.params = params;
  draft.memo = options.memo;
  draft.fee = options.fee.value_or(0);
  if (!options.lane.empty())
    draft.lane = options.lane == "consumer" ? Lane::kConsumer : Lane::kIndustrial;
  if (options.nonce) {
    draft.nonce = *options.nonce;
  } else {
    Result<std::string> account = signer.address();
    if (!account.ok()) return account.status();
    Result<json::value> answer = client.call("account.nonce", json::object{{"account", *account}});
    if (!answer.ok()) return answer.status();
    Result<std::uint64_t> next = number_in(*answer, "next");
    if (!next.ok()) return next.status();
    draft.nonce = *next;
  }
  return sign_draft(draft, static_cast<std::uint8_t>(options.pct.value_or(kMaxPct)), signer);
}

Result<json::value> send_envelope(Session& session, NodeClient& client, const std::string& method,
                                  BytesView envelope, const std::string& plugin) {
  // The signature covers bytes: they go into the request as they are, with `_tx` behind them.
  std::string params(envelope.substr(0, envelope.size() - 1));
  params += session.options.no_wait ? ",\"_tx\":{\"wait\":\"none\"}}"
                                    : ",\"_tx\":{\"wait\":\"committed\"}}";
  return client.call(method, params, plugin, wait_ms(session));
}

Result<json::value> call_verb(Session& session, const CliNode& node, json::object params) {
  NodeClient client(session);
  if (node.kind != MethodKind::kCommand) return client.call(node.method, params, node.plugin);
  TB_TRY(check_flags(session.options));
  if (!session.options.signs()) {
    if (json::object tx = tx_member(session.options); !tx.empty()) params["_tx"] = std::move(tx);
    return client.call(node.method, params, node.plugin, wait_ms(session));
  }
  Result<std::unique_ptr<CommandSigner>> signer = signer_of_flags(session);
  if (!signer.ok()) return signer.status();
  Result<CommandPtr> command = sign_for_node(session, client, **signer, node.method, params);
  if (!command.ok()) return command.status();
  if (session.options.dry_run)
    return client.call("command.check", (*command)->envelope, node.plugin);
  return send_envelope(session, client, node.method, (*command)->envelope, node.plugin);
}

}  // namespace blockd::cli
