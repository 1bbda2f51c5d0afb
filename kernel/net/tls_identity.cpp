#include "kernel/net/tls_identity.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <vector>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using PrivateKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio bio_of(std::string_view bytes) {
  return {BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), &BIO_free};
}

bool is_pem(std::string_view bytes) { return bytes.find("-----BEGIN ") != std::string_view::npos; }

// Instead of a question on the terminal.
int refuse_password(char*, int, int, void*) { return 0; }

Status unreadable(const char* what) {
  ERR_clear_error();
  return Status(Code::kInvalid, std::string("it holds no ") + what,
                "PEM or DER is expected; a key must not have a password");
}

std::string taken(BIO* out) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  return std::string(text, static_cast<std::size_t>(size));
}

Result<std::vector<Certificate>> read_certificates(std::string_view bytes) {
  if (bytes.size() > kMaxTlsFileBytes)
    return Status(Code::kInvalid, "a file of certificates above 1 MiB");
  std::vector<Certificate> out;
  const Bio in = bio_of(bytes);
  if (!is_pem(bytes)) {
    Certificate one(d2i_X509_bio(in.get(), nullptr), &X509_free);
    if (one) out.push_back(std::move(one));
  } else {
    for (X509* one = nullptr;
         (one = PEM_read_bio_X509(in.get(), nullptr, refuse_password, nullptr)) != nullptr;) {
      out.emplace_back(one, &X509_free);
      if (out.size() > kMaxTlsChain)
        return Status(Code::kInvalid, "more than 16 certificates in one file");
    }
  }
  ERR_clear_error();  // the end of a PEM file is one
  if (out.empty()) return unreadable("certificate");
  return out;
}

Result<PrivateKey> read_key(std::string_view bytes) {
  if (bytes.size() > kMaxTlsFileBytes) return Status(Code::kInvalid, "a key file above 1 MiB");
  const Bio in = bio_of(bytes);
  PrivateKey key(is_pem(bytes)
                     ? PEM_read_bio_PrivateKey(in.get(), nullptr, refuse_password, nullptr)
                     : d2i_PrivateKey_bio(in.get(), nullptr),
                 &EVP_PKEY_free);
  if (!key) return unreadable("private key that opens");
  return key;
}

std::string pem_of(const std::vector<Certificate>& chain) {
  const Bio out(BIO_new(BIO_s_mem()), &BIO_free);
  for (const Certificate& one : chain) TB_ASSERT(PEM_write_bio_X509(out.get(), one.get()) == 1);
  return taken(out.get());
}

std::string der_of(X509* one) {
  const Bio out(BIO_new(BIO_s_mem()), &BIO_free);
  TB_ASSERT(i2d_X509_bio(out.get(), one) == 1);
  return taken(out.get());
}

std::string subject_of(const X509* one) {
  const Bio out(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(out.get(), X509_get_subject_name(one), 0,
                     XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  return taken(out.get());
}

}  // namespace

Result<TlsIdentity> read_tls_identity(std::string_view cert, std::string_view key_bytes) {
  Result<std::vector<Certificate>> chain = read_certificates(cert);
  if (!chain.ok()) return chain.status().in("certificate");
  const Result<PrivateKey> key = read_key(key_bytes);
  if (!key.ok()) return key.status().in("key");
  X509* own = chain->front().get();
  if (X509_check_private_key(own, key->get()) != 1) {
    ERR_clear_error();
    return Status(Code::kInvalid, "the key is not that of the certificate " + subject_of(own),
                  "the certificate of the node itself comes first in its file");
  }
  TlsIdentity out;
  out.cert_pem = pem_of(*chain);
  const Bio pem(BIO_new(BIO_s_mem()), &BIO_free);
  TB_ASSERT(PEM_write_bio_PKCS8PrivateKey(pem.get(), key->get(), nullptr, nullptr, 0, nullptr,
                                          nullptr) == 1);
  out.key_pem = taken(pem.get());
  out.subject = subject_of(own);
  out.fingerprint = to_hex(blake3(der_of(own)));
  std::tm end{};
  TB_ASSERT(ASN1_TIME_to_tm(X509_get0_notAfter(own), &end) == 1);
  out.not_after = ::timegm(&end);
  return out;
}

Result<std::string> read_tls_authorities(std::string_view certs) {
  const Result<std::vector<Certificate>> list = read_certificates(certs);
  if (!list.ok()) return list.status();
  return pem_of(*list);
}

}  // namespace blockd
