// Values of hexadecimal digits, for the readers of parameters. Internal.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace blockd {

constexpr std::array<std::uint8_t, 256> make_hex_digits() {
  std::array<std::uint8_t, 256> digits{};
  for (auto& digit : digits) digit = 0xff;
  for (std::size_t i = 0; i < 10; ++i) digits['0' + i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 6; ++i)
    digits['a' + i] = digits['A' + i] = static_cast<std::uint8_t>(10 + i);
  return digits;
}
// By character, both cases; 0xff for what is no digit.
inline constexpr std::array<std::uint8_t, 256> kHexDigits = make_hex_digits();

}  // namespace blockd
