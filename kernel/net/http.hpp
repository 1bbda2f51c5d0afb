// HTTP as the rest of the kernel sees it: requests, responses, handlers, WebSocket peers. No
// socket, no Boost.
//
// The server (http_server.hpp) parses a request completely (body included, within HttpLimits), then
// calls HttpHandler::handle once, on an io thread. The handler answers by calling the reply, inline
// or later, from any thread, once; further calls are ignored, and a reply that is destroyed
// uncalled becomes a 500. A handler that works long on the io thread holds up other connections:
// hand such work to a WorkerPool. An exception that leaves a handler becomes a 500; it never ends
// the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace blockd {

// Header fields in the order of arrival. Names compare without regard to case. All texts live in
// one buffer, so a request with ten headers costs two allocations. Views live until the next add().
class HttpHeaders {
 public:
  void add(std::string_view name, std::string_view value);
  // The first value of that name; empty when absent (use has() to tell an empty value from none).
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::size_t size() const { return fields_.size(); }
  std::string_view name(std::size_t i) const { return text(fields_[i].name, fields_[i].name_size); }
  std::string_view value(std::size_t i) const {
    return text(fields_[i].value, fields_[i].value_size);
  }

 private:
  struct Field {
    std::uint32_t name, name_size, value, value_size;
  };
  std::string_view text(std::uint32_t at, std::uint32_t size) const {
    return std::string_view(arena_).substr(at, size);
  }
  const Field* find(std::string_view name) const;
  std::string arena_;
  std::vector<Field> fields_;
};

// True if both are equal but for the case of ASCII letters.
bool equal_ignoring_case(std::string_view a, std::string_view b);

// What is known of a client that showed a certificate which the listener's CA accepts.
struct ClientCert {
  std::string fingerprint;  // lower case hex of BLAKE3 over the DER
  std::string common_name;  // of the subject; empty if it has none
};

struct HttpRequest {
  std::string method;  // "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"; others are
                       // refused before
  std::string target;  // as sent: "/v1/x%20y?a=1"
  std::string path;    // percent-decoded, without the query: "/v1/x y"; "*" for OPTIONS *
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  HttpHeaders headers;
  std::string body;

  std::string listener;   // name of the listener that took the connection
  std::string remote_ip;  // "127.0.0.1", "::1"; empty over a Unix socket
  bool over_tls = false;
  bool over_unix_socket = false;
  std::uint32_t peer_uid =
      0;  // of the connecting process, from the operating system; Unix sockets only
  std::uint32_t peer_gid = 0;
  std::shared_ptr<const ClientCert>
      tls_client_cert;  // null without one; shared by a connection's requests

  // The first query value of that name, or `otherwise`.
  std::string_view query_value(std::string_view name, std::string_view otherwise = {}) const;
  bool has_query(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";  // empty: no Content-Type header
  std::vector<std::pair<std::string, std::string>>
      headers;       // more of them; not Content-Length, Connection, Date
  std::string body;  // dropped by the server when the method was HEAD or the status has no body
};

// "Not Found" for 404; "Unknown" for a number without a name.
std::string_view http_reason(int status);

// A response with a plain text body that ends in a line feed.
HttpResponse text_response(int status, std::string_view text);

using HttpReply = std::function<void(HttpResponse)>;

// The server's end of an open WebSocket. [any] for all of it.
class WsPeer {
 public:
  virtual ~WsPeer() = default;
  // Queues a text message. False, and nothing is queued, if the peer is closed or its queue is full
  // (HttpLimits::ws_queue_messages or ws_queue_bytes); then WsHandler::on_drain follows once it is
  // empty.
  virtual bool send(std::string text) = 0;
  // Closes after what is queued has been sent. Codes: RFC 6455 section 7.4; `reason` at most 123
  // bytes.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  // Messages that wait, without the one being written.
  virtual std::size_t queue_size() const = 0;
  virtual std::size_t max_queue() const = 0;
  // Forgets what waits; returns how many messages that were.
  virtual std::size_t drop_queue() = 0;
  virtual bool is_open() const = 0;
};

// The kernel's half of a WebSocket. Calls come one at a time, on io threads: on_open first,
// on_close last (always, once), then the handler is destroyed.
class WsHandler {
 public:
  virtual ~WsHandler() = default;
  // The handshake is done. `peer` may be kept; after on_close its calls do nothing.
  virtual void on_open(std::shared_ptr<WsPeer> peer) = 0;
  // A whole text message, at most HttpLimits::ws_message_bytes. `text` is valid during the call.
  virtual void on_message(std::string_view text) = 0;
  // A queue that once refused a message is empty again.
  virtual void on_drain() {}
  virtual void on_close() = 0;
};

// What a handler says to an upgrade request.
struct WsAnswer {
  std::unique_ptr<WsHandler> handler;  // null: refuse with `refusal`
  std::string subprotocol;             // echoed as Sec-WebSocket-Protocol when not empty
  HttpResponse refusal = text_response(404, "no WebSocket here");
};

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // [io] Several at once on different threads.
  virtual void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) = 0;
  // [io] A WebSocket upgrade request; by default refused. Must answer at once.
  virtual WsAnswer accept_ws(std::shared_ptr<const HttpRequest> request);
};

// Told about every answered request. [io], several at once; must be quick.
class HttpObserver {
 public:
  virtual ~HttpObserver() = default;
  // `duration_us` from the first byte read to the last byte written.
  virtual void on_request(std::string_view listener, std::uint64_t duration_us, int status) = 0;
};

}  // namespace blockd
