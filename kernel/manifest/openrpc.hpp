// The answer of `rpc.discover`: an OpenRPC 1.2 document made from manifests alone.
//
// Each method carries the member "x-tb" with what OpenRPC has no place for: kind, role, aliases,
// rate class and the CLI declaration; each param carries "x-tb" with its field in manifest form.
// parse_cli_tree() rebuilds the whole CLI from the document, so a client needs nothing else of the
// node. [any]
#pragma once

#include <functional>

#include "kernel/manifest/manifest.hpp"

namespace blockd {

using ManifestList = std::vector<std::shared_ptr<const Manifest>>;

struct OpenRpcOptions {
  std::string title = "The Block node";
  std::string version = "0.0.0";  // of the node
  std::function<bool(const MethodSpec&)>
      visible;  // methods the caller may know of; empty: those not `hidden`
};
json::object openrpc_document(const ManifestList& manifests, const OpenRpcOptions& options);

// JSON Schema (draft 7) of one field. Integers above 2^53-1 travel as decimal strings, so both
// forms are allowed.
json::object json_schema(const Field& field);

}  // namespace blockd
