#include "kernel/programs/cli/node_client.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <ostream>

namespace blockd::cli {
namespace {

constexpr std::uint32_t kDefaultTimeoutMs = 5000;
constexpr std::uint64_t kMaxAnswerBytes = 64u << 20;
constexpr const char* kNodeAway =
    "is the node running? `contract-cli node start` or `systemctl start the-block` starts it; "
    "--url URL or TB_RPC_SOCKET names another";

bool is_own_socket(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode) && info.st_uid == ::geteuid();
}

Result<std::string> token_text(World& world, const std::string& flag) {
  if (!flag.starts_with('@')) return trimmed(flag);
  Result<std::string> text = read_text(world, flag.substr(1));
  if (!text.ok()) return text.status().in("token");
  return trimmed(*text);
}

std::string upper(const std::string& plugin) {
  std::string out;
  for (const char c : plugin)
    out.push_back(c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return out;
}

std::uint32_t timeout_of(const Session& session) {
  if (session.options.timeout_ms) return std::max<std::uint32_t>(*session.options.timeout_ms, 1);
  const auto from_variable = parse_u64(session.world.variable("TB_RPC_TIMEOUT_MS"));
  if (from_variable && *from_variable > 0 && *from_variable <= 86'400'000) {
    return static_cast<std::uint32_t>(*from_variable);
  }
  return kDefaultTimeoutMs;
}

}  // namespace

RpcError rpc_error_of(const json::object& body) {
  RpcError error;
  if (const json::value* code = body.if_contains("code"); code && code->is_int64()) {
    error.code = static_cast<std::int32_t>(code->get_int64());
  }
  if (const json::value* text = body.if_contains("message"); text && text->is_string()) {
    error.message = std::string(text->get_string());
  }
  if (const json::value* data = body.if_contains("data"); data && data->is_object()) {
    error.data = data->get_object();
  }
  const json::value* name = error.data.if_contains("name");
  error.name = name && name->is_string() ? std::string(name->get_string()) : "refused";
  return error;
}

std::string endpoint_of(const Session& session) {
  if (!session.options.url.empty()) return session.options.url;
  const World& world = session.world;
  if (const std::string url = world.variable("TB_RPC_ENDPOINT"); !url.empty()) return url;
  std::string socket = world.variable("TB_RPC_SOCKET");
  // Who names a socket means that node: where it does not answer, no other may in its place.
  if (!socket.empty() && socket != "off") return "unix:" + socket;
  if (socket.empty()) {
    const std::string data = world.variable("TB_DATA_DIR");
    socket = (data.empty() ? "node-data" : data) + "/rpc.sock";
  }
  if (is_own_socket(socket)) return "unix:" + socket;
  return "http://localhost:26658";
}

Result<std::string> token_of(Session& session, const std::string& endpoint,
                             const std::string& plugin) {
  const Options& options = session.options;
  if (!options.admin_token.empty()) return token_text(session.world, options.admin_token);
  if (!options.token.empty()) return token_text(session.world, options.token);
  if (endpoint.starts_with("unix:") || endpoint.starts_with("http+unix:")) return std::string();
  if (!plugin.empty()) {
    for (const char* role : {"RPC", "ADMIN", "ORACLE", "PROVIDER"}) {
      const std::string token =
          trimmed(session.world.variable("TB_" + upper(plugin) + "_" + role + "_TOKEN"));
      if (!token.empty()) return token;
    }
  }
  return trimmed(session.world.variable("TB_RPC_AUTH_TOKEN"));
}

NodeClient::NodeClient(Session& session) : session_(session), endpoint_(endpoint_of(session)) {}

HttpClient& NodeClient::http(std::uint32_t timeout_ms) {
  if (timeout_ms == 0) timeout_ms = timeout_of(session_);
  if (http_ && http_timeout_ms_ == timeout_ms) return *http_;
  const World& world = session_.world;
  HttpClientOptions options;
  options.timeout_ms = timeout_ms;
  options.connect_timeout_ms = std::min<std::uint32_t>(timeout_ms, options.connect_timeout_ms);
  options.max_response_bytes = kMaxAnswerBytes;
  options.tls.ca_file = world.variable("TB_RPC_TLS_CA");
  options.tls.cert_file = world.variable("TB_RPC_TLS_CERT");
  options.tls.key_file = world.variable("TB_RPC_TLS_KEY");
  options.tls.insecure = world.variable("TB_RPC_TLS_INSECURE") == "1";
  http_ = std::make_unique<HttpClient>(options);
  http_timeout_ms_ = timeout_ms;
  return *http_;
}

Result<json::value> NodeClient::read_answer(const HttpClientResponse& response) {
  Result<json::value> body = parse_json(response.body);
  const json::object* object = body.ok() ? body->if_object() : nullptr;
  if (object) {
    if (const json::value* error = object->if_contains("error"); error && error->is_object()) {
      session_.refused = rpc_error_of(error->get_object());
      return Status(Code::kAborted, session_.refused->message);
    }
    if (const json::value* result = object->if_contains("result")) return *result;
  }
  const std::string what = endpoint_ + " answered HTTP " + std::to_string(response.status);
  if (response.status == 503)
    return Status(Code::kUnavailable, what + ": too much is in work", "try again in a second");
  return Status(Code::kUnavailable, what + ", which is no JSON-RPC answer",
                "is this the URL of a node?");
}

Result<HttpClientResponse> NodeClient::post(std::string body, const std::string& plugin,
                                            std::uint32_t timeout_ms) {
  session_.refused.reset();
  Result<std::string> token = token_of(session_, endpoint_, plugin);
  if (!token.ok()) return token.status();
  HttpClientRequest request;
  request.method = "POST";
  request.url = endpoint_;
  request.headers.emplace_back("Content-Type", "application/json");
  if (!token->empty()) request.headers.emplace_back("Authorization", "Bearer " + *token);
  request.body = std::move(body);
  Result<HttpClientResponse> response = http(timeout_ms).send(request);
  if (response.ok()) return response;
  const Code code = response.status().code();
  // A URL or a TLS file that is wrong is the caller's; all else is a node that cannot be reached.
  if (code == Code::kUnavailable && response.status().message().starts_with("cannot reach"))
    return Status(code, response.status().message(), kNodeAway);
  if (code == Code::kInvalid || code == Code::kTimeout || code == Code::kUnavailable)
    return response.status();
  return Status(Code::kUnavailable, response.status().message(), response.status().hint());
}

Result<json::value> NodeClient::call(const std::string& method, const std::string& params,
                                     const std::string& plugin, std::uint32_t timeout_ms) {
  std::string body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":";
  append_json_string(body, method);
  body += ",\"params\":" + params + "}";
  if (!session_.world.variable("TB_RPC_DEBUG").empty() &&
      session_.world.variable("TB_RPC_DEBUG") != "0") {
    session_.world.err << "rpc " << endpoint_ << ' ' << method << ' ' << body.size() << " bytes\n";
  }
  Result<HttpClientResponse> response = post(std::move(body), plugin, timeout_ms);
  return response.ok() ? read_answer(*response) : response.status();
}

Result<json::array> NodeClient::batch(const std::string& method,
                                      const std::vector<json::object>& params,
                                      const std::string& plugin, std::uint32_t timeout_ms) {
  json::array calls;
  for (std::size_t i = 0; i < params.size(); ++i) {
    calls.emplace_back(
        json::object{{"jsonrpc", "2.0"}, {"id", i}, {"method", method}, {"params", params[i]}});
  }
  Result<HttpClientResponse> response = post(json::serialize(calls), plugin, timeout_ms);
  if (!response.ok()) return response.status();
  Result<json::value> body = parse_json(response->body);
  if (body.ok() && body->is_array() && body->get_array().size() == params.size())
    return std::move(body->get_array());
  const Result<json::value> one = read_answer(*response);
  if (!one.ok()) return one.status();
  return Status(Code::kUnavailable, endpoint_ + " answered a batch of " +
                                        std::to_string(params.size()) +
                                        " calls with something else");
}

Result<json::value> NodeClient::call(const std::string& method, const json::object& params,
                                     const std::string& plugin, std::uint32_t timeout_ms) {
  return call(method, json::serialize(params), plugin, timeout_ms);
}

}  // namespace blockd::cli
