// The node's description of itself (`rpc.discover`), from which the verbs are made, with a copy on
// disk.
//
// The copy lies in $XDG_CACHE_HOME/the-block (else ~/.cache/the-block), one file an endpoint, with
// the hash of the document. It serves help and completion while the node is away, and for kFreshMs
// also calls, so that a script does not ask before each of them. `share/the-block/openrpc.json`
// beside the program, written when the node was installed, is the last resort.
#pragma once

#include <string>

#include "kernel/manifest/cli_tree.hpp"
#include "kernel/programs/cli/node_client.hpp"

namespace blockd::cli {

inline constexpr std::uint64_t kFreshMs = 30'000;

enum class DocumentSource : std::uint8_t { kNone, kNode, kCache, kInstalled };

struct Document {
  CliTree tree;
  DocumentSource source = DocumentSource::kNone;
  Status node_error;  // why the node was not the source, when it was asked
};

// `fresh`: ask the node even if the copy is young. Never fails: without any source the tree is
// empty and `node_error` says why.
Document load_document(Session& session, bool fresh);

// Where the copy for an endpoint lies; empty when there is no home.
std::string cache_file(const World& world, const std::string& endpoint);

}  // namespace blockd::cli
