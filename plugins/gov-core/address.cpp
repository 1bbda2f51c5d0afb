#include "plugins/gov-core/address.hpp"

#include <cstddef>
#include <cstdint>

namespace gov {
namespace {

constexpr std::string_view kPrefix = "tb1";
constexpr std::string_view kSymbols = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kDataSymbols = 52;  // 256 bits in groups of five; the last four are zero
constexpr std::size_t kSize = kPrefix.size() + kDataSymbols + 6;
constexpr std::uint32_t kBech32m = 0x2bc830a3;

// One step of the BCH code of BIP-173.
std::uint32_t next(std::uint32_t state, std::uint32_t symbol) {
  constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
  const std::uint32_t top = state >> 25;
  state = (state & 0x1ffffff) << 5 ^ symbol;
  for (unsigned bit = 0; bit < 5; ++bit) state ^= (top >> bit & 1) != 0 ? kGenerator[bit] : 0;
  return state;
}

}  // namespace

bool is_address(std::string_view text) {
  if (text.size() != kSize || !text.starts_with(kPrefix)) return false;
  std::uint32_t state = 1;
  // The prefix "tb": the high bits of its letters, zero, the low bits.
  for (const std::uint32_t symbol : {3u, 3u, 0u, 20u, 2u}) state = next(state, symbol);
  for (std::size_t i = kPrefix.size(); i < kSize; ++i) {
    const std::size_t symbol = kSymbols.find(text[i]);
    if (symbol == std::string_view::npos) return false;
    if (i == kPrefix.size() + kDataSymbols - 1 && (symbol & 15) != 0) return false;
    state = next(state, static_cast<std::uint32_t>(symbol));
  }
  return state == kBech32m;
}

}  // namespace gov
