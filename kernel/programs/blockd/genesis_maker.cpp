#include "kernel/programs/blockd/genesis_maker.hpp"

#include <algorithm>
#include <set>

#include "kernel/base/address.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/storage/data_schema.hpp"

namespace blockd {
namespace {

// Smallest unit; in sum inside the supply cap of the economics rules. The admin settles and
// registers in its own name unless a call names another account.
constexpr std::uint64_t kOperatorStart = 9'000'000;
constexpr std::uint64_t kAdminStart = 1'000'000;
constexpr std::uint64_t kTreasuryStart = 1'000'000;

// `keys/node.key` -> `keys/node.pub`.
std::string public_path(const std::string& path) {
  return (path.ends_with(".key") ? path.substr(0, path.size() - 4) : path) + ".pub";
}

// The public half stands beside the key, so that a damaged digit is noticed: every text of 64 hex
// digits is some key.
Status check_public_half(const std::string& path, const SigningKey& key) {
  const std::string pub = public_path(path), digits = to_hex(key.public_key()) + "\n";
  const std::string expected = "ed25519:" + digits;
  Result<Bytes> text = read_file(pub, 1024);
  if (text.status().code() == Code::kNotFound) return write_file_atomic(pub, expected);
  if (!text.ok()) return text.status();
  if (*text == expected || *text == digits) return {};
  return Status(
      Code::kCorrupt, path + " is not the key that " + pub + " names: one of them is damaged",
      "restore both from a backup; remove the .pub file if the key was changed on purpose");
}

// A chain knows its keys: when a file is lost a new key would be somebody else.
Result<std::shared_ptr<const SigningKey>> key_at(const std::string& path, bool may_make) {
  if (!may_make && !file_exists(path))
    return Status(Code::kNotFound,
                  path + " is missing, but the data directory holds a chain that was made with it",
                  "restore the key from a backup; a new one would be another account");
  if (const std::size_t slash = path.rfind('/'); slash != std::string::npos)
    TB_TRY(make_directories(path.substr(0, slash), 0700));
  Result<SigningKey> key = load_node_key(path, may_make);
  if (!key.ok()) return key.status();
  TB_TRY(check_public_half(path, *key));
  return std::shared_ptr<const SigningKey>(std::make_shared<SigningKey>(*std::move(key)));
}

std::string role_key_path(const Config& config, const std::string& data_dir,
                          std::string_view role) {
  if (const json::object* map = config.get("operator.role_keys").if_object()) {
    if (const json::value* path = map->if_contains(role); path && path->is_string())
      return std::string(path->get_string());
  }
  return data_dir + "/keys/" + std::string(role) + ".key";
}

// Words of `text` between blanks and commas; '#' begins a comment.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out(1);
  bool comment = false;
  for (const char c : text) {
    if (c == '#') comment = true;
    if (c == '\n') comment = false;
    const bool between = comment || c == ',' || c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!between) {
      out.back().push_back(c);
    } else if (!out.back().empty()) {
      out.emplace_back();
    }
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

// Keys of release signers in hex, from the first source that has any (governance spec 4.1).
std::vector<std::string> release_signers(const Config& config, std::vector<std::string>* notes) {
  constexpr std::size_t kMaxSigners = 1024;
  std::vector<std::string> words = words_of(config.text("release.signers"));
  std::string source = "release.signers";
  if (words.empty()) {
    source = config.text("plugins.signers_file");
    if (Result<Bytes> text = read_file(source, 1u << 20); text.ok()) words = words_of(*text);
  }
  std::set<std::string> keys;
  for (const std::string& word : words) {
    const auto key = array_from_hex<32>(word);
    if (!key.ok()) {
      notes->push_back(source + ": '" + word.substr(0, 80) +
                       "' is skipped: " + key.status().message());
    } else if (keys.size() < kMaxSigners) {
      keys.insert(to_hex(*key));
    }
  }
  return {keys.begin(), keys.end()};
}

}  // namespace

Result<NodeKeys> load_node_keys(const Config& config, const std::string& data_dir) {
  NodeKeys keys;
  const bool may_make = !holds_chain(data_dir);
  if (const std::string hex = config.text("node.key_hex"); !hex.empty()) {
    Result<SigningKey> key = SigningKey::from_hex(hex);
    if (!key.ok()) return key.status().in("node.key_hex");
    keys.node = std::make_shared<SigningKey>(*std::move(key));
  } else {
    auto key = key_at(data_dir + "/keys/node.key", may_make);
    if (!key.ok()) return key.status();
    keys.node = *key;
  }
  keys.validator = keys.node;
  if (const std::string path = config.text("chain.validator_key"); !path.empty()) {
    auto key = key_at(path, may_make);
    if (!key.ok()) return key.status();
    keys.validator = *key;
  }
  auto op = key_at(config.text("operator.key_file"), may_make);
  if (!op.ok()) return op.status();
  keys.op = *op;
  auto admin = key_at(role_key_path(config, data_dir, "admin"), may_make);
  if (!admin.ok()) return admin.status();
  keys.admin = *admin;
  auto oracle = key_at(role_key_path(config, data_dir, "oracle"), may_make);
  if (!oracle.ok()) return oracle.status();
  keys.oracle = *oracle;
  return keys;
}

Result<Genesis> load_or_make_genesis(const Config& config, const NodeKeys& keys,
                                     const std::vector<RosterEntry>& roster, std::uint64_t now_ms,
                                     const GenesisImports& imports, bool* made,
                                     std::vector<std::string>* notes) {
  const std::string path = config.text("chain.genesis_file");
  *made = false;
  if (file_exists(path)) {
    Result<Bytes> text = read_file(path);
    if (!text.ok()) return text.status();
    Result<Genesis> genesis = Genesis::parse(*text);
    if (genesis.ok()) return genesis;
    const Status wrong = genesis.status().in(path);
    return Status(wrong.code(), wrong.message(),
                  wrong.hint().empty() ? "it must be the document that this chain was made from: "
                                         "take it from a backup, or from `contract-cli block "
                                         "genesis` of another node"
                                       : wrong.hint());
  }
  if (config.text("chain.genesis") != "create") {
    return Status(
        Code::kInvalid,
        "chain.genesis_file: no genesis for chain '" + config.text("chain.id") + "' at " + path,
        "copy the network's genesis file there, or start a chain of your own with --chain dev");
  }
  Genesis g;
  g.chain_id = config.text("chain.id");
  g.timestamp_ms = now_ms;
  g.epoch_length = config.u64("chain.epoch_length");
  g.max_commands_per_block = static_cast<std::uint32_t>(config.u64("chain.max_commands_per_block"));
  g.max_block_bytes = config.u64("chain.max_block_bytes");
  g.macro_interval_blocks = config.u64("chain.macro_interval_blocks");
  g.authority = config.text("chain.authority");
  g.validators.push_back({config.text("node.label"), 1, keys.validator->public_key()});
  const std::string op = address_of(keys.op->public_key());
  const std::string admin = address_of(keys.admin->public_key());
  if (admin == op) {
    g.alloc = {{op, kOperatorStart + kAdminStart}};
  } else {
    g.alloc = {{op, kOperatorStart}, {admin, kAdminStart}};
  }
  g.alloc.emplace_back("treasury", kTreasuryStart);
  g.roles = {{op, "operator"}, {admin, "admin"}, {address_of(keys.oracle->public_key()), "oracle"}};
  for (const std::string& key : release_signers(config, notes))
    g.roles.emplace_back(key, "release_signer");
  if (const json::object* params = config.get("chain.genesis_params").if_object()) {
    for (const auto& [key, value] : *params) {
      if (!value.is_int64() && !value.is_uint64())
        return Status(Code::kInvalid,
                      "chain.genesis_params." + std::string(key) + ": expected a whole number");
      g.params.emplace_back(key, value.is_int64() ? static_cast<std::uint64_t>(value.get_int64())
                                                  : value.get_uint64());
    }
  }
  std::sort(g.alloc.begin(), g.alloc.end());
  std::sort(g.roles.begin(), g.roles.end());
  std::sort(g.params.begin(), g.params.end());
  g.plugins = roster;
  Result<std::vector<NamespaceImport>> brought = imports();
  if (!brought.ok()) return brought.status();
  g.imports = *std::move(brought);
  TB_TRY(write_file_atomic(path, g.to_json() + "\n"));
  *made = true;
  return g;
}

}  // namespace blockd
