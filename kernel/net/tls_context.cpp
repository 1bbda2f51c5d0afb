#include "kernel/net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

Status file_status(const char* what, const std::string& file) {
  return Status(Code::kInvalid, std::string("TLS ") + what + " '" + file + "': " + tls_error_text(),
                "the file must be readable PEM, without a password");
}

// Without this OpenSSL asks on the terminal.
int no_password(char*, int, int, void*) { return 0; }

Status load_identity(SSL_CTX* context, const std::string& cert, const std::string& key) {
  if (cert.empty() != key.empty()) {
    return Status(Code::kInvalid,
                  std::string("TLS: ") + (cert.empty() ? "a key" : "a certificate") +
                      " without its " + (cert.empty() ? "certificate" : "key"),
                  "give both files or none");
  }
  if (cert.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1) {
    return file_status("certificate", cert);
  }
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return file_status("key", key);
  }
  if (SSL_CTX_check_private_key(context) != 1) return file_status("key", key);
  return {};
}

TlsContext make_context(const SSL_METHOD* method) {
  TlsContext context(SSL_CTX_new(method), &SSL_CTX_free);
  TB_ASSERT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  SSL_CTX_set_default_passwd_cb(context.get(), no_password);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

}  // namespace

std::string tls_error_text() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "connection ended during the handshake";
  if (const char* reason = ERR_reason_error_string(error)) return reason;
  return "OpenSSL error " + std::to_string(error);
}

Result<TlsContext> make_server_tls(const TlsServerConfig& config) {
  ERR_clear_error();
  TlsContext context = make_context(TLS_server_method());
  // No resumption: each connection proves its client certificate anew.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  if (config.cert_file.empty()) {
    return Status(Code::kInvalid, "TLS: the listener has no certificate",
                  "give cert and key files");
  }
  TB_TRY(load_identity(context.get(), config.cert_file, config.key_file));
  if (!config.client_ca_file.empty()) {
    if (SSL_CTX_load_verify_locations(context.get(), config.client_ca_file.c_str(), nullptr) != 1) {
      return file_status("client CA", config.client_ca_file);
    }
    STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(config.client_ca_file.c_str());
    if (names == nullptr) return file_status("client CA", config.client_ca_file);
    SSL_CTX_set_client_CA_list(context.get(), names);
    SSL_CTX_set_verify(
        context.get(),
        SSL_VERIFY_PEER | (config.client_cert_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
        nullptr);
  }
  return context;
}

Result<TlsContext> make_client_tls(const TlsClientConfig& config) {
  ERR_clear_error();
  TlsContext context = make_context(TLS_client_method());
  TB_TRY(load_identity(context.get(), config.cert_file, config.key_file));
  if (config.insecure) {
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
    return context;
  }
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (config.ca_file.empty()) {
    SSL_CTX_set_default_verify_paths(context.get());
  } else if (SSL_CTX_load_verify_locations(context.get(), config.ca_file.c_str(), nullptr) != 1) {
    return file_status("CA", config.ca_file);
  }
  return context;
}

std::shared_ptr<const ClientCert> peer_certificate(const SSL* ssl) {
  const std::unique_ptr<X509, decltype(&X509_free)> cert(SSL_get1_peer_certificate(ssl),
                                                         &X509_free);
  if (!cert || SSL_get_verify_result(ssl) != X509_V_OK) return nullptr;
  auto out = std::make_shared<ClientCert>();
  unsigned char* der = nullptr;
  const int size = i2d_X509(cert.get(), &der);
  if (size <= 0) return nullptr;
  out->fingerprint =
      to_hex(blake3(BytesView(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  const X509_NAME* subject = X509_get_subject_name(cert.get());
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) {
    const ASN1_STRING* name = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    unsigned char* utf8 = nullptr;
    const int n = ASN1_STRING_to_UTF8(&utf8, name);
    if (n >= 0) {
      out->common_name.assign(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(n));
      OPENSSL_free(utf8);
    }
  }
  return out;
}

}  // namespace blockd
