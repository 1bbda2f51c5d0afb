// The manifest of a plugin file, for programs that run no node: `config check`, `--print-openrpc`,
// `--print-reference`.
#pragma once

#include <memory>
#include <string>

#include "kernel/base/status.hpp"
#include "kernel/manifest/manifest.hpp"

namespace blockd {

// The steps of Library::check() without a signature, in a temporary folder that is gone afterwards.
// `blockd` is the path of that program, which is the probe. Errors: those of Library::check().
Result<std::shared_ptr<const Manifest>> manifest_of_library(const std::string& blockd,
                                                            const std::string& file);

}  // namespace blockd
