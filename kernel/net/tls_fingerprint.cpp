#include "kernel/net/tls_fingerprint.hpp"

#include <algorithm>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {

std::string tls_fingerprint(std::string_view text) {
  if (text.empty()) return "none";
  const Hash hash = blake3(text);
  std::string number(reinterpret_cast<const char*>(hash.data()), 8);
  std::reverse(number.begin(), number.end());
  return to_hex(number);
}

std::string tls_fingerprint(std::span<const std::string> variables) {
  std::string joined;
  for (const std::string& variable : variables) {
    if (variable.empty()) continue;
    if (!joined.empty()) joined += '\x1f';
    joined += variable;
  }
  return tls_fingerprint(joined);
}

}  // namespace blockd
