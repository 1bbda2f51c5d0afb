// Ed25519, sealed key files and random bytes, all of libsodium's. [any]
#pragma once

#include <optional>
#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

// Must run once before anything else here; called by every program's main. Idempotent.
void crypto_init();

// Cryptographically secure random bytes of the operating system.
void random_bytes(void* out, std::size_t n);

// Constant-time comparison; false at once when the lengths differ.
bool equal_secret(BytesView a, BytesView b);

// True if `signature` over `message` verifies under `key` (RFC 8032 pure, S < group order,
// cofactorless: libsodium's verify_detached). Cost: 41 us for short messages.
bool ed25519_verify(const PublicKey& key, BytesView message, const Signature& signature);

// A private key. Its memory is wiped on destruction; it is movable, never printed, never serialised
// but by seed().
class SigningKey {
 public:
  static SigningKey from_seed(const std::array<std::uint8_t, 32>& seed);
  // 64 hex digits. Errors: kInvalid.
  static Result<SigningKey> from_hex(std::string_view hex);
  static SigningKey generate();
  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;
  ~SigningKey();

  const PublicKey& public_key() const { return public_; }
  Signature sign(BytesView message) const;
  std::array<std::uint8_t, 32> seed() const;

 private:
  SigningKey() = default;
  std::array<std::uint8_t, 64> secret_{};
  PublicKey public_{};
};

// A key file of a node: 64 hex digits, mode 0600. `create_if_missing` makes one (temp file, fsync,
// rename). Errors: kDenied (mode is wider than 0600), kInvalid, kIo.
Result<SigningKey> load_node_key(const std::string& path, bool create_if_missing);

// Wallet key store (node-and-cli spec 3.6): a PEM block "TB KEYSTORE" around Base64 of JSON, or the
// bare JSON.
struct KeystoreParams {
  std::uint32_t ops = 3;                              // 1..10
  std::uint64_t mem_bytes = 256ull << 20;             // 8 MiB..1 GiB
  std::optional<std::array<std::uint8_t, 16>> salt;   // random when absent (given only in tests)
  std::optional<std::array<std::uint8_t, 24>> nonce;  // random when absent (given only in tests)
};
// `[A-Za-z0-9._-]{1,64}`.
bool is_key_id(std::string_view text);
// The PEM block. REQUIRES: is_key_id(key_id), params within their ranges. Throws std::bad_alloc
// when the system has not `mem_bytes` of memory.
std::string seal_keystore(const SigningKey& key, std::string_view key_id, std::string_view password,
                          const KeystoreParams& params = {});
// The same as bare JSON.
std::string seal_keystore_json(const SigningKey& key, std::string_view key_id,
                               std::string_view password, const KeystoreParams& params = {});
struct KeystoreInfo {
  std::string key_id;
  std::string address;
  PublicKey public_key;
};
// Readable without the password. Errors: kInvalid.
Result<KeystoreInfo> inspect_keystore(std::string_view text);
// Errors: kDenied "wrong password or damaged key file", kInvalid, kUnavailable (not enough memory).
Result<SigningKey> open_keystore(std::string_view text, std::string_view password);
// An Ed25519 key in PKCS#8 PEM (RFC 8410) without password, as OpenSSL writes it. Errors: kInvalid.
Result<SigningKey> key_from_pkcs8(std::string_view text);

}  // namespace blockd
