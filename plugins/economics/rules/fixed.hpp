// Fixed-point arithmetic of the control laws: integers only, so that no two machines can differ
// (economics spec 2, 6.1). Pure. [any]
//
// Divisions truncate toward zero, as C++ does. Suffixes name the unit: _nano 1e-9, _ppm and _micro
// 1e-6, _bps 1e-4, _milli 1e-3. Amounts are whole BLOCK.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace economics {

__extension__ typedef unsigned __int128 U128;
__extension__ typedef __int128 I128;

inline constexpr std::uint64_t kNano = 1'000'000'000;
inline constexpr std::uint64_t kPpm = 1'000'000;
inline constexpr std::uint64_t kBps = 10'000;
inline constexpr std::uint64_t kMaxU64 = std::numeric_limits<std::uint64_t>::max();
inline constexpr std::uint64_t kBlocksPerYear = 31'536'000;

// Markets are always taken in this order.
enum class Market : std::uint8_t { kStorage, kCompute, kEnergy, kAd };
inline constexpr std::size_t kMarkets = 4;
inline constexpr std::array<std::string_view, kMarkets> kMarketNames = {"storage", "compute",
                                                                        "energy", "ad"};
template <class T>
using PerMarket = std::array<T, kMarkets>;

constexpr std::uint64_t saturated(U128 value) {
  return value > kMaxU64 ? kMaxU64 : static_cast<std::uint64_t>(value);
}
constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > kMaxU64 - b ? kMaxU64 : a + b;
}
// Round half up. REQUIRES: b > 0 and a + b / 2 fits.
constexpr U128 rounded_div(U128 a, U128 b) { return (a + b / 2) / b; }
// Round up. REQUIRES: b > 0 and a + b - 1 fits.
constexpr U128 ceil_div(U128 a, U128 b) { return (a + b - 1) / b; }

// Floor of the square root.
U128 isqrt(U128 value);

// round(1e9 * e^(-x / 1e9)); error at most 1.
std::uint64_t exp_neg(std::uint64_t x_nano);

struct Quotient {
  std::uint64_t whole = 0;
  U128 rest = 0;
};
// a * b / c and its remainder over a product of 192 bits. REQUIRES: b <= c, c > 0.
Quotient muldiv(std::uint64_t a, U128 b, U128 c);

}  // namespace economics
