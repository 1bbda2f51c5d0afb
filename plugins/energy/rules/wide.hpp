// 128-bit integers of the energy rules, and the one rule about overflow: a product or a sum that
// does not fit is reported, it never wraps and never saturates. Pure, constant time, callable from
// any thread.
//
// A rule whose result does not fit its field answers std::nullopt (or false); the command then
// fails with InvalidParams and has changed nothing.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

namespace energy {

__extension__ typedef unsigned __int128 U128;
__extension__ typedef __int128 I128;

using Ppm = std::uint32_t;  // parts of 1 000 000
using Bps = std::uint32_t;  // parts of 10 000

inline constexpr std::uint64_t kPpmOne = 1'000'000;
inline constexpr std::uint64_t kBpsOne = 10'000;
inline constexpr std::uint64_t kU64Max = std::numeric_limits<std::uint64_t>::max();
inline constexpr U128 kU128Max = ~U128{0};

// `v` as a u64, or nullopt where it does not fit.
constexpr std::optional<std::uint64_t> fit_u64(U128 v) {
  if (v > kU64Max) return std::nullopt;
  return static_cast<std::uint64_t>(v);
}

constexpr std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) {
  return fit_u64(U128{a} + b);
}

constexpr std::optional<U128> checked_add_wide(U128 a, U128 b) {
  if (a > kU128Max - b) return std::nullopt;
  return a + b;
}

constexpr std::optional<U128> checked_mul_wide(U128 a, U128 b) {
  if (b != 0 && a > kU128Max / b) return std::nullopt;
  return a * b;
}

// floor(value * part / whole) without an intermediate that could overflow. REQUIRES: part <= whole,
// 0 < whole < 2^32. The result is never larger than `value`.
constexpr U128 share(U128 value, std::uint64_t part, std::uint64_t whole) {
  return value / whole * part + value % whole * part / whole;
}

}  // namespace energy
