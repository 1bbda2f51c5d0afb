#include "plugins/gov-core/tally.hpp"

namespace gov {
namespace {

// Two u64 multiplied, or two added, do not fit u64.
__extension__ using Votes = unsigned __int128;

bool reaches(const HouseTally& house, std::uint64_t quorum_ppm) {
  return Votes{house.yes} * kPpm >= Votes{quorum_ppm} * house.total;
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "passed";
    case Verdict::kQuorumNotReached:
      return "quorum_not_reached";
    case Verdict::kVoteRejected:
      return "vote_rejected";
  }
  return "vote_rejected";
}

Verdict decide(const HouseTally& operators, const HouseTally& builders, const Quorum& quorum) {
  const Votes yes = Votes{operators.yes} + builders.yes;
  const Votes no = Votes{operators.no} + builders.no;
  if (yes < kLeastYes) return Verdict::kQuorumNotReached;
  if (!reaches(operators, quorum.operators_ppm)) return Verdict::kQuorumNotReached;
  if (!reaches(builders, quorum.builders_ppm)) return Verdict::kQuorumNotReached;
  return yes > no ? Verdict::kPassed : Verdict::kVoteRejected;
}

}  // namespace gov
