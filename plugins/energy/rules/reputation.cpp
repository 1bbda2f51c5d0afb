#include "plugins/energy/rules/reputation.hpp"

#include <algorithm>

#include "plugins/energy/rules/uint512.hpp"

namespace energy {
namespace {

// m_delivery^7 * m_meter^5 * m_latency^5 * m_capacity^3. Means are below 2^20, so three of them fit
// a word.
Uint512 weighted_product(const std::array<Ppm, kTraits>& means) {
  const std::uint64_t d = means[0], m = means[1], l = means[2], c = means[3];
  Uint512 product(d * d * d);
  return product.multiply(d * d * d)
      .multiply(d * m * m)
      .multiply(m * m * m)
      .multiply(l * l * l)
      .multiply(l * l * c)
      .multiply(c * c);
}

Uint512 power_of_20(std::uint64_t y) {
  const std::uint64_t cube = y * y * y;
  Uint512 power(cube);
  for (unsigned i = 1; i < 6; ++i) power.multiply(cube);
  return power.multiply(y * y);
}

// floor of the weighted arithmetic mean, which the geometric mean never exceeds.
std::uint64_t upper_bound_of(const std::array<Ppm, kTraits>& means) {
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < kTraits; ++i) sum += std::uint64_t{means[i]} * kTraitWeights[i];
  return sum / kTraitWeightSum;
}

// At most the weighted harmonic mean, which never exceeds the geometric mean: the reciprocals are
// rounded up, the division down. REQUIRES: all means >= 1.
std::uint64_t lower_bound_of(const std::array<Ppm, kTraits>& means) {
  constexpr std::uint64_t kScale = 100'000'000'000'000'000;  // 20 of them stay below 2^64
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < kTraits; ++i)
    sum += kTraitWeights[i] * ((kScale + means[i] - 1) / means[i]);
  return kTraitWeightSum * kScale / sum;
}

// --- the geometric mean by logarithms, in fixed point with 31 bits behind the point ---
//
// Both functions take seven bits from a table and the rest from the first terms of a series, whose
// argument is below 2^-7. Errors: a logarithm 2^-28 (series 2^-29.5, table and roundings the rest),
// a power 2^-29 of its value. Together the mean, which is at most 10^6, is right to 2^-7.

constexpr unsigned kPoint = 31, kTableBits = 7, kRestBits = kPoint - kTableBits;
constexpr std::uint64_t kFixedOne = std::uint64_t{1} << kPoint;
constexpr std::uint64_t kLog2OfE = 3'098'164'009, kLogOf2 = 1'488'522'236;

// The integer part of the square root. REQUIRES: x < 2^126.
constexpr std::uint64_t square_root(U128 x) {
  U128 root = 0;
  for (U128 bit = U128{1} << 62; bit != 0; bit >>= 1) {
    if ((root | bit) * (root | bit) <= x) root |= bit;
  }
  return static_cast<std::uint64_t>(root);
}

struct Tables {
  std::array<std::uint64_t, 1 << kTableBits> reciprocals{};  // 1 / (1 + i/128), 32 bits, rounded up
  std::array<std::uint64_t, 1 << kTableBits> logs{};         // log2(1 + i/128)
  std::array<std::uint64_t, 1 << kTableBits> powers{};       // 2^(i/128)
};
constexpr Tables make_tables() {
  Tables out;
  std::array<U128, kTableBits> roots{};  // 2^(1/2), 2^(1/4), ... with 60 bits behind the point
  U128 root = U128{2} << 60;
  for (U128& r : roots) r = root = square_root(root << 60);
  for (std::uint64_t i = 0; i < 128; ++i) {
    out.reciprocals[i] = ((std::uint64_t{128} << 32) + 127 + i) / (128 + i);
    U128 fraction = U128{128 + i} << 53;  // squaring doubles the logarithm: bit by bit
    for (unsigned bit = 0; bit < kPoint; ++bit) {
      fraction = fraction * fraction >> 60;
      out.logs[i] = out.logs[i] << 1 | static_cast<std::uint64_t>(fraction >> 61);
      if (fraction >> 61 != 0) fraction >>= 1;
    }
    U128 power = U128{1} << 60;
    for (unsigned k = 0; k < kTableBits; ++k) {
      if ((i >> (kTableBits - 1 - k) & 1) != 0) power = power * roots[k] >> 60;
    }
    out.powers[i] = static_cast<std::uint64_t>(power >> (60 - kPoint));
  }
  return out;
}
constexpr Tables kTables = make_tables();

// REQUIRES: x >= 1.
std::uint64_t log2_of(std::uint32_t x) {
  const unsigned whole = 31 - static_cast<unsigned>(__builtin_clz(x));
  const std::uint64_t mantissa = std::uint64_t{x} << (kPoint - whole);  // in [1, 2)
  const std::uint64_t i = mantissa >> kRestBits & 127;
  const std::uint64_t z = (mantissa * kTables.reciprocals[i] >> 32) - kFixedOne;  // below 2^-7
  const std::uint64_t series = kFixedOne - z / 2 + (z * z >> kPoint) / 3;
  const std::uint64_t rest = (z * series >> kPoint) * kLog2OfE >> kPoint;
  return (std::uint64_t{whole} << kPoint) + kTables.logs[i] + rest;
}

// 2^log with `bits` bits behind the point. REQUIRES: log is below kPoint - bits.
std::uint64_t exp2_of(std::uint64_t log, unsigned bits) {
  const std::uint64_t z = (log & ((std::uint64_t{1} << kRestBits) - 1)) * kLogOf2 >> kPoint;
  const std::uint64_t square = z * z >> kPoint;
  const std::uint64_t series = kFixedOne + z + square / 2 + (square * z >> kPoint) / 6;
  const std::uint64_t value = kTables.powers[log >> kRestBits & 127] * series >> kPoint;
  return value >> (kPoint - bits - static_cast<unsigned>(log >> kPoint));
}

constexpr unsigned kEstimateBits = 8;  // behind the point

// The geometric mean, right to 2^-7. REQUIRES: each mean from 1 to 1 000 000.
std::uint64_t estimate_of(const std::array<Ppm, kTraits>& means) {
  std::uint64_t sum = 0;
  for (unsigned i = 0; i < kTraits; ++i) sum += kTraitWeights[i] * log2_of(means[i]);
  return exp2_of(sum / kTraitWeightSum, kEstimateBits);
}

// By exact comparisons inside the bracket of the two other means.
Ppm exact_composite_of(const std::array<Ppm, kTraits>& means, std::uint64_t guess) {
  const Uint512 product = weighted_product(means);
  auto fits = [&product](std::uint64_t y) { return power_of_20(y) <= product; };
  if (fits(guess) && !fits(guess + 1)) return static_cast<Ppm>(guess);
  std::uint64_t low = lower_bound_of(means);   // low^20 <= product
  std::uint64_t high = upper_bound_of(means);  // the answer is at most this
  while (low < high) {
    const std::uint64_t middle = high - (high - low) / 2;
    if (fits(middle)) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return static_cast<Ppm>(low);
}

}  // namespace

Ppm latency_quality(std::uint64_t latency_ms, std::uint64_t threshold_ms) {
  if (latency_ms <= threshold_ms) return kGood;
  return static_cast<Ppm>(U128{threshold_ms} * kPpmOne / latency_ms);
}

std::optional<Ppm> capacity_quality(std::uint64_t current, std::uint64_t expected) {
  if (expected == 0) return std::nullopt;
  const U128 scaled = U128{current} * 10;
  return quality_of(U128{expected} * 8 <= scaled && scaled <= U128{expected} * 12);
}

bool observe(Reputation& reputation, Trait trait, Ppm quality) {
  BetaPair& pair = reputation.traits[static_cast<unsigned>(trait)];
  const std::optional<std::uint64_t> alpha = checked_add(pair.alpha, quality);
  const std::optional<std::uint64_t> beta = checked_add(pair.beta, kPpmOne - quality);
  const std::optional<std::uint64_t> observations = checked_add(reputation.observations, 1);
  if (!alpha || !beta || !observations) return false;
  pair = {*alpha, *beta};
  reputation.observations = *observations;
  rescore(reputation);
  return true;
}

bool penalize(Reputation& reputation, std::uint64_t severity_ppm) {
  const std::uint64_t severity = std::min(severity_ppm, kMaxPenaltyPpm);
  Reputation next = reputation;
  for (BetaPair& pair : next.traits) {
    const std::optional<std::uint64_t> beta = checked_add(pair.beta, severity);
    if (!beta) return false;
    pair.beta = *beta;
  }
  rescore(next);
  reputation = next;
  return true;
}

void rescore(Reputation& reputation) {
  std::array<Ppm, kTraits> means;
  for (unsigned i = 0; i < kTraits; ++i) means[i] = mean_ppm(reputation.traits[i]);
  reputation.composite_ppm = composite_of(means);
}

Ppm mean_ppm(const BetaPair& pair) {
  constexpr std::uint64_t kSmall = std::uint64_t{1} << 44;  // a million of them stay in a word
  if (pair.alpha < kSmall && pair.beta < kSmall && (pair.alpha | pair.beta) != 0)
    return static_cast<Ppm>(pair.alpha * kPpmOne / (pair.alpha + pair.beta));
  const U128 total = U128{pair.alpha} + pair.beta;
  if (total == 0) return 0;
  return static_cast<Ppm>(U128{pair.alpha} * kPpmOne / total);
}

// An estimate that is further from an integer than its error decides alone; where it is not, exact
// comparisons do.
Ppm composite_of(const std::array<Ppm, kTraits>& means) {
  if (std::find(means.begin(), means.end(), 0u) != means.end()) return 0;
  constexpr std::uint64_t kUnit = 1u << kEstimateBits, kMargin = kUnit / 64;  // twice the error
  const std::uint64_t estimate = estimate_of(means), fraction = estimate % kUnit;
  const std::uint64_t whole = estimate / kUnit;
  if (fraction >= kMargin && fraction <= kUnit - kMargin) return static_cast<Ppm>(whole);
  return exact_composite_of(means, fraction < kMargin ? whole : whole + 1);
}

Ppm confidence_ppm(std::uint64_t observations) {
  return static_cast<Ppm>(U128{observations} * kPpmOne / (U128{observations} + 20));
}

bool below_floor(const Reputation& reputation, const Params& params) {
  return reputation.composite_ppm < params.min_reputation_ppm &&
         confidence_ppm(reputation.observations) >= params.min_reputation_confidence_ppm;
}

Ppm ewma_score(Ppm score_ppm, std::uint64_t rating, std::uint64_t alpha_ppm) {
  const std::uint64_t rated = std::min<std::uint64_t>(rating, 5) * 200'000;
  return static_cast<Ppm>((alpha_ppm * rated + (kPpmOne - alpha_ppm) * score_ppm) / kPpmOne);
}

}  // namespace energy
