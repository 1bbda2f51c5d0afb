// The reference page of a plugin, in Markdown, from its manifest alone. [any]
#pragma once

#include "kernel/manifest/manifest.hpp"

namespace blockd {

// Methods with fields, errors, CLI lines and examples; events, records, metrics, governance
// parameters, config keys, roles, services, HTTP routes, alerts. The same manifest gives the same
// text.
std::string reference_markdown(const Manifest& manifest);

// "energy settle <provider-id> --kwh-consumed U64 [--queue]"; empty for a method that the CLI does
// not show.
std::string cli_usage(const MethodSpec& method);

}  // namespace blockd
