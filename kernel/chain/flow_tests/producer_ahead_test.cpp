// Blocks that the chain has in flight: execution goes on, and nobody hears of them before they are
// durable.
#include <algorithm>

#include "kernel/chain/flow_tests/producer_fixture.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kMoment = 5;  // ms: longer no command gathers behind a block in flight

class ProducerAhead : public ProducerTest {
 protected:
  void SetUp() override {
    ProducerTest::SetUp();
    chain_.ahead();
  }
  // A block of its own for each, all in flight. Time passes before the command comes: it goes at
  // once, and no time has passed since its block.
  void make_blocks(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t n = first; n <= last; ++n) {
      clock_.pass_ms(kMoment);
      ASSERT_EQ(word(submit(test_command(a_, n))), "ok");
      chain_.await_blocks(n);
      turn();  // it has noted when it made the block
    }
  }
};

TEST_F(ProducerAhead, the_next_nonces_are_executed_and_nobody_is_told_before_the_disk_has_them) {
  start();
  make_blocks(1, 3);
  EXPECT_EQ(chain_.batches(), (std::vector<std::size_t>{1, 1, 1}));
  EXPECT_EQ(ends_.size(), 0u);
  EXPECT_EQ(producer_->pool().pending(address_of(a_.public_key())), 3u);
  chain_.make_durable(2);
  std::vector<CommandResult> ends = ends_.await(2);
  turn();
  EXPECT_EQ(ends_.size(), 2u);
  EXPECT_EQ(ends[0].height, 1u);
  EXPECT_EQ(ends[1].height, 2u);
  EXPECT_EQ(producer_->pool().pending(address_of(a_.public_key())), 1u);
  chain_.make_durable(3);
  EXPECT_EQ(ends_.await(3)[2].height, 3u);
  EXPECT_EQ(producer_->pool().stats().size[2], 0u);
}

TEST_F(ProducerAhead, a_command_in_flight_waits_for_whoever_asks_and_is_taken_once) {
  start();
  make_blocks(1, 2);
  EXPECT_EQ(producer_->pool().state(test_command(a_, 1)->id), "pending");
  EXPECT_EQ(word(submit(test_command(a_, 1))), "duplicate");
  EXPECT_EQ(word(submit(test_command(a_, 2, 0, "t.do", "another"))), "duplicate");
  EXPECT_FALSE(producer_->pool().ready());
  EXPECT_EQ(producer_->pool().waiting(), 0u);
  chain_.make_durable(2);
  ends_.await(2);
  EXPECT_EQ(word(submit(test_command(a_, 1))), "nonce_gap");
  EXPECT_EQ(chain_.order().size(), 2u);
}

TEST_F(ProducerAhead, own_commands_take_the_nonces_behind_those_in_flight) {
  start();
  for (std::size_t n = 1; n <= 4; ++n) {
    ASSERT_FALSE(producer_->submit_own(a_, "t.do", nullptr, "", ends_.one()));
    clock_.pass_ms(kMoment);
    turn();
    chain_.await_blocks(n);
    turn();
  }
  chain_.make_durable(4);
  for (const CommandResult& end : ends_.await(4)) EXPECT_FALSE(end.refusal);
  EXPECT_EQ(chain_.order(), (std::vector<std::string>{"t.do 1", "t.do 2", "t.do 3", "t.do 4"}));
}

TEST_F(ProducerAhead, commands_gather_while_a_sync_goes_on_until_they_are_many) {
  start();
  make_blocks(1, 1);
  for (std::uint64_t n = 2; n <= 100; ++n) ASSERT_EQ(word(submit(test_command(a_, n))), "ok");
  turn();
  turn();
  EXPECT_EQ(chain_.batches().size(), 1u);
  chain_.make_durable(1);  // nothing is in flight any more: they go at once
  chain_.await_blocks(2);
  turn();
  EXPECT_EQ(chain_.batches()[1], 99u);
  // While the next of them come in nothing is durable and no time passes.
  for (std::uint64_t n = 101; n <= 356; ++n) ASSERT_EQ(word(submit(test_command(a_, n))), "ok");
  chain_.await_blocks(3);
  chain_.make_durable(1000);
  EXPECT_EQ(ends_.await(356).size(), 356u);
}

TEST_F(ProducerAhead, a_failed_sync_leaves_the_end_of_all_in_flight_unknown) {
  std::atomic<int> fatal{0};
  options_.on_fatal = [&](const Status&) { ++fatal; };
  admission_.journal_dir = dir_.string();
  start();
  const CommandPtr kept = test_command(b_, 1);
  ASSERT_FALSE(producer_->submit(kept, true, nullptr));
  chain_.await_blocks(1);
  turn();
  for (std::uint64_t n = 1; n <= 2; ++n) {
    ASSERT_EQ(word(submit(test_command(a_, n))), "ok");
    clock_.pass_ms(kMoment);
    turn();
    chain_.await_blocks(1 + n);
    turn();
  }
  chain_.fail_syncs(Status(Code::kIo, "fdatasync failed"));
  for (const CommandResult& end : ends_.await(2)) {
    ASSERT_TRUE(end.refusal);
    EXPECT_NE(end.refusal->message.find("shows after the restart"), std::string::npos);
  }
  EXPECT_EQ(chain_.view()->height, 0u);
  EXPECT_EQ(fatal.load(), 1);
  producer_.reset();
  EXPECT_EQ(chain_.checkpoints(), 0u);
  // The journal has what no durable block is known to hold.
  FakeChain next(clock_);
  auto again = Producer::start(next, clock_, options_, admission_);
  ASSERT_TRUE(again.ok());
  next.await_blocks(1);
  EXPECT_EQ(next.order(), std::vector<std::string>{"t.do 1"});
}

TEST_F(ProducerAhead, a_full_disk_holds_back_one_batch_and_those_in_flight_are_told) {
  start();
  make_blocks(1, 2);
  chain_.fail(Status(Code::kNoSpace, "disk full"), false);
  ASSERT_EQ(word(submit(test_command(a_, 3))), "ok");
  clock_.pass_ms(kMoment);
  turn();
  chain_.await_failed(1);
  chain_.make_durable(2);
  EXPECT_EQ(ends_.await(2).size(), 2u);
  turn();
  EXPECT_EQ(producer_->health().code(), Code::kNoSpace);
  EXPECT_EQ(producer_->pool().pending(address_of(a_.public_key())), 1u);
  chain_.heal();
  clock_.pass_ms(5000);
  turn();
  chain_.await_blocks(3);
  chain_.make_durable(3);
  EXPECT_FALSE(ends_.await(3)[2].refusal);
}

TEST_F(ProducerAhead, a_poisoned_command_is_told_at_once_and_those_before_it_stay_in_flight) {
  start();
  make_blocks(1, 2);
  Ends poisoned;
  ASSERT_FALSE(producer_->submit(test_command(a_, 3, 0, "t.do", "poison"), false, poisoned.one()));
  clock_.pass_ms(kMoment);
  turn();
  EXPECT_EQ(poisoned.await(1)[0].refusal->code, -34014);
  EXPECT_EQ(ends_.size(), 0u);
  ASSERT_EQ(word(submit(test_command(a_, 3))), "ok");
  clock_.pass_ms(kMoment);
  turn();
  chain_.await_blocks(4);
  chain_.make_durable(4);
  for (const CommandResult& end : ends_.await(3)) EXPECT_FALSE(end.refusal);
}

TEST_F(ProducerAhead, the_end_waits_for_the_disk_and_tells_all) {
  start();
  make_blocks(1, 3);
  producer_.reset();
  for (const CommandResult& end : ends_.await(3)) EXPECT_FALSE(end.refusal);
  EXPECT_EQ(chain_.view()->height, 3u);
  EXPECT_EQ(chain_.checkpoints(), 1u);
}

TEST_F(ProducerAhead, the_journal_forgets_a_command_once_its_block_is_durable) {
  admission_.journal_dir = dir_.string();
  start();
  ASSERT_FALSE(producer_->submit(test_command(a_, 1), true, ends_.one()));
  chain_.await_blocks(1);
  turn();
  chain_.make_durable(1);
  ends_.await(1);
  producer_.reset();
  start();
  EXPECT_EQ(producer_->pool().stats().size[2], 0u);
}

}  // namespace
}  // namespace blockd
