// The genesis of a development chain, and the keys of a node: both made at the first start.
#pragma once

#include <functional>

#include "kernel/chain/chain.hpp"
#include "kernel/config/config.hpp"
#include "kernel/rpc/rpc.hpp"

namespace blockd {

// Loads the node's keys, making those that do not exist (mode 0600). Errors: kDenied, kInvalid,
// kIo, each with the file.
Result<NodeKeys> load_node_keys(const Config& config, const std::string& data_dir);

// Reads chain.genesis_file, or makes one for a profile that allows it: this node is the only
// validator, its operator account gets 10,000,000 and `treasury` 1,000,000 of the smallest unit,
// its accounts get their roles, and the keys of release signers the role `release_signer` (their
// names are keys in hex; words of the source that are none are skipped, each with a note).
// `imports` (asked only then) tells the namespaces that begin with the rows of a mirror. Kept as
// the file. Errors: kInvalid "no genesis for chain 'main'", kIo, and those of `imports`.
using GenesisImports = std::function<Result<std::vector<NamespaceImport>>()>;
Result<Genesis> load_or_make_genesis(const Config& config, const NodeKeys& keys,
                                     const std::vector<RosterEntry>& roster, std::uint64_t now_ms,
                                     const GenesisImports& imports, bool* made,
                                     std::vector<std::string>* notes);

}  // namespace blockd
