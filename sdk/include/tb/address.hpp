// Accounts that a key signs for: their addresses. Pure. [any]
//
//   if (ctx.account() == tb::address_of(key)) ...
//   if (!tb::is_address(in.account)) return ctx.fail(...);
//
// Bech32m (BIP-350) with the prefix "tb" over BLAKE3("tb/address/v1" || 0 || key). An account of
// several keys has no key of its own: its address comes from all of them, and no key here gives it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tb/blake3.hpp"

namespace tb {

namespace detail {

inline constexpr std::string_view kAddressPrefix = "tb1";
inline constexpr std::string_view kAddressSymbols = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
// Of five bits each: 256 bits of payload, of which the last symbol holds one, and the checksum.
inline constexpr std::size_t kAddressPayload = 52, kAddressChecksum = 6;
inline constexpr std::uint32_t kBech32m = 0x2bc830a3;

// One step of the BCH code of BIP-173.
inline std::uint32_t bech32_step(std::uint32_t state, std::uint32_t symbol) {
  constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
  const std::uint32_t top = state >> 25;
  state = (state & 0x1ffffff) << 5 ^ symbol;
  for (unsigned bit = 0; bit < 5; ++bit) state ^= (top >> bit & 1) != 0 ? kGenerator[bit] : 0;
  return state;
}

// The state behind the prefix: the high bits of its letters, zero, the low bits.
inline std::uint32_t bech32_begin() {
  std::uint32_t state = 1;
  for (const std::uint32_t symbol : {3u, 3u, 0u, 20u, 2u}) state = bech32_step(state, symbol);
  return state;
}

}  // namespace detail

inline std::string address_of(const Hash& public_key) {
  const Hash payload = blake3(std::string("tb/address/v1\0", 14).append(public_key.view()));
  std::string out(detail::kAddressPrefix);
  std::uint32_t state = detail::bech32_begin();
  const auto put = [&](std::uint32_t symbol) {
    state = detail::bech32_step(state, symbol & 31);
    out += detail::kAddressSymbols[symbol & 31];
  };
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const std::uint8_t byte : payload.bytes) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 5; held -= 5) put(bits >> (held - 5));
  }
  put(bits << (5 - held));  // 256 bits in groups of five: the last four are zero
  for (std::size_t i = 0; i < detail::kAddressChecksum; ++i) state = detail::bech32_step(state, 0);
  state ^= detail::kBech32m;
  for (std::size_t i = detail::kAddressChecksum; i-- > 0;)
    out += detail::kAddressSymbols[state >> 5 * i & 31];
  return out;
}

// Whether a text is an address with a right checksum, as accounts are stored: in small letters.
// Other accounts belong to plugins, and nobody signs for them.
inline bool is_address(std::string_view text) {
  using namespace detail;
  constexpr std::size_t kSize = kAddressPrefix.size() + kAddressPayload + kAddressChecksum;
  if (text.size() != kSize || !text.starts_with(kAddressPrefix)) return false;
  std::uint32_t state = bech32_begin();
  for (std::size_t i = kAddressPrefix.size(); i < kSize; ++i) {
    const std::size_t symbol = kAddressSymbols.find(text[i]);
    if (symbol == std::string_view::npos) return false;
    if (i + kAddressChecksum + 1 == kSize && (symbol & 15) != 0) return false;
    state = bech32_step(state, static_cast<std::uint32_t>(symbol));
  }
  return state == kBech32m;
}

// How the account of an address is stored, of an address in small letters or, as BIP-173 allows,
// all in capitals; nothing for any other text.
inline std::optional<std::string> stored_address(std::string_view text) {
  const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_capital = [](char c) { return c >= 'A' && c <= 'Z'; };
  std::string out(text);
  if (std::none_of(text.begin(), text.end(), is_small)) {
    for (char& c : out) c = is_capital(c) ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  return is_address(out) ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace tb
