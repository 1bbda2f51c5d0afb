// Macro points and macro blocks, and a chain that begins as a snapshot.
#include <gtest/gtest.h>

#include "kernel/chain/chain_impl.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

Step ask(World& w) {
  Chain::Produced p = w.block({w.command("chain.macro_point", json::object{})});
  return p.block->steps.at(p.step_of.at(0));
}

TEST(Macro, the_next_header_commits_the_root_of_the_state_after_the_point) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  ASSERT_EQ(ask(w).outcome, Outcome::kApplied);
  const std::uint64_t point = w.chain->view()->height;
  const Result<Hash> root = w.chain->state_root(w.chain->view());
  ASSERT_NE(w.chain->macro_point(), nullptr);
  EXPECT_EQ(w.chain->macro_point()->block_hash, w.chain->view()->head_hash);
  const Chain::Produced next = w.block({w.op("put", "b", 2)});
  ASSERT_TRUE(next.block->header.macro.has_value());
  EXPECT_EQ(next.block->header.macro->state_height, point);
  EXPECT_EQ(next.block->header.macro->state_root, *root);
  EXPECT_EQ(w.chain->macro_point(), nullptr);
  EXPECT_FALSE(w.block({}).block->header.macro.has_value());
  const ReplayReport report = w.chain->replay(true, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
}

TEST(Macro, a_point_comes_by_itself_at_the_interval_if_the_last_is_old_enough) {
  World w;
  w.genesis.macro_interval_blocks = 4;
  ASSERT_TRUE(w.open().ok());
  std::vector<std::uint64_t> macros;
  for (int i = 1; i <= 80; ++i) {  // a block a second, thirty seconds between two points
    const Chain::Produced p = w.block({});
    if (p.block->header.macro) macros.push_back(p.block->header.macro->state_height);
  }
  EXPECT_EQ(macros, (std::vector<std::uint64_t>{32, 64}));
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Macro, a_second_point_is_refused_while_one_waits_and_only_operators_may_ask) {
  World w;
  ASSERT_TRUE(w.open().ok());
  const Chain::Produced p = w.block({w.command("chain.macro_point", json::object{}),
                                     w.command("chain.macro_point", json::object{})});
  EXPECT_EQ(p.block->steps.at(p.step_of.at(0)).outcome, Outcome::kApplied);
  EXPECT_EQ(p.block->steps.at(p.step_of.at(1)).name, "busy");
  CommandDraft draft;
  draft.chain = "dev";
  draft.method = "chain.macro_point";
  draft.nonce = 1;
  draft.params = json::object{};
  const Result<CommandPtr> stranger = sign_command(draft, SigningKey::from_seed(World::seed(9)));
  ASSERT_TRUE(stranger.ok());
  const Chain::Produced q = w.block({*stranger});
  EXPECT_EQ(q.block->steps.at(q.step_of.at(0)).name, "forbidden");
}

// The point is known from the state alone: a node that ends in between commits the same root.
TEST(Macro, a_point_survives_a_restart_and_lost_state) {
  for (const bool lose_state : {false, true}) {
    World w;
    ASSERT_TRUE(w.open().ok());
    w.run("put", "a", 1);
    const Chain::Produced p = w.block({w.command("chain.macro_point", json::object{})});
    ASSERT_FALSE(p.block->header.macro);
    const Result<Hash> root = w.chain->state_root(w.chain->view());
    if (lose_state) w.state = open_memory();
    ASSERT_TRUE(w.open().ok());
    ASSERT_NE(w.chain->macro_point(), nullptr);
    const Chain::Produced next = w.block({w.op("put", "a", 2)});
    ASSERT_TRUE(next.block->header.macro.has_value());
    EXPECT_EQ(next.block->header.macro->state_root, *root);
    EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
  }
}

// Blocks behind the point that carry no root: the restarted node goes back through their deltas.
TEST(Macro, a_point_with_blocks_behind_it_is_computed_from_the_deltas) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  ASSERT_EQ(ask(w).outcome, Outcome::kApplied);
  const std::uint64_t point = w.chain->view()->height;
  const Hash root = *w.chain->state_root(w.chain->view());
  // What a node leaves whose root was not ready: its blocks, without macro block.
  auto& chain = dynamic_cast<ChainImpl&>(*w.chain);
  chain.forget_macro_point();
  ASSERT_FALSE(w.block({w.op("put", "a", 2)}).block->header.macro);
  ASSERT_FALSE(w.block({w.op("erase", "a")}).block->header.macro);
  ASSERT_TRUE(w.open().ok());
  ASSERT_NE(w.chain->macro_point(), nullptr);
  EXPECT_FALSE(w.chain->macro_point()->whole);
  const Chain::Produced next = w.block({});
  ASSERT_TRUE(next.block->header.macro.has_value());
  EXPECT_EQ(next.block->header.macro->state_height, point);
  EXPECT_EQ(next.block->header.macro->state_root, root);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Macro, in_the_background_the_root_comes_when_it_is_ready) {
  World w;
  w.background_roots = true;
  ASSERT_TRUE(w.open().ok());
  ASSERT_EQ(ask(w).outcome, Outcome::kApplied);
  const Hash root = *w.chain->state_root(w.chain->view());
  w.chain->macro_point()->wait();
  const Chain::Produced next = w.block({});
  ASSERT_TRUE(next.block->header.macro.has_value());
  EXPECT_EQ(next.block->header.macro->state_root, root);
  // A late block waits for the root.
  ASSERT_EQ(ask(w).outcome, Outcome::kApplied);
  w.clock.now += kMacroDeadlineMs;
  EXPECT_TRUE(w.block({}).block->header.macro.has_value());
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Macro, rehearsal_and_preview_go_over_macro_blocks) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  ASSERT_EQ(ask(w).outcome, Outcome::kApplied);
  w.run("put", "a", 2);
  const Result<Machine> bank = w.provider.find(World::entry("bank", 2, 2));
  const Status rehearsed = w.chain->rehearse(*bank, 64, 10'000);
  EXPECT_TRUE(rehearsed.ok()) << rehearsed.to_string();
  PreviewRequest request;
  request.epochs = 10;
  const Result<PreviewReport> preview = w.chain->preview(request, nullptr);
  ASSERT_TRUE(preview.ok()) << preview.status().to_string();
  EXPECT_EQ(preview->blocks_differing, 0u);
  EXPECT_TRUE(preview->rows.empty());
}

// The state after a point, as a snapshot holds it, with no block before it.
TEST(Macro, a_chain_goes_on_from_a_state_without_the_blocks_before_it) {
  World w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 0; i < 5; ++i) w.run("put", "a" + std::to_string(i), i);
  ASSERT_EQ(ask(w).outcome, Outcome::kApplied);
  const StateViewPtr point = w.chain->view();
  const Hash root = *w.chain->state_root(point);

  World other;
  other.clock.now = w.clock.now;
  other.nonce = w.nonce;
  std::vector<KvWrite> rows;
  ASSERT_TRUE(visit_state(*point->state, [&](BytesView, BytesView key, BytesView value) {
                rows.push_back({Bytes(key), Bytes(value)});
              }).ok());
  const Result<MacroRow> macro = read_macro_row(*point->state);
  ASSERT_TRUE(macro.ok());
  BaseRow base{point->height, point->time_ms, point->head_hash, macro->genesis, macro->peaks};
  rows.push_back({Bytes(kBaseRow), base.encode()});
  rows.push_back({Bytes(kHeadRow), head_row(base.height, base.hash)});
  ASSERT_TRUE(other.state->write(rows, true).ok());
  const Status opened = other.open();
  ASSERT_TRUE(opened.ok()) << opened.to_string();
  EXPECT_EQ(other.chain->view()->height, point->height);
  EXPECT_EQ(*other.chain->state_root(other.chain->view()), root);

  // Both go on alike: same inputs, same header.
  const CommandPtr command = w.op("put", "z", 9);
  w.clock.now = other.clock.now = w.clock.now + 1000;
  const Result<Chain::Produced> a = w.chain->produce({command}),
                                b = other.chain->produce({command});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a->block->header.hash(), b->block->header.hash());
  EXPECT_TRUE(b->block->header.macro.has_value());
  ++other.nonce;
  other.run("put", "y", 1);
  const Hash head = other.chain->view()->head_hash;
  ASSERT_TRUE(other.open().ok());
  EXPECT_EQ(other.chain->view()->head_hash, head);
  EXPECT_EQ(other.chain->first_height(), point->height + 1);

  World stranger;  // the state, but no log: the state went on from its snapshot
  stranger.state = other.state;
  EXPECT_EQ(stranger.open().code(), Code::kCorrupt);
  stranger.genesis.epoch_length = 5;  // another genesis
  EXPECT_EQ(stranger.open().code(), Code::kInvalid);
}

}  // namespace
}  // namespace blockd::test
