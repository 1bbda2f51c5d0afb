// What several manifests must not both claim. [any]
#pragma once

#include "kernel/manifest/openrpc.hpp"

namespace blockd {

// Methods and their aliases, CLI paths, event topics, record kinds, metrics and their aliases, HTTP
// routes, governance keys and their aliases (unless both declare the parameter alike), config keys
// with a '.', roles, provided services. Errors: kExists "method 'energy.settle' of plugin 'energy2'
// is already that of plugin 'energy'".
Status check_clashes(const ManifestList& manifests);

// Whether two plugins mean the same parameter: key, default and range are equal.
bool same_param(const ParamSpec& a, const ParamSpec& b);

}  // namespace blockd
