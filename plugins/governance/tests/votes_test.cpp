// Votes, dependencies, limits, houses, key sets, approvals and releases.
#include "plugins/governance/tests/world.hpp"

namespace governance::test {
namespace {

class Votes : public World {
 protected:
  std::string vote_error(std::uint64_t id, std::string_view choice, std::string_view from) {
    return run("gov.vote", {{"id", id}, {"choice", choice}}, from).error_name;
  }
  json::value tally(std::uint64_t id) {
    return ask("gov.proposal", {{"id", id}}).at("tally").at("operators");
  }
};

TEST_F(Votes, a_later_vote_replaces_the_earlier_one) {
  const std::uint64_t id =
      id_of(run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 5}}));
  vote(id, "yes", "bob");
  vote(id, "no", "bob");
  EXPECT_EQ(tally(id).at("yes").to_number<int>(), 0);
  EXPECT_EQ(tally(id).at("no").to_number<int>(), 1);
  EXPECT_EQ(tally(id).at("total").to_number<int>(), 3);
}

TEST_F(Votes, strangers_late_votes_and_odd_choices_are_refused) {
  const std::uint64_t id = propose("treasury_percent", 5);
  EXPECT_EQ(vote_error(id, "maybe", "bob"), "unknown_choice");
  EXPECT_EQ(vote_error(id, "yes", "mallory"), "not_eligible");
  EXPECT_EQ(vote_error(99, "yes", "bob"), "unknown_proposal");
  go_to(5);
  EXPECT_EQ(vote_error(id, "yes", "bob"), "vote_closed");
  EXPECT_EQ(status(id), "rejected");
}

TEST_F(Votes, ties_fail) {
  const std::uint64_t id =
      id_of(run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 5}}));
  vote(id, "yes", "bob");
  vote(id, "no", "carol");
  go_to_epoch(4);
  EXPECT_EQ(status(id), "rejected");
  EXPECT_EQ(ask("gov.proposal", {{"id", id}}).at("failure").as_string(), "vote_rejected");
}

TEST_F(Votes, a_proposal_waits_until_what_it_depends_on_is_in_force) {
  EXPECT_EQ(
      run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 5}, {"deps", json::array{7}}})
          .error_name,
      "missing_dependency");
  const std::uint64_t first = propose("treasury_percent", 5);
  vote(first);
  const std::uint64_t second = id_of(run("gov.propose", {{"key", "treasury_percent"},
                                                         {"new_value", 6},
                                                         {"deps", json::array{first}},
                                                         {"vote_window", 4}}));
  EXPECT_EQ(vote_error(second, "yes", "bob"), "dependency_not_active");
  go_to_epoch(3);
  EXPECT_EQ(vote_error(second, "yes", "bob"), "");
  json::array many(101, first);
  EXPECT_EQ(run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 7}, {"deps", many}})
                .error_name,
            "invalid_payload");
}

TEST_F(Votes, floods_and_repetitions_are_refused) {
  EXPECT_TRUE(
      run("gov.propose", {{"key", "market_fee"}, {"new_value", 500}, {"vote_window", 100}}).ok());
  EXPECT_EQ(run("gov.propose", {{"key", "market_fee"}, {"new_value", 500}}).error_name,
            "duplicate_proposal");
  EXPECT_TRUE(run("gov.propose", {{"key", "market_fee"}, {"new_value", 500}}, "bob").ok());
  for (int i = 1; i < 32; ++i) {
    EXPECT_TRUE(
        run("gov.propose", {{"key", "market_fee"}, {"new_value", 500 + i}, {"vote_window", 100}})
            .ok());
  }
  const tb::Ran flood = run("gov.propose", {{"key", "market_fee"}, {"new_value", 600}});
  EXPECT_EQ(flood.error_name, "too_many_open");
  EXPECT_EQ(flood.error_code, -32098);
}

TEST_F(Votes, a_member_who_joined_later_cannot_vote_on_older_proposals) {
  const std::string dave = chain.account("dave");
  const std::uint64_t join =
      id_of(run("gov.house.propose_member",
                {{"house", "builders"}, {"account", dave}, {"weight", 7}, {"vote_window", 1}}));
  const std::uint64_t older = id_of(
      run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 5}, {"vote_window", 9}}));
  vote(join);
  go_to(5);
  EXPECT_EQ(status(join), "activated");
  EXPECT_EQ(vote_error(older, "yes", "dave"), "not_eligible");
  const std::uint64_t newer = propose("treasury_percent", 6);
  EXPECT_EQ(vote_error(newer, "yes", "dave"), "");
  EXPECT_EQ(ask("gov.houses").at("builders").at("total").to_number<int>(), 10);
}

TEST_F(Votes, admins_give_roles_and_the_last_admin_stays) {
  const std::string dave = chain.account("dave");
  EXPECT_TRUE(run_admin("gov.role.set", {{"account", dave}, {"role", "executor"}}).ok());
  EXPECT_TRUE(run_admin("gov.role.set", {{"account", dave}, {"role", "operator"}}).ok());
  EXPECT_FALSE(run("gov.role.set", {{"account", dave}, {"role", "admin"}}, "bob").ok());
  EXPECT_EQ(
      run_admin("gov.role.set", {{"account", chain.account("admin")}, {"role", "none"}}).error_name,
      "invalid_payload");
  EXPECT_EQ(ask("gov.roles").at("roles").as_array().size(), 5u);
}

TEST_F(Votes, only_addresses_get_a_role_or_a_weight) {
  std::string mistyped = chain.account("dave");
  mistyped.back() = mistyped.back() == 'q' ? 'p' : 'q';
  for (const std::string& account : {std::string("x"), std::string("treasury"), mistyped}) {
    const tb::Ran role = run_admin("gov.role.set", {{"account", account}, {"role", "admin"}});
    EXPECT_EQ(role.error_name, "invalid_payload") << account;
    EXPECT_NE(role.error_text.find("'" + account + "' is no address"), std::string::npos);
    EXPECT_EQ(
        run("gov.house.propose_member", {{"house", "operators"}, {"account", account}}).error_name,
        "invalid_payload")
        << account;
    // What an older rule let in can be taken away.
    EXPECT_TRUE(run_admin("gov.role.set", {{"account", account}, {"role", "none"}}).ok());
    EXPECT_TRUE(
        run("gov.house.propose_removal", {{"house", "operators"}, {"account", account}}).ok());
  }
}

TEST_F(Votes, key_sets_change_by_vote_and_never_become_empty) {
  const std::string key(64, 'a');
  const std::uint64_t id =
      id_of(run("gov.propose_keyset",
                {{"name", "release_signers"}, {"add", json::array{key}}, {"vote_window", 1}}));
  vote(id);
  go_to(5);
  EXPECT_EQ(ask("gov.release_signers").at("signers").as_array().at(0).as_string(), key);
  EXPECT_EQ(run("gov.propose_keyset", {{"name", "release_signers"}, {"remove", json::array{key}}})
                .error_name,
            "group_rule");
  EXPECT_EQ(run("gov.propose_keyset", {{"name", "nobody"}, {"add", json::array{key}}}).error_name,
            "unknown_keyset");
}

TEST_F(Votes, approvals_are_in_force_after_the_vote) {
  const tb::Ran asked =
      run("gov.approve_bridge_reward", {{"key", "k1"}, {"relayer", "relay"}, {"amount", 50}});
  const std::uint64_t id = id_of(asked);
  vote(id);
  go_to_epoch(4);
  EXPECT_EQ(status(id), "activated");
  const json::value approvals = ask("gov.approvals");
  EXPECT_EQ(approvals.at("approvals").as_array().at(0).at("remaining_amount").to_number<int>(), 50);
}

TEST_F(Votes, a_release_needs_attestations_of_its_signers) {
  const auto key = [&](std::string_view name) { return tb::to_hex(chain.public_key(name)); };
  const std::uint64_t set =
      id_of(run("gov.propose_keyset", {{"name", "release_signers"},
                                       {"add", json::array{key("s1"), key("s2"), key("s3")}},
                                       {"vote_window", 1}}));
  vote(set);
  go_to(5);
  const std::string hash(64, 'b'), other(64, 'c');
  const auto signature = [&](std::string_view name, const std::string& of) {
    return tb::to_hex(chain.sign(name, "release:" + of));
  };
  json::object in{{"build_hash", hash}, {"threshold", 2}, {"deadline", 3}};
  in["signers"] = json::array{key("s1")};
  in["signatures"] = json::array{signature("s1", hash)};
  EXPECT_EQ(run("gov.propose_release", in).error_name, "insufficient_release_signers");
  in["signers"] = json::array{key("s1"), key("s2")};
  in["signatures"] = json::array{signature("s1", hash), signature("s2", other)};
  EXPECT_EQ(run("gov.propose_release", in).error_name, "invalid_attestation");
  in["signatures"] = json::array{signature("s1", hash), signature("s2", hash)};
  const std::uint64_t id = id_of(run("gov.propose_release", in));
  EXPECT_EQ(run("gov.propose_release", in).error_name, "release_known");
  EXPECT_TRUE(run("gov.approve_release", {{"id", id}}).ok());
  go_to_epoch(chain.epoch() + 3);
  EXPECT_EQ(ask("gov.release", {{"id", id}}).at("status").as_string(), "approved");
  EXPECT_TRUE(run("gov.record_release_install", {{"build_hash", hash}}).ok());
  EXPECT_TRUE(run_admin("gov.rollback_release", {{"id", id}}).ok());
  EXPECT_EQ(ask("gov.release", {{"id", id}}).at("status").as_string(), "rolled_back");
}

TEST_F(Votes, a_node_that_runs_a_withdrawn_build_says_so) {
  const std::string own(64, 'e');
  chain.set_node_answer("node.provenance", tb::cat(R"({"node":{"blake3":")", own, "\"}}"));
  const auto withdraw = [&](const std::string& hash) {
    const std::uint64_t id =
        id_of(run("gov.propose_release", {{"build_hash", hash}, {"deadline", 1}}));
    EXPECT_TRUE(run("gov.approve_release", {{"id", id}}).ok());
    go_to_epoch(chain.epoch() + 1);
    EXPECT_TRUE(run_admin("gov.rollback_release", {{"id", id}}).ok());
    EXPECT_EQ(ask("gov.release", {{"id", id}}).at("status").as_string(), "rolled_back");
  };
  withdraw(std::string(64, 'd'));
  EXPECT_EQ(chain.metric("release_rolled_back_running"), 0);
  withdraw(own);
  EXPECT_EQ(chain.metric("release_rolled_back_running"), 1);
}

}  // namespace
}  // namespace governance::test
