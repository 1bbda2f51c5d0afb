// What is odd about the TLS settings of this node: the variables TB_<PART>_TLS_* and the keys
// tls.<part>.* that stand for them.
//
// A warning has a prefix (TB_RPC_TLS), a code and, for people, a detail and the variables at fault,
// each with its fingerprint (kernel/net/tls_fingerprint.hpp).
//
//   missing_identity_component  a certificate without its key, the reverse, or an authority for
//                               clients without both; a listener that uses the section is refused
//   conflicting_client_ca       authorities for required and for optional certificates; the
//                               required one wins
//
// tls_warnings_of() is pure. TlsWarnings: any thread; it holds at most one
// entry for each section and code.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/config/config.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

struct TlsWarning {
  std::string prefix, code, detail;
  std::vector<std::string> variables;
};

std::vector<TlsWarning> tls_warnings_of(const Config& config);

class TlsWarnings {
 public:
  // Errors: those of the registry.
  Status declare(MetricRegistry& metrics);
  // Counts each of them once.
  void note(const std::vector<TlsWarning>& warnings, std::uint64_t unix_ms);
  // Sorted by prefix and code.
  json::array to_json() const;

 private:
  struct Seen {
    TlsWarning warning;
    std::uint64_t total = 0, last_seen = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Seen> seen_;
  MetricFamily *totals_ = nullptr, *last_seen_ = nullptr;
};

}  // namespace blockd
