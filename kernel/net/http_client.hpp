// A small HTTP/1.1 client for contract-cli, probe, the oracle and tests: http, https and unix URLs,
// one request at a time, connections kept for the next request to the same origin. And a blocking
// WebSocket client.
//
// Every call has a deadline that covers connect, handshake, sending and the whole answer. (The
// resolver of the C library has its own time-out; names that are addresses do not go through it.)
// Redirects are not followed. Errors say what happened in words a person can act on: kUnavailable
// "cannot reach http://…: connection refused", kTimeout, kDenied (TLS, with OpenSSL's reason),
// kLimit (answer too large), kInvalid (URL, files).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/net/http.hpp"
#include "kernel/net/worker_pool.hpp"

namespace blockd {

struct TlsClientConfig {
  std::string ca_file{};    // trust anchors; empty: the system's
  std::string cert_file{};  // own identity; both or none
  std::string key_file{};
  bool insecure = false;  // accept any certificate
};

struct HttpClientOptions {
  std::uint32_t connect_timeout_ms = 5000;  // TCP and TLS
  std::uint32_t timeout_ms = 15000;         // the whole request
  std::uint64_t max_response_bytes = 16 << 20;
  TlsClientConfig tls{};
};

struct HttpClientRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  // not Host, Content-Length, Connection
  std::string body;
  std::uint32_t timeout_ms = 0;          // 0: that of the options
  std::uint64_t max_response_bytes = 0;  // 0: that of the options
};

struct HttpClientResponse {
  int status = 0;
  HttpHeaders headers;
  std::string body;
};

// Keeps at most kMaxKeptConnections open. [any]: calls from several threads are served one
// connection each.
inline constexpr std::size_t kMaxKeptConnections = 8;

class HttpClient {
 public:
  explicit HttpClient(HttpClientOptions options = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Blocks until the answer is there. A kept connection that the server closed meanwhile, before it
  // sent a byte of an answer, is replaced once by a new one for GET, HEAD and OPTIONS, and for
  // other methods when nothing of the request could be sent.
  Result<HttpClientResponse> send(const HttpClientRequest& request);
  Result<HttpClientResponse> get(std::string_view url);
  Result<HttpClientResponse> post_json(std::string_view url, std::string body);

  // The same on a thread of `pool`; `done` is called there, once. False, and `done` is never
  // called, if the pool is full. REQUIRES: client and pool outlive the call.
  bool send_async(WorkerPool& pool, HttpClientRequest request,
                  std::function<void(Result<HttpClientResponse>)> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A blocking WebSocket client: text messages; answers pings by itself while in receive(). One
// thread at a time.
class WsClient {
 public:
  // `url`: ws, wss, http, https or unix. Errors as above; kDenied "HTTP 403: …" when the server
  // refuses.
  static Result<std::unique_ptr<WsClient>> connect(
      std::string_view url, const HttpClientOptions& options = {},
      const std::vector<std::pair<std::string, std::string>>& headers = {});
  ~WsClient();
  WsClient(const WsClient&) = delete;
  WsClient& operator=(const WsClient&) = delete;

  // Errors: kTimeout (the server does not read), kUnavailable (closed).
  Status send(std::string_view text);
  // The next message. Errors: kTimeout (none came; go on), kUnavailable "closed by the server: 1001
  // …", kLimit (message above max_response_bytes), kInvalid (protocol).
  Result<std::string> receive(std::uint32_t timeout_ms);
  // Sends a close frame and ends the connection. Idempotent.
  void close(std::uint16_t code = 1000);
  // Sec-WebSocket-Protocol of the answer; empty if none.
  const std::string& subprotocol() const;

 private:
  class Impl;
  explicit WsClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockd
