// address_of: the account that a public key signs for. [any]
//
//   if (ctx.account() == tb::address_of(key)) ...
//
// Bech32m (BIP-350) with the prefix "tb" over BLAKE3("tb/address/v1" || 0 || key). An account of
// several keys has no key of its own: its address comes from all of them, and no key here gives it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tb/blake3.hpp"

namespace tb {

namespace detail {

// One step of the BCH code of BIP-173.
inline std::uint32_t bech32_step(std::uint32_t state, std::uint32_t symbol) {
  constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
  const std::uint32_t top = state >> 25;
  state = (state & 0x1ffffff) << 5 ^ symbol;
  for (unsigned bit = 0; bit < 5; ++bit) state ^= (top >> bit & 1) != 0 ? kGenerator[bit] : 0;
  return state;
}

}  // namespace detail

inline std::string address_of(const Hash& public_key) {
  constexpr std::string_view kSymbols = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  constexpr std::uint32_t kBech32m = 0x2bc830a3;
  constexpr unsigned kChecksumSymbols = 6;
  const Hash payload = blake3(std::string("tb/address/v1\0", 14).append(public_key.view()));
  std::string out = "tb1";
  std::uint32_t state = 1;
  // The prefix: the high bits of its letters, zero, the low bits.
  for (const std::uint32_t symbol : {3u, 3u, 0u, 20u, 2u})
    state = detail::bech32_step(state, symbol);
  const auto put = [&](std::uint32_t symbol) {
    state = detail::bech32_step(state, symbol & 31);
    out += kSymbols[symbol & 31];
  };
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const std::uint8_t byte : payload.bytes) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 5; held -= 5) put(bits >> (held - 5));
  }
  put(bits << (5 - held));  // 256 bits in groups of five: the last four are zero
  for (unsigned i = 0; i < kChecksumSymbols; ++i) state = detail::bech32_step(state, 0);
  state ^= kBech32m;
  for (unsigned i = 0; i < kChecksumSymbols; ++i)
    out += kSymbols[state >> 5 * (kChecksumSymbols - 1 - i) & 31];
  return out;
}

}  // namespace tb
