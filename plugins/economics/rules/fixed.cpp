#include "plugins/economics/rules/fixed.hpp"

namespace economics {
namespace {

constexpr std::uint64_t kNothingLeft = 64 * kNano;  // e^-64 is below half a nano
constexpr std::uint64_t kLn2Pico = 693'147'180'560;
constexpr I128 kPico = 1'000'000'000'000;
constexpr I128 kScale = I128{1'000'000} * kPico;  // 1e18
constexpr unsigned kTerms = 20;

}  // namespace

U128 isqrt(U128 value) {
  U128 root = 0, bit = U128{1} << 126;
  while (bit > value) bit >>= 2;
  for (; bit != 0; bit >>= 2) {
    const bool take = value >= root + bit;
    if (take) value -= root + bit;
    root = (root >> 1) + (take ? bit : 0);
  }
  return root;
}

std::uint64_t exp_neg(std::uint64_t x_nano) {
  if (x_nano >= kNothingLeft) return 0;
  const std::uint64_t x_pico = x_nano * 1000;
  const std::uint64_t halvings = x_pico / kLn2Pico;
  const I128 rest = static_cast<I128>(x_pico - halvings * kLn2Pico);
  I128 term = kScale, sum = kScale;
  for (unsigned i = 1; i <= kTerms; ++i) {
    term = term * rest / (i * kPico);
    if (term == 0) break;
    sum += i % 2 == 1 ? -term : term;
  }
  return static_cast<std::uint64_t>(((sum >> halvings) + I128{kNano / 2}) / I128{kNano});
}

Quotient muldiv(std::uint64_t a, U128 b, U128 c) {
  if ((b >> 64) == 0) {
    const U128 product = U128{a} * b;
    return {static_cast<std::uint64_t>(product / c), product % c};
  }
  // Horner over the bits of a; `rest` stays below c, and twice it may need 129 bits.
  Quotient out;
  for (int bit = 63; bit >= 0; --bit) {
    const bool carry = (out.rest >> 127) != 0;
    out.rest <<= 1;
    out.whole <<= 1;
    if (carry || out.rest >= c) {
      out.rest -= c;
      out.whole += 1;
    }
    if (((a >> bit) & 1) == 0) continue;
    const bool wraps = out.rest > ~b;
    out.rest += b;
    if (wraps || out.rest >= c) {
      out.rest -= c;
      out.whole += 1;
    }
  }
  return out;
}

}  // namespace economics
