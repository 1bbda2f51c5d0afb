#include "kernel/net/listen_socket.hpp"

#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace blockd {
namespace {

constexpr int kBacklog = 1024;

Status socket_status(const ListenAddress& address, const char* what) {
  const int error = errno;
  const std::string text =
      "cannot listen on " + address.to_string() + ": " + what + ": " + std::strerror(error);
  if (error == EADDRINUSE) {
    return Status(Code::kExists, "cannot listen on " + address.to_string() + ": address in use",
                  "stop the process that has it (ss -ltnp shows it) or choose another address");
  }
  if (error == EADDRNOTAVAIL) {
    return Status(Code::kInvalid, text, "no interface of this machine has that address (ip addr)");
  }
  if (error == EACCES || error == EPERM) {
    return Status(Code::kDenied, text, "ports below 1024 and foreign directories need a privilege");
  }
  if (error == ENOENT) return Status(Code::kNotFound, text, "make the directory first");
  return Status(Code::kIo, text);
}

Status group_status(const ListenAddress& address, const std::string& group) {
  return Status(Code::kInvalid,
                "cannot listen on " + address.to_string() + ": unknown group '" + group + "'",
                "name a group of this machine (getent group)");
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un raw{};
  raw.sun_family = AF_UNIX;
  std::memcpy(raw.sun_path, path.data(), path.size());
  return raw;
}

// Somebody accepts connections there.
bool answers(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  const sockaddr_un raw = unix_address(path);
  const bool connected =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&raw), sizeof raw) == 0 || errno == EAGAIN;
  ::close(fd);
  return connected;
}

}  // namespace

Result<ListenSocket> ListenSocket::open(const ListenAddress& address, unsigned unix_mode,
                                        const std::string& unix_group) {
  return address.is_unix() ? open_unix(address, unix_mode, unix_group) : open_tcp(address);
}

Result<ListenSocket> ListenSocket::open_tcp(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed =
      ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) {
    return Status(Code::kInvalid,
                  "cannot listen on " + address.to_string() + ": " + ::gai_strerror(failed));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> guard(found, &::freeaddrinfo);
  const int fd = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return socket_status(address, "socket");
  ListenSocket out(fd, address);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (found->ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(fd, found->ai_addr, found->ai_addrlen) != 0) return socket_status(address, "bind");
  if (::listen(fd, kBacklog) != 0) return socket_status(address, "listen");
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return socket_status(address, "getsockname");
  }
  out.bound_.port =
      ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                        : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  return out;
}

Result<ListenSocket> ListenSocket::open_unix(const ListenAddress& address, unsigned mode,
                                             const std::string& group) {
  const std::string& path = address.socket_path;
  const std::string beside = path + "~";
  if (beside.size() >= sizeof(sockaddr_un::sun_path)) {
    return Status(Code::kInvalid,
                  "cannot listen on " + address.to_string() + ": path longer than " +
                      std::to_string(sizeof(sockaddr_un::sun_path) - 2) + " bytes",
                  "choose a shorter path, such as one in /run");
  }
  if (answers(path)) {
    errno = EADDRINUSE;
    return socket_status(address, "bind");
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return socket_status(address, "socket");
  ListenSocket out(fd, address);
  ::unlink(beside.c_str());
  // Nobody can connect before listen(), so the mode is set in time.
  const sockaddr_un raw = unix_address(beside);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&raw), sizeof raw) != 0) {
    return socket_status(address, "bind");
  }
  if (!group.empty()) {
    const struct group* entry = ::getgrnam(group.c_str());
    if (entry == nullptr) {
      ::unlink(beside.c_str());
      return group_status(address, group);
    }
    if (::chown(beside.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      Status failed = socket_status(address, "chown");
      ::unlink(beside.c_str());
      return failed;
    }
  }
  struct stat file {};
  if (::chmod(beside.c_str(), mode) != 0 || ::listen(fd, kBacklog) != 0 ||
      ::stat(beside.c_str(), &file) != 0 || ::rename(beside.c_str(), path.c_str()) != 0) {
    Status failed = socket_status(address, "listen");
    ::unlink(beside.c_str());
    return failed;
  }
  out.device_ = file.st_dev;
  out.inode_ = file.st_ino;
  return out;
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      bound_(std::move(other.bound_)),
      device_(other.device_),
      inode_(other.inode_) {}

ListenSocket::~ListenSocket() {
  if (fd_ < 0) return;
  struct stat file {};
  if (inode_ != 0 && ::lstat(bound_.socket_path.c_str(), &file) == 0 && file.st_dev == device_ &&
      file.st_ino == inode_) {
    ::unlink(bound_.socket_path.c_str());
  }
  ::close(fd_);
}

}  // namespace blockd
