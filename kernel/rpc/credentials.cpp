#include "kernel/rpc/credentials.hpp"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "kernel/base/base64.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kMaxSignedTokenLife = 30ull * 86'400;  // seconds
constexpr std::uint64_t kSignedTokenSkew = 60;                 // seconds

std::string trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())))
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())))
    text.remove_suffix(1);
  return std::string(text);
}

std::string text_member(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string()) : std::string();
}
std::optional<std::uint64_t> number_member(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  if (v && v->is_int64() && v->get_int64() >= 0) return static_cast<std::uint64_t>(v->get_int64());
  return std::nullopt;
}

// The file's trimmed content; empty when there is no file.
Result<std::string> token_file(const std::string& key, const std::string& path,
                               std::vector<std::string>* warnings) {
  if (path.empty() || !file_exists(path)) return std::string();
  Result<Bytes> content = read_file(path, 64u << 10);
  if (!content.ok()) return content.status().in(key);
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    warnings->push_back("insecure token file permissions: " + path + "; chmod 600 it");
  std::string token = trimmed(*content);
  if (token.size() < kMinTokenBytes) {
    return Status(Code::kInvalid, key + ": the token in " + path + " is shorter than 16 characters",
                  "write at least 16 random characters into it, or remove the file");
  }
  return token;
}

}  // namespace

Result<std::vector<ListedToken>> read_tokens(const std::string& path) {
  std::vector<ListedToken> out;
  if (path.empty() || !file_exists(path)) return out;
  Result<Bytes> content = read_file(path, 16u << 20);
  if (!content.ok()) return content.status();
  Result<json::value> parsed = parse_json(*content);
  if (!parsed.ok() || !parsed->is_array())
    return Status(Code::kInvalid, path + ": expected a list of {id, hash, roles, expires_at}");
  for (const json::value& item : parsed->get_array()) {
    const json::object* o = item.if_object();
    if (!o || out.size() >= kMaxListedTokens)
      return Status(Code::kInvalid, path + ": entry " + std::to_string(out.size() + 1) +
                                        " is no object, or there are more than 10,000");
    ListedToken token;
    token.id = text_member(*o, "id");
    auto hash = array_from_hex<32>(text_member(*o, "hash"));
    const json::value* roles = o->if_contains("roles");
    if (token.id.empty() || !hash.ok() || !roles || !roles->is_array()) {
      return Status(Code::kInvalid, path + ": entry " + std::to_string(out.size() + 1) +
                                        ": expected id, hash (64 hex digits) and roles");
    }
    token.hash = *hash;
    for (const json::value& role : roles->get_array()) {
      if (role.is_string()) token.roles.emplace_back(role.get_string());
    }
    token.expires_at = number_member(*o, "expires_at").value_or(0);
    out.push_back(std::move(token));
  }
  return out;
}

Status write_tokens(const std::string& path, const std::vector<ListedToken>& tokens) {
  json::array list;
  for (const ListedToken& token : tokens) {
    json::object o;
    o["id"] = token.id;
    o["hash"] = to_hex(token.hash);
    json::array roles;
    for (const std::string& role : token.roles) roles.emplace_back(role);
    o["roles"] = std::move(roles);
    if (token.expires_at) o["expires_at"] = token.expires_at;
    list.push_back(std::move(o));
  }
  const std::size_t slash = path.rfind('/');
  if (slash != std::string::npos) TB_TRY(make_directories(path.substr(0, slash), 0700));
  return write_file_atomic(path, json::serialize(list) + "\n", 0600);
}

Result<std::shared_ptr<const Credentials>> Credentials::load(const Config& config,
                                                             const std::string& chain_id,
                                                             const PublicKey& operator_key,
                                                             std::shared_ptr<const RoleTable> roles,
                                                             Clock& clock) {
  auto c = std::shared_ptr<Credentials>(new Credentials);
  c->roles_ = std::move(roles);
  c->clock_ = &clock;
  c->chain_id_ = chain_id;
  c->rpc_token_ = trimmed(config.text("rpc.auth_token"));
  if (!c->rpc_token_.empty() && c->rpc_token_.size() < kMinTokenBytes) {
    return Status(Code::kInvalid, "rpc.auth_token (TB_RPC_AUTH_TOKEN): shorter than 16 characters");
  }
  Result<std::string> admin =
      token_file("rpc.admin_token_file", config.text("rpc.admin_token_file"), &c->warnings_);
  if (!admin.ok()) return admin.status();
  c->admin_token_ = *admin;
  Result<std::vector<ListedToken>> listed = read_tokens(config.text("rpc.tokens_file"));
  if (!listed.ok()) return listed.status();
  c->listed_ = *std::move(listed);
  c->revoked_ = config.list("rpc.revoked_tokens");
  c->token_keys_.push_back({operator_key, {"operator"}});
  if (const json::array* keys = config.get("rpc.token_keys").if_array()) {
    for (const json::value& item : *keys) {
      const json::object* o = item.if_object();
      auto key = o ? array_from_hex<32>(text_member(*o, "key"))
                   : Result<PublicKey>(Status(Code::kInvalid, "no mapping"));
      if (!key.ok())
        return Status(Code::kInvalid,
                      "rpc.token_keys: expected {key: 64 hex digits, roles: [...]}");
      TokenKey entry{*key, {}};
      if (const json::value* r = o->if_contains("roles"); r && r->is_array()) {
        for (const json::value& role : r->get_array()) {
          if (role.is_string()) entry.roles.emplace_back(role.get_string());
        }
      }
      c->token_keys_.push_back(std::move(entry));
    }
  }
  if (const json::array* list = config.get("rpc.client_roles").if_array()) {
    for (const json::value& item : *list) {
      const json::object* o = item.if_object();
      if (!o)
        return Status(Code::kInvalid, "rpc.client_roles: expected {fingerprint | subject, role}");
      ClientRole entry{text_member(*o, "fingerprint"), text_member(*o, "subject"),
                       text_member(*o, "role")};
      if (entry.role.empty() || (entry.fingerprint.empty() && entry.subject.empty())) {
        return Status(Code::kInvalid, "rpc.client_roles: expected {fingerprint | subject, role}");
      }
      c->client_roles_.push_back(std::move(entry));
    }
  }
  c->loopback_ = level_of(config.text("rpc.loopback_role"));
  if (const std::string group = config.text("rpc.socket_group"); !group.empty()) {
    const struct group* entry = ::getgrnam(group.c_str());
    if (!entry)
      return Status(Code::kInvalid, "rpc.socket_group: no group '" + group + "' on this machine");
    c->socket_group_ = entry->gr_gid;
  }
  c->add_role_tokens(config);
  return std::shared_ptr<const Credentials>(c);
}

void Credentials::add_role_tokens(const Config& config) {
  for (const auto& [name, role] : roles_->all()) {
    std::string_view rest = role.token_env;
    std::vector<std::string> tokens;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string_view variable = rest.substr(0, comma);
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
      const ConfigKey* key = config.schema().find_variable(variable);
      if (key && config.has(key->name)) tokens.push_back(trimmed(config.text(key->name)));
    }
    const bool from_env =
        std::any_of(tokens.begin(), tokens.end(), [](const std::string& t) { return !t.empty(); });
    if (!from_env && !role.token_config.empty() && config.schema().find(role.token_config)) {
      Result<std::string> token =
          token_file(role.token_config, config.text(role.token_config), &warnings_);
      if (token.ok()) {
        tokens.push_back(*token);
      } else {
        warnings_.push_back(token.status().message());
      }
    }
    for (std::string& token : tokens) {
      if (!token.empty()) role_tokens_.push_back({name, std::move(token)});
    }
  }
}

bool Credentials::plugin_guarded(std::string_view plugin) const {
  for (const RoleToken& token : role_tokens_) {
    if (token.role.size() > plugin.size() && token.role.starts_with(plugin) &&
        token.role[plugin.size()] == '.')
      return true;
  }
  return false;
}

std::vector<std::string> Credentials::secrets() const {
  std::vector<std::string> out;
  if (!rpc_token_.empty()) out.push_back(rpc_token_);
  if (!admin_token_.empty()) out.push_back(admin_token_);
  for (const RoleToken& token : role_tokens_) out.push_back(token.token);
  return out;
}

void Credentials::grant(Caller* caller, std::string_view role) {
  const Level level = level_of(role);
  if (level == Level::kNone) {
    caller->side_roles.emplace_back(role);
  } else {
    caller->level = std::max(caller->level, level);
  }
}

bool Credentials::apply_signed_token(std::string_view token, Caller* caller) const {
  // tbt1.<base64url of canonical JSON>.<base64url of the signature>
  const std::size_t dot = token.find('.', 5);
  if (dot == std::string_view::npos) return false;
  Result<Bytes> body = from_base64url(token.substr(5, dot - 5));
  Result<Bytes> raw = from_base64url(token.substr(dot + 1));
  if (!body.ok() || !raw.ok() || raw->size() != 64 || body->size() > 4096) return false;
  Signature signature{};
  std::memcpy(signature.data(), raw->data(), signature.size());
  const TokenKey* signer = nullptr;
  for (const TokenKey& key : token_keys_) {
    if (ed25519_verify(key.key, "tb/rpc-token/v1" + *body, signature)) signer = &key;
  }
  Result<json::value> parsed = parse_json(*body);
  if (!signer || !parsed.ok() || !parsed->is_object()) return false;
  const json::object& o = parsed->get_object();
  const std::uint64_t now = clock_->unix_ms() / 1000;
  const auto iat = number_member(o, "iat"), exp = number_member(o, "exp");
  const std::string id = text_member(o, "id"), role = text_member(o, "role");
  if (o.size() != 6 || text_member(o, "aud") != chain_id_ || !iat || !exp) return false;
  if (*iat > now + kSignedTokenSkew || now >= *exp || *exp > *iat + kMaxSignedTokenLife)
    return false;
  if (std::find(revoked_.begin(), revoked_.end(), id) != revoked_.end()) return false;
  // Not above the key's own roles.
  Caller limit;
  for (const std::string& r : signer->roles) grant(&limit, r);
  if (!limit.may(role, *roles_)) return false;
  grant(caller, role);
  caller->id = id;
  return true;
}

bool Credentials::apply_bearer(std::string_view token, Caller* caller) const {
  if (token.starts_with("tbt1.")) return apply_signed_token(token, caller);
  bool known = false;
  if (!rpc_token_.empty() && equal_secret(token, rpc_token_)) {
    grant(caller, "operator");
    caller->id = "rpc-token";
    known = true;
  }
  if (!admin_token_.empty() && equal_secret(token, admin_token_)) {
    grant(caller, "admin");
    caller->id = "admin-token";
    known = true;
  }
  for (const RoleToken& role : role_tokens_) {
    if (!equal_secret(token, role.token)) continue;
    grant(caller, role.role);
    if (caller->level < Level::kRead) caller->level = Level::kRead;
    caller->id = role.role;
    known = true;
  }
  if (token.starts_with("tb_")) {
    const Hash hash = blake3(token);
    const std::uint64_t now = clock_->unix_ms() / 1000;
    for (const ListedToken& listed : listed_) {
      if (!equal_secret(view(listed.hash), view(hash)) ||
          (listed.expires_at && now >= listed.expires_at))
        continue;
      for (const std::string& role : listed.roles) grant(caller, role);
      caller->id = listed.id;
      known = true;
    }
  }
  return known;
}

Caller Credentials::identify(const HttpRequest& request) const {
  Caller caller;
  caller.level = Level::kOpen;
  if (request.over_unix_socket) {
    caller.id = "socket";
    caller.has_credential = true;
    if (request.peer_uid == ::getuid() || request.peer_uid == 0) {
      caller.level = Level::kAdmin;
    } else if (socket_group_ && request.peer_gid == *socket_group_) {
      caller.level = Level::kOperator;
    } else {
      caller.bad_credential = true;
    }
    return caller;
  }
  caller.ip = request.remote_ip;
  std::string_view bearer;
  if (const std::string_view header = request.headers.get("Authorization");
      header.starts_with("Bearer ")) {
    bearer = header.substr(7);
  } else if (request.headers.has("Authorization")) {
    caller.bad_credential = true;
  }
  // Browsers cannot set the header on a WebSocket; they name a subprotocol instead.
  if (const std::string_view protocols = request.headers.get("Sec-WebSocket-Protocol");
      bearer.empty()) {
    const std::size_t at = protocols.find("bearer.");
    if (at != std::string_view::npos)
      bearer = protocols.substr(at + 7, protocols.find(',', at) == std::string_view::npos
                                            ? std::string_view::npos
                                            : protocols.find(',', at) - at - 7);
  }
  if (!bearer.empty()) {
    caller.has_credential = true;
    if (!apply_bearer(bearer, &caller)) caller.bad_credential = true;
  }
  if (request.tls_client_cert) {
    caller.has_credential = true;
    caller.level = std::max(caller.level, Level::kRead);
    if (caller.id.empty()) caller.id = "cert:" + request.tls_client_cert->common_name;
    for (const ClientRole& entry : client_roles_) {
      const bool hit =
          entry.fingerprint.empty()
              ? entry.subject == request.tls_client_cert->common_name
              : equal_ignoring_case(entry.fingerprint, request.tls_client_cert->fingerprint);
      if (hit) grant(&caller, entry.role);
    }
  }
  const bool loopback = request.remote_ip.starts_with("127.") || request.remote_ip == "::1";
  if (loopback && !caller.has_credential && rpc_token_.empty()) {
    caller.level = std::max(caller.level, loopback_);
    caller.id = "loopback";
  }
  return caller;
}

}  // namespace blockd
