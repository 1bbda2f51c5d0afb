// Blocks in flight: executed on, kept from every reader and every disk until the log has them.
#include <gtest/gtest.h>

#include <random>

#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/tests/test_machines.hpp"
#include "kernel/storage/write_behind.hpp"

namespace blockd::test {
namespace {

// What the chain told of its blocks, in order.
struct Told : EffectSink {
  void metric(const Manifest&, std::uint32_t, const std::vector<std::string>&,
              std::int64_t) override {}
  void log(const Manifest&, std::uint32_t, std::string_view, std::uint64_t height) override {
    lines.push_back(height);
  }
  void committed(const std::shared_ptr<const BlockRecord>& block,
                 const StateViewPtr& view) override {
    EXPECT_EQ(view->height, block->header.height);
    EXPECT_EQ(view->head_hash, block->header.hash());
    heights.push_back(view->height);
  }
  std::vector<std::uint64_t> heights, lines;
};

struct AheadWorld : World {
  explicit AheadWorld(std::uint64_t blocks = 8) {
    ahead_blocks = blocks;
    sync = LogSyncMode::kStepped;
    effects = &told;
  }
  ~AheadWorld() { chain.reset(); }
  std::uint64_t settle(LogWait wait) {
    const Result<std::uint64_t> settled = chain->settle(wait);
    EXPECT_TRUE(settled.ok()) << settled.status().to_string();
    return settled.ok() ? *settled : 0;
  }
  // The height that the state on the disk claims.
  std::uint64_t height_on_disk() {
    std::optional<Bytes> row;
    EXPECT_TRUE(state->get(kHeadRow, &row).ok());
    return row ? Reader(*row).u64() : 0;
  }
  Told told;
};

TEST(Ahead, a_block_in_flight_is_executed_on_and_seen_by_nobody) {
  AheadWorld w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 1; i <= 3; ++i) w.run("put", "a", i);
  EXPECT_EQ(w.run("put", "b", 7).outcome, Outcome::kApplied);
  EXPECT_EQ(w.chain->view()->height, 0u);
  EXPECT_EQ(w.row("bank", "a"), "-");
  EXPECT_EQ(w.chain->header(1).status().code(), Code::kNotFound);
  EXPECT_EQ(w.chain->block(1).status().code(), Code::kNotFound);
  EXPECT_TRUE(w.told.heights.empty());
  EXPECT_EQ(w.chain->replay(false, nullptr).to, 0u);
  EXPECT_EQ(w.settle(LogWait::kNone), 0u);  // the first half of the sync
  const Chain::Produced late = w.block({w.op("put", "a", 9)});
  EXPECT_EQ(w.settle(LogWait::kNone), 4u);
  EXPECT_EQ(w.told.heights, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  EXPECT_EQ(w.row("bank", "a"), "v2:3");
  EXPECT_EQ(w.chain->height_of(late.block->header.hash()).status().code(), Code::kNotFound);
  EXPECT_EQ(w.settle(LogWait::kAll), 5u);
  EXPECT_EQ(*w.chain->height_of(late.block->header.hash()), 5u);
  EXPECT_EQ(w.row("bank", "a"), "v2:9");
  const ReplayReport report = w.chain->replay(true, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
  EXPECT_EQ(report.state_root, *w.chain->state_root(w.chain->view()));
}

TEST(Ahead, no_row_reaches_the_store_on_the_disk_before_its_block_does) {
  AheadWorld w(64);
  ASSERT_TRUE(w.open().ok());
  ASSERT_TRUE(w.chain->checkpoint().ok());
  std::mt19937_64 random(7);
  for (std::uint64_t i = 1; i <= 400; ++i) {
    w.run("put", "k" + std::to_string(i % 9), i);
    if (random() % 3 == 0) w.settle(LogWait::kNone);
    ASSERT_LE(w.height_on_disk(), w.chain->view()->height);
  }
  ASSERT_TRUE(w.chain->checkpoint().ok());
  EXPECT_EQ(w.chain->view()->height, 400u);
  EXPECT_EQ(w.height_on_disk(), 400u);
}

TEST(Ahead, execution_waits_where_it_would_be_too_far_ahead) {
  AheadWorld w(2);
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 1; i <= 20; ++i) {
    w.run("put", "a", i);
    ASSERT_LE(i, w.chain->view()->height + 2);
  }
  AheadWorld bytes;
  bytes.ahead_bytes = 1;  // any block is above it
  ASSERT_TRUE(bytes.open().ok());
  for (std::uint64_t i = 1; i <= 5; ++i) bytes.run("put", "a", i);
  EXPECT_EQ(bytes.chain->view()->height, 4u);
}

TEST(Ahead, a_failed_sync_with_three_blocks_in_flight_ends_it_and_none_is_told) {
  AheadWorld w;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  EXPECT_EQ(w.settle(LogWait::kAll), 1u);
  ASSERT_TRUE(w.chain->checkpoint().ok());
  for (std::uint64_t i = 2; i <= 4; ++i) w.run("put", "a", i);
  w.disk.fail_sync(1);
  EXPECT_EQ(w.chain->settle(LogWait::kAll).status().code(), Code::kIo);
  EXPECT_EQ(w.chain->view()->height, 1u);
  EXPECT_EQ(w.told.heights, std::vector<std::uint64_t>{1});
  EXPECT_EQ(w.chain->produce({}).status().code(), Code::kIo);
  EXPECT_EQ(w.chain->checkpoint().code(), Code::kIo);
  EXPECT_EQ(w.chain->stalled().code(), Code::kIo);
  EXPECT_EQ(w.chain->state_store()->flush().code(), Code::kIo);  // and nobody waits for ever
  w.chain.reset();
  EXPECT_EQ(w.height_on_disk(), 1u);
  w.disk.crash();
  ASSERT_TRUE(w.open().ok());
  EXPECT_GE(w.chain->view()->height, 1u);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Ahead, a_block_without_room_is_kept_out_and_those_in_flight_go_on) {
  AheadWorld w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 1; i <= 3; ++i) w.run("put", "a", i);
  std::uint64_t used = 0;
  const std::vector<std::string> names = *w.disk.list("chain");
  for (const std::string& name : names) used += w.disk.content("chain/" + name).size();
  w.disk.set_capacity(used);
  std::vector<CommandPtr> many;
  for (std::uint64_t i = 0; i < 400; ++i) many.push_back(w.op("put", "m" + std::to_string(i), i));
  EXPECT_EQ(w.chain->produce(many).status().code(), Code::kNoSpace);
  EXPECT_EQ(w.chain->stalled().code(), Code::kNoSpace);
  EXPECT_EQ(w.settle(LogWait::kAll), 3u);
  w.disk.set_capacity(std::nullopt);
  EXPECT_EQ(w.block(many).left_out.size(), 0u);
  EXPECT_TRUE(w.chain->stalled().ok());
  EXPECT_EQ(w.settle(LogWait::kAll), 4u);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Ahead, the_end_makes_durable_what_is_in_flight) {
  AheadWorld w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 1; i <= 5; ++i) w.run("put", "a", i);
  w.chain.reset();
  EXPECT_EQ(w.told.heights.size(), 5u);
  EXPECT_EQ(w.height_on_disk(), 5u);
  w.disk.crash();
  ASSERT_TRUE(w.open().ok());
  EXPECT_TRUE(w.notes.empty()) << w.notes.front();
  EXPECT_EQ(w.row("bank", "a"), "v2:5");
}

// The other build reaches the views of blocks in flight, and no reader meets the former one again.
TEST(Ahead, machines_are_swapped_under_blocks_in_flight) {
  AheadWorld w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 1; i <= 3; ++i) w.run("put", "a", i);
  const std::weak_ptr<const MachineSet> before = w.chain->view()->machines;
  tb_machine other_table = bank_table();
  const Machine other{w.provider.bank, &other_table, nullptr};
  std::shared_ptr<const MachineSet> next;
  {
    const auto plan = w.chain->plan_swap(other);
    ASSERT_TRUE(plan.ok()) << plan.status().to_string();
    ASSERT_TRUE(w.chain->swap_machines(&*plan).ok());
    next = plan->machines;
  }
  EXPECT_EQ(w.chain->view()->height, 0u) << "nothing had to become durable for it";
  EXPECT_EQ(w.chain->view()->machines, next);
  w.run("put", "a", 4);
  for (int i = 0; i < 4; ++i) {
    w.settle(LogWait::kNone);
    EXPECT_EQ(w.chain->view()->machines, next);
  }
  EXPECT_EQ(w.chain->view()->height, 4u);
  EXPECT_TRUE(before.expired());
  // Without a plan everything is found in the state, which must be of a published block then.
  w.run("put", "a", 5);
  ASSERT_TRUE(w.chain->swap_machines().ok());
  EXPECT_EQ(w.chain->view()->height, 5u);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Ahead, a_macro_point_in_flight_gets_its_root_once_it_is_durable) {
  AheadWorld w(4);
  w.genesis.macro_interval_blocks = 4;
  ASSERT_TRUE(w.open().ok());
  std::mt19937_64 random(3);
  std::uint64_t macros = 0;
  for (int i = 1; i <= 200; ++i) {
    const Chain::Produced p = w.block({w.op("put", "a", static_cast<std::uint64_t>(i))});
    macros += p.block->header.macro ? 1 : 0;
    for (auto n = random() % 3; n > 0; --n) w.settle(LogWait::kNone);
    if (i % 50 == 0) {
      ASSERT_TRUE(w.open().ok());
    }
  }
  EXPECT_GE(macros, 4u);
  w.settle(LogWait::kAll);
  const ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
}

// Ten minutes later the header must carry it, in flight or not.
TEST(Ahead, a_late_macro_block_waits_for_its_point_to_be_durable) {
  AheadWorld w;
  ASSERT_TRUE(w.open().ok());
  w.block({w.command("chain.macro_point", json::object{})});
  w.block({});
  EXPECT_EQ(w.chain->view()->height, 0u);
  w.clock.now += 600'000;
  const Chain::Produced p = w.block({});
  ASSERT_TRUE(p.block->header.macro.has_value());
  EXPECT_EQ(p.block->header.macro->state_height, 1u);
  EXPECT_FALSE(w.block({}).block->header.macro.has_value()) << "the one before carries it";
  w.settle(LogWait::kAll);
  EXPECT_EQ(w.chain->macro_point(), nullptr);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Ahead, a_store_that_holds_nothing_is_refused) {
  World w;
  w.ahead_blocks = 4;
  w.hold = false;
  EXPECT_EQ(w.open().code(), Code::kInvalid);
}

TEST(Ahead, with_a_thread_that_syncs_everything_is_told_in_order) {
  AheadWorld w(16);
  w.sync = LogSyncMode::kThread;
  ASSERT_TRUE(w.open().ok());
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t wakes = 0;
  w.chain->when_synced([&] {
    std::lock_guard lock(mutex);
    ++wakes;
    changed.notify_all();
  });
  for (std::uint64_t i = 1; i <= 300; ++i) {
    w.run("put", "k" + std::to_string(i % 7), i);
    w.settle(LogWait::kNone);
  }
  for (std::uint64_t seen = 0; w.settle(LogWait::kNone) < 300;) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return wakes > seen; });
    seen = wakes;
  }
  w.chain->when_synced(nullptr);
  ASSERT_EQ(w.told.heights.size(), 300u);
  for (std::uint64_t i = 0; i < 300; ++i) EXPECT_EQ(w.told.heights[i], i + 1);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

}  // namespace
}  // namespace blockd::test
