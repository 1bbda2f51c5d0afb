#include "kernel/programs/cli/keys.hpp"

#include "kernel/base/file.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxKeyFileBytes = 64u << 10;

std::string first_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace

Result<std::string> keys_dir(const World& world) {
  const std::string home = world.home();
  if (home.empty()) return Status(Code::kInvalid, "no home for the wallet", "set HOME or TB_HOME");
  return home + "/.the_block/keys";
}

Result<std::string> keystore_path(const World& world, const std::string& key_id) {
  if (!is_key_id(key_id) || key_id.starts_with('.')) {
    return Status(Code::kInvalid, "'" + key_id + "' is no key id",
                  "letters, digits, '.', '_' and '-', at most 64, not beginning with '.'");
  }
  Result<std::string> dir = keys_dir(world);
  if (!dir.ok()) return dir.status();
  return *dir + "/" + key_id + ".pem";
}

Result<std::string> read_password(Session& session, const std::string& prompt, bool is_new) {
  World& world = session.world;
  std::string file = session.options.password_file;
  if (file.empty()) file = world.variable("TB_WALLET_PASSWORD_FILE");
  std::string password;
  if (!file.empty()) {
    Result<std::string> text = read_text(world, file);
    if (!text.ok()) return text.status().in("password file");
    password = first_line(*text);
  } else {
    Result<std::string> typed = world.ask_password(prompt + ": ");
    if (!typed.ok()) {
      return Status(Code::kInvalid, "a password is needed and there is no terminal to ask on",
                    "give --password-file FILE or set TB_WALLET_PASSWORD_FILE");
    }
    password = *typed;
    if (is_new) {
      Result<std::string> again = world.ask_password("The same again: ");
      if (!again.ok()) return again.status();
      if (*again != password) return Status(Code::kInvalid, "the two passwords differ");
    }
  }
  if (password.empty()) return Status(Code::kInvalid, "the password is empty");
  return password;
}

Result<SigningKey> load_key_file(Session& session, const std::string& path) {
  Result<Bytes> text = read_file(path, kMaxKeyFileBytes);
  if (!text.ok())
    return Status(Code::kInvalid, text.status().message(),
                  "`contract-cli wallet list` shows the keys of the wallet");
  const bool pkcs8 = text->find("BEGIN PRIVATE KEY") != std::string::npos;
  if (pkcs8) {
    Result<SigningKey> key = key_from_pkcs8(*text);
    return key.ok() ? std::move(key) : Result<SigningKey>(key.status().in(path));
  }
  if (text->find("TB KEYSTORE") == std::string::npos && !trimmed(*text).starts_with('{')) {
    Result<SigningKey> key = SigningKey::from_hex(trimmed(*text));
    if (key.ok()) return key;
    return Status(Code::kInvalid, path + ": neither a key store, nor PKCS#8, nor 64 hex digits");
  }
  Result<KeystoreInfo> info = inspect_keystore(*text);
  if (!info.ok()) return info.status().in(path);
  Result<std::string> password = read_password(session, "Password of " + info->key_id, false);
  if (!password.ok()) return password.status();
  return open_keystore(*text, *password);
}

Result<SigningKey> signing_key(Session& session) {
  const Options& options = session.options;
  if (!options.key_id.empty() && !options.key_file.empty()) {
    return Status(Code::kInvalid, "--key-id and --key exclude each other");
  }
  if (!options.key_file.empty()) return load_key_file(session, options.key_file);
  if (options.key_id.empty())
    return Status(Code::kInvalid, "a key is needed", "give --key-id ID or --key FILE");
  Result<std::string> path = keystore_path(session.world, options.key_id);
  if (!path.ok()) return path.status();
  return load_key_file(session, *path);
}

}  // namespace blockd::cli
