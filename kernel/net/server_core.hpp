// What the listeners, connections and WebSockets of one HttpServer share. Internal to net.
//
// Time: a connection writes its deadline into an atomic; one sweep per kSweepMs looks at all of
// them. That costs a store per phase instead of a timer, and limits are exact to kSweepMs.
// Settings: a connection keeps a copy and compares `generation` once a request, so changes need no
// lock there.
#pragma once

#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "kernel/net/http_server.hpp"
#include "kernel/net/refusals.hpp"
#include "kernel/net/tls_context.hpp"

namespace blockd {

inline constexpr std::uint32_t kSweepMs = 50;

// A strand per connection: the sweep, stop() and late replies come from other threads.
using NetExecutor = boost::asio::strand<boost::asio::io_context::executor_type>;
// TCP and Unix alike.
using PlainStream =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, NetExecutor>;

std::uint64_t now_us();
inline std::uint64_t now_ms() { return now_us() / 1000; }

struct ServerCore;
struct Listener;

// Anything that holds a client's socket: HTTP connection or WebSocket.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `watched_fd`: the socket that check_wakeups() may ask; -1: none.
  Connection(const Listener* listener, int watched_fd)
      : listener_(listener), watched_fd_(watched_fd) {}
  virtual ~Connection() = default;
  virtual void on_deadline() = 0;  // [any] the deadline passed (or moved meanwhile: look again)
  virtual void drain() = 0;        // [any] end after the answer in work
  virtual void cut() = 0;          // [any] end now
  virtual void retry(std::uint64_t) {}  // [any] if that wait still is, try without its event
  const Listener* listener() const { return listener_; }  // for comparing
  std::uint64_t deadline_ms() const { return deadline_ms_.load(std::memory_order_relaxed); }

 protected:
  void set_deadline(std::uint64_t at_ms) { deadline_ms_.store(at_ms, std::memory_order_relaxed); }
  bool deadline_passed() const { return deadline_ms() != 0 && deadline_ms() <= now_ms(); }
  // What the socket waits for. Every wait has a number of its own, so that the check tells one that
  // goes on from another one of the same kind.
  enum class Wait : std::uint8_t { kNothing, kRead, kWrite };
  void set_wait(Wait wait) {
    waits_ += 4;
    wait_.store(waits_ | static_cast<std::uint64_t>(wait), std::memory_order_relaxed);
  }
  std::uint64_t wait() const { return wait_.load(std::memory_order_relaxed); }
  static Wait kind_of(std::uint64_t wait) { return static_cast<Wait>(wait & 3); }

 private:
  const Listener* const listener_;
  std::atomic<std::uint64_t> deadline_ms_{0};  // 0: none

  friend struct ServerCore;
  const int watched_fd_;
  std::uint64_t waits_ = 0;  // written by the connection alone
  std::atomic<std::uint64_t> wait_{0};
  // Of check_wakeups(): the wait that was found ready, and since when.
  std::uint64_t ready_wait_ = 0, ready_since_ms_ = 0;
};

// What a listener says to its connections. Immutable; a change is a new one.
struct ListenerSettings {
  std::shared_ptr<HttpHandler> handler;
  TlsContext tls;
  std::uint64_t body_bytes = 0;
};

struct Listener {
  explicit Listener(std::string listener_name) : name(std::move(listener_name)) {}
  const std::string name;
  std::atomic<bool> removed{false};
  std::shared_ptr<const ListenerSettings> get() const {
    std::lock_guard lock(mutex);
    return settings;
  }
  mutable std::mutex mutex;
  std::shared_ptr<const ListenerSettings> settings;
};

// A place among HttpLimits::connections, given back on destruction.
class ConnectionSlot {
 public:
  ConnectionSlot() = default;
  ConnectionSlot(std::shared_ptr<ServerCore> core, std::string ip)
      : core_(std::move(core)), ip_(std::move(ip)) {}
  ConnectionSlot(ConnectionSlot&&) = default;
  ConnectionSlot& operator=(ConnectionSlot&&) = delete;
  ~ConnectionSlot();

 private:
  std::shared_ptr<ServerCore> core_;  // connections may outlive the server
  std::string ip_;
};

// Everything about a connection that stays the same, handed on from HTTP to WebSocket.
struct ConnectionInfo {
  std::shared_ptr<ServerCore> core;
  std::shared_ptr<Listener> listener;
  ConnectionSlot slot;
  std::string remote_ip;
  bool over_unix = false;
  std::uint32_t peer_uid = 0;
  std::uint32_t peer_gid = 0;
  std::shared_ptr<const ClientCert> client_cert;
};

struct ServerCore : std::enable_shared_from_this<ServerCore> {
  ServerCore(IoPool& io_pool, const HttpLimits& first, std::shared_ptr<HttpObserver> told)
      : pool(io_pool),
        observer(std::move(told)),
        limits_(first),
        refusals_(std::make_shared<const CrowdRefusals>(first)) {}

  IoPool& pool;
  const std::shared_ptr<HttpObserver> observer;
  std::atomic<std::uint64_t> generation{1};  // of limits and all listeners' settings
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> in_work{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> websockets{0};
  std::atomic<std::uint64_t> refused_connections{0};
  std::atomic<std::uint64_t> refused_requests{0};
  std::atomic<std::uint64_t> accept_failures{0};
  std::atomic<std::uint64_t> failed_handshakes{0};
  std::atomic<std::uint64_t> stalled_writes{0};
  std::atomic<std::uint64_t> reads_without_ready{0};
  std::atomic<std::uint64_t> writes_without_ready{0};

  HttpLimits limits() const;
  void set_limits(const HttpLimits& limits);

  std::shared_ptr<const CrowdRefusals> refusals() const;

  // nullopt: a limit of connections is reached, and `*refusal` is the answer. `ip` empty: over a
  // Unix socket.
  std::optional<ConnectionSlot> take_slot(const std::string& ip,
                                          std::shared_ptr<const std::string>* refusal);
  void give_slot(const std::string& ip);
  std::uint64_t open_slots() const;
  // Until all slots are free; false after `wait_ms`.
  bool wait_empty(std::uint32_t wait_ms);

  // REQUIRES: a shared_ptr owns it already (so not in its constructor: others ask for its
  // weak_from_this() at once); leave() before the object's memory goes (in its destructor).
  void enter(Connection* connection);
  void leave(Connection* connection);
  std::vector<std::shared_ptr<Connection>> connections() const;
  void sweep();
  // Asks the sockets of connections that wait, and has those retried that were ready at the check
  // before and have still not been told. Returns in how many milliseconds to come again. One call
  // at a time.
  std::uint32_t check_wakeups();

 private:
  struct Asked {
    std::shared_ptr<Connection> connection;
    std::uint64_t wait = 0;
  };
  std::vector<Asked> waiting();

  mutable std::mutex mutex_;
  std::condition_variable empty_;
  HttpLimits limits_;
  std::shared_ptr<const CrowdRefusals> refusals_;
  std::uint64_t slots_ = 0;  // taken, local ones included
  std::uint64_t local_ = 0;
  std::unordered_map<std::string, std::uint32_t> per_ip_;  // bounded by HttpLimits::connections
  std::unordered_set<Connection*> connections_;
  std::size_t asked_ = 0;  // where the next check goes on
};

// Begins to serve an accepted socket. `settings` decides whether TLS comes first. [io]
void start_connection(ConnectionInfo info, std::shared_ptr<const ListenerSettings> settings,
                      PlainStream socket);

}  // namespace blockd
