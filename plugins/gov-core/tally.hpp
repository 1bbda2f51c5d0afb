// The bicameral vote: weights of two houses, and what they decide.
//
// One rule for proposals and for disbursements; only where the quorum comes from differs (two
// parameters at creation, or the payload). Pure functions over values; sums are 128 bits wide, so
// nothing wraps. Spec: governance and treasury 6.1.
#pragma once

#include <cstdint>
#include <string_view>

namespace gov {

inline constexpr std::uint64_t kPpm = 1'000'000;
// Least total weight of yes (QUORUM of 4.1).
inline constexpr std::uint64_t kLeastYes = 1;

// Weights of the ballots of one house, and the house's total at the snapshot.
struct HouseTally {
  std::uint64_t total = 0;
  std::uint64_t yes = 0;
  std::uint64_t no = 0;
  std::uint64_t abstain = 0;
};

struct Quorum {
  std::uint64_t operators_ppm = 0;  // each at most kPpm
  std::uint64_t builders_ppm = 0;
};

enum class Verdict : std::uint8_t { kPassed, kQuorumNotReached, kVoteRejected };

// `passed`, `quorum_not_reached` or `vote_rejected`.
std::string_view verdict_name(Verdict verdict);

// Ties fail; a house without members (total 0) passes any quorum.
Verdict decide(const HouseTally& operators, const HouseTally& builders, const Quorum& quorum);

}  // namespace gov
