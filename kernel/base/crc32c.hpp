// CRC-32C (Castagnoli), reflected, as in RFC 3720. SSE4.2 where the processor has it. [any]
// `seed` is the result over the bytes before, so that crc32c(b, crc32c(a)) == crc32c(a + b).
#pragma once
#include <cstdint>

#include "kernel/base/bytes.hpp"

namespace blockd {
std::uint32_t crc32c(BytesView data, std::uint32_t seed = 0);

namespace internal {
// The table-driven form that processors without the instruction run; its own name for the tests.
std::uint32_t crc32c_portable(BytesView data, std::uint32_t seed);
}  // namespace internal
}  // namespace blockd
