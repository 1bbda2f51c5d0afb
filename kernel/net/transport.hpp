// A blocking byte stream with deadlines, over TCP, a Unix socket or TLS: what the clients talk
// through. Internal to net. One thread at a time. All times are now_ms()-like points of the steady
// clock, in milliseconds.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "kernel/base/status.hpp"
#include "kernel/net/tls_context.hpp"
#include "kernel/net/url.hpp"

namespace blockd {

std::uint64_t steady_ms();

class Transport {
 public:
  // `tls` may be null for URLs without TLS. Errors as in http_client.hpp.
  static Result<std::unique_ptr<Transport>> connect(const Url& url, const TlsContext& tls,
                                                    bool verify_name, std::uint64_t deadline_ms);
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // At least one byte, or 0 at the end of the stream. Errors: kTimeout, kUnavailable, kDenied
  // (TLS).
  Result<std::size_t> read_some(char* to, std::size_t size, std::uint64_t deadline_ms);
  // `*sent` counts what went out before an error.
  Status write_all(std::string_view data, std::uint64_t deadline_ms, std::size_t* sent);
  // The other side has closed or sent something unasked: not to be used for another request.
  bool is_stale() const;

 private:
  Transport(int fd, std::string origin) : fd_(fd), origin_(std::move(origin)) {}
  Status start_tls(const Url& url, const TlsContext& tls, bool verify_name,
                   std::uint64_t deadline_ms);
  // After an SSL call returned `result`: ok to try again, else why not. *ended for a clean end.
  Status after_ssl(int result, std::uint64_t deadline_ms, bool* ended);
  Status wait(short events, std::uint64_t deadline_ms) const;
  Status failed(std::string_view what, int error) const;
  int fd_;
  std::string origin_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, nullptr};
};

}  // namespace blockd
