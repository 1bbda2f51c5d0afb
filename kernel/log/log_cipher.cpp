#include "kernel/log/log_cipher.hpp"

#include <sodium.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/log/log_index.hpp"

namespace blockd {
namespace {

constexpr std::string_view kHeaderStart = "{\"key\":";
constexpr std::string_view kSealedMember = ",\"sealed\":\"";
constexpr std::size_t kMaxKeysFile = 1u << 20;
constexpr std::size_t kNonceBytes = crypto_secretbox_NONCEBYTES;
// Readers ask often and the passphrase is typed by people: less than for a wallet.
constexpr KeystoreParams kKeystore{.ops = 3, .mem_bytes = 64ull << 20, .salt = {}, .nonce = {}};

using Box = std::array<std::uint8_t, crypto_box_PUBLICKEYBYTES>;

// Row ids only grow and a session begins anew with each process and segment, so no nonce comes
// twice under one session key.
std::array<std::uint8_t, kNonceBytes> nonce_of(std::uint64_t id) {
  std::array<std::uint8_t, kNonceBytes> nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[i] = static_cast<std::uint8_t>(id >> (8 * i));
  return nonce;
}

// The stores of keys.json, oldest first; none without the file.
Result<std::vector<std::string>> read_stores(const std::string& folder) {
  std::vector<std::string> out;
  Result<Bytes> text = read_file(log_keys_file(folder), kMaxKeysFile);
  if (!text.ok()) {
    if (text.status().code() == Code::kNotFound) return out;
    return text.status();
  }
  const Status damaged(Code::kInvalid, log_keys_file(folder) + " is no list of keys",
                       "restore it from a backup; without it encrypted rows stay closed");
  Result<json::value> value = parse_json(*text);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  const json::value* keys = object != nullptr ? object->if_contains("keys") : nullptr;
  if (keys == nullptr || !keys->is_array()) return damaged;
  for (const json::value& store : keys->get_array()) {
    if (!store.is_string()) return damaged;
    out.emplace_back(store.get_string());
  }
  if (out.empty() || out.size() > kMaxLogKeys) return damaged;
  return out;
}

Status write_stores(const std::string& folder, const std::vector<std::string>& stores) {
  json::array keys;
  for (const std::string& store : stores) keys.emplace_back(store);
  const Result<std::string> text = canonical_json(json::object{{"keys", std::move(keys)}});
  if (!text.ok()) return text.status();
  return write_file_atomic(log_keys_file(folder), *text + "\n", 0600);
}

std::string text_member(std::string_view line, std::string_view name) {
  Result<json::value> value = parse_json(line);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  const json::value* member = object != nullptr ? object->if_contains(name) : nullptr;
  return member != nullptr && member->is_string() ? std::string(member->get_string())
                                                  : std::string();
}

struct Segments {
  std::vector<std::filesystem::path> files;  // oldest first
  std::set<std::string> keys;                // whose rows they hold
  std::set<std::filesystem::path> plain;     // that hold a plain row
};

Segments look_at_segments(const std::string& folder) {
  Segments out;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() == ".log") out.files.push_back(entry.path());
  }
  std::sort(out.files.begin(), out.files.end());
  for (const auto& path : out.files) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(kHeaderStart)) {
        out.keys.insert(text_member(line, "key"));
      } else if (!is_sealed_line(line)) {
        out.plain.insert(path);
      }
    }
  }
  return out;
}

// The file again with its plain rows sealed; sealed ones stay as they are.
Status encrypt_segment(const std::string& folder, const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string out, header;
  std::unique_ptr<LogSealer> sealer;
  for (std::string line; std::getline(file, line);) {
    if (is_sealed_line(line)) {
      if (line.starts_with(kHeaderStart)) sealer.reset();  // its rows follow; a new one for others
      out += line + "\n";
      continue;
    }
    Result<json::value> value = parse_json(line);
    const json::object* row = value.ok() ? value->if_object() : nullptr;
    const json::value* id = row != nullptr ? row->if_contains("id") : nullptr;
    const json::value* ts = row != nullptr ? row->if_contains("ts") : nullptr;
    if (id == nullptr || !id->is_int64() || ts == nullptr || !ts->is_int64()) continue;  // torn
    if (sealer == nullptr) {
      Result<std::unique_ptr<LogSealer>> made = LogSealer::for_folder(folder);
      if (!made.ok()) return made.status();
      sealer = *std::move(made);
      out += sealer->header();
    }
    out += sealer->seal(static_cast<std::uint64_t>(id->get_int64()),
                        static_cast<std::uint64_t>(ts->get_int64()), line);
  }
  return write_file_atomic(path.string(), out, 0600);
}

Result<std::vector<SigningKey>> open_stores(const std::vector<std::string>& stores,
                                            const std::string& passphrase) {
  std::vector<SigningKey> keys;
  for (const std::string& store : stores) {
    Result<SigningKey> key = open_keystore(store, passphrase);
    if (!key.ok()) {
      if (key.status().code() != Code::kDenied) return key.status();
      return Status(Code::kDenied, "the passphrase does not open the log",
                    "it is the one that `contract-cli logs rotate-key` was last given");
    }
    keys.push_back(*std::move(key));
  }
  return keys;
}

}  // namespace

std::string log_keys_file(const std::string& folder) { return folder + "/keys.json"; }

bool is_sealed_line(std::string_view line) {
  return line.starts_with(kHeaderStart) || line.find(kSealedMember) != std::string_view::npos;
}

Result<std::unique_ptr<LogSealer>> LogSealer::for_folder(const std::string& folder) {
  Result<std::vector<std::string>> stores = read_stores(folder);
  if (!stores.ok()) return stores.status();
  if (stores->empty()) return std::unique_ptr<LogSealer>();
  Result<KeystoreInfo> newest = inspect_keystore(stores->back());
  if (!newest.ok()) return newest.status().in(log_keys_file(folder));
  Box box{};
  if (crypto_sign_ed25519_pk_to_curve25519(box.data(), newest->public_key.data()) != 0)
    return Status(Code::kInvalid, log_keys_file(folder) + ": the newest key is no curve point");
  std::unique_ptr<LogSealer> sealer(new LogSealer);
  randombytes_buf(sealer->session_.data(), sealer->session_.size());
  std::array<std::uint8_t, 32 + crypto_box_SEALBYTES> sealed{};
  crypto_box_seal(sealed.data(), sealer->session_.data(), sealer->session_.size(), box.data());
  sealer->header_ = std::string(kHeaderStart) + "\"" + newest->key_id + "\",\"session\":\"" +
                    to_hex(sealed) + "\"}\n";
  return sealer;
}

std::string LogSealer::seal(std::uint64_t id, std::uint64_t ts_ms, std::string_view row) const {
  std::string box(row.size() + crypto_secretbox_MACBYTES, '\0');
  crypto_secretbox_easy(reinterpret_cast<std::uint8_t*>(box.data()),
                        reinterpret_cast<const std::uint8_t*>(row.data()), row.size(),
                        nonce_of(id).data(), session_.data());
  return "{\"id\":" + std::to_string(id) + ",\"ts\":" + std::to_string(ts_ms) +
         std::string(kSealedMember) + to_hex(box) + "\"}\n";
}

Result<std::unique_ptr<LogOpener>> LogOpener::unlock(const std::string& folder,
                                                     const std::string& passphrase) {
  Result<std::vector<std::string>> stores = read_stores(folder);
  if (!stores.ok()) return stores.status();
  if (stores->empty()) return Status(Code::kNotFound, "the log in " + folder + " is not encrypted");
  Result<std::vector<SigningKey>> keys = open_stores(*stores, passphrase);
  if (!keys.ok()) return keys.status();
  std::unique_ptr<LogOpener> opener(new LogOpener);
  opener->keys_ = *std::move(keys);
  return opener;
}

std::optional<std::string> LogOpener::open(std::string_view line) {
  if (line.starts_with(kHeaderStart)) {
    session_.reset();
    const Result<Bytes> sealed = from_hex(text_member(line, "session"));
    if (!sealed.ok() || sealed->size() != 32 + crypto_box_SEALBYTES) return std::nullopt;
    for (const SigningKey& key : keys_) {
      Box box{}, secret{};
      std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES> whole{};
      std::array<std::uint8_t, crypto_sign_PUBLICKEYBYTES> public_key{};
      crypto_sign_seed_keypair(public_key.data(), whole.data(), key.seed().data());
      const bool made = crypto_sign_ed25519_pk_to_curve25519(box.data(), public_key.data()) == 0 &&
                        crypto_sign_ed25519_sk_to_curve25519(secret.data(), whole.data()) == 0;
      LogSessionKey session{};
      if (made && crypto_box_seal_open(session.data(),
                                       reinterpret_cast<const std::uint8_t*>(sealed->data()),
                                       sealed->size(), box.data(), secret.data()) == 0)
        session_ = session;
      sodium_memzero(secret.data(), secret.size());
      sodium_memzero(whole.data(), whole.size());
      if (session_) break;
    }
    return std::nullopt;
  }
  if (!session_) return std::nullopt;
  const Result<Bytes> box = from_hex(text_member(line, "sealed"));
  constexpr std::string_view kId = "{\"id\":";
  if (!box.ok() || box->size() < crypto_secretbox_MACBYTES || !line.starts_with(kId))
    return std::nullopt;
  const std::string_view digits = line.substr(kId.size(), line.find(',') - kId.size());
  const auto id = parse_u64(digits);
  if (!id) return std::nullopt;
  std::string row(box->size() - crypto_secretbox_MACBYTES, '\0');
  if (crypto_secretbox_open_easy(reinterpret_cast<std::uint8_t*>(row.data()),
                                 reinterpret_cast<const std::uint8_t*>(box->data()), box->size(),
                                 nonce_of(*id).data(), session_->data()) != 0)
    return std::nullopt;
  return row;
}

Result<LogKeyChange> rotate_log_key(const std::string& folder, const std::string& old_passphrase,
                                    const std::string& new_passphrase) {
  std::error_code none;
  if (!std::filesystem::is_directory(folder, none))
    return Status(Code::kNotFound, "log database unavailable: no folder " + folder);
  if (new_passphrase.size() < kMinLogPassphrase)
    return Status(Code::kInvalid, "the new passphrase is too short: at least " +
                                      std::to_string(kMinLogPassphrase) + " characters");
  Result<std::vector<std::string>> stores = read_stores(folder);
  if (!stores.ok()) return stores.status();
  Result<std::vector<SigningKey>> keys = open_stores(*stores, old_passphrase);
  if (!keys.ok()) return keys.status();
  const Segments segments = look_at_segments(folder);
  std::vector<std::string> next;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < stores->size(); ++i) {
    Result<KeystoreInfo> info = inspect_keystore((*stores)[i]);
    if (!info.ok()) return info.status().in(log_keys_file(folder));
    number = parse_u64(std::string_view(info->key_id).substr(info->key_id.find('-') + 1))
                 .value_or(number);
    // The newest stays whatever the segments say: a node may write its first row just now.
    if (i + 1 == stores->size() || segments.keys.contains(info->key_id))
      next.push_back(seal_keystore_json((*keys)[i], info->key_id, new_passphrase, kKeystore));
  }
  if (next.size() >= kMaxLogKeys)
    return Status(Code::kLimit, std::to_string(kMaxLogKeys) + " keys have rows in the log still",
                  "rows go after seven days; rotate again then");
  LogKeyChange change;
  change.key_id = "log-" + std::to_string(number + 1);
  next.push_back(
      seal_keystore_json(SigningKey::generate(), change.key_id, new_passphrase, kKeystore));
  TB_TRY(write_stores(folder, next));
  change.keys = next.size();
  for (const auto& path : segments.plain) {
    if (path == segments.files.back()) {
      change.plain_segments += 1;
      continue;
    }
    TB_TRY(encrypt_segment(folder, path));
    change.encrypted_segments += 1;
  }
  return change;
}

}  // namespace blockd
