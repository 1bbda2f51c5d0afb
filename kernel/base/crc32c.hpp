// CRC-32C (Castagnoli), reflected, as in RFC 3720. SSE4.2 where the processor has it. [any]
#pragma once
#include <cstdint>

#include "kernel/base/bytes.hpp"

namespace blockd {
std::uint32_t crc32c(BytesView data, std::uint32_t seed = 0);
}
