// HttpServer: the node's one HTTP/1.1 server. Named listeners (TCP, Unix socket, TLS 1.3) come,
// move and go while it runs; every limit can change while it runs; open connections notice at their
// next request.
//
// HTTP: keep-alive, pipelining (answers in order, one request in work per connection), HEAD,
// Expect: 100-continue, chunked request bodies, gzip of text answers above kGzipMinBytes, WebSocket
// upgrades. Refusals of its own: 400 malformed, 405 method, 408 slow request, 413 body, 431 head,
// 503 with "Retry-After: 1" when too much is in work or too many connections are open. Each has a
// JSON body in the form of an error of a call that names the limit and what to do; a connection
// over TLS that is not taken is closed without a word.
//
// Calls [any] but not from an io thread where "blocks" is written. The pool outlives the server and
// all replies. Destroying a server that was not stopped cuts its connections.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/net/http.hpp"
#include "kernel/net/io_pool.hpp"

namespace blockd {

inline constexpr std::size_t kGzipMinBytes = 1024;
inline constexpr std::size_t kMaxListeners = 64;
inline constexpr std::size_t kMaxAddressesPerListener = 16;

// What refusals call the limits, so that who reads one knows what to raise. Constants; an empty one
// is not named.
struct HttpLimitKeys {
  std::string_view head_bytes, body_bytes, header_timeout_ms, body_timeout_ms, connections,
      connections_per_ip, requests_in_work;
};

struct HttpLimits {
  std::uint32_t head_bytes = 16384;    // request line and headers -> 431
  std::uint64_t body_bytes = 1 << 20;  // request body -> 413
  std::uint32_t header_timeout_ms =
      10000;  // first byte of a request (or accept) to the end of its head -> 408
  std::uint32_t body_timeout_ms = 10000;       // end of the head to the end of the body -> 408
  std::uint32_t keep_alive_ms = 90000;         // silence between two requests -> closed
  std::uint32_t write_timeout_ms = 10000;      // each 64 KiB of a response -> closed
  std::uint32_t handshake_timeout_ms = 10000;  // TLS and WebSocket handshakes
  std::uint32_t connections = 4096;            // over TCP, all listeners together
  std::uint32_t local_connections = 256;       // over Unix sockets: a crowd leaves room for these
  std::uint32_t connections_per_ip = 256;      // TCP only
  std::uint32_t requests_in_work = 1024;       // handed to handlers, not yet answered -> 503
  std::uint32_t ws_queue_messages = 256;       // per WebSocket, waiting to be written
  std::uint64_t ws_queue_bytes = 8 << 20;
  std::uint64_t ws_message_bytes = 1 << 20;  // one message of a client -> close code 1009
  std::uint32_t ws_idle_ms =
      60000;  // pinged at half of it; silent or unable to write for all of it -> closed
  // Connections without TLS do not rest on the event loop alone: every idle_poll_ms the sockets
  // that wait are asked themselves, and one that stays ready for its backoff without being told is
  // read, or written, without the event (HttpServerStats counts these).
  std::uint32_t idle_poll_ms = 100;
  std::uint32_t read_backoff_ms = 10;
  std::uint32_t write_backoff_ms = 10;
  HttpLimitKeys keys{};
};

// TLS 1.3 only. Files are PEM and read at set_listener and reload_tls.
struct TlsServerConfig {
  std::string cert_file{};  // chain, leaf first
  std::string key_file{};
  std::string client_ca_file{};      // empty: clients are not asked for a certificate
  bool client_cert_required = true;  // with client_ca_file: refuse who shows none
};

struct ListenerConfig {
  std::string name{};  // "rpc"
  std::vector<std::string>
      addresses{};  // see ListenAddress; port 0: any free one, read it by bound_addresses
  std::shared_ptr<HttpHandler>
      handler{};                         // shared: requests in flight outlive a change of listeners
  std::optional<TlsServerConfig> tls{};  // for the TCP addresses; Unix sockets stay plain
  unsigned unix_mode = 0600;
  std::string unix_group{};      // group owner of the socket file; empty: the process's
  std::uint64_t body_bytes = 0;  // instead of HttpLimits::body_bytes; 0: that one
};

struct HttpServerStats {
  std::uint64_t connections = 0;          // open now, WebSockets included
  std::uint64_t websockets = 0;           // open now
  std::uint64_t requests_in_work = 0;     // now
  std::uint64_t requests = 0;             // answered since the start
  std::uint64_t refused_connections = 0;  // over a limit of connections
  std::uint64_t refused_requests = 0;     // over requests_in_work
  std::uint64_t accept_failures = 0;      // out of file descriptors or memory
  std::uint64_t reads_without_ready = 0;  // that succeeded although the event loop said nothing
  std::uint64_t writes_without_ready = 0;
  std::uint64_t failed_handshakes = 0;  // TLS: broken, or not done in time
  std::uint64_t stalled_writes = 0;     // connections cut because the client did not read
};

class HttpServer {
 public:
  // The observer may be null.
  HttpServer(IoPool& pool, const HttpLimits& limits,
             std::shared_ptr<HttpObserver> observer = nullptr);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Adds the listener, or changes the one of that name: addresses named before and now stay open,
  // new ones are opened, and only then the others are closed. Connections stay; they meet the new
  // handler at their next request. On error nothing has changed. Errors: kInvalid (address, TLS
  // files), kExists (address in use: names address and listener), kDenied, kLimit, kIo. One
  // exception: an address that only collides with one of this listener that is about to go
  // (0.0.0.0:P to 127.0.0.1:P) needs the old one closed first; if the new one then fails the old
  // one is opened again.
  Status set_listener(ListenerConfig config);
  // A change of all listeners at once, in two steps, so that it can be refused whole. prepare()
  // reads every TLS file and opens every new socket; none of them takes a connection, and dropping
  // the change closes them. commit() then makes the listeners those of `all`: what stays the same
  // stays open, what is not named is removed, and connections stay as with set_listener. An
  // address that only a socket about to go stands in the way of is opened by commit(), whose
  // errors are of that kind only (the listener then goes on without that address). Errors of
  // prepare(): those of set_listener; nothing has changed.
  struct Change;
  Result<std::shared_ptr<Change>> prepare(std::vector<ListenerConfig> all);
  Status commit(const std::shared_ptr<Change>& change);
  // Closes its sockets; its idle connections are closed, the others after their answer. Errors:
  // kNotFound.
  Status remove_listener(std::string_view name);
  // Reads the TLS files again for new connections; on error the old ones stay. Errors: kNotFound,
  // kInvalid.
  Status reload_tls(std::string_view name);
  // "127.0.0.1:40123", "unix:/run/x.sock": as bound, in the order of the configuration. Empty: no
  // such listener.
  std::vector<std::string> bound_addresses(std::string_view name) const;
  // The port of the first TCP address; 0 if there is none.
  std::uint16_t port(std::string_view name) const;

  void set_limits(const HttpLimits& limits);
  HttpLimits limits() const;
  HttpServerStats stats() const;

  // Takes no more connections, lets requests in work finish, closes WebSockets with 1001, cuts what
  // is left after `deadline_ms`. Blocks. Idempotent. Errors: kTimeout "cut N connections".
  Status stop(std::uint32_t deadline_ms);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockd
