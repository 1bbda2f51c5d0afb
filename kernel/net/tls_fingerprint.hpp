// Fingerprints of what a TLS warning says, so that a service which collects warnings from many
// nodes can tell a new trouble from a known one without reading either. Pure. [any]
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace blockd {

// The first eight bytes of BLAKE3, as 16 hex digits of the number that they are in little endian;
// "none" for an empty text.
std::string tls_fingerprint(std::string_view text);
// Of variables, joined by the byte 0x1F; empty ones are skipped.
std::string tls_fingerprint(std::span<const std::string> variables);

}  // namespace blockd
