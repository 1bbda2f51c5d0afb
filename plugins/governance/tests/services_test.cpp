// What other plugins ask of governance: values that the launch governor writes, gates that scripts
// close, allowances that a bridge uses up, badges that make members. Small plugins with the ids
// that governance knows stand for the others.
#include "plugins/governance/tests/world.hpp"

namespace governance::test {
namespace {

struct WriteArgs {
  std::string_view key;
  std::uint64_t value = 0;
  std::string_view event, actor;
};
BOOST_DESCRIBE_STRUCT(WriteArgs, (), (key, value, event, actor))
struct GateArgs {
  std::string_view gate, action;
  std::uint64_t epoch = 0;
  std::string_view snapshot_hash;
  bool manual = false;
};
BOOST_DESCRIBE_STRUCT(GateArgs, (), (gate, action, epoch, snapshot_hash, manual))
struct Verdict {
  bool refused = false;
  std::string reason, name;
};
BOOST_DESCRIBE_STRUCT(Verdict, (), (refused, reason, name))
struct ConsumeArgs {
  std::string_view topic, key, relayer;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(ConsumeArgs, (), (topic, key, relayer, amount))
struct Remaining {
  std::uint64_t remaining = 0;
};
BOOST_DESCRIBE_STRUCT(Remaining, (), (remaining))
struct BadgeArgs {
  std::string account;
  bool held = false;
};
BOOST_DESCRIBE_STRUCT(BadgeArgs, (), (account, held))

constexpr tb::Function<WriteArgs> kWrite{tb::Service{0}, 0};
constexpr tb::Function<GateArgs, Verdict> kGate{tb::Service{1}, 0};
constexpr tb::Function<ConsumeArgs, Remaining> kConsume{tb::Service{0}, 0};
constexpr tb::Function<BadgeArgs> kBadge{tb::Service{0}, 0};

tb::Status write(tb::Ctx& ctx, const WriteArgs& in, tb::Out&) {
  const auto done = ctx.call(kWrite, in);
  return done ? tb::ok() : ctx.fail(done);
}
tb::Status open_gate(tb::Ctx& ctx, const GateArgs& in, tb::Out& out) {
  const auto verdict = ctx.call(kGate, in);
  if (!verdict) return ctx.fail(verdict);
  if (verdict->refused) return ctx.fail(-34200, verdict->name, verdict->reason);
  const auto written = ctx.call(kWrite, {"launch_energy_autopilot", 1, "activate", "governor:7"});
  if (!written) return ctx.fail(written);
  out.put("ok", true);
  return tb::ok();
}
void describe_governor(tb::Plugin& p) {
  p.id("governor").version("1.0.0").sm(1).schema(1);
  p.requires_service(tb::Service{0}, "params/1").function(kWrite, "write");
  p.requires_service(tb::Service{1}, "gov/1").function(kGate, "gate");
  p.command("governor.write", &write).role("open");
  p.command("governor.open", &open_gate).role("open");
}

tb::Status claim(tb::Ctx& ctx, const ConsumeArgs& in, tb::Out& out) {
  const auto used = ctx.call(kConsume, in);
  if (!used) return ctx.fail(used);
  out.put("remaining", used->remaining);
  return tb::ok();
}
void describe_bridge(tb::Plugin& p) {
  p.id("bridge").version("1.0.0").sm(1).schema(1);
  p.requires_service(tb::Service{0}, "gov/1").function(kConsume, "consume");
  p.command("bridge.claim", &claim).role("open");
}

tb::Status tell_badge(tb::Ctx& ctx, const BadgeArgs& in, tb::Out&) {
  const auto done = ctx.call(kBadge, in);
  return done ? tb::ok() : ctx.fail(done);
}
void describe_badges(tb::Plugin& p) {
  p.id("badges").version("1.0.0").sm(1).schema(1);
  p.requires_service(tb::Service{0}, "roles/1").function(kBadge, "badge");
  p.command("badges.tell", &tell_badge).role("open");
}

constexpr std::string_view kClosedAtNight = R"lua(
hook = { name="gates", version="1.0.0", on={"on_gate"}, keys={}, owns={}, priority=0 }
function on_gate(c)
  if c.manual then return end
  if c.gate == "energy" and c.action == "enter" then
    return false, "energy stays closed in epoch " .. c.epoch .. " of " .. c.snapshot_hash
  end
end
)lua";

class Services : public World {
 protected:
  void prepare() override {
    chain.add(&tb::detail::Library<&describe_governor>::entry);
    chain.add(&tb::detail::Library<&describe_bridge>::entry);
    chain.add(&tb::detail::Library<&describe_badges>::entry);
    chain.set_genesis_param("governance.badge_membership", with_badges);
  }
  tb::Ran write(std::string_view key, std::uint64_t value) {
    return run("governor.write",
               {{"key", key}, {"value", value}, {"event", "activate"}, {"actor", "governor:7"}});
  }
  tb::Ran claim(std::string_view relayer, std::uint64_t amount) {
    return run(
        "bridge.claim",
        {{"topic", "bridge-reward"}, {"key", "k1"}, {"relayer", relayer}, {"amount", amount}});
  }
  tb::Ran badge(std::string_view name, bool held) {
    return run("badges.tell", {{"account", chain.account(name)}, {"held", held}});
  }
  json::value operators() { return ask("gov.houses").at("operators"); }

  std::uint64_t with_badges = 1;
};

TEST_F(Services, the_governor_writes_its_own_keys_from_the_next_block_on_and_no_others) {
  ASSERT_TRUE(write("launch_operational_flag", 1).ok());
  EXPECT_EQ(value("launch_operational_flag"), 0u);  // in force from the next block
  chain.advance();
  EXPECT_EQ(value("launch_operational_flag"), 1u);
  const json::value row =
      ask("gov.param_history", {{"key", "launch_operational_flag"}}).at("changes").as_array().at(0);
  EXPECT_EQ(row.at("actor").as_string(), "governor:7");
  EXPECT_EQ(row.at("event").as_string(), "activate");
  EXPECT_EQ(row.at("proposal_id").to_number<int>(), 0);
  EXPECT_EQ(write("treasury_percent", 5).error_name, "not_authorized");
  EXPECT_EQ(write("launch_operational_flag", 2).error_name, "out_of_bounds");
  EXPECT_EQ(write("no_such_key", 2).error_name, "unknown_param");
  EXPECT_TRUE(write("ad_rehearsal_enabled", 1).ok());
}

TEST_F(Services, a_gate_opens_unless_a_script_says_why_not) {
  const json::object asked{{"gate", "energy"},
                           {"action", "enter"},
                           {"epoch", 3},
                           {"snapshot_hash", "ab"},
                           {"manual", false}};
  EXPECT_TRUE(run("governor.open", asked).ok());
  install(kClosedAtNight);
  const tb::Ran refused = run("governor.open", asked);
  EXPECT_EQ(refused.error_name, "hook_rejected");
  EXPECT_EQ(refused.error_text, "script gates refused: energy stays closed in epoch 3 of ab");
  json::object by_hand = asked;
  by_hand["manual"] = true;
  EXPECT_TRUE(run("governor.open", by_hand).ok());
}

TEST_F(Services, an_allowance_is_used_up_by_its_relayer_only) {
  vote(id_of(
      run("gov.approve_bridge_reward", {{"key", "k1"}, {"relayer", "relay"}, {"amount", 50}})));
  go_to_epoch(4);
  EXPECT_EQ(claim("thief", 10).error_name, "wrong_relayer");
  EXPECT_EQ(claim("relay", 0).error_name, "invalid_payload");
  EXPECT_EQ(claim("relay", 51).error_name, "insufficient_allowance");
  EXPECT_EQ(claim("relay", 20).json, R"({"remaining":30})");
  EXPECT_EQ(claim("relay", 30).json, R"({"remaining":0})");
  EXPECT_EQ(claim("relay", 1).error_name, "unknown_approval");
  EXPECT_TRUE(ask("gov.approvals").at("approvals").as_array().empty());
}

class DirectApprovals : public Services {
 protected:
  void prepare() override {
    Services::prepare();
    chain.set_genesis_param("governance.direct_approvals", 1);
  }
};

TEST_F(DirectApprovals, let_an_admin_approve_at_once_and_nobody_else) {
  const json::object wish{{"key", "k1"}, {"relayer", "relay"}, {"amount", 50}};
  EXPECT_EQ(json::parse(run("gov.approve_bridge_reward", wish).json).at("status").as_string(),
            "open");  // an operator still asks the houses
  EXPECT_EQ(claim("relay", 20).error_name, "unknown_approval");
  const tb::Ran granted = run_admin("gov.approve_bridge_reward", wish);
  EXPECT_EQ(json::parse(granted.json).at("status").as_string(), "approved") << granted.json;
  EXPECT_EQ(claim("relay", 20).json, R"({"remaining":30})");
}

TEST_F(Services, a_badge_makes_an_operator_for_as_long_as_it_is_held) {
  const std::uint64_t before = id_of(
      run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 5}, {"vote_window", 9}}));
  ASSERT_TRUE(badge("dave", true).ok());
  EXPECT_EQ(operators().at("total").to_number<int>(), 4);
  EXPECT_EQ(ask("gov.houses").at("builders").at("total").to_number<int>(), 3);
  EXPECT_EQ(run("gov.vote", {{"id", before}, {"choice", "yes"}}, "dave").error_name,
            "not_eligible");
  const std::uint64_t after = id_of(
      run("gov.propose", {{"key", "treasury_percent"}, {"new_value", 6}, {"vote_window", 9}}));
  vote(after, "yes", "dave");
  ASSERT_TRUE(badge("dave", false).ok());
  chain.advance();
  EXPECT_EQ(operators().at("total").to_number<int>(), 3);
  // A member by genesis is not what a badge made, and stays.
  ASSERT_TRUE(badge("bob", true).ok());
  ASSERT_TRUE(badge("bob", false).ok());
  EXPECT_EQ(operators().at("total").to_number<int>(), 3);
}

class WithoutBadges : public Services {
 protected:
  WithoutBadges() { with_badges = 0; }
};

TEST_F(WithoutBadges, a_badge_changes_no_house_unless_the_genesis_says_so) {
  ASSERT_TRUE(badge("dave", true).ok());
  EXPECT_EQ(operators().at("total").to_number<int>(), 3);
  EXPECT_EQ(run("gov.propose", {{"key", "governance.badge_membership"}, {"new_value", 1}}).ok(),
            false);
}

TEST_F(Services, parameters_are_compared_with_the_start_of_an_epoch) {
  enact("treasury_percent", 5);
  const std::uint64_t then = chain.epoch();
  enact("treasury_percent", 9);
  ASSERT_TRUE(write("launch_operational_flag", 1).ok());
  chain.advance();
  const auto names = [&](const json::value& answer) {
    std::string all;
    for (const json::value& row : answer.at("params").as_array()) {
      all += std::string(row.at("key").as_string()) + "=";
      if (const json::value* old = row.as_object().if_contains("then"))
        all += json::serialize(*old) + "->";
      all += json::serialize(row.at("value")) + " ";
    }
    return all;
  };
  EXPECT_NE(names(ask("gov.param_diff")).find("treasury_percent=9 "), std::string::npos);
  EXPECT_EQ(names(ask("gov.param_diff", {{"epoch", then}})),
            "launch_operational_flag=0->1 treasury_percent=5->9 ");
  EXPECT_EQ(names(ask("gov.param_diff", {{"epoch", 0}})),
            "launch_operational_flag=0->1 treasury_percent=0->9 ");
  EXPECT_EQ(chain.query("gov.param_diff", R"({"epoch":1000})").error_name, "invalid_params");
}

}  // namespace
}  // namespace governance::test
