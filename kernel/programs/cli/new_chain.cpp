#include "kernel/programs/cli/new_chain.hpp"

#include <algorithm>

#include "kernel/base/address.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxOldGenesis = 64u << 20;

Result<SigningKey> own_key(const std::string& data_dir, const std::string& name) {
  const std::string folder = data_dir + "/keys", path = folder + "/" + name + ".key";
  TB_TRY(make_directories(folder, 0700));
  Result<SigningKey> key = load_node_key(path, true);
  if (!key.ok()) return key;
  const std::string pub = folder + "/" + name + ".pub";
  if (!file_exists(pub))
    TB_TRY(write_file_atomic(pub, "ed25519:" + to_hex(key->public_key()) + "\n"));
  return key;
}

Status take_own_keys(const std::string& data_dir, NewChain* chain) {
  Result<SigningKey> node = own_key(data_dir, "node");
  if (!node.ok()) return node.status();
  chain->genesis.validators = {{"staging", 1, node->public_key()}};
  for (const char* role : {"operator", "admin", "oracle"}) {
    Result<SigningKey> key = own_key(data_dir, role);
    if (!key.ok()) return key.status();
    chain->roles.emplace_back(address_of(key->public_key()), role);
  }
  chain->genesis.roles = chain->roles;
  std::sort(chain->genesis.roles.begin(), chain->genesis.roles.end());
  return {};
}

// A genesis that belongs to another chain would be taken for that of the new one.
Status check_genesis_file(const LocalArgs& args, const Genesis& genesis,
                          const std::string& data_dir) {
  const std::string path = data_dir + "/genesis.json";
  if (!file_exists(path) || args.has("--force")) return {};
  const Result<Bytes> text = read_file(path, kMaxOldGenesis);
  if (!text.ok()) return text.status();
  const Result<Genesis> there = Genesis::parse(*text);
  if (there.ok() && there->hash() == genesis.hash()) return {};
  return Status(Code::kExists, path + " is of another chain than '" + genesis.chain_id + "'",
                "give --force to move it away first (nothing is deleted), or another --data-dir");
}

}  // namespace

bool wants_new_chain(const LocalArgs& args) {
  return args.has("--chain-id") || args.has("--staging");
}

Result<NewChain> plan_new_chain(const LocalArgs& args, const Genesis* old,
                                const std::string& data_dir) {
  if (old == nullptr)
    return Status(Code::kInvalid, "a new chain is made from the genesis of the old one",
                  "give --trust GENESIS_FILE");
  if (args.has("--keep-log"))
    return Status(Code::kInvalid, "--keep-log and a new chain exclude each other",
                  "the log belongs to chain '" + old->chain_id + "'");
  NewChain out;
  out.genesis = *old;
  out.genesis.imports.clear();  // they are in the state
  out.genesis.chain_id = args.get("--chain-id", old->chain_id + "-staging");
  if (out.genesis.chain_id == old->chain_id)
    return Status(
        Code::kInvalid,
        "--chain-id " + old->chain_id + " is the name of the chain that the snapshot is of",
        "without --chain-id the node goes on as that chain");
  if (args.has("--staging")) TB_TRY(take_own_keys(data_dir, &out));
  // What a genesis file may say is decided in one place.
  Result<Genesis> parsed = Genesis::parse(out.genesis.to_json());
  if (!parsed.ok()) return parsed.status().in("--chain-id " + out.genesis.chain_id);
  TB_TRY(check_genesis_file(args, *parsed, data_dir));
  return out;
}

}  // namespace blockd::cli
