#include "kernel/net/acceptor.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

namespace blockd {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

constexpr int kBatch = 64;  // connections taken before others get the thread
constexpr int kBackOffMs = 50;

std::string ip_text(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text,
                sizeof text);
  } else if (address.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, text,
                sizeof text);
  }
  return text;
}

}  // namespace

Acceptor::Acceptor(std::shared_ptr<ServerCore> core, std::shared_ptr<Listener> listener,
                   ListenSocket socket)
    : core_(std::move(core)),
      listener_(std::move(listener)),
      bound_(socket.bound()),
      socket_(std::make_unique<ListenSocket>(std::move(socket))),
      timer_(core_->pool.context()) {}

void Acceptor::start() {
  std::lock_guard lock(mutex_);
  // A duplicate: Asio closes its own, ListenSocket knows about the file of a Unix socket.
  const int fd = ::fcntl(socket_->fd(), F_DUPFD_CLOEXEC, 0);
  if (fd < 0) {
    core_->accept_failures.fetch_add(1);
    return back_off();
  }
  waiter_ = std::make_unique<asio::posix::stream_descriptor>(core_->pool.context(), fd);
  wait();
}

void Acceptor::close() {
  std::lock_guard lock(mutex_);
  socket_.reset();
  Error ignored;
  if (waiter_) waiter_->close(ignored);
  timer_.cancel();
}

void Acceptor::wait() {
  waiter_->async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const Error& error) {
                        if (!error) self->take_many();
                      });
}

void Acceptor::take_many() {
  std::lock_guard lock(mutex_);
  int error = 0;
  for (int i = 0; socket_ && i < kBatch; ++i) {
    if (take_one(&error)) continue;
    if (error == EAGAIN) break;
    // No descriptors or no memory, most likely. Waiting for readiness would return at once.
    core_->accept_failures.fetch_add(1);
    return back_off();
  }
  if (socket_) wait();
}

void Acceptor::back_off() {
  timer_.expires_after(std::chrono::milliseconds(kBackOffMs));
  timer_.async_wait([self = shared_from_this()](const Error& error) {
    if (error) return;
    if (!self->waiter_) return self->start();
    self->take_many();
  });
}

bool Acceptor::take_one(int* error) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  const int fd = ::accept4(socket_->fd(), reinterpret_cast<sockaddr*>(&address), &size,
                           SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    *error = errno;
    // These concern the one connection only.
    return *error == ECONNABORTED || *error == EINTR || *error == EPROTO;
  }
  serve(fd, &address);
  return true;
}

void Acceptor::serve(int fd, const void* from) {
  const auto& address = *static_cast<const sockaddr_storage*>(from);
  const bool over_unix = bound_.is_unix();
  const std::string ip = over_unix ? "" : ip_text(address);
  std::shared_ptr<const ListenerSettings> settings = listener_->get();
  std::shared_ptr<const std::string> refusal;
  std::optional<ConnectionSlot> slot = core_->take_slot(ip, &refusal);
  if (!slot) {
    core_->refused_connections.fetch_add(1);
    if (!settings->tls || over_unix) {
      // Fits the empty send buffer of a new connection; whether it arrives matters to the client
      // only.
      (void)!::send(fd, refusal->data(), refusal->size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    ::close(fd);
    return;
  }
  ucred peer{};
  socklen_t size = sizeof peer;
  if (over_unix && ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    ::close(fd);  // without knowing who it is there is no role to give
    return;
  }
  const int on = 1;
  if (!over_unix) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  PlainStream socket(asio::make_strand(core_->pool.context()));
  Error error;
  socket.assign(asio::generic::stream_protocol(over_unix ? AF_UNIX : address.ss_family, 0), fd,
                error);
  if (error) {
    ::close(fd);
    return;
  }
  start_connection(ConnectionInfo{core_, listener_, std::move(*slot), ip, over_unix, peer.uid,
                                  peer.gid, nullptr},
                   std::move(settings), std::move(socket));
}

}  // namespace blockd
