#include "kernel/base/crypto.hpp"

#include <sodium.h>
#include <sys/stat.h>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kMaxKeyFileBytes = 4096;

const unsigned char* bytes_of(BytesView data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

Result<SigningKey> make_key_file(const std::string& path) {
  SigningKey key = SigningKey::generate();
  auto seed = key.seed();
  std::string text = to_hex(seed) + "\n";
  Status written = write_file_atomic(path, text, 0600);
  sodium_memzero(seed.data(), seed.size());
  sodium_memzero(text.data(), text.size());
  if (!written.ok()) return written;
  return key;
}

}  // namespace

void crypto_init() { TB_ASSERT(sodium_init() >= 0); }

void random_bytes(void* out, std::size_t n) { randombytes_buf(out, n); }

bool equal_secret(BytesView a, BytesView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool ed25519_verify(const PublicKey& key, BytesView message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.data(), bytes_of(message), message.size(),
                                     key.data()) == 0;
}

SigningKey SigningKey::from_seed(const std::array<std::uint8_t, 32>& seed) {
  static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_SEEDBYTES == 32);
  SigningKey key;
  crypto_sign_seed_keypair(key.public_.data(), key.secret_.data(), seed.data());
  return key;
}

Result<SigningKey> SigningKey::from_hex(std::string_view hex) {
  Result<std::array<std::uint8_t, 32>> seed = array_from_hex<32>(hex);
  if (!seed.ok()) return seed.status().in("private key");
  SigningKey key = from_seed(*seed);
  sodium_memzero(seed->data(), seed->size());
  return key;
}

SigningKey SigningKey::generate() {
  std::array<std::uint8_t, 32> seed;
  random_bytes(seed.data(), seed.size());
  SigningKey key = from_seed(seed);
  sodium_memzero(seed.data(), seed.size());
  return key;
}

SigningKey::SigningKey(SigningKey&& other) noexcept { *this = std::move(other); }

SigningKey& SigningKey::operator=(SigningKey&& other) noexcept {
  if (this != &other) {
    secret_ = other.secret_;
    public_ = other.public_;
    sodium_memzero(other.secret_.data(), other.secret_.size());
  }
  return *this;
}

SigningKey::~SigningKey() { sodium_memzero(secret_.data(), secret_.size()); }

Signature SigningKey::sign(BytesView message) const {
  Signature out;
  crypto_sign_detached(out.data(), nullptr, bytes_of(message), message.size(), secret_.data());
  return out;
}

std::array<std::uint8_t, 32> SigningKey::seed() const {
  std::array<std::uint8_t, 32> out;
  std::memcpy(out.data(), secret_.data(), out.size());
  return out;
}

Result<SigningKey> load_node_key(const std::string& path, bool create_if_missing) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT && create_if_missing) return make_key_file(path);
    return errno_status("cannot look at key file " + path);
  }
  if ((info.st_mode & 0177) != 0) {
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(info.st_mode & 0777));
    return Status(Code::kDenied, path + ": mode " + mode + " lets others read a private key",
                  "chmod 600 " + path);
  }
  Result<Bytes> text = read_file(path, kMaxKeyFileBytes);
  if (!text.ok()) return text.status();
  Result<SigningKey> key = SigningKey::from_hex(trim(*text));
  sodium_memzero(text->data(), text->size());
  if (!key.ok()) return key.status().in(path);
  return key;
}

}  // namespace blockd
