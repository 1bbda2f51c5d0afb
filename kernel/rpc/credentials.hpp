// Credentials: who is calling. Reads the tokens of the configuration and decides a Caller for each
// request (node-and-cli spec 5.2.1). Immutable after load(); a config generation or SIGHUP makes a
// new one. [any]
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/config/config.hpp"
#include "kernel/net/http.hpp"
#include "kernel/rpc/caller.hpp"

namespace blockd {

inline constexpr std::size_t kMinTokenBytes = 16;
inline constexpr std::size_t kMaxListedTokens = 10'000;

struct ListedToken {
  std::string id;
  Hash hash{};  // BLAKE3 of the whole token
  std::vector<std::string> roles;
  std::uint64_t expires_at = 0;  // Unix seconds; 0: never
};
// `secrets/tokens.yaml`, kept by the node as JSON, which is YAML. Errors: kInvalid, kIo.
Result<std::vector<ListedToken>> read_tokens(const std::string& path);
Status write_tokens(const std::string& path, const std::vector<ListedToken>& tokens);

class Credentials {
 public:
  // Errors: kInvalid with the key (a token shorter than 16 characters, a damaged token file).
  static Result<std::shared_ptr<const Credentials>> load(const Config& config,
                                                         const std::string& chain_id,
                                                         const PublicKey& operator_key,
                                                         std::shared_ptr<const RoleTable> roles,
                                                         Clock& clock);

  Caller identify(const HttpRequest& request) const;
  const RoleTable& roles() const { return *roles_; }
  // A credential is demanded from every TCP caller.
  bool credential_required() const { return !rpc_token_.empty(); }
  // True if plugin `id` has tokens of its own configured: then its methods demand one that grants
  // their role.
  bool plugin_guarded(std::string_view plugin_prefix) const;
  const std::vector<std::string>& warnings() const { return warnings_; }
  std::vector<std::string> secrets() const;

 private:
  Credentials() = default;
  void add_role_tokens(const Config& config);
  // Grants of one bearer token; false when nobody knows it.
  bool apply_bearer(std::string_view token, Caller* caller) const;
  bool apply_signed_token(std::string_view token, Caller* caller) const;
  static void grant(Caller* caller, std::string_view role);

  std::shared_ptr<const RoleTable> roles_;
  Clock* clock_ = nullptr;
  std::string chain_id_, rpc_token_, admin_token_;
  std::vector<ListedToken> listed_;
  std::vector<std::string> revoked_;
  struct TokenKey {
    PublicKey key;
    std::vector<std::string> roles;
  };
  std::vector<TokenKey> token_keys_;
  struct RoleToken {
    std::string role, token;
  };
  std::vector<RoleToken> role_tokens_;
  struct ClientRole {
    std::string fingerprint, subject, role;
  };
  std::vector<ClientRole> client_roles_;
  Level loopback_ = Level::kOpen;
  std::optional<std::uint32_t> socket_group_;
  std::vector<std::string> warnings_;
};

}  // namespace blockd
