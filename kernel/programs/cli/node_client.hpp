// NodeClient: JSON-RPC calls to the node that the flags and the surroundings name.
//
// Endpoint, first that is there: --url, TB_RPC_ENDPOINT, the local socket that TB_RPC_SOCKET names
// (whether it answers or not), rpc.sock in TB_DATA_DIR, else node-data/rpc.sock, when it exists and
// belongs to this user, http://localhost:26658. Credential: --admin-token, --token, then, but never
// over the local socket, TB_<PLUGIN>_{RPC,ADMIN,ORACLE,PROVIDER}_TOKEN of the method's plugin and
// TB_RPC_AUTH_TOKEN. Nothing is sent twice: a command is not idempotent. One thread.
#pragma once

#include <memory>
#include <string>

#include "kernel/net/http_client.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

// The error member of an answer.
RpcError rpc_error_of(const json::object& body);

std::string endpoint_of(const Session& session);
// Empty: none. Errors: kInvalid (a token file that cannot be read).
Result<std::string> token_of(Session& session, const std::string& endpoint,
                             const std::string& plugin);

class NodeClient {
 public:
  explicit NodeClient(Session& session);

  const std::string& endpoint() const { return endpoint_; }
  // `params` is JSON text, sent as it is, because a signature covers bytes. `plugin` chooses the
  // credential. `timeout_ms` 0: that of the session. Errors: kUnavailable, kTimeout (exit 3);
  // kAborted when the node answered with an error, which then is session.refused.
  Result<json::value> call(const std::string& method, const std::string& params,
                           const std::string& plugin = {}, std::uint32_t timeout_ms = 0);
  Result<json::value> call(const std::string& method, const json::object& params,
                           const std::string& plugin = {}, std::uint32_t timeout_ms = 0);
  // One call of `method` for each of `params`, in one request; the answers in their order, each an
  // object with `result` or `error`. Errors: as call().
  Result<json::array> batch(const std::string& method, const std::vector<json::object>& params,
                            const std::string& plugin, std::uint32_t timeout_ms);

 private:
  Result<HttpClientResponse> post(std::string body, const std::string& plugin,
                                  std::uint32_t timeout_ms);
  HttpClient& http(std::uint32_t timeout_ms);
  Result<json::value> read_answer(const HttpClientResponse& response);

  Session& session_;
  std::string endpoint_;
  std::uint32_t http_timeout_ms_ = 0;
  std::unique_ptr<HttpClient> http_;
};

}  // namespace blockd::cli
