// OpenSSL contexts of the server and the client: TLS 1.3 only, files as PEM. Internal to net.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "kernel/base/status.hpp"
#include "kernel/net/http.hpp"
#include "kernel/net/http_client.hpp"
#include "kernel/net/http_server.hpp"

namespace blockd {

// Shared: every connection keeps the one that it was made with; freed with the last.
using TlsContext = std::shared_ptr<SSL_CTX>;

// Errors: kInvalid naming the file and OpenSSL's reason.
Result<TlsContext> make_server_tls(const TlsServerConfig& config);
Result<TlsContext> make_client_tls(const TlsClientConfig& config);

// The certificate that the other side showed and that was verified; null without one.
std::shared_ptr<const ClientCert> peer_certificate(const SSL* ssl);

// OpenSSL's newest error of this thread as text, and forgets the others.
std::string tls_error_text();

}  // namespace blockd
