// The wallet's keys: make, import, list, show, sign.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "kernel/base/address.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/keys.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/remote_signer.hpp"

namespace blockd::cli {
namespace {

constexpr std::size_t kMaxListedKeys = 10'000;

json::object key_object(const std::string& key_id, const PublicKey& key) {
  return {{"key_id", key_id}, {"address", address_of(key)}, {"public_key", to_hex(key)}};
}

Result<KeystoreParams> kdf_params(const LocalArgs& args) {
  KeystoreParams params;
  const auto ops = parse_u64(args.get("--kdf-ops", "3"));
  const auto mib = parse_u64(args.get("--kdf-mem-mib", "256"));
  if (!ops || *ops < 1 || *ops > 10) return Status(Code::kInvalid, "--kdf-ops: expected 1..10");
  if (!mib || *mib < 8 || *mib > 1024)
    return Status(Code::kInvalid, "--kdf-mem-mib: expected 8..1024");
  params.ops = static_cast<std::uint32_t>(*ops);
  params.mem_bytes = *mib << 20;
  return params;
}

// Seals `key` under a new password and writes it where nothing lies yet.
Result<json::object> store_key(Session& session, const LocalArgs& args, const SigningKey& key,
                               const std::string& key_id, const std::string& path, bool bare_json) {
  if (file_exists(path) && !args.has("--force")) {
    return Status(Code::kExists, path + " exists already",
                  "choose another name, or overwrite that key for ever with --force");
  }
  Result<KeystoreParams> params = kdf_params(args);
  if (!params.ok()) return params.status();
  Result<std::string> password = read_password(session, "New password for " + key_id, true);
  if (!password.ok()) return password.status();
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) TB_TRY(make_directories(folder.string(), 0700));
  const std::string text = bare_json ? seal_keystore_json(key, key_id, *password, *params)
                                     : seal_keystore(key, key_id, *password, *params);
  TB_TRY(write_file_atomic(path, text, 0600));
  json::object out = key_object(key_id, key.public_key());
  out["file"] = path;
  return out;
}

int store_and_print(Session& session, const LocalArgs& args, const SigningKey& key,
                    const std::string& key_id) {
  Result<std::string> path = keystore_path(session.world, key_id);
  if (!path.ok()) return session.fail(path.status());
  Result<json::object> stored = store_key(session, args, key, key_id, *path, false);
  return stored.ok() ? print_result(session, *stored, {"", {}, "address", true})
                     : session.fail(stored.status());
}

int wallet_new(Session& session, const LocalArgs& args) {
  return store_and_print(session, args, SigningKey::generate(),
                         args.words.empty() ? "default" : args.words[0]);
}

int wallet_gen(Session& session, const LocalArgs& args) {
  const std::string path = args.get("--out", "keystore.json");
  Result<json::object> stored =
      store_key(session, args, SigningKey::generate(), args.get("--key-id", "default"), path, true);
  return stored.ok() ? print_result(session, *stored, {"", {}, "address", true})
                     : session.fail(stored.status());
}

int wallet_import(Session& session, const LocalArgs& args) {
  Result<SigningKey> key = load_key_file(session, args.words[0]);
  if (!key.ok()) return session.fail(key.status());
  std::string key_id = args.get("--key-id");
  if (key_id.empty()) key_id = std::filesystem::path(args.words[0]).stem().string();
  return store_and_print(session, args, *key, key_id);
}

Result<KeystoreInfo> inspect_file(const std::string& path) {
  Result<Bytes> text = read_file(path, 64u << 10);
  if (!text.ok()) return text.status();
  Result<KeystoreInfo> info = inspect_keystore(*text);
  return info.ok() ? std::move(info) : Result<KeystoreInfo>(info.status().in(path));
}

int wallet_list(Session& session, const LocalArgs&) {
  Result<std::vector<std::string>> files = std::vector<std::string>();
  Result<std::string> dir = keys_dir(session.world);
  if (!dir.ok()) return session.fail(dir.status());
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(*dir, none)) {
    if (entry.path().extension() == ".pem" && files->size() < kMaxListedKeys)
      files->push_back(entry.path().string());
  }
  std::sort(files->begin(), files->end());
  json::array rows;
  for (const std::string& file : *files) {
    Result<KeystoreInfo> info = inspect_file(file);
    if (!info.ok()) {
      session.world.err << "warning: " << escape_controls(info.status().message()) << '\n';
      continue;
    }
    rows.push_back(key_object(std::filesystem::path(file).stem().string(), info->public_key));
  }
  return print_result(session, rows, {"", {"key_id", "address"}, "key_id", true});
}

int wallet_show(Session& session, const LocalArgs& args) {
  Result<std::string> path = keystore_path(session.world, args.words[0]);
  if (!path.ok()) return session.fail(path.status());
  Result<KeystoreInfo> info = inspect_file(*path);
  if (!info.ok()) return session.fail(info.status());
  json::object out = key_object(args.words[0], info->public_key);
  out["file"] = *path;
  return print_result(session, out, {"", {}, "address", true});
}

// Never the bytes of a command: a message cannot be made to look like one (node-and-cli spec 5.11).
// Signatures of remote signers over a message.
int sign_remotely(Session& session, const std::string& text, const std::string& message) {
  Result<std::unique_ptr<SignerGroup>> group = SignerGroup::open(session);
  if (!group.ok()) return session.fail(group.status());
  Result<std::vector<SignedPart>> parts = (*group)->sign_bytes(message, {});
  if (!parts.ok()) return session.fail(parts.status());
  json::array signatures;
  for (const SignedPart& part : *parts) {
    signatures.push_back(json::object{{"signer", part.where},
                                      {"public_key", to_hex(part.key)},
                                      {"signature", to_hex(part.signature)}});
  }
  json::object out = {{"message", text}, {"signed", to_hex(message)}};
  if (parts->size() == 1) {
    out["address"] = address_of(parts->front().key);
    out["public_key"] = to_hex(parts->front().key);
    out["signature"] = to_hex(parts->front().signature);
  }
  out["signatures"] = std::move(signatures);
  return print_result(session, out, {"signatures", {}, "signature", true});
}

int wallet_sign(Session& session, const LocalArgs& args) {
  if (args.has("--seed") && session.options.signs())
    return session.fail(Status(Code::kInvalid, "--seed and a key exclude each other"));
  if (!session.options.remote_signers.empty()) {
    if (!session.options.key_id.empty() || !session.options.key_file.empty())
      return session.fail(
          Status(Code::kInvalid, "--remote-signer goes with neither --key-id nor --key"));
    return sign_remotely(session, args.words[0],
                         "tb/remote-sign/v1" + std::string(view(blake3(args.words[0]))));
  }
  Result<SigningKey> key =
      args.has("--seed") ? SigningKey::from_hex(args.get("--seed")) : signing_key(session);
  if (!key.ok()) return session.fail(key.status());
  const std::string message = "tb/remote-sign/v1" + std::string(view(blake3(args.words[0])));
  const json::object out = {{"message", args.words[0]},
                            {"signed", to_hex(message)},
                            {"address", address_of(key->public_key())},
                            {"public_key", to_hex(key->public_key())},
                            {"signature", to_hex(key->sign(message))}};
  return print_result(session, out, {"", {}, "signature", true});
}

const std::vector<LocalFlag> kStoreFlags = {
    {"--password-file", "FILE", "Its first line is the password"},
    {"--kdf-ops", "N", "Passes of the password hash, 1..10 (3)"},
    {"--kdf-mem-mib", "N", "Memory of the password hash, 8..1024 MiB (256)"},
    {"--force", "", "Overwrite a key of that name"}};

std::vector<LocalFlag> with(std::vector<LocalFlag> flags) {
  flags.insert(flags.end(), kStoreFlags.begin() + 1, kStoreFlags.end());
  return flags;
}

}  // namespace

std::vector<LocalVerb> wallet_verbs() {
  return {{"wallet new",
           "[key_id]",
           "Make a key and seal it with a password",
           with({}),
           0,
           1,
           wallet_new,
           {{"contract-cli wallet new alice", "Asks for a password, then prints the address"}},
           {"wallet generate", "node generate-key"},
           true},
          {"wallet gen",
           "",
           "Make a key store as a bare JSON file",
           with({{"--out", "FILE", "Where to write it (keystore.json)"},
                 {"--key-id", "ID", "Name inside it (default)"}}),
           0,
           0,
           wallet_gen,
           {},
           {},
           true},
          {"wallet import",
           "<file>",
           "Take a key store, a PKCS#8 file or a hex key into the wallet",
           with({{"--key-id", "ID", "Its name in the wallet (the file's)"}}),
           1,
           1,
           wallet_import,
           {},
           {"node import-key"},
           true},
          {"wallet list", "", "Names and addresses of the wallet's keys", {}, 0, 0, wallet_list},
          {"wallet show", "<key_id>", "Address and public key of a key", {}, 1, 1, wallet_show},
          {"wallet sign",
           "<message>",
           "Sign a message",
           {{"--seed", "HEX", "Sign with this seed"}},
           1,
           1,
           wallet_sign,
           {{"contract-cli wallet sign hello --remote-signer http://10.0.0.7:7878",
             "Signature of a signer on the network"}},
           {},
           true}};
}

}  // namespace blockd::cli
