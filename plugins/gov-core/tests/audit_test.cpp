// The settlement audit: what it prints, and that one unit at any place is found and named.
#include <gtest/gtest.h>

#include <functional>

#include "plugins/gov-core/audit.hpp"

namespace gov {
namespace {

TEST(AuditReport, is_that_of_the_guide) {
  Audit audit;
  const BalanceRow rows[] = {{1, 11'500'000, 1'500'000, 1, "accrual", {}},
                             {2, 9'500'000, -2'000'000, 2, "executed", 7}};
  audit.totals = totals_of(10'000'000, rows);
  audit.actual = 9'500'000;
  EXPECT_EQ(report(audit),
            "test settlement_audit ... ok\n\nLedger conservation verified:\n"
            "  Initial balance: 10,000,000 BLOCK\n  Accruals: 1,500,000 BLOCK\n"
            "  Executed disbursements: 2,000,000 BLOCK\n  Final balance: 9,500,000 BLOCK");
  audit.actual = 9'300'000;
  audit.add({"Disbursement 7 (executed)", "no hold", 7});
  EXPECT_EQ(report(audit),
            "test settlement_audit ... FAILED\n\nAssertion failed:\n"
            "  Expected balance: 9,500,000 BLOCK\n  Actual balance: 9,300,000 BLOCK\n"
            "  Discrepancy: 200,000 BLOCK (2.1%)\n\nInvestigation:\n"
            "  1. Disbursement 7 (executed): no hold");
}

TEST(AuditReport, of_nothing_expected_has_a_discrepancy_of_zero_percent) {
  Audit audit;
  audit.actual = 5;
  EXPECT_NE(report(audit).find("Discrepancy: 5 BLOCK (0.0%)"), std::string::npos);
}

TEST(AuditReport, groups_numbers_by_thousands) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(-1000), "-1,000");
  EXPECT_EQ(grouped(static_cast<Wide>(~0ull)), "18,446,744,073,709,551,615");
}

TEST(AuditReport, says_how_many_findings_it_left_out) {
  Audit audit;
  for (std::size_t i = 0; i < kMaxFindings + 3; ++i) audit.add({"account x", "off", {}});
  EXPECT_EQ(audit.findings.size(), kMaxFindings);
  EXPECT_TRUE(report(audit).ends_with("\n  and 3 more"));
}

// A small history in which everything fits: 100 to the treasury, of which disbursement 1 (30) was
// finalized, 2 (20) is executed, 3 (5) was executed and came back, 4 (9) is queued.
struct World {
  Ledger log;
  std::map<std::string, std::uint64_t, std::less<>> state;
  std::uint64_t issued = 1000;
  std::vector<BalanceRow> rows;
  std::vector<EscrowMove> moves;
  std::map<std::uint64_t, Disbursement> disbursements;
  TreasuryState treasury;
  std::uint64_t tariff_paid = 5, tariff_open = 2;  // 3 have a row

  World() {
    log.allocate("alice", 900);
    log.allocate("treasury", 100);
    add(1, "finalized", 30);
    add(2, "executed", 20);
    add(3, "rolled_back", 5);
    add(4, "queued", 9);
    hold(1, 30);
    hold(2, 20);
    hold(3, 5);
    move({"capture", "treasury/pending", "bob", 30, 1});
    move({"release", "treasury/pending", "treasury", 5, 3});
    rows = {{1, 97, 97, 0, "accrual", {}},  {2, 100, 3, 2, "accrual", {}, "tariff"},
            {3, 100, 0, 3, "queued", 4},    {4, 70, -30, 4, "executed", 1},
            {5, 50, -20, 5, "executed", 2}, {6, 45, -5, 6, "executed", 3},
            {7, 50, 5, 7, "cancelled", 3}};
    state = log.accounts();
    disbursements[2].escrowed = 20;
    disbursements[3].logged->was_executed = disbursements[3].stored->was_executed = true;
    treasury = {50, 50, 0, 20, 50, 20};
  }
  void add(std::uint64_t id, const char* at, std::uint64_t amount) {
    const Payment p{at, "bob", amount, amount, true, false, "{}"};
    disbursements[id] = {p, p, {}};
  }
  void hold(std::uint64_t id, std::uint64_t amount) {
    move({"hold", "treasury", "treasury/pending", amount, id});
  }
  void move(const EscrowMove& m) {
    log.move(m.from, m.to, m.amount);
    moves.push_back(m);
  }
  Audit audit() const {
    Audit out;
    out.totals = totals_of(0, rows);
    out.actual = treasury.ledger_balance;
    compare_accounts(log, state, issued, &out);
    check_chain(rows, &out);
    check_disbursements(disbursements, rows, moves, &out);
    check_treasury(treasury, &out);
    check_tariff(tariff_paid, rows, tariff_open, &out);
    return out;
  }
};

TEST(Audit, of_a_sound_history_finds_nothing) {
  const Audit audit = World().audit();
  EXPECT_TRUE(audit.ok()) << report(audit);
}

// Every single thing of the world, one unit off, with what the first finding must name.
TEST(Audit, names_one_unit_that_is_wrong_anywhere) {
  struct Case {
    const char* subject;
    std::function<void(World&)> damage;
  };
  const Case cases[] = {
      {"account alice", [](World& w) { ++w.state["alice"]; }},
      {"account bob", [](World& w) { --w.state["bob"]; }},
      {"account treasury/pending", [](World& w) { ++w.state["treasury/pending"]; }},
      {"account mallory", [](World& w) { w.state["mallory"] = 1; }},
      {"account alice", [](World& w) { w.state.erase("alice"); }},
      {"supply", [](World& w) { ++w.issued; }},
      {"balance row 5", [](World& w) { ++w.rows[4].balance; }},
      {"balance row 4", [](World& w) { w.rows[3].delta -= 1; }},
      {"balance row 6", [](World& w) { w.rows.erase(w.rows.begin() + 4); }},
      {"Disbursement 1 (finalized)", [](World& w) { ++w.disbursements[1].stored->amount; }},
      {"Disbursement 4 (queued)", [](World& w) { --w.disbursements[4].stored->amount; }},
      {"Disbursement 4 (queued)", [](World& w) { w.disbursements[4].stored.reset(); }},
      {"Disbursement 5 (draft)",
       [](World& w) {
         w.add(5, "draft", 1);
         w.disbursements[5].logged.reset();
       }},
      {"Disbursement 2 (executed)", [](World& w) { w.disbursements[2].stored->state = "queued"; }},
      {"Disbursement 2 (executed)",
       [](World& w) { w.disbursements[2].stored->destination = "eve"; }},
      {"Disbursement 2 (executed)", [](World& w) { w.disbursements[2].stored->record = "{1}"; }},
      {"Disbursement 2 (executed)", [](World& w) { w.disbursements[2].escrowed = 21; }},
      {"Disbursement 3 (rolled_back)", [](World& w) { w.disbursements[3].escrowed = 1; }},
      {"Disbursement 2 (executed)", [](World& w) { ++w.disbursements[2].logged->receipts_sum; }},
      {"Disbursement 1 (finalized)", [](World& w) { ++w.moves[0].amount; }},
      {"Disbursement 1 (finalized)", [](World& w) { w.moves.erase(w.moves.begin()); }},
      {"Disbursement 1 (finalized)", [](World& w) { w.moves[3].to = "eve"; }},
      {"Disbursement 2 (executed)", [](World& w) { w.moves.push_back(w.moves[1]); }},
      {"Disbursement 3 (rolled_back)", [](World& w) { w.moves.pop_back(); }},
      {"Disbursement 9",
       [](World& w) {
         w.moves.push_back({"hold", "treasury", "x", 1, 9});
       }},
      {"treasury", [](World& w) { ++w.treasury.own_balance; }},
      {"treasury", [](World& w) { --w.treasury.newest_row; }},
      {"treasury", [](World& w) { ++w.treasury.open_accruals; }},
      {"treasury", [](World& w) { ++w.treasury.escrowed; }},
      {"tariff", [](World& w) { ++w.tariff_paid; }},
      {"tariff", [](World& w) { ++w.tariff_open; }},
      {"tariff", [](World& w) { w.rows[1].source = "other"; }},
  };
  for (std::size_t i = 0; i < std::size(cases); ++i) {
    World world;
    cases[i].damage(world);
    const Audit audit = world.audit();
    EXPECT_FALSE(audit.ok()) << i;
    ASSERT_FALSE(audit.findings.empty()) << i;
    EXPECT_EQ(audit.findings[0].subject, cases[i].subject) << i << "\n" << report(audit);
  }
}

TEST(Audit, tells_a_move_that_took_more_than_there_was) {
  World world;
  world.log.move("bob", "alice", 31);
  EXPECT_EQ(world.audit().findings[0].subject, "log");
}

}  // namespace
}  // namespace gov
