#include "kernel/net/http_server.hpp"

#include <algorithm>
#include <map>

#include "kernel/net/acceptor.hpp"
#include "kernel/net/server_core.hpp"

namespace blockd {

class HttpServer::Impl {
 public:
  Impl(IoPool& pool, const HttpLimits& limits, std::shared_ptr<HttpObserver> observer)
      : core(std::make_shared<ServerCore>(pool, limits, std::move(observer))) {
    schedule_sweep(core);
    schedule_wakeups(core, limits.idle_poll_ms);
  }

  Status set_listener(ListenerConfig config);
  Status remove_listener(std::string_view name);
  Status reload_tls(std::string_view name);
  Result<std::shared_ptr<Change>> prepare(std::vector<ListenerConfig> all);
  Status commit(Change& change);
  Status stop(std::uint32_t deadline_ms);

  struct Socket {
    ListenAddress configured;
    std::shared_ptr<Acceptor> acceptor;  // shared with the event loop
  };
  struct Entry {
    ListenerConfig config;
    std::shared_ptr<Listener> listener;
    std::vector<Socket> sockets;
  };

  std::shared_ptr<ServerCore> core;
  mutable std::mutex mutex;  // of what follows; never held while a connection runs
  std::map<std::string, Entry, std::less<>> entries;
  bool stopped = false;

 private:
  // Runs until the server is gone: holds the core weakly.
  static void schedule_sweep(const std::shared_ptr<ServerCore>& core) {
    core->pool.post_after(kSweepMs, [weak = std::weak_ptr<ServerCore>(core)] {
      if (const auto alive = weak.lock()) {
        alive->sweep();
        schedule_sweep(alive);
      }
    });
  }
  static void schedule_wakeups(const std::shared_ptr<ServerCore>& core, std::uint32_t delay_ms) {
    core->pool.post_after(delay_ms, [weak = std::weak_ptr<ServerCore>(core)] {
      if (const auto alive = weak.lock()) schedule_wakeups(alive, alive->check_wakeups());
    });
  }
  Result<std::vector<ListenAddress>> check(const ListenerConfig& config) const;
  Result<ListenSocket> open_replacing(const ListenAddress& address, const ListenerConfig& config,
                                      Entry& entry, const std::vector<ListenAddress>& wanted);
  Status reopen(Entry& entry, std::size_t at, const ListenAddress& bound);
  Status prepare_one(ListenerConfig config, Change* change);
  bool goes_away(const ListenAddress& address, const Change& change) const;
  void close_in_the_way(const ListenAddress& address, const Change& change);
  std::shared_ptr<Listener> remove_locked(std::map<std::string, Entry, std::less<>>::iterator at);
};

// What prepare() has opened and read. Sockets that are not committed close with it.
struct HttpServer::Change {
  struct Socket {
    ListenAddress address;
    std::shared_ptr<Acceptor> acceptor;  // null: opened by commit()
    bool fresh = false;
  };
  struct One {
    ListenerConfig config;
    std::shared_ptr<Listener> listener;
    std::shared_ptr<const ListenerSettings> settings;
    std::vector<Socket> sockets;
  };
  ~Change() {
    for (const One& one : listeners) {
      for (const Socket& socket : one.sockets) {
        if (socket.fresh && !committed) socket.acceptor->close();
      }
    }
  }
  std::map<std::string, std::vector<ListenAddress>> wanted;  // of every listener
  std::vector<One> listeners;
  bool committed = false;
};

namespace {

bool same(const ListenAddress& a, const ListenAddress& b) {
  return a.host == b.host && a.port == b.port && a.socket_path == b.socket_path;
}

Status not_found(std::string_view name) {
  return Status(Code::kNotFound, "no listener '" + std::string(name) + "'");
}

}  // namespace

Result<std::vector<ListenAddress>> HttpServer::Impl::check(const ListenerConfig& config) const {
  if (config.name.empty() || !config.handler) {
    return Status(Code::kInvalid, "a listener needs a name and a handler");
  }
  if (stopped) return Status(Code::kUnavailable, "the server was stopped");
  if (config.addresses.empty() || config.addresses.size() > kMaxAddressesPerListener) {
    return Status(Code::kLimit, "needs 1.." + std::to_string(kMaxAddressesPerListener) +
                                    " addresses, has " + std::to_string(config.addresses.size()));
  }
  if (!entries.contains(config.name) && entries.size() >= kMaxListeners) {
    return Status(Code::kLimit, "more than " + std::to_string(kMaxListeners) + " listeners");
  }
  std::vector<ListenAddress> out;
  for (const std::string& text : config.addresses) {
    Result<ListenAddress> address = parse_listen_address(text);
    if (!address.ok()) return address.status();
    out.push_back(std::move(*address));
  }
  return out;
}

Status HttpServer::Impl::set_listener(ListenerConfig config) {
  const std::string where = "listener '" + config.name + "'";
  std::lock_guard lock(mutex);
  Result<std::vector<ListenAddress>> wanted = check(config);
  if (!wanted.ok()) return wanted.status().in(where);
  auto settings = std::make_shared<ListenerSettings>();
  settings->handler = config.handler;
  settings->body_bytes = config.body_bytes;
  if (config.tls) {
    Result<TlsContext> tls = make_server_tls(*config.tls);
    if (!tls.ok()) return tls.status().in(where);
    settings->tls = std::move(*tls);
  }
  const auto found = entries.find(config.name);
  Entry fresh;
  Entry& old = found != entries.end() ? found->second : fresh;
  const std::shared_ptr<Listener> listener =
      old.listener ? old.listener : std::make_shared<Listener>(config.name);

  std::vector<Socket> sockets;
  std::vector<std::shared_ptr<Acceptor>> opened;
  for (const ListenAddress& address : *wanted) {
    const auto kept = std::find_if(old.sockets.begin(), old.sockets.end(),
                                   [&](const Socket& s) { return same(s.configured, address); });
    const bool file_changed = address.is_unix() && (config.unix_mode != old.config.unix_mode ||
                                                    config.unix_group != old.config.unix_group);
    if (kept != old.sockets.end() && !file_changed) {
      sockets.push_back(*kept);
      continue;
    }
    Result<ListenSocket> socket = open_replacing(address, config, old, *wanted);
    if (!socket.ok()) {
      for (const auto& acceptor : opened) acceptor->close();
      return socket.status().in(where);
    }
    opened.push_back(std::make_shared<Acceptor>(core, listener, std::move(*socket)));
    sockets.push_back({address, opened.back()});
  }
  {
    std::lock_guard settings_lock(listener->mutex);
    listener->settings = settings;
  }
  core->generation.fetch_add(1);
  for (const auto& acceptor : opened) acceptor->start();
  for (const Socket& socket : old.sockets) {
    const bool stays = std::any_of(sockets.begin(), sockets.end(),
                                   [&](const Socket& s) { return s.acceptor == socket.acceptor; });
    if (!stays) socket.acceptor->close();
  }
  entries[config.name] = Entry{config, listener, std::move(sockets)};
  return {};
}

// Opens; if only sockets of the same listener that are about to go are in the way, they go first.
Result<ListenSocket> HttpServer::Impl::open_replacing(const ListenAddress& address,
                                                      const ListenerConfig& config, Entry& entry,
                                                      const std::vector<ListenAddress>& wanted) {
  Result<ListenSocket> socket = ListenSocket::open(address, config.unix_mode, config.unix_group);
  if (socket.ok() || socket.status().code() != Code::kExists) return socket;
  for (std::size_t i = 0; i < entry.sockets.size(); ++i) {
    Socket& old = entry.sockets[i];
    const ListenAddress bound = old.acceptor->bound();
    const bool collides = address.is_unix() ? bound.socket_path == address.socket_path
                                            : !bound.is_unix() && bound.port == address.port;
    const bool goes = address.is_unix() ||
                      std::none_of(wanted.begin(), wanted.end(),
                                   [&](const ListenAddress& w) { return same(w, old.configured); });
    if (!collides || !goes) continue;
    old.acceptor->close();
    Result<ListenSocket> again = ListenSocket::open(address, config.unix_mode, config.unix_group);
    if (again.ok()) return again;
    if (Status back = reopen(entry, i, bound); !back.ok()) {
      return Status(again.status().code(),
                    again.status().message() + "; and the old address is lost: " + back.message());
    }
    return again;
  }
  return socket;
}

Status HttpServer::Impl::reopen(Entry& entry, std::size_t at, const ListenAddress& bound) {
  Result<ListenSocket> socket =
      ListenSocket::open(bound, entry.config.unix_mode, entry.config.unix_group);
  if (!socket.ok()) return socket.status();
  entry.sockets[at].acceptor = std::make_shared<Acceptor>(core, entry.listener, std::move(*socket));
  entry.sockets[at].acceptor->start();
  return {};
}

// Its connections are the caller's, when the mutex is free. REQUIRES: mutex held.
std::shared_ptr<Listener> HttpServer::Impl::remove_locked(
    std::map<std::string, Entry, std::less<>>::iterator at) {
  for (const Socket& socket : at->second.sockets) socket.acceptor->close();
  std::shared_ptr<Listener> removed = at->second.listener;
  removed->removed.store(true);
  entries.erase(at);
  return removed;
}

Status HttpServer::Impl::remove_listener(std::string_view name) {
  std::shared_ptr<Listener> removed;
  {
    std::lock_guard lock(mutex);
    const auto found = entries.find(name);
    if (found == entries.end()) return not_found(name);
    removed = remove_locked(found);
  }
  for (const auto& connection : core->connections()) {
    if (connection->listener() == removed.get()) connection->drain();
  }
  return {};
}

Result<std::shared_ptr<HttpServer::Change>> HttpServer::Impl::prepare(
    std::vector<ListenerConfig> all) {
  auto change = std::make_shared<Change>();
  std::lock_guard lock(mutex);
  if (all.size() > kMaxListeners)
    return Status(Code::kLimit, "more than " + std::to_string(kMaxListeners) + " listeners");
  for (const ListenerConfig& config : all) {
    Result<std::vector<ListenAddress>> addresses = check(config);
    if (!addresses.ok()) return addresses.status().in("listener '" + config.name + "'");
    if (!change->wanted.emplace(config.name, *std::move(addresses)).second)
      return Status(Code::kInvalid, "two listeners '" + config.name + "'");
  }
  for (ListenerConfig& config : all) {
    const std::string where = "listener '" + config.name + "'";
    if (Status status = prepare_one(std::move(config), change.get()); !status.ok())
      return status.in(where);
  }
  return change;
}

Status HttpServer::Impl::prepare_one(ListenerConfig config, Change* change) {
  auto settings = std::make_shared<ListenerSettings>();
  settings->handler = config.handler;
  settings->body_bytes = config.body_bytes;
  if (config.tls) {
    Result<TlsContext> tls = make_server_tls(*config.tls);
    if (!tls.ok()) return tls.status();
    settings->tls = std::move(*tls);
  }
  const auto found = entries.find(config.name);
  const Entry* old = found == entries.end() ? nullptr : &found->second;
  Change::One& one = change->listeners.emplace_back();
  one.listener = old ? old->listener : std::make_shared<Listener>(config.name);
  one.settings = std::move(settings);
  for (const ListenAddress& address : change->wanted[config.name]) {
    const bool file_changed =
        old && address.is_unix() &&
        (config.unix_mode != old->config.unix_mode || config.unix_group != old->config.unix_group);
    std::shared_ptr<Acceptor> kept;
    if (old && !file_changed) {
      for (const Socket& s : old->sockets) {
        if (same(s.configured, address)) kept = s.acceptor;
      }
    }
    if (kept) {
      one.sockets.push_back({address, std::move(kept), false});
      continue;
    }
    Result<ListenSocket> socket = ListenSocket::open(address, config.unix_mode, config.unix_group);
    if (socket.ok()) {
      one.sockets.push_back(
          {address, std::make_shared<Acceptor>(core, one.listener, std::move(*socket)), true});
    } else if (file_changed ||
               (socket.status().code() == Code::kExists && goes_away(address, *change))) {
      one.sockets.push_back({address, nullptr, false});
    } else {
      return socket.status();
    }
  }
  one.config = std::move(config);
  return {};
}

namespace {

bool in_the_way(const ListenAddress& bound, const ListenAddress& address) {
  return address.is_unix() ? bound.socket_path == address.socket_path
                           : !bound.is_unix() && bound.port == address.port;
}

bool stays(const std::map<std::string, std::vector<ListenAddress>>& wanted,
           const std::string& listener, const ListenAddress& configured) {
  const auto found = wanted.find(listener);
  return found != wanted.end() &&
         std::any_of(found->second.begin(), found->second.end(),
                     [&](const ListenAddress& w) { return same(w, configured); });
}

}  // namespace

// True if sockets of ours are in the way of `address`, and all of them are about to go.
bool HttpServer::Impl::goes_away(const ListenAddress& address, const Change& change) const {
  bool ours = false;
  for (const auto& [name, entry] : entries) {
    for (const Socket& socket : entry.sockets) {
      if (!in_the_way(socket.acceptor->bound(), address)) continue;
      if (stays(change.wanted, name, socket.configured)) return false;
      ours = true;
    }
  }
  return ours;
}

void HttpServer::Impl::close_in_the_way(const ListenAddress& address, const Change& change) {
  for (const auto& [name, entry] : entries) {
    for (const Socket& socket : entry.sockets) {
      const bool goes = address.is_unix() || !stays(change.wanted, name, socket.configured);
      if (goes && in_the_way(socket.acceptor->bound(), address)) socket.acceptor->close();
    }
  }
}

Status HttpServer::Impl::commit(Change& change) {
  Status first;
  std::vector<std::shared_ptr<Listener>> removed;
  {
    std::lock_guard lock(mutex);
    if (stopped) return Status(Code::kUnavailable, "the server was stopped");
    change.committed = true;
    for (Change::One& one : change.listeners) {
      for (Change::Socket& socket : one.sockets) {
        if (socket.acceptor) continue;
        close_in_the_way(socket.address, change);
        Result<ListenSocket> opened =
            ListenSocket::open(socket.address, one.config.unix_mode, one.config.unix_group);
        if (opened.ok()) {
          socket.acceptor = std::make_shared<Acceptor>(core, one.listener, std::move(*opened));
          socket.fresh = true;
        } else if (first.ok()) {
          first = opened.status().in("listener '" + one.config.name + "'");
        }
      }
      std::erase_if(one.sockets, [](const Change::Socket& s) { return s.acceptor == nullptr; });
    }
    for (Change::One& one : change.listeners) {
      Entry next{one.config, one.listener, {}};
      {
        std::lock_guard settings_lock(one.listener->mutex);
        one.listener->settings = one.settings;
      }
      for (const Change::Socket& socket : one.sockets) {
        next.sockets.push_back({socket.address, socket.acceptor});
        if (socket.fresh) socket.acceptor->start();
      }
      Entry& entry = entries[one.config.name];
      for (const Socket& old : entry.sockets) {
        const bool kept = std::any_of(next.sockets.begin(), next.sockets.end(),
                                      [&](const Socket& s) { return s.acceptor == old.acceptor; });
        if (!kept) old.acceptor->close();
      }
      entry = std::move(next);
    }
    for (auto at = entries.begin(); at != entries.end();) {
      const auto here = at++;
      if (!change.wanted.contains(here->first)) removed.push_back(remove_locked(here));
    }
    core->generation.fetch_add(1);
  }
  for (const auto& connection : core->connections()) {
    for (const auto& listener : removed) {
      if (connection->listener() == listener.get()) connection->drain();
    }
  }
  return first;
}

Status HttpServer::Impl::reload_tls(std::string_view name) {
  std::lock_guard lock(mutex);
  const auto found = entries.find(name);
  if (found == entries.end()) return not_found(name);
  const Entry& entry = found->second;
  if (!entry.config.tls) {
    return Status(Code::kInvalid, "listener '" + std::string(name) + "' has no TLS");
  }
  Result<TlsContext> tls = make_server_tls(*entry.config.tls);
  if (!tls.ok()) return tls.status().in("listener '" + std::string(name) + "'");
  std::lock_guard settings_lock(entry.listener->mutex);
  auto settings = std::make_shared<ListenerSettings>(*entry.listener->settings);
  settings->tls = std::move(*tls);
  entry.listener->settings = std::move(settings);
  core->generation.fetch_add(1);
  return {};
}

Status HttpServer::Impl::stop(std::uint32_t deadline_ms) {
  {
    std::lock_guard lock(mutex);
    if (stopped) return {};
    stopped = true;
    for (auto& [name, entry] : entries) {
      for (const Socket& socket : entry.sockets) socket.acceptor->close();
    }
    entries.clear();
  }
  core->draining.store(true);
  for (const auto& connection : core->connections()) connection->drain();
  if (core->wait_empty(deadline_ms)) return {};
  const auto left = core->connections();
  for (const auto& connection : left) connection->cut();
  return Status(Code::kTimeout, "HTTP server: cut " + std::to_string(left.size()) +
                                    " connections that did not end within " +
                                    std::to_string(deadline_ms) + " ms");
}

HttpServer::HttpServer(IoPool& pool, const HttpLimits& limits,
                       std::shared_ptr<HttpObserver> observer)
    : impl_(std::make_unique<Impl>(pool, limits, std::move(observer))) {}
HttpServer::~HttpServer() { (void)stop(0); }

Status HttpServer::set_listener(ListenerConfig config) {
  return impl_->set_listener(std::move(config));
}
Result<std::shared_ptr<HttpServer::Change>> HttpServer::prepare(std::vector<ListenerConfig> all) {
  return impl_->prepare(std::move(all));
}
Status HttpServer::commit(const std::shared_ptr<Change>& change) { return impl_->commit(*change); }
Status HttpServer::remove_listener(std::string_view name) { return impl_->remove_listener(name); }
Status HttpServer::reload_tls(std::string_view name) { return impl_->reload_tls(name); }
void HttpServer::set_limits(const HttpLimits& limits) { impl_->core->set_limits(limits); }
HttpLimits HttpServer::limits() const { return impl_->core->limits(); }
Status HttpServer::stop(std::uint32_t deadline_ms) { return impl_->stop(deadline_ms); }

std::vector<std::string> HttpServer::bound_addresses(std::string_view name) const {
  std::vector<std::string> out;
  std::lock_guard lock(impl_->mutex);
  const auto found = impl_->entries.find(name);
  if (found == impl_->entries.end()) return out;
  for (const auto& socket : found->second.sockets) {
    out.push_back(socket.acceptor->bound().to_string());
  }
  return out;
}

std::uint16_t HttpServer::port(std::string_view name) const {
  std::lock_guard lock(impl_->mutex);
  const auto found = impl_->entries.find(name);
  if (found == impl_->entries.end()) return 0;
  for (const auto& socket : found->second.sockets) {
    if (!socket.acceptor->bound().is_unix()) return socket.acceptor->bound().port;
  }
  return 0;
}

HttpServerStats HttpServer::stats() const {
  const ServerCore& core = *impl_->core;
  return {core.open_slots(),
          core.websockets.load(),
          core.in_work.load(),
          core.requests.load(),
          core.refused_connections.load(),
          core.refused_requests.load(),
          core.accept_failures.load(),
          core.reads_without_ready.load(),
          core.writes_without_ready.load(),
          core.failed_handshakes.load(),
          core.stalled_writes.load()};
}

}  // namespace blockd
