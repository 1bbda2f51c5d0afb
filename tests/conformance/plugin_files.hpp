// The manifests of the libraries that this tree builds, read from the libraries themselves. [test
// thread]
#pragma once

#include "kernel/manifest/openrpc.hpp"

namespace blockd {

// The libraries of the energy market and the SDK's examples.
inline constexpr const char* kPluginNames[] = {"ledger",      "receipts", "energy",
                                               "mock-oracle", "greeter",  "counter"};

// The manifest of <build>/plugins/<name>.so. Errors: kNotFound (no such library, with the loader's
// words), kInvalid (it does not describe itself, or its manifest is refused).
Result<std::shared_ptr<const Manifest>> manifest_of_plugin(const std::string& name);

}  // namespace blockd
