// A provider's reputation: four Beta counters (delivery, meter, latency, capacity) and their
// weighted geometric mean, in integers only. Pure, callable from any thread.
//
// The composite is the largest y with y^20 <= m_delivery^7 * m_meter^5 * m_latency^5 * m_capacity^3
// (means in ppm, weights 0.35, 0.25, 0.25 and 0.15), settled by exact comparison of numbers below
// 2^400. It is computed at every reading, so logarithms in fixed point come first: their error is
// known, and only where the estimate lies that near to an integer the exact numbers are made.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "plugins/energy/rules/params.hpp"
#include "plugins/energy/rules/wide.hpp"

namespace energy {

enum class Trait : std::uint8_t { kDelivery = 0, kMeter = 1, kLatency = 2, kCapacity = 3 };
inline constexpr unsigned kTraits = 4;
inline constexpr std::array<unsigned, kTraits> kTraitWeights = {7, 5, 5, 3};  // of 20
inline constexpr unsigned kTraitWeightSum = 20;

// Counts of good and bad, in millionths.
struct BetaPair {
  std::uint64_t alpha = kPpmOne;
  std::uint64_t beta = kPpmOne;
  bool operator==(const BetaPair&) const = default;
};

struct Reputation {
  std::array<BetaPair, kTraits> traits{};
  std::uint64_t observations = 0;
  Ppm composite_ppm = 500'000;

  const BetaPair& of(Trait t) const { return traits[static_cast<unsigned>(t)]; }
  bool operator==(const Reputation&) const = default;
};

// What one event says about a trait: 1 000 000 is good, 0 is bad.
inline constexpr Ppm kGood = kPpmOne;
inline constexpr Ppm kBad = 0;
constexpr Ppm quality_of(bool good) { return good ? kGood : kBad; }
// Full up to the threshold, then threshold / latency. REQUIRES: threshold_ms >= 1.
Ppm latency_quality(std::uint64_t latency_ms, std::uint64_t threshold_ms);
// Good while current is within 80 % and 120 % of expected; nullopt (no observation) if nothing was
// expected.
std::optional<Ppm> capacity_quality(std::uint64_t current, std::uint64_t expected);

inline constexpr std::uint64_t kMaxPenaltyPpm = 10'000'000;
inline constexpr std::uint64_t kDisputePenaltyPpm = 3'000'000;

// One observation, then rescore. Two observations are two calls: each may push the provider below
// the floor. REQUIRES: quality <= 1 000 000. False: a counter is full (then nothing has changed).
[[nodiscard]] bool observe(Reputation& reputation, Trait trait, Ppm quality);
// Adds `severity_ppm` (capped at kMaxPenaltyPpm) to all four betas, then rescores. False: as
// observe.
[[nodiscard]] bool penalize(Reputation& reputation, std::uint64_t severity_ppm);
// Sets composite_ppm from the counters.
void rescore(Reputation& reputation);

Ppm mean_ppm(const BetaPair& pair);
// The exact weighted geometric mean of four means. REQUIRES: each at most 1 000 000.
Ppm composite_of(const std::array<Ppm, kTraits>& means);

// observations / (observations + 20).
Ppm confidence_ppm(std::uint64_t observations);

// True if a rescore must deactivate the provider: composite too low, and known well enough.
bool below_floor(const Reputation& reputation, const Params& params);

// The moving average that is used while Bayesian reputation is off. A rating above 5 counts as 5.
// REQUIRES: alpha_ppm and score_ppm at most 1 000 000.
Ppm ewma_score(Ppm score_ppm, std::uint64_t rating, std::uint64_t alpha_ppm);

}  // namespace energy
