// A plugin file checked without a node: image, signature, probe in a child, manifest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/host/library.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

struct CheckedPlugin {
  LibraryFile file;
  std::shared_ptr<const Manifest> manifest;
};
// `say`: one line a step on standard error, unless the output is JSON or quiet. Errors: kNotFound
// (no probe program), kDenied with what is wrong with the file.
Result<CheckedPlugin> check_plugin_file(Session& session, const std::string& path,
                                        SignaturePolicy policy, std::vector<PublicKey> signers,
                                        bool say);

}  // namespace blockd::cli
