// A certificate and its key as files hold them, read and checked before a listener or a client is
// given them. [any]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxTlsFileBytes = 1u << 20;
inline constexpr std::size_t kMaxTlsChain = 16;  // certificates in one file

struct TlsIdentity {
  std::string cert_pem;        // the chain, its own certificate first
  std::string key_pem;         // PKCS#8
  std::string subject;         // of its own certificate
  std::string fingerprint;     // BLAKE3 of that certificate's DER, as rpc.client_roles names it
  std::int64_t not_after = 0;  // unix seconds
};

// From the contents of two files, each PEM or DER. Errors: kInvalid (not readable, a key with a
// password, the key of another certificate).
Result<TlsIdentity> read_tls_identity(std::string_view cert, std::string_view key);

// Certificates of authorities, PEM or DER, as PEM. Errors: kInvalid.
Result<std::string> read_tls_authorities(std::string_view certs);

}  // namespace blockd
