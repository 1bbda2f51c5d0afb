// UTF-8 as the manifest library needs it: validation of what plugins write, and the member order of
// RFC 8785. [any]
#pragma once

#include "kernel/base/bytes.hpp"

namespace blockd {

// True if `text` is well-formed UTF-8 (no overlong forms, no surrogates, nothing above U+10FFFF).
bool is_utf8(BytesView text);

// True if `text` can stand in a JSON string as it is: printable ASCII without quote and backslash.
bool is_plain_ascii(BytesView text);

// Order of UTF-16 code units. Differs from the order of bytes only where one text has a character
// above U+FFFF. REQUIRES: both are valid UTF-8.
bool utf16_less(BytesView a, BytesView b);

}  // namespace blockd
