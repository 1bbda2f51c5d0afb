// Promises: node-and-cli spec 5.5, commands that the node signs itself: the next nonce, whoever
// else takes nonces of the same account.
#include "kernel/chain/flow_tests/producer_fixture.hpp"

#include <functional>
#include <thread>

namespace blockd {
namespace {

TEST_F(ProducerTest, own_commands_take_the_next_nonces_from_many_threads) {
  start();
  constexpr int kThreads = 4, kEach = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i)
        EXPECT_FALSE(producer_->submit_own(a_, "t.do", nullptr, "", ends_.one()));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const CommandResult& end : ends_.await(kThreads * kEach)) EXPECT_FALSE(end.refusal);
  EXPECT_EQ(*chain_.nonce(nullptr, address_of(a_.public_key())), std::uint64_t{kThreads * kEach});
}

// Takes the nonce that an own command has just been signed with, a number of times.
class Elsewhere final : public AdmissionPolicy {
 public:
  std::optional<Refusal> admit(const Command& command, Lane) override {
    if (command.memo == "own" && times-- > 0) take(command.nonce);
    return std::nullopt;
  }
  std::function<void(std::uint64_t nonce)> take;
  int times = 1;
};

TEST_F(ProducerTest, an_own_command_takes_the_next_nonce_when_another_of_the_same_key_was_quicker) {
  chain_.hold();  // until both wait
  Elsewhere elsewhere;
  admission_.policy = &elsewhere;
  start();
  elsewhere.take = [&](std::uint64_t nonce) {
    EXPECT_EQ(word(submit(test_command(a_, nonce))), "ok");
  };
  EXPECT_EQ(word(producer_->submit_own(a_, "t.do", nullptr, "own", ends_.one())), "ok");
  chain_.release();
  for (const CommandResult& end : ends_.await(2)) EXPECT_FALSE(end.refusal);
  EXPECT_EQ(*chain_.nonce(nullptr, address_of(a_.public_key())), 2u);
  producer_.reset();
}

TEST_F(ProducerTest, an_own_command_that_is_refused_uses_no_nonce_and_a_ledger_one_pays_its_fee) {
  start();
  EXPECT_EQ(producer_->submit_own(a_, "t.do", nullptr, "refuse", ends_.one())->name, "no_way");
  EXPECT_EQ(producer_->submit_own(a_, "t.do", {{"kwh", 0.5}}, "", ends_.one())->name,
            "invalid_params");
  EXPECT_FALSE(producer_->submit_own(a_, "ledger.transfer", {{"amount", 5}}, "", ends_.one()));
  EXPECT_EQ(ends_.await(1).size(), 1u);
  EXPECT_EQ(chain_.order(), std::vector<std::string>{"ledger.transfer 1"});
}

TEST_F(ProducerTest, a_lost_own_command_is_replaced_by_a_noop) {
  chain_.hold();
  start();
  producer_->cut_now();
  chain_.await_started(1);
  Ends poisoned;
  ASSERT_FALSE(producer_->submit_own(a_, "t.do", nullptr, "poison", poisoned.one()));
  ASSERT_FALSE(producer_->submit_own(a_, "t.do", nullptr, "", ends_.one()));
  chain_.release();
  EXPECT_FALSE(ends_.await(1)[0].refusal);
  EXPECT_EQ(poisoned.await(1)[0].refusal->code, -34014);
  EXPECT_EQ(chain_.order(), (std::vector<std::string>{"chain.noop 1", "t.do 2"}));
}

}  // namespace
}  // namespace blockd
