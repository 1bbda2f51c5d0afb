// Migrations in fixed steps: their progress in the state, what a failing step does, and trials of a
// switch that change nothing.
#include <gtest/gtest.h>

#include "kernel/chain/chain.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd {
namespace {

using namespace blockd::test;

CommandPtr switch_bank(World& w, std::uint32_t sm, std::string_view status = "active") {
  return w.command("chain.set_plugin", json::object{{"id", "bank"},
                                                    {"sm", sm},
                                                    {"schema", sm},
                                                    {"consensus_hash", std::string(64, '0')},
                                                    {"status", status}});
}

// A bank of schema 1 with `rows` rows; the one at `bad` cannot be migrated.
void fill(World& w, int rows, int bad = -1) {
  for (int i = 0; i < rows; ++i)
    w.run("put", "row" + std::to_string(i), i == bad ? 666u : static_cast<std::uint64_t>(i));
}

std::vector<MigrationProgress> under_way(World& w) {
  Result<std::vector<MigrationProgress>> found = migrations_under_way(*w.chain->view()->state);
  EXPECT_TRUE(found.ok()) << found.status().to_string();
  return found.ok() ? *std::move(found) : std::vector<MigrationProgress>();
}

Machine bank(World& w) { return {w.provider.bank, &w.provider.table, nullptr}; }

TEST(Migration, progress_is_a_row_of_the_state_until_the_last_step) {
  World w(1);
  ASSERT_TRUE(w.open().ok());
  fill(w, 5);
  w.block({switch_bank(w, 2)});
  EXPECT_TRUE(under_way(w).empty());
  w.block({});
  std::vector<MigrationProgress> now = under_way(w);
  ASSERT_EQ(now.size(), 1u);
  EXPECT_EQ(now[0].id, "bank");
  EXPECT_EQ(now[0].from, 1u);
  EXPECT_EQ(now[0].cursor, "row1");
  EXPECT_EQ(now[0].rows, 2u);
  EXPECT_EQ(now[0].steps, 1u);
  w.block({});
  now = under_way(w);
  ASSERT_EQ(now.size(), 1u);
  EXPECT_EQ(now[0].rows, 4u);
  EXPECT_EQ(now[0].steps, 2u);
  w.block({});
  EXPECT_TRUE(under_way(w).empty());
  EXPECT_EQ(w.row("bank", "row4"), "v2:4");
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Migration, a_failed_first_step_leaves_the_old_version_serving) {
  World w(1);
  ASSERT_TRUE(w.open().ok());
  fill(w, 3, 0);
  w.block({switch_bank(w, 2)});
  Chain::Produced p = w.block({});
  ASSERT_FALSE(p.block->steps.empty());
  EXPECT_EQ(p.block->steps[0].kind, StepKind::kRoster);
  EXPECT_EQ(p.block->steps[0].outcome, Outcome::kRejected);
  EXPECT_NE(p.block->steps[0].text.find("first migration step"), std::string::npos);
  EXPECT_EQ(w.chain->view()->machines->find("bank")->roster.sm, 1u);
  EXPECT_TRUE(under_way(w).empty());
  EXPECT_EQ(w.run("put", "more", 1).outcome, Outcome::kApplied);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Migration, an_error_in_a_later_step_suspends_the_plugin_and_the_chain_goes_on) {
  World w(1);
  ASSERT_TRUE(w.open().ok());
  fill(w, 5, 3);
  w.block({switch_bank(w, 2)});
  w.block({});                                                  // rows 0 and 1
  w.block({});                                                  // row 3 cannot be read
  EXPECT_NE(w.chain->view()->machines->find("bank"), nullptr);  // still in this block
  w.block({});
  EXPECT_EQ(w.chain->view()->machines->find("bank"), nullptr);
  ASSERT_EQ(w.chain->view()->machines->roster().size(), 2u);
  EXPECT_EQ(w.chain->view()->machines->roster()[0].status, RosterStatus::kSuspended);
  std::vector<MigrationProgress> left = under_way(w);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_NE(left[0].error.find("UnreadableRow"), std::string::npos) << left[0].error;
  EXPECT_EQ(left[0].cursor, "row1");
  const std::uint64_t height = w.chain->view()->height;
  w.block({});
  EXPECT_EQ(w.chain->view()->height, height + 1);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Migration, a_trial_runs_every_step_and_changes_nothing) {
  World w(1);
  ASSERT_TRUE(w.open().ok());
  fill(w, 7);
  const StateViewPtr before = w.chain->view();
  const Hash root = *w.chain->state_root(before);
  Result<SwitchTrial> trial = w.chain->try_switch(bank(w), World::entry("bank", 2, 2));
  ASSERT_TRUE(trial.ok()) << trial.status().to_string();
  EXPECT_TRUE(trial->complete) << trial->error;
  EXPECT_EQ(trial->rows, 7u);
  EXPECT_EQ(trial->steps, 4u);
  EXPECT_EQ(trial->blocks, 4u);
  EXPECT_EQ(w.chain->view(), before);
  EXPECT_EQ(*w.chain->state_root(w.chain->view()), root);
  // What the trial said is what happens.
  w.block({switch_bank(w, 2)});
  for (std::uint64_t i = 0; i < trial->blocks; ++i) w.block({});
  EXPECT_TRUE(under_way(w).empty());
  EXPECT_EQ(w.row("bank", "row6"), "v2:6");
}

TEST(Migration, a_trial_names_the_first_error) {
  World w(1);
  ASSERT_TRUE(w.open().ok());
  fill(w, 7, 4);
  Result<SwitchTrial> trial = w.chain->try_switch(bank(w), World::entry("bank", 2, 2));
  ASSERT_TRUE(trial.ok()) << trial.status().to_string();
  EXPECT_FALSE(trial->complete);
  EXPECT_EQ(trial->steps, 2u);
  EXPECT_EQ(trial->rows, 4u);
  EXPECT_NE(trial->error.find("UnreadableRow"), std::string::npos) << trial->error;
  w.provider.table.migrate_step = nullptr;
  trial = w.chain->try_switch(bank(w), World::entry("bank", 2, 2));
  ASSERT_TRUE(trial.ok()) << trial.status().to_string();
  EXPECT_NE(trial->error.find("cannot migrate"), std::string::npos) << trial->error;
}

TEST(Migration, a_row_that_cannot_be_read_is_corruption) {
  EXPECT_EQ(MigrationProgress::parse("x", "{}").status().code(), Code::kCorrupt);
  EXPECT_EQ(MigrationProgress::parse("x", R"({"cursor":"0g"})").status().code(), Code::kCorrupt);
  Result<MigrationProgress> read =
      MigrationProgress::parse("x", R"({"cursor":"6162","from":3,"rows":10,"steps":2})");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->cursor, "ab");
  EXPECT_EQ(read->to_row(), R"({"cursor":"6162","from":3,"rows":10,"steps":2})");
}

}  // namespace
}  // namespace blockd
