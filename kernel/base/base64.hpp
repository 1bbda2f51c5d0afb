// Base64 texts (RFC 4648): the padded standard form of key files, and the URL form without padding
// of tokens. Decoding is strict: another character, wrong padding, blanks or non-zero spare bits
// are kInvalid. [any]
#pragma once

#include <string>
#include <string_view>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

std::string to_base64(BytesView data);
Result<Bytes> from_base64(std::string_view text);
std::string to_base64url(BytesView data);
Result<Bytes> from_base64url(std::string_view text);

}  // namespace blockd
