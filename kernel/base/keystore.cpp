// The wallet key store of crypto.hpp: Argon2id over the password, XSalsa20-Poly1305 over the seed.
#include <sodium.h>

#include <initializer_list>
#include <new>

#include "kernel/base/address.hpp"
#include "kernel/base/base64.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"

namespace blockd {
namespace {

constexpr std::string_view kPemBegin = "-----BEGIN TB KEYSTORE-----";
constexpr std::string_view kPemEnd = "-----END TB KEYSTORE-----";
constexpr std::string_view kPkcs8Begin = "-----BEGIN PRIVATE KEY-----";
constexpr std::string_view kPkcs8End = "-----END PRIVATE KEY-----";
// RFC 8410: SEQUENCE, version 0, id-Ed25519, OCTET STRING in OCTET STRING; the seed follows.
constexpr std::string_view kPkcs8Ed25519(
    "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16);
constexpr std::size_t kPemLine = 64;
constexpr std::size_t kMaxText = 16 << 10;
constexpr std::uint64_t kMinMemory = 8ull << 20;
constexpr std::uint64_t kMaxMemory = 1ull << 30;
constexpr std::uint64_t kMaxOps = 10;
constexpr std::size_t kBoxBytes = 32 + crypto_secretbox_MACBYTES;
static_assert(crypto_pwhash_SALTBYTES == 16 && crypto_secretbox_NONCEBYTES == 24);

// A 32-byte secret that does not outlive its scope.
struct Secret {
  std::array<std::uint8_t, 32> bytes{};
  Secret() = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { sodium_memzero(bytes.data(), bytes.size()); }
};

struct Sealed {
  KeystoreInfo info;
  std::uint64_t ops = 0;
  std::uint64_t mem_bytes = 0;
  std::array<std::uint8_t, 16> salt{};
  std::array<std::uint8_t, 24> nonce{};
  std::array<std::uint8_t, kBoxBytes> ciphertext{};
};

Status bad(std::string_view why) {
  return Status(Code::kInvalid, "key file: " + std::string(why),
                "expected a key file made by `wallet gen`");
}

// False when the system has not enough memory for it.
bool derive(std::string_view password, const Sealed& sealed, Secret* key) {
  return crypto_pwhash(key->bytes.data(), key->bytes.size(), password.data(), password.size(),
                       sealed.salt.data(), sealed.ops, sealed.mem_bytes,
                       crypto_pwhash_ALG_ARGON2ID13) == 0;
}

// Exactly these members, no other.
const json::object* object_with(const json::value& value,
                                std::initializer_list<const char*> names) {
  const json::object* object = value.if_object();
  if (object == nullptr || object->size() != names.size()) return nullptr;
  for (const char* name : names) {
    if (!object->contains(name)) return nullptr;
  }
  return object;
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::string* text = object.at(name).if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

std::uint64_t number_of(const json::object& object, std::string_view name) {
  const std::int64_t* number = object.at(name).if_int64();
  return number == nullptr || *number < 0 ? 0 : static_cast<std::uint64_t>(*number);
}

template <std::size_t N>
Status read_hex(const json::object& object, std::string_view name,
                std::array<std::uint8_t, N>* out) {
  Result<std::array<std::uint8_t, N>> bytes = array_from_hex<N>(text_of(object, name));
  if (!bytes.ok()) return bytes.status().in("key file: " + std::string(name));
  *out = *bytes;
  return {};
}

// The text between the lines `begin` and `end`, without its line ends.
std::optional<std::string> pem_body(std::string_view text, std::string_view begin,
                                    std::string_view end) {
  std::size_t from = text.find(begin);
  if (from == std::string_view::npos) return std::nullopt;
  from += begin.size();
  std::size_t to = text.find(end, from);
  if (to == std::string_view::npos) return std::nullopt;
  std::string body;
  for (char c : text.substr(from, to - from)) {
    if (c != '\n' && c != '\r') body.push_back(c);
  }
  return body;
}

Result<json::value> parse_text(std::string_view text) {
  if (text.size() > kMaxText) return bad("longer than 16 KiB");
  if (std::optional<std::string> body = pem_body(text, kPemBegin, kPemEnd)) {
    Result<Bytes> inner = from_base64(*body);
    if (!inner.ok()) return inner.status().in("key file");
    return parse_json(*inner);
  }
  return parse_json(text);
}

Status read_kdf(const json::object& store, Sealed* out) {
  const json::object* kdf = object_with(store.at("kdf"), {"name", "ops", "mem_bytes", "salt"});
  if (kdf == nullptr || text_of(*kdf, "name") != "argon2id") return bad("kdf is not argon2id");
  out->ops = number_of(*kdf, "ops");
  out->mem_bytes = number_of(*kdf, "mem_bytes");
  if (out->ops < 1 || out->ops > kMaxOps) return bad("kdf.ops is not in 1..10");
  if (out->mem_bytes < kMinMemory || out->mem_bytes > kMaxMemory) {
    return bad("kdf.mem_bytes is not in 8 MiB..1 GiB");
  }
  return read_hex(*kdf, "salt", &out->salt);
}

Result<Sealed> read_sealed(std::string_view text) {
  Result<json::value> value = parse_text(text);
  if (!value.ok()) return value.status().in("key file");
  const json::object* store =
      object_with(*value, {"version", "key_id", "address", "public_key", "kdf", "box"});
  if (store == nullptr) return bad("members are not those of a key store");
  if (number_of(*store, "version") != 1) return bad("version is not 1");
  Sealed out;
  out.info.key_id = text_of(*store, "key_id");
  out.info.address = text_of(*store, "address");
  if (!is_key_id(out.info.key_id)) return bad("key_id is not [A-Za-z0-9._-]{1,64}");
  TB_TRY(read_hex(*store, "public_key", &out.info.public_key));
  if (out.info.address != address_of(out.info.public_key)) {
    return bad("address and public_key do not belong together");
  }
  TB_TRY(read_kdf(*store, &out));
  const json::object* box = object_with(store->at("box"), {"name", "nonce", "ciphertext"});
  if (box == nullptr || text_of(*box, "name") != "xsalsa20poly1305") {
    return bad("box is not xsalsa20poly1305");
  }
  TB_TRY(read_hex(*box, "nonce", &out.nonce));
  TB_TRY(read_hex(*box, "ciphertext", &out.ciphertext));
  return out;
}

Sealed seal(const SigningKey& key, std::string_view key_id, std::string_view password,
            const KeystoreParams& params) {
  TB_ASSERT(is_key_id(key_id));
  TB_ASSERT(params.ops >= 1 && params.ops <= kMaxOps);
  TB_ASSERT(params.mem_bytes >= kMinMemory && params.mem_bytes <= kMaxMemory);
  Sealed out;
  out.info = {std::string(key_id), address_of(key.public_key()), key.public_key()};
  out.ops = params.ops;
  out.mem_bytes = params.mem_bytes;
  random_bytes(out.salt.data(), out.salt.size());
  random_bytes(out.nonce.data(), out.nonce.size());
  if (params.salt) out.salt = *params.salt;
  if (params.nonce) out.nonce = *params.nonce;
  Secret box_key, seed;
  if (!derive(password, out, &box_key)) throw std::bad_alloc();
  seed.bytes = key.seed();
  crypto_secretbox_easy(out.ciphertext.data(), seed.bytes.data(), seed.bytes.size(),
                        out.nonce.data(), box_key.bytes.data());
  return out;
}

}  // namespace

bool is_key_id(std::string_view text) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string seal_keystore_json(const SigningKey& key, std::string_view key_id,
                               std::string_view password, const KeystoreParams& params) {
  Sealed s = seal(key, key_id, password, params);
  std::string out = R"({"version":1,"key_id":)";
  append_json_string(out, s.info.key_id);
  out += R"(,"address":")" + s.info.address + R"(","public_key":")" + to_hex(s.info.public_key);
  out += R"(","kdf":{"name":"argon2id","ops":)" + std::to_string(s.ops);
  out += R"(,"mem_bytes":)" + std::to_string(s.mem_bytes) + R"(,"salt":")" + to_hex(s.salt);
  out += R"("},"box":{"name":"xsalsa20poly1305","nonce":")" + to_hex(s.nonce);
  out += R"(","ciphertext":")" + to_hex(s.ciphertext) + R"("}})";
  return out;
}

std::string seal_keystore(const SigningKey& key, std::string_view key_id, std::string_view password,
                          const KeystoreParams& params) {
  const std::string body = to_base64(seal_keystore_json(key, key_id, password, params));
  std::string out(kPemBegin);
  for (std::size_t i = 0; i < body.size(); i += kPemLine)
    out.append("\n").append(body, i, kPemLine);
  out.append("\n").append(kPemEnd).append("\n");
  return out;
}

Result<KeystoreInfo> inspect_keystore(std::string_view text) {
  Result<Sealed> sealed = read_sealed(text);
  if (!sealed.ok()) return sealed.status();
  return sealed->info;
}

Result<SigningKey> open_keystore(std::string_view text, std::string_view password) {
  Result<Sealed> sealed = read_sealed(text);
  if (!sealed.ok()) return sealed.status();
  Secret key, seed;
  if (!derive(password, *sealed, &key)) {
    return Status(Code::kUnavailable,
                  "cannot open key file: not enough memory for its " +
                      std::to_string(sealed->mem_bytes >> 20) + " MiB",
                  "free memory and try again");
  }
  const Status wrong(Code::kDenied, "wrong password or damaged key file");
  if (crypto_secretbox_open_easy(seed.bytes.data(), sealed->ciphertext.data(), kBoxBytes,
                                 sealed->nonce.data(), key.bytes.data()) != 0) {
    return wrong;
  }
  SigningKey out = SigningKey::from_seed(seed.bytes);
  if (out.public_key() != sealed->info.public_key) return wrong;
  return out;
}

Result<SigningKey> key_from_pkcs8(std::string_view text) {
  if (text.size() > kMaxText) return bad("longer than 16 KiB");
  std::optional<std::string> body = pem_body(text, kPkcs8Begin, kPkcs8End);
  if (!body) return Status(Code::kInvalid, "key file: no PEM block PRIVATE KEY");
  Result<Bytes> der = from_base64(*body);
  sodium_memzero(body->data(), body->size());
  if (!der.ok()) return der.status().in("key file");
  if (der->size() != kPkcs8Ed25519.size() + 32 || !der->starts_with(kPkcs8Ed25519)) {
    return Status(Code::kInvalid, "key file: not an Ed25519 private key",
                  "`openssl genpkey -algorithm ed25519` makes one");
  }
  Secret seed;
  std::memcpy(seed.bytes.data(), der->data() + kPkcs8Ed25519.size(), 32);
  sodium_memzero(der->data(), der->size());
  return SigningKey::from_seed(seed.bytes);
}

}  // namespace blockd
