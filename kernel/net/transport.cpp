#include "kernel/net/transport.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstring>

namespace blockd {
namespace {

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
};

Status unreachable(const std::string& origin, const std::string& why) {
  return Status(Code::kUnavailable, "cannot reach " + origin + ": " + why,
                "check the address, and that the service runs");
}

Status timed_out(const std::string& origin, const char* doing) {
  return Status(Code::kTimeout, origin + ": timeout while " + doing,
                "try again, or raise the timeout");
}

std::string lower_error(int error) {
  std::string text = std::strerror(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

Result<std::vector<Target>> resolve(const Url& url) {
  std::vector<Target> out;
  if (url.scheme == "unix") {
    Target target;
    auto& raw = reinterpret_cast<sockaddr_un&>(target.address);
    if (url.socket_path.size() >= sizeof raw.sun_path) {
      return Status(Code::kInvalid, "socket path too long: " + url.socket_path);
    }
    raw.sun_family = AF_UNIX;
    std::memcpy(raw.sun_path, url.socket_path.data(), url.socket_path.size());
    target.size = sizeof raw;
    out.push_back(target);
    return out;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  if (error != 0) return unreachable(url.origin(), ::gai_strerror(error));
  for (const addrinfo* at = found; at != nullptr && out.size() < 8; at = at->ai_next) {
    Target target;
    std::memcpy(&target.address, at->ai_addr, at->ai_addrlen);
    target.size = at->ai_addrlen;
    out.push_back(target);
  }
  ::freeaddrinfo(found);
  return out;
}

bool is_ip(const std::string& host) {
  unsigned char raw[16];
  return ::inet_pton(AF_INET, host.c_str(), raw) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), raw) == 1;
}

// OpenSSL writes with write(2), which raises SIGPIPE when the other side is gone. The signal is
// held back in this thread and taken from it, so that the process's own disposition does not
// matter.
class NoSigpipe {
 public:
  NoSigpipe() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoSigpipe() {
    const int keep = errno;
    const timespec none{};
    if (!was_pending_) (void)sigtimedwait(&pipe_, nullptr, &none);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = keep;
  }
  NoSigpipe(const NoSigpipe&) = delete;
  NoSigpipe& operator=(const NoSigpipe&) = delete;

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_ = false;
};

}  // namespace

std::uint64_t steady_ms() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(since).count());
}

Result<std::unique_ptr<Transport>> Transport::connect(const Url& url, const TlsContext& tls,
                                                      bool verify_name, std::uint64_t deadline_ms) {
  Result<std::vector<Target>> targets = resolve(url);
  if (!targets.ok()) return targets.status();
  Status last = unreachable(url.origin(), "no address");
  for (const Target& target : *targets) {
    const int fd =
        ::socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return unreachable(url.origin(), lower_error(errno));
    std::unique_ptr<Transport> out(new Transport(fd, url.origin()));
    int error = 0;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&target.address), target.size) != 0) {
      error = errno;
    }
    if (error == EINPROGRESS) {
      if (!out->wait(POLLOUT, deadline_ms).ok()) return timed_out(url.origin(), "connecting");
      socklen_t size = sizeof error;
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      last = unreachable(url.origin(), lower_error(error));
      continue;
    }
    const int on = 1;
    if (url.scheme != "unix") ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (url.tls()) TB_TRY(out->start_tls(url, tls, verify_name, deadline_ms));
    return out;
  }
  return last;
}

Transport::~Transport() {
  if (ssl_) {
    const NoSigpipe quiet;
    (void)SSL_shutdown(ssl_.get());
  }
  ::close(fd_);
}

Status Transport::start_tls(const Url& url, const TlsContext& tls, bool verify_name,
                            std::uint64_t deadline_ms) {
  TB_ASSERT(tls != nullptr);
  const NoSigpipe quiet;
  ssl_ = {SSL_new(tls.get()), &SSL_free};
  TB_ASSERT(ssl_ != nullptr);
  SSL_set_fd(ssl_.get(), fd_);
  if (is_ip(url.host)) {
    if (verify_name) X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), url.host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl_.get(), url.host.c_str());
    if (verify_name) SSL_set1_host(ssl_.get(), url.host.c_str());
  }
  for (;;) {
    ERR_clear_error();
    const int result = SSL_connect(ssl_.get());
    if (result == 1) return {};
    bool ended = false;
    TB_TRY(after_ssl(result, deadline_ms, &ended));
    if (ended) return failed("TLS handshake", 0);
  }
}

Status Transport::after_ssl(int result, std::uint64_t deadline_ms, bool* ended) {
  const int system_error = errno;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return wait(POLLIN, deadline_ms);
    case SSL_ERROR_WANT_WRITE:
      return wait(POLLOUT, deadline_ms);
    case SSL_ERROR_ZERO_RETURN:
      *ended = true;
      return {};
    case SSL_ERROR_SYSCALL:
      return failed("TLS", system_error);
    default:
      break;
  }
  const long verified = SSL_get_verify_result(ssl_.get());
  std::string why = tls_error_text();
  if (verified != X509_V_OK) {
    why += std::string(": ") + X509_verify_cert_error_string(verified);
  }
  return Status(Code::kDenied, "TLS with " + origin_ + " failed: " + why,
                "check the CA file, the host name and the client certificate");
}

Status Transport::wait(short events, std::uint64_t deadline_ms) const {
  for (;;) {
    const std::uint64_t now = steady_ms();
    if (now >= deadline_ms) return timed_out(origin_, "waiting for the other side");
    pollfd item{fd_, events, 0};
    const int left = static_cast<int>(std::min<std::uint64_t>(deadline_ms - now, INT_MAX));
    const int ready = ::poll(&item, 1, left);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return failed("poll", errno);
  }
}

Status Transport::failed(std::string_view what, int error) const {
  return Status(Code::kUnavailable,
                origin_ + ": " + std::string(what) + ": " +
                    (error == 0 ? "connection closed by the other side" : lower_error(error)));
}

Result<std::size_t> Transport::read_some(char* to, std::size_t size, std::uint64_t deadline_ms) {
  for (;;) {
    if (ssl_) {
      const NoSigpipe quiet;
      ERR_clear_error();
      std::size_t n = 0;
      const int result = SSL_read_ex(ssl_.get(), to, size, &n);
      if (result == 1) return n;
      bool ended = false;
      TB_TRY(after_ssl(result, deadline_ms, &ended));
      if (ended) return std::size_t{0};
      continue;
    }
    const ssize_t n = ::recv(fd_, to, size, 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) {
      TB_TRY(wait(POLLIN, deadline_ms));
    } else if (errno != EINTR) {
      return failed("read", errno);
    }
  }
}

Status Transport::write_all(std::string_view data, std::uint64_t deadline_ms, std::size_t* sent) {
  while (!data.empty()) {
    std::size_t n = 0;
    if (ssl_) {
      const NoSigpipe quiet;
      ERR_clear_error();
      const int result = SSL_write_ex(ssl_.get(), data.data(), data.size(), &n);
      if (result != 1) {
        bool ended = false;
        TB_TRY(after_ssl(result, deadline_ms, &ended));
        if (ended) return failed("write", 0);
        continue;
      }
    } else {
      const ssize_t done = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (done < 0) {
        if (errno == EAGAIN) {
          TB_TRY(wait(POLLOUT, deadline_ms));
        } else if (errno != EINTR) {
          return failed("write", errno);
        }
        continue;
      }
      n = static_cast<std::size_t>(done);
    }
    *sent += n;
    data.remove_prefix(n);
  }
  return {};
}

bool Transport::is_stale() const {
  pollfd item{fd_, POLLIN, 0};
  return ::poll(&item, 1, 0) != 0;
}

}  // namespace blockd
