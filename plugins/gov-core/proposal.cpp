#include "plugins/gov-core/proposal.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>

#include "plugins/gov-core/params_catalogue.hpp"

namespace gov {
namespace {

constexpr std::string_view kKinds[] = {"param", "energy_settlement", "script",  "script_disable",
                                       "house", "approval",          "release", "keyset"};
constexpr std::string_view kStatuses[] = {"open",      "passed", "rejected",
                                          "activated", "failed", "rolled_back"};
constexpr std::string_view kChoices[] = {"yes", "no", "abstain"};

template <class Enum, std::size_t N>
std::optional<Enum> find(const std::string_view (&names)[N], std::string_view text) {
  const auto* at = std::find(std::begin(names), std::end(names), text);
  if (at == std::end(names)) return std::nullopt;
  return static_cast<Enum>(at - std::begin(names));
}

}  // namespace

std::string_view kind_name(ProposalKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view status_name(ProposalStatus status) {
  return kStatuses[static_cast<std::size_t>(status)];
}
std::string_view choice_name(Choice choice) { return kChoices[static_cast<std::size_t>(choice)]; }
std::optional<Choice> parse_choice(std::string_view text) { return find<Choice>(kChoices, text); }
std::optional<ProposalStatus> parse_status(std::string_view text) {
  return find<ProposalStatus>(kStatuses, text);
}
std::optional<ProposalKind> parse_kind(std::string_view text) {
  return find<ProposalKind>(kKinds, text);
}

std::uint64_t activation_epoch(std::uint64_t tally_epoch, std::uint32_t timelock_epochs) {
  const std::uint64_t delay = timelock_epochs == 0 ? kActivationDelay : timelock_epochs;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  return tally_epoch > kMax - delay ? kMax : tally_epoch + delay;
}

std::optional<std::uint64_t> parse_settlement_mode(std::string_view text) {
  std::string low(text);
  for (char& c : low) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (low == "batch") return 0;
  if (low == "real_time" || low == "realtime" || low == "real-time") return 1;
  return std::nullopt;
}

}  // namespace gov
