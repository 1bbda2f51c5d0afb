// param_proposal, tally and submit_release.
#include <boost/json/array.hpp>
#include <map>

#include "kernel/base/crypto.hpp"
#include "kernel/base/hex.hpp"
#include "plugins/gov-core/params_catalogue.hpp"
#include "plugins/gov-core/proposal.hpp"
#include "plugins/gov-core/release.hpp"
#include "plugins/gov-core/tally.hpp"
#include "tests/plugins/gov-core/vectors.hpp"

namespace gov {
namespace {

namespace json = boost::json;

std::uint64_t u64_or(const json::object& object, std::string_view name, std::uint64_t otherwise) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? otherwise : u64_of(*value);
}

HouseTally house_of(const json::object& votes, std::string_view name) {
  const json::value* house = votes.if_contains(name);
  if (house == nullptr) return {};
  const json::object& in = house->as_object();
  return {u64_or(in, "total", 0), u64_or(in, "yes", 0), u64_or(in, "no", 0),
          u64_or(in, "abstain", 0)};
}

Quorum quorum_of(const json::object& input) {
  const json::value* quorum = input.if_contains("quorum");
  if (quorum == nullptr) return {};
  return {u64_or(quorum->as_object(), "operators_ppm", 0),
          u64_or(quorum->as_object(), "builders_ppm", 0)};
}

json::value replay_tally(const json::object& input) {
  const json::object& votes = input.at("votes").as_object();
  return json::object{
      {"result", verdict_name(decide(house_of(votes, "operators"), house_of(votes, "builders"),
                                     quorum_of(input)))}};
}

// One proposal on one parameter, from submission to rollback.
class ProposalCase {
 public:
  explicit ProposalCase(const json::object& input)
      : in_(input),
        key_(canonical_key(text_in(input, "key"))),
        entry_(find_entry(key_)),
        value_(u64_or(input, "old_value", 0)) {}

  json::value run() {
    if (const std::string_view refused = submit(); !refused.empty())
      return json::object{{"submit", refused}};
    out_["submit"] = "ok";
    vote();
    tally();
    out_["status"] = status_name(status_);
    json::array values;
    for (const json::value& epoch : in_.at("activate_epochs").as_array()) {
      activate(u64_of(epoch));
      values.emplace_back(value_);
    }
    out_["values_after_epochs"] = std::move(values);
    if (const json::value* epoch = in_.if_contains("rollback_epoch")) roll_back(u64_of(*epoch));
    return out_;
  }

 private:
  std::string_view submit() {
    if (is_retired(key_)) return "retired_param";
    if (entry_ == nullptr) return "unknown_param";
    const json::value& wanted = in_.at("new_value");
    if (wanted.is_int64() && wanted.get_int64() < 0) return "out_of_bounds";
    new_value_ = u64_of(wanted);
    const bool fits = new_value_ >= entry_->min && new_value_ <= entry_->max;
    return fits && mask_holds(key_, new_value_) ? "" : "out_of_bounds";
  }

  void vote() {
    const std::uint64_t deadline = u64_in(in_, "deadline");
    json::array answers;
    for (const json::value& item : in_.at("votes").as_array()) {
      const json::object& vote = item.as_object();
      const auto choice = parse_choice(text_in(vote, "choice"));
      const std::string house = vote.contains("house") ? text_in(vote, "house") : "operators";
      if (!choice) {
        answers.emplace_back("unknown_choice");
      } else if (house != "operators" && house != "builders") {
        answers.emplace_back("not_eligible");
      } else if (!vote_is_open(status_, u64_in(vote, "epoch"), deadline)) {
        answers.emplace_back("vote_closed");
      } else {
        ballots_[{text_in(vote, "voter"), house}] = {*choice, u64_in(vote, "weight")};
        answers.emplace_back("ok");
      }
    }
    out_["votes"] = std::move(answers);
  }

  void tally() {
    const std::uint64_t epoch = u64_in(in_, "tally_epoch");
    if (!tally_is_due(status_, epoch, u64_in(in_, "deadline"))) return;
    const json::object& totals = in_.at("house_totals").as_object();
    HouseTally operators, builders;
    operators.total = u64_or(totals, "operators", 0);
    builders.total = u64_or(totals, "builders", 0);
    for (const auto& [voter, ballot] : ballots_) {
      HouseTally& house = voter.second == "builders" ? builders : operators;
      (ballot.choice == Choice::kYes  ? house.yes
       : ballot.choice == Choice::kNo ? house.no
                                      : house.abstain) += ballot.weight;
    }
    const bool passed = decide(operators, builders, quorum_of(in_)) == Verdict::kPassed;
    status_ = passed ? ProposalStatus::kPassed : ProposalStatus::kRejected;
    due_ = activation_epoch(epoch, entry_->timelock_epochs);
  }

  void activate(std::uint64_t epoch) {
    if (status_ != ProposalStatus::kPassed || epoch < due_) return;
    status_ = ProposalStatus::kActivated;
    activated_ = epoch;
    value_ = new_value_;
  }

  void roll_back(std::uint64_t epoch) {
    std::string_view answer = "ok";
    if (status_ != ProposalStatus::kActivated) {
      answer = "nothing_to_roll_back";
    } else if (!window_is_open(epoch, activated_, kRollbackWindowEpochs)) {
      answer = "rollback_window_expired";
    } else {
      status_ = ProposalStatus::kRolledBack;
      value_ = u64_or(in_, "old_value", 0);
    }
    out_["rollback"] = answer;
    out_["value_after_rollback"] = value_;
  }

  struct Ballot {
    Choice choice;
    std::uint64_t weight;
  };
  const json::object& in_;
  std::string key_;
  const CatalogueEntry* entry_;
  std::uint64_t value_, new_value_ = 0, due_ = 0, activated_ = 0;
  ProposalStatus status_ = ProposalStatus::kOpen;
  std::map<std::pair<std::string, std::string>, Ballot> ballots_;  // by voter and house
  json::object out_;
};

std::vector<std::string> texts_in(const json::object& object, std::string_view name) {
  std::vector<std::string> texts;
  const json::value* list = object.if_contains(name);
  if (list == nullptr) return texts;
  for (const json::value& text : list->as_array()) texts.emplace_back(text.as_string());
  return texts;
}

bool verify_hex(std::string_view signer, std::string_view message, std::string_view signature) {
  const auto key = blockd::array_from_hex<32>(signer);
  const auto bytes = blockd::array_from_hex<64>(signature);
  return key.ok() && bytes.ok() && blockd::ed25519_verify(*key, message, *bytes);
}

json::value replay_release(const json::object& input) {
  ReleaseSubmission in;
  in.build_hash = text_in(input, "build_hash");
  in.threshold = u64_or(input, "threshold", 0);
  in.signer_set = texts_in(input, "signer_set");
  in.configured_signers = texts_in(input, "configured_signers");
  for (const json::value& item : input.at("signatures").as_array()) {
    const json::object& attestation = item.as_object();
    in.signatures.push_back({text_in(attestation, "signer"), text_in(attestation, "signature")});
  }
  std::vector<std::string> known = texts_in(input, "known");
  for (std::string& hash : texts_in(input, "known_releases")) known.push_back(std::move(hash));
  const ReleaseVerdict verdict = check_release(
      in,
      [&](std::string_view hash) {
        for (const std::string& one : known) {
          if (one == hash) return true;
        }
        return false;
      },
      &verify_hex);
  return json::object{{"result", verdict.error.empty() ? "ok" : verdict.error}};
}

}  // namespace

Answered replay_proposals(std::string_view fn, const json::object& input) {
  if (fn == "param_proposal") return ProposalCase(input).run();
  if (fn == "tally") return replay_tally(input);
  if (fn == "submit_release") return replay_release(input);
  return std::nullopt;
}

}  // namespace gov
