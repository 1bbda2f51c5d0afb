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
  const U128 total = U128{pair.alpha} + pair.beta;
  if (total == 0) return 0;
  return static_cast<Ppm>(U128{pair.alpha} * kPpmOne / total);
}

Ppm composite_of(const std::array<Ppm, kTraits>& means) {
  if (std::find(means.begin(), means.end(), 0u) != means.end()) return 0;
  const Uint512 product = weighted_product(means);
  std::uint64_t low = lower_bound_of(means);   // low^20 <= product
  std::uint64_t high = upper_bound_of(means);  // the answer is at most this
  while (low < high) {
    const std::uint64_t middle = high - (high - low) / 2;
    if (power_of_20(middle) <= product) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return static_cast<Ppm>(low);
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
