// token.*: listed tokens, kept in rpc.tokens_file as hashes (node-and-cli spec 5.2.1).

#include <algorithm>

#include "kernel/base/base64.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

RpcError no_file() {
  return rpc_error(-34006, "not_found",
                   "rpc.tokens_file is not set, so this node keeps no listed tokens");
}

// Writes the list and lets the next request see it.
Answer store(RpcImpl& rpc, const std::string& path, const std::vector<ListedToken>& tokens) {
  if (Status s = write_tokens(path, tokens); !s.ok()) return from_status(s);
  if (Status s = rpc.configure(); !s.ok()) return from_status(s);
  return std::nullopt;
}

Answer create_token(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::string role = call.text("role"), path = rpc.parts().config()->text("rpc.tokens_file");
  if (path.empty()) return no_file();
  if (level_of(role) == Level::kNone && !call.message->credentials->roles().find(role))
    return param_error(call, "role", "no role '" + role + "' on this node");
  std::array<std::uint8_t, 6> id{};
  std::array<std::uint8_t, 32> secret{};
  random_bytes(id.data(), id.size());
  random_bytes(secret.data(), secret.size());
  ListedToken token;
  token.id = to_hex(id);
  const std::string text = "tb_" + token.id + "_" + to_base64url(view(secret));
  token.hash = blake3(text);
  token.roles = {role};
  if (has_param(call, "ttl"))
    token.expires_at = rpc.parts().clock->unix_ms() / 1000 + call.number("ttl", 0);
  std::lock_guard lock(rpc.token_mutex());
  Result<std::vector<ListedToken>> tokens = read_tokens(path);
  if (!tokens.ok()) return from_status(tokens.status());
  if (tokens->size() >= kMaxListedTokens)
    return rpc_error(-34012, "limit_exceeded",
                     "there are 10,000 listed tokens already; revoke some");
  tokens->push_back(token);
  if (auto error = store(rpc, path, *tokens)) return error;
  json::object out{{"id", token.id}, {"token", text}, {"role", role}};
  if (token.expires_at) out["expires_at"] = token.expires_at;
  *result = to_text(out);
  return std::nullopt;
}

Answer list_tokens(RpcImpl& rpc, const Call&, std::string* result) {
  const std::string path = rpc.parts().config()->text("rpc.tokens_file");
  if (path.empty()) return no_file();
  std::lock_guard lock(rpc.token_mutex());
  Result<std::vector<ListedToken>> tokens = read_tokens(path);
  if (!tokens.ok()) return from_status(tokens.status());
  json::array rows;
  for (const ListedToken& t : *tokens) {
    json::object row{{"id", t.id}, {"roles", json::array(t.roles.begin(), t.roles.end())}};
    if (t.expires_at) row["expires_at"] = t.expires_at;
    rows.push_back(std::move(row));
  }
  *result = to_text(json::object{{"tokens", std::move(rows)}});
  return std::nullopt;
}

Answer revoke(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::string path = rpc.parts().config()->text("rpc.tokens_file"), id = call.text("id");
  if (path.empty()) return no_file();
  std::lock_guard lock(rpc.token_mutex());
  Result<std::vector<ListedToken>> tokens = read_tokens(path);
  if (!tokens.ok()) return from_status(tokens.status());
  if (std::erase_if(*tokens, [&](const ListedToken& t) { return t.id == id; }) == 0)
    return rpc_error(-34006, "not_found", "no listed token '" + id + "'");
  if (auto error = store(rpc, path, *tokens)) return error;
  *result = to_text(json::object{{"revoked", id}});
  return std::nullopt;
}

constexpr KernelEntry kTokensEntries[] = {{"token.create", create_token, KernelRun::kWorker},
                                          {"token.list", list_tokens, KernelRun::kWorker},
                                          {"token.revoke", revoke, KernelRun::kWorker}};

}  // namespace

std::span<const KernelEntry> token_methods() { return kTokensEntries; }

}  // namespace blockd
