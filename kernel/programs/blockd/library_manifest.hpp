// The manifest of a plugin file, for programs that run no node: `config check`, `--print-openrpc`,
// `--print-reference`.
#pragma once

#include <memory>
#include <string>

#include "kernel/base/status.hpp"
#include "kernel/host/library.hpp"
#include "kernel/manifest/manifest.hpp"

namespace blockd {

// The steps of Library::check() in a temporary folder that is gone afterwards; without rules no
// signature is asked for. `blockd` is the path of that program, which is the probe. Errors: those
// of Library::check().
Result<std::shared_ptr<const Manifest>> manifest_of_library(const std::string& blockd,
                                                            const std::string& file);
Result<std::shared_ptr<const Manifest>> manifest_of_library(const std::string& blockd,
                                                            const std::string& file,
                                                            LoadRules rules);

}  // namespace blockd
