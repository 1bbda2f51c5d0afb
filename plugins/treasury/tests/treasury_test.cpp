// The life of disbursements on a chain: votes, boundaries, money, dependencies, refusals. After
// every command and boundary World looks at the invariants of the book.
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

#include "plugins/treasury/state.hpp"
#include "plugins/treasury/tests/world.hpp"

namespace treasury {
namespace {

std::string text(const json::value& value, std::string_view member) {
  return std::string(value.at(member).as_string());
}

TEST(Treasury, a_voted_record_passes_every_state_and_is_paid_at_the_end) {
  World world;
  const std::uint64_t id = world.timelocked();
  ASSERT_EQ(world.state(id), "timelocked");
  ASSERT_TRUE(world.acquire().ok());
  const tb::Ran executed = world.execute(id, 1);
  ASSERT_TRUE(executed.ok()) << executed.error_name << " " << executed.error_text;
  EXPECT_EQ(world.state(id), "executed");
  EXPECT_EQ(world.balance(), 900'000u);
  EXPECT_EQ(world.held(world.payee()), 0u);
  world.finish_epoch();  // still within the window
  EXPECT_EQ(world.state(id), "executed");
  world.finish_epoch();
  EXPECT_EQ(world.state(id), "finalized");
  EXPECT_EQ(world.held(world.payee()), 100'000u);
  EXPECT_EQ(world.held("treasury/pending"), 0u);
  for (const char* state : {"draft", "voting", "queued", "timelocked", "executed", "finalized"})
    EXPECT_EQ(world.chain().metric("governance_disbursements_total", {state}), 1) << state;
  EXPECT_EQ(world.chain().records("treasury_execution").size(), 1u);
  EXPECT_EQ(world.chain().events("test.noted").size(), 6u);
  EXPECT_EQ(world.record(id).at("timeline").as_array().size(), 6u);
  EXPECT_EQ(world.chain().replay_check(), "");
}

TEST(Treasury, without_a_vote_it_is_rolled_back_and_nothing_executes_it) {
  World world;
  ASSERT_TRUE(world.submit().ok());
  ASSERT_TRUE(world.acquire().ok());
  EXPECT_EQ(world.execute(1, 1).error_name, "requires_approval");
  world.finish_epoch();
  EXPECT_EQ(world.execute(1, 1).error_name, "requires_approval");
  world.finish_epoch();
  const json::value record = world.record(1);
  EXPECT_EQ(text(record.at("status"), "state"), "rolled_back");
  EXPECT_EQ(text(record.at("status"), "reason"), "quorum_not_reached");
  EXPECT_EQ(text(record, "status_label"), "RolledBack");
  const tb::Ran refused = world.execute(1, 1);
  EXPECT_EQ(refused.error_name, "invalid_state");
  EXPECT_EQ(refused.error_code, -32093);
  EXPECT_EQ(world.balance(), 1'000'000u);
  EXPECT_EQ(world.chain().replay_check(), "");
}

TEST(Treasury, one_house_alone_does_not_reach_the_quorum) {
  World world;
  world.set_member("operator", 0, 0);
  world.set_member("alice", 67, 0);
  world.set_member("ben", 33, 0);
  world.set_member("carol", 0, 10);
  Draft draft;
  draft.quorum_ppm = 670'000;
  ASSERT_TRUE(world.submit(draft).ok());
  ASSERT_TRUE(world.submit(draft).ok());
  world.finish_epoch();
  ASSERT_TRUE(world.vote(1, "yes", "alice").ok());
  ASSERT_TRUE(world.vote(2, "yes", "alice").ok());
  ASSERT_TRUE(world.vote(2, "yes", "carol").ok());
  world.finish_epoch();
  EXPECT_EQ(text(world.record(1).at("status"), "reason"), "quorum_not_reached");
  EXPECT_EQ(world.state(2), "queued");
}

TEST(Treasury, a_later_ballot_replaces_an_earlier_one_and_ties_fail) {
  World world;
  world.set_member("alice", 1, 1);
  ASSERT_TRUE(world.submit().ok());
  EXPECT_EQ(world.vote(1, "yes").error_name, "vote_closed");
  world.finish_epoch();
  EXPECT_EQ(world.vote(1, "perhaps").error_name, "unknown_choice");
  EXPECT_EQ(world.vote(1, "yes", "mallory").error_name, "not_eligible");
  EXPECT_EQ(world.vote(9, "yes").error_name, "unknown_disbursement");
  EXPECT_EQ(world.vote(1, "yes", "alice").json,
            R"({"ok":true,"weight":{"operators":1,"builders":1}})");
  ASSERT_TRUE(world.vote(1, "yes").ok());
  ASSERT_TRUE(world.vote(1, "no", "alice").ok());
  const json::value votes = world.record(1).at("status").at("votes");
  EXPECT_EQ(json::serialize(votes.at("operators")), R"({"total":2,"yes":1,"no":1,"abstain":0})");
  world.finish_epoch();
  EXPECT_EQ(text(world.record(1).at("status"), "reason"), "vote_rejected");
  EXPECT_EQ(world.vote(1, "yes").error_name, "vote_closed");
}

TEST(Treasury, too_little_for_one_record_is_enough_for_the_next) {
  World world({.funds = 150'000});
  Draft large, small;
  large.amount = 200'000;
  const std::uint64_t first = world.timelocked(large), second = world.timelocked(small);
  ASSERT_TRUE(world.acquire().ok());
  const tb::Ran refused = world.execute(first, 1);
  EXPECT_EQ(refused.error_name, "insufficient_funds");
  EXPECT_EQ(refused.error_code, -32095);
  EXPECT_EQ(world.state(first), "timelocked");
  EXPECT_TRUE(world.execute(second, 1).ok());
  EXPECT_TRUE(
      world.run("market.pay_in", R"({"source":"coinbase","from":"me","amount":150000})").ok());
  EXPECT_TRUE(world.execute(first, 2).ok());
  EXPECT_EQ(world.balance(), 0u);
  EXPECT_EQ(world.chain().metric("treasury_execution_errors_total", {"insufficient_funds"}), 1);
  EXPECT_EQ(world.chain().replay_check(), "");
}

TEST(Treasury, a_rollback_within_the_window_brings_the_money_back) {
  World world;
  const std::uint64_t id = world.timelocked();
  ASSERT_TRUE(world.acquire().ok());
  ASSERT_TRUE(world.execute(id, 1).ok());
  EXPECT_EQ(world.rollback(id, "  ").error_name, "empty_reason");
  world.finish_epoch();
  ASSERT_TRUE(world.rollback(id, "wrong payee").ok());
  EXPECT_EQ(world.balance(), 1'000'000u);
  EXPECT_EQ(world.held("treasury/pending"), 0u);
  const json::value status = world.record(id).at("status");
  EXPECT_EQ(text(status, "reason"), "wrong payee");
  EXPECT_EQ(text(status, "prior_tx").size(), 64u);
  EXPECT_EQ(world.rollback(id).error_name, "invalid_state");
  world.finish_epoch();
  world.finish_epoch();
  EXPECT_EQ(world.held(world.payee()), 0u);
  EXPECT_EQ(world.chain().replay_check(), "");
}

TEST(Treasury, a_rollback_in_the_last_block_of_the_window_wins_and_is_refused_later) {
  World world;
  const std::uint64_t first = world.timelocked(), second = world.timelocked();
  ASSERT_TRUE(world.acquire().ok());
  ASSERT_TRUE(world.execute(first, 1).ok());
  ASSERT_TRUE(world.execute(second, 2).ok());
  world.finish_epoch();
  world.go_to_last_block();
  EXPECT_TRUE(world.rollback(first).ok());  // in the very block whose boundary finalizes
  EXPECT_EQ(world.state(second), "finalized");
  EXPECT_EQ(world.rollback(second).error_name, "invalid_state");
  EXPECT_EQ(world.held(world.payee()), 100'000u);
}

TEST(Treasury, a_dependency_that_was_rolled_back_stops_its_dependents) {
  World world;
  const std::uint64_t first = world.timelocked();
  Draft after;
  after.deps = "[" + std::to_string(first) + "]";
  const std::uint64_t second = world.timelocked(after);
  ASSERT_TRUE(world.acquire().ok());
  EXPECT_EQ(world.execute(second, 1).error_name, "dependency_pending");
  ASSERT_TRUE(world.rollback(first).ok());
  const tb::Ran refused = world.execute(second, 1);
  EXPECT_EQ(refused.error_name, "dependency_failed");
  EXPECT_EQ(refused.error_code, -32094);
  EXPECT_EQ(world.state(second), "timelocked");
  const json::value blockers = world.query("gov.treasury.executor").at("blockers");
  EXPECT_EQ(json::serialize(blockers),
            R"([{"disbursement_id":2,"error":"dependency_failed","dependency":1}])");
  EXPECT_TRUE(world.rollback(second, "Dependency 1 was rolled back").ok());
  EXPECT_EQ(world.chain().metric("treasury_dependency_failures_total", {"rolled_back_dependency"}),
            1);
}

TEST(Treasury, a_cycle_through_a_hint_is_refused_where_it_would_close) {
  World world;
  Draft hint, back;
  hint.memo = "depends_on=2";
  back.deps = "[1]";
  ASSERT_TRUE(world.submit(hint).ok());
  EXPECT_EQ(world.submit(back).error_name, "dependency_cycle_detected");
  Draft self;
  self.memo = R"({"depends_on":[2]})";
  EXPECT_EQ(world.submit(self).error_name, "dependency_cycle_detected");
  ASSERT_TRUE(world.submit().ok());
  Draft missing;
  missing.deps = "[42]";
  EXPECT_EQ(world.submit(missing).error_name, "dependency_missing");
  EXPECT_EQ(world.chain().metric("treasury_dependency_failures_total", {"circular"}), 2);
}

TEST(Treasury, the_lease_keeps_its_nonce_from_holder_to_holder) {
  World world;
  const std::uint64_t first = world.timelocked(), second = world.timelocked();
  const tb::Ran unheld = world.execute(first, 1);
  EXPECT_EQ(unheld.error_name, "lease_not_held");
  EXPECT_NE(unheld.error_text.find("gov treasury lease acquire"), std::string::npos);
  ASSERT_TRUE(world.acquire().ok());
  EXPECT_EQ(world.acquire("node_b", "executor_b").error_name, "lease_held");
  const tb::Ran foreign = world.execute(first, 1, "node_a", "executor_b");
  EXPECT_EQ(foreign.error_name, "lease_not_held");
  EXPECT_NE(foreign.error_text.find("'node_a'"), std::string::npos);
  EXPECT_NE(foreign.error_text.find(world.chain().account("operator")), std::string::npos);
  EXPECT_EQ(world.execute(first, 0).error_name, "stale_nonce");
  ASSERT_TRUE(world.execute(first, 7).ok());
  EXPECT_EQ(world.execute(second, 7).error_name, "stale_nonce");
  world.chain().begin_block(world.chain().height() + 1, world.chain().time_ms() + 61'000);
  world.chain().end_block();
  EXPECT_EQ(world.execute(second, 8).error_name, "lease_not_held");  // it has expired
  ASSERT_TRUE(world.acquire("node_b", "executor_b").ok());
  EXPECT_EQ(world.execute(second, 7, "node_b", "executor_b").error_name, "stale_nonce");
  EXPECT_TRUE(world.execute(second, 8, "node_b", "executor_b").ok());
  EXPECT_EQ(world
                .run("gov.treasury.lease_release", R"({"holder":"node_a"})",
                     {.roles = {"treasury.executor"}})
                .error_name,
            "lease_not_held");
}

TEST(Treasury, strangers_neither_execute_nor_roll_back) {
  World world;
  const std::uint64_t id = world.timelocked();
  const tb::Ran lease = world.acquire("node_x", "mallory");
  EXPECT_EQ(lease.error_name, "not_authorized");
  EXPECT_EQ(lease.error_code, -32097);
  EXPECT_NE(lease.error_data.find(R"("needed":"executor")"), std::string::npos) << lease.error_data;
  EXPECT_EQ(world
                .run("gov.treasury.rollback_disbursement",
                     "{\"id\":" + std::to_string(id) + ",\"reason\":\"x\"}",
                     {.from = "mallory", .roles = {"operator"}})
                .error_name,
            "not_authorized");
}

TEST(Treasury, operators_open_votes_but_hurry_nothing_else) {
  World world;
  ASSERT_TRUE(world.submit().ok());
  const auto queue = [&](const char* params) {
    return world.run("gov.treasury.queue_disbursement", params, {.roles = {"operator"}});
  };
  const tb::Ran opened = queue(R"({"id":1})");
  ASSERT_TRUE(opened.ok()) << opened.error_text;
  EXPECT_NE(opened.json.find("disbursement 1 advanced to voting"), std::string::npos);
  EXPECT_EQ(queue(R"({"id":1})").error_name, "vote_window_open");
  EXPECT_EQ(queue(R"({"id":1,"current_epoch":99})").error_name, "epoch_mismatch");
  EXPECT_EQ(queue(R"({"id":7})").error_name, "unknown_disbursement");
  ASSERT_TRUE(world.vote(1, "yes").ok());
  world.finish_epoch();
  EXPECT_EQ(world.state(1), "queued");
  EXPECT_EQ(queue(R"({"id":1})").error_name, "timelock_active");
}

TEST(Treasury, limits_on_open_records_count_what_is_not_executed) {
  World world({.max_open = 3, .max_open_per_proposer = 2});
  ASSERT_TRUE(world.submit({}, "alice").ok());
  ASSERT_TRUE(world.submit({}, "alice").ok());
  const tb::Ran refused = world.submit({}, "alice");
  EXPECT_EQ(refused.error_name, "too_many_open");
  EXPECT_EQ(refused.error_code, -32098);
  ASSERT_TRUE(world.submit({}, "ben").ok());
  EXPECT_EQ(world.submit({}, "carol").error_name, "too_many_open");
  ASSERT_TRUE(world.rollback(1).ok());
  EXPECT_TRUE(world.submit({}, "carol").ok());
}

TEST(Treasury, bad_payloads_are_named_before_anything_is_written) {
  World world;
  const std::string before = world.chain().dump("treasury");
  const auto refused = [&](const Draft& draft) { return world.submit(draft).error_name; };
  Draft draft;
  draft.memo.assign(8193, 'x');
  EXPECT_EQ(refused(draft), "memo_too_long");
  draft = {};
  draft.deps = "[" + std::string("1");
  for (int i = 2; i <= 101; ++i) draft.deps += "," + std::to_string(i);
  draft.deps += "]";
  EXPECT_EQ(refused(draft), "too_many_dependencies");
  draft = {};
  draft.deps = R"(["x"])";
  EXPECT_EQ(world.submit(draft).error_code, -32602);
  draft = {};
  draft.receipts = R"([{"account":"a","amount":99999}])";
  EXPECT_EQ(refused(draft), "expected_receipts_mismatch");
  std::string unknown = payload_json({}, world.payee());
  unknown.replace(unknown.find("\"memo\""), 6, "\"nemo\"");
  const tb::Ran field =
      world.run("gov.treasury.submit_disbursement", unknown, {.roles = {"operator"}});
  EXPECT_EQ(field.error_code, -32602);
  EXPECT_EQ(world
                .run("gov.treasury.submit_disbursement", payload_json({}, "ct1abc"),
                     {.roles = {"operator"}})
                .error_name,
            "invalid_destination");
  Draft deep;
  deep.memo = R"({"depends_on":[7],"x":)" + std::string(70, '[') + std::string(70, ']') + "}";
  EXPECT_TRUE(world.submit(deep).ok());
  EXPECT_EQ(json::serialize(world.record(1).at("deps")), "[]");
}

TEST(Treasury, money_that_comes_in_is_booked_by_source_with_the_block_it_came_in) {
  World world({.funds = 500});
  auto rows = world.rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(json::serialize(rows[0].at("source")), R"("genesis")");
  EXPECT_EQ(rows[0].at("height").to_number<std::uint64_t>(), 0u);
  const tb::Ran first = world.run("market.pay_in", R"({"source":"dns","from":"me","amount":7})");
  ASSERT_TRUE(first.ok()) << first.error_text;
  EXPECT_EQ(first.json, R"({"inflow":7})");
  EXPECT_EQ(world.balance(), 507u);
  EXPECT_EQ(world.run("market.pay_in", R"({"source":"loot","from":"me","amount":7})").error_name,
            "invalid_params");
  EXPECT_EQ(world.run("market.pay_in", R"({"source":"dns","from":"","amount":7})").error_name,
            "insufficient_funds");
  ASSERT_TRUE(world.run("market.push", R"({"source":"","from":"","amount":3})").ok());
  ASSERT_TRUE(world.run("ledger.transfer", R"({"to":"treasury","amount":5})").ok());
  world.chain().advance();
  rows = world.rows();
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(text(rows[1], "source"), "dns");
  EXPECT_EQ(text(rows[2], "source"), "other");
  EXPECT_EQ(text(rows[3], "source"), "donation");
  EXPECT_EQ(rows[3].at("delta").to_number<std::int64_t>(), 5);
  EXPECT_EQ(world.chain().metric("treasury_accrual_total", {"donation"}), 5);
  EXPECT_EQ(world.chain().replay_check(), "");
}

TEST(Treasury, records_wait_for_their_scheduled_epoch_and_the_lag_starts_there) {
  World world;
  Draft later;
  later.scheduled_epoch = 8;
  const std::uint64_t id = world.timelocked(later);
  ASSERT_TRUE(world.acquire().ok());
  EXPECT_EQ(world.execute(id, 1).error_name, "not_matured");
  while (world.chain().epoch() < 8) world.chain().finish_epoch(), world.chain().advance();
  ASSERT_TRUE(world.acquire().ok());
  ASSERT_TRUE(world.execute(id, 1).ok());
  EXPECT_LE(world.chain().metric("treasury_disbursement_lag_seconds"), 5);
}

TEST(Treasury, the_hooks_carry_over_what_a_block_has_no_room_for) {
  World world(
      {.funds = 0, .max_open = 5000, .max_open_per_proposer = 5000, .execute_twice = false});
  std::vector<tb::TestCommand> commands;
  const std::string payload = payload_json({}, world.payee());
  for (int i = 0; i < 1500; ++i)
    commands.push_back({"gov.treasury.submit_disbursement", payload, {.roles = {"operator"}}});
  world.go_to_last_block();
  for (const tb::Ran& ran : world.chain().block(commands)) ASSERT_TRUE(ran.ok()) << ran.error_text;
  const std::uint64_t left = world.chain().rows("treasury", "idx/draft/").size();
  EXPECT_GT(left, 0u);
  EXPECT_LT(left, 1500u);
  world.chain().advance(4);
  EXPECT_EQ(world.chain().rows("treasury", "idx/draft/").size(), 0u);
  // What was carried over is as if the boundary had done it at once.
  EXPECT_EQ(json::serialize(world.record(1).at("status").at("vote_deadline_epoch")),
            json::serialize(world.record(1500).at("status").at("vote_deadline_epoch")));
  world.check();
}

TEST(Treasury, old_terminal_records_move_to_the_archive_and_still_count) {
  World world(
      {.funds = 0, .max_open = 5000, .max_open_per_proposer = 5000, .execute_twice = false});
  const std::string payload = payload_json({}, world.payee());
  std::vector<tb::TestCommand> commands;
  std::vector<std::string> texts;
  for (int i = 1; i <= 1030; ++i)
    texts.push_back("{\"id\":" + std::to_string(i) + ",\"reason\":\"x\"}");
  for (const std::string& undo : texts) {
    commands.push_back({"gov.treasury.submit_disbursement", payload, {.roles = {"operator"}}});
    commands.push_back({"gov.treasury.rollback_disbursement", undo, {.roles = {"operator"}}});
  }
  for (const tb::Ran& ran : world.chain().block(commands)) ASSERT_TRUE(ran.ok()) << ran.error_text;
  EXPECT_EQ(world.chain().rows("treasury", "disb/").size(), kTerminalKept);
  EXPECT_EQ(world.state(1), "rolled_back");
  const auto count = [&](const char* params) {
    return world.query("gov.treasury.list", params).at("disbursements").as_array().size();
  };
  EXPECT_EQ(count(R"({"limit":5000})"), kTerminalKept);
  EXPECT_EQ(count(R"({"limit":5000,"archived":true})"), 1030u);
  EXPECT_EQ(world.rollback(1).error_name, "invalid_state");
  Draft after;
  after.deps = "[1]";
  const tb::Ran submitted = world.submit(after);
  EXPECT_TRUE(submitted.ok()) << submitted.error_name;
}

}  // namespace
}  // namespace treasury
