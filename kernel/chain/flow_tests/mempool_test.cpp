// Expectations: node-and-cli spec 5.6, and for random sequences a model that keeps plain lists.
#include "kernel/chain/mempool.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "kernel/chain/flow/fate.hpp"
#include "kernel/chain/flow_tests/support.hpp"

namespace blockd {
namespace {

class MempoolTest : public testing::Test {
 protected:
  void make(MempoolLimits limits = {}) {
    limits_ = limits;
    pool_ = Mempool::create(limits, clock_);
    head_.base_fee = 0;
    head_.nonce = [this](std::string_view account) { return nonces_[std::string(account)]; };
  }
  std::optional<Refusal> add(const CommandPtr& command, Lane lane = Lane::kService,
                             bool own = false) {
    PoolEntry entry;
    entry.command = command;
    entry.lane = lane;
    entry.entered_ms = clock_.unix_ms();
    entry.own_account = own;
    added_ = {};
    return pool_->add(entry, head_, &added_);
  }
  std::string word(const std::optional<Refusal>& refusal) { return refusal ? refusal->name : "ok"; }
  std::vector<std::uint64_t> nonces(const std::vector<CommandPtr>& commands) {
    std::vector<std::uint64_t> out;
    for (const CommandPtr& command : commands) out.push_back(command->nonce);
    return out;
  }
  std::vector<CommandPtr> take(std::uint32_t max = 100, std::uint64_t bytes = 1u << 20) {
    return pool_->take(max, bytes, head_);
  }
  void commit(const std::vector<CommandPtr>& commands) {
    for (const CommandPtr& command : commands) nonces_[command->from] = command->nonce;
    pool_->committed(commands, head_);
  }

  HandClock clock_;
  MempoolLimits limits_;
  PoolView head_;
  std::map<std::string, std::uint64_t> nonces_;
  Mempool::Added added_;
  std::unique_ptr<Mempool> pool_;
  SigningKey a_ = test_key(1), b_ = test_key(2), c_ = test_key(3);
};

TEST_F(MempoolTest, commands_of_one_account_may_arrive_in_any_order) {
  make();
  CommandPtr third = test_command(a_, 3);
  EXPECT_EQ(word(add(third)), "ok");
  EXPECT_TRUE(added_.parked);
  EXPECT_EQ(pool_->state(third->id), "parked");
  EXPECT_FALSE(pool_->ready());
  EXPECT_EQ(pool_->stats().parked, 1u);
  EXPECT_EQ(word(add(test_command(a_, 1))), "ok");
  EXPECT_FALSE(added_.parked);
  EXPECT_EQ(pool_->gap(third->from), 2u);
  EXPECT_EQ(word(add(test_command(a_, 2))), "ok");
  EXPECT_EQ(pool_->state(third->id), "pending");
  EXPECT_FALSE(pool_->gap(third->from));
  EXPECT_EQ(pool_->next_nonce(third->from, 0), 4u);
  EXPECT_EQ(nonces(take()), (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_F(MempoolTest, the_nonce_window_ends_where_the_spec_says) {
  make();
  nonces_[address_of(a_.public_key())] = 10;
  EXPECT_EQ(word(add(test_command(a_, 10), Lane::kConsumer)), "nonce_gap");
  EXPECT_EQ(word(add(test_command(a_, 10 + 65), Lane::kConsumer)), "nonce_gap");
  EXPECT_EQ(word(add(test_command(a_, 10 + 64), Lane::kConsumer)), "ok");
  EXPECT_EQ(word(add(test_command(a_, 10 + 4096))), "ok");
  std::optional<Refusal> refusal = add(test_command(a_, 10 + 4097));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->admission_code, 3);
  EXPECT_EQ(refusal->expected, 11u);
}

TEST_F(MempoolTest, a_second_command_for_a_nonce_is_a_duplicate) {
  make();
  CommandPtr command = test_command(a_, 1);
  EXPECT_EQ(word(add(command)), "ok");
  EXPECT_EQ(add(command)->admission_code, 6);
  EXPECT_EQ(word(add(test_command(a_, 1, 0, "t.do", "other"), Lane::kIndustrial)), "duplicate");
}

TEST_F(MempoolTest, an_account_may_have_as_many_as_its_cap) {
  make();
  for (std::uint64_t n = 1; n <= 16; ++n)
    ASSERT_EQ(word(add(test_command(a_, n, 1000), Lane::kConsumer)), "ok");
  std::optional<Refusal> refusal = add(test_command(a_, 17, 1000), Lane::kIndustrial);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->name, "pending_limit");
  EXPECT_EQ(refusal->admission_code, 13);
  EXPECT_EQ(word(add(test_command(a_, 17))), "ok") << "the service lane counts for itself";
}

TEST_F(MempoolTest, own_accounts_are_capped_by_the_lane_only) {
  MempoolLimits limits;
  limits.service_account_cap = 2;
  limits.service_max = 5;
  make(limits);
  for (std::uint64_t n = 1; n <= 5; ++n)
    ASSERT_EQ(word(add(test_command(a_, n), Lane::kService, true)), "ok");
  EXPECT_EQ(word(add(test_command(a_, 6), Lane::kService, true)), "pending_limit");
  EXPECT_EQ(word(add(test_command(b_, 1))), "mempool_full");
}

TEST_F(MempoolTest, a_full_fee_lane_drops_the_worst_for_a_better_one) {
  MempoolLimits limits;
  limits.fee_lane_max = 3;
  make(limits);
  CommandPtr poor = test_command(a_, 1, 10'000), behind = test_command(a_, 2, 90'000);
  EXPECT_EQ(word(add(poor, Lane::kConsumer)), "ok");
  EXPECT_EQ(word(add(behind, Lane::kConsumer)), "ok");
  EXPECT_EQ(word(add(test_command(b_, 1, 50'000), Lane::kConsumer)), "ok");
  EXPECT_EQ(word(add(test_command(c_, 1, 10'000, "t.do", "larger, so worse"), Lane::kConsumer)),
            "mempool_full");
  EXPECT_EQ(pool_->stats().size[0], 3u);
  CommandPtr rich = test_command(c_, 1, 60'000);
  EXPECT_EQ(word(add(rich, Lane::kConsumer)), "ok");
  EXPECT_EQ(std::set<Hash>(added_.evicted.begin(), added_.evicted.end()),
            (std::set<Hash>{poor->id, behind->id}));
  EXPECT_EQ(pool_->state(poor->id), "evicted");
  EXPECT_EQ(pool_->state(behind->id), "evicted");
  EXPECT_EQ(pool_->stats().size[0], 2u);
  EXPECT_EQ(pool_->pending(poor->from), 0u);
}

TEST_F(MempoolTest, a_command_never_displaces_its_own_predecessor) {
  MempoolLimits limits;
  limits.fee_lane_max = 1;
  make(limits);
  EXPECT_EQ(word(add(test_command(a_, 1, 10'000), Lane::kConsumer)), "ok");
  EXPECT_EQ(word(add(test_command(a_, 2, 90'000), Lane::kConsumer)), "mempool_full");
  EXPECT_EQ(pool_->pending(address_of(a_.public_key())), 1u);
}

TEST_F(MempoolTest, nothing_leaves_a_full_service_lane) {
  MempoolLimits limits;
  limits.service_max = 1;
  make(limits);
  CommandPtr first = test_command(a_, 1);
  EXPECT_EQ(word(add(first)), "ok");
  EXPECT_EQ(add(test_command(b_, 1))->admission_code, 11);
  EXPECT_EQ(pool_->state(first->id), "pending");
}

TEST_F(MempoolTest, the_bytes_of_the_pool_are_bounded) {
  CommandPtr first = test_command(a_, 1), second = test_command(b_, 1);
  MempoolLimits limits;
  limits.max_bytes = first->envelope.size() + second->envelope.size();
  make(limits);
  EXPECT_EQ(word(add(first)), "ok");
  EXPECT_EQ(word(add(second)), "ok") << "exactly full";
  EXPECT_EQ(pool_->stats().bytes, limits.max_bytes);
  EXPECT_EQ(word(add(test_command(c_, 1))), "mempool_full");
  commit(take(1));
  EXPECT_EQ(word(add(test_command(c_, 1))), "ok");
}

TEST_F(MempoolTest, fee_lanes_go_by_fee_per_byte_then_age) {
  make();
  CommandPtr low = test_command(a_, 1, 10'000), old_one = test_command(b_, 1, 50'000),
             young = test_command(c_, 1, 50'000);
  add(low, Lane::kConsumer);
  add(old_one, Lane::kConsumer);
  clock_.pass_ms(1);
  add(young, Lane::kConsumer);
  std::vector<CommandPtr> taken = take();
  EXPECT_EQ(taken, (std::vector<CommandPtr>{old_one, young, low}));
}

TEST_F(MempoolTest, a_new_base_fee_orders_the_lanes_anew) {
  make();
  const std::string memo(400, 'x');
  // The long one pays more, and less a byte; by what is above a high base fee it is the better one.
  CommandPtr brief = test_command(a_, 1, 6000), lengthy = test_command(b_, 1, 10'000, "t.do", memo),
             cheap = test_command(c_, 1, 4000);
  for (const CommandPtr& command : {cheap, lengthy, brief}) add(command, Lane::kConsumer);
  EXPECT_EQ(take(), (std::vector<CommandPtr>{brief, lengthy, cheap}));
  pool_->put_back({brief, lengthy, cheap});
  head_.base_fee = 5000;
  EXPECT_EQ(take(), (std::vector<CommandPtr>{lengthy, brief}));
  EXPECT_FALSE(pool_->ready()) << "what cannot pay the base fee is no work";
  pool_->put_back({lengthy, brief});
  EXPECT_TRUE(pool_->ready());
  commit(take());
  head_.base_fee = 4000;
  EXPECT_EQ(take(), std::vector<CommandPtr>{cheap});
}

TEST_F(MempoolTest, without_a_base_fee_who_pays_waits_for_the_next_batch) {
  make();
  CommandPtr service = test_command(a_, 1), paying = test_command(b_, 1, 5000);
  EXPECT_FALSE(pool_->holds_payers());
  add(service);
  EXPECT_FALSE(pool_->holds_payers());
  add(paying, Lane::kConsumer);
  EXPECT_TRUE(pool_->holds_payers());
  head_.base_fee.reset();
  EXPECT_EQ(take(), std::vector<CommandPtr>{service});
  EXPECT_TRUE(pool_->ready());
  head_.base_fee = 5001;
  EXPECT_TRUE(take().empty());
  head_.base_fee = 5000;
  EXPECT_EQ(take(), std::vector<CommandPtr>{paying});
  EXPECT_TRUE(pool_->holds_payers()) << "it may be put back";
  commit({paying});
  EXPECT_FALSE(pool_->holds_payers());
}

TEST_F(MempoolTest, the_first_who_pays_after_a_while_is_judged_by_the_base_fee_that_he_saw) {
  make();
  head_.base_fee = 9000;
  EXPECT_TRUE(take().empty());
  head_.base_fee.reset();
  EXPECT_TRUE(take().empty());  // a block without anybody who pays: 9000 is no longer known
  PoolEntry entry;
  entry.command = test_command(b_, 1, 5000);
  entry.lane = Lane::kConsumer;
  entry.base_fee = 4000;
  EXPECT_FALSE(pool_->add(entry, head_, &added_));
  EXPECT_TRUE(pool_->ready());
  entry.command = test_command(c_, 1, 3000);
  entry.base_fee = 2000;  // by an older view: the lanes are in order by 4000
  EXPECT_FALSE(pool_->add(entry, head_, &added_));
  head_.base_fee = 4000;
  EXPECT_EQ(take().size(), 1u);
  EXPECT_FALSE(pool_->ready());
}

TEST_F(MempoolTest, no_lane_starves) {
  make();
  for (std::uint64_t n = 1; n <= 40; ++n) add(test_command(a_, n));
  CommandPtr consumer = test_command(b_, 1, 5000), industrial = test_command(c_, 1, 5000);
  add(consumer, Lane::kConsumer);
  add(industrial, Lane::kIndustrial);
  std::vector<CommandPtr> taken = take(5);
  EXPECT_EQ(std::count(taken.begin(), taken.end(), consumer), 1);
  EXPECT_EQ(std::count(taken.begin(), taken.end(), industrial), 1);
  EXPECT_EQ(taken.size(), 5u);
}

TEST_F(MempoolTest, a_gap_in_another_lane_parks_too) {
  make();
  EXPECT_EQ(word(add(test_command(a_, 2))), "ok");
  EXPECT_TRUE(added_.parked);
  EXPECT_EQ(word(add(test_command(a_, 1, 5000), Lane::kConsumer)), "ok");
  EXPECT_EQ(nonces(take()), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(MempoolTest, a_batch_holds_its_byte_limit_and_passes_over_what_is_too_large) {
  make();
  CommandPtr large = test_command(a_, 1, 0, "t.do", std::string(1000, 'm')),
             small = test_command(b_, 1);
  add(large);
  add(small);
  EXPECT_EQ(take(10, small->envelope.size()), std::vector<CommandPtr>{small});
  EXPECT_EQ(take(10, large->envelope.size()), std::vector<CommandPtr>{large});
}

TEST_F(MempoolTest, what_was_taken_waits_for_its_end) {
  make();
  CommandPtr first = test_command(a_, 1), second = test_command(a_, 2);
  add(first);
  add(second);
  EXPECT_EQ(take(1), std::vector<CommandPtr>{first});
  EXPECT_EQ(word(add(first)), "duplicate");
  EXPECT_FALSE(pool_->withdraw(first->id, nullptr)) << "it may be in a block already";
  EXPECT_EQ(take(10), std::vector<CommandPtr>{second});
  EXPECT_TRUE(take().empty());
  pool_->put_back({second});
  EXPECT_TRUE(pool_->ready());
  pool_->put_back({first});
  EXPECT_EQ(nonces(take()), (std::vector<std::uint64_t>{1, 2}));
  commit({first, second});
  EXPECT_EQ(pool_->state(first->id), "unknown");
  EXPECT_EQ(pool_->stats().bytes, 0u);
  EXPECT_EQ(pool_->next_nonce(first->from, 2), 3u);
}

TEST_F(MempoolTest, commands_expire_by_ttl_and_by_their_own_time) {
  make();
  CommandPtr own_time = test_command(a_, 1, 0, "t.do", "", clock_.unix_ms() + 10),
             behind = test_command(a_, 2);
  CommandPtr fee = test_command(b_, 1, 5000), service = test_command(c_, 1);
  add(own_time);
  add(behind);
  add(fee, Lane::kConsumer);
  add(service);
  clock_.pass_ms(10);
  EXPECT_TRUE(pool_->expire().empty());
  clock_.pass_ms(1);
  EXPECT_EQ(pool_->expire().size(), 2u);
  EXPECT_EQ(pool_->state(own_time->id), "expired");
  EXPECT_EQ(pool_->state(behind->id), "evicted");
  clock_.pass_ms(1'800'000 - 11);
  EXPECT_EQ(pool_->expire(), std::vector<Hash>{fee->id});
  clock_.pass_ms(86'400'000 - 1'800'000);
  EXPECT_EQ(pool_->expire(), std::vector<Hash>{service->id});
  EXPECT_EQ(pool_->state(own_time->id), "expired");
  clock_.pass_ms(11);
  EXPECT_TRUE(pool_->expire().empty());
  EXPECT_EQ(pool_->state(own_time->id), "unknown") << "told for a day";
  EXPECT_EQ(pool_->state(service->id), "expired");
}

TEST_F(MempoolTest, a_lost_own_command_leaves_a_gap_that_can_be_filled) {
  MempoolLimits limits;
  limits.service_max = 3;
  make(limits);
  for (std::uint64_t n = 1; n <= 3; ++n) add(test_command(a_, n), Lane::kService, true);
  std::vector<CommandPtr> batch = take(2);
  EXPECT_EQ(pool_->drop(batch[0]->id, "evicted").size(), 1u);
  pool_->put_back({batch[1]});
  EXPECT_FALSE(pool_->ready());
  EXPECT_EQ(pool_->stats().parked, 2u);
  EXPECT_EQ(pool_->gap(batch[0]->from), 1u);
  add(test_command(b_, 1));
  PoolEntry noop;
  noop.command = test_command(a_, 1, 0, "chain.noop");
  noop.own_account = noop.fills_gap = true;
  noop.entered_ms = clock_.unix_ms();
  EXPECT_FALSE(pool_->add(noop, head_, nullptr)) << "a gap is filled even when the lane is full";
  EXPECT_EQ(nonces(take(10)), (std::vector<std::uint64_t>{1, 1, 2, 3}));
}

TEST_F(MempoolTest, a_block_from_elsewhere_takes_nonces_along) {
  make();
  CommandPtr mine = test_command(a_, 1), next = test_command(a_, 2);
  add(mine);
  add(next);
  commit({test_command(a_, 1, 0, "t.do", "another")});
  EXPECT_EQ(pool_->state(mine->id), "evicted");
  EXPECT_EQ(take(), std::vector<CommandPtr>{next});
}

TEST_F(MempoolTest, orphans_leave_with_what_waits_behind_them_and_are_counted) {
  make();
  const CommandPtr first = test_command(a_, 1), second = test_command(a_, 2);
  const CommandPtr other = test_command(b_, 1);
  for (const CommandPtr& command : {first, second, other}) EXPECT_EQ(word(add(command)), "ok");
  EXPECT_EQ(pool_->sweep_orphans({first->id, test_command(c_, 1)->id}),
            (std::vector<Hash>{second->id, first->id}));
  EXPECT_EQ(pool_->state(first->id), "evicted");
  EXPECT_EQ(pool_->state(other->id), "pending");
  EXPECT_EQ(pool_->stats().orphans, 2u);
  EXPECT_EQ(pool_->stats().not_found, 0u);
  EXPECT_TRUE(pool_->drop(first->id, "evicted").empty());
  EXPECT_EQ(pool_->stats().not_found, 1u);
}

TEST_F(MempoolTest, new_limits_count_at_once) {
  make();
  CommandPtr command = test_command(a_, 1);
  add(command);
  MempoolLimits shorter;
  shorter.service_ttl_ms = 5;
  pool_->set_limits(shorter);
  clock_.pass_ms(5);
  EXPECT_EQ(pool_->expire(), std::vector<Hash>{command->id});
}

TEST(Fates, hold_their_bounds) {
  Fates fates;
  auto id = [](std::uint32_t i) {
    Hash out{};
    std::memcpy(out.data(), &i, sizeof i);
    return out;
  };
  for (std::uint32_t i = 0; i <= Fates::kMax; ++i) fates.put(id(i), "evicted", i);
  EXPECT_EQ(fates.size(), Fates::kMax);
  EXPECT_EQ(fates.find(id(0)), "unknown");
  EXPECT_EQ(fates.find(id(1)), "evicted");
  fates.forget_old(Fates::kKeepMs + 1);
  EXPECT_EQ(fates.find(id(1)), "unknown");
  EXPECT_EQ(fates.find(id(2)), "evicted");
}

// A model of the service lane: per account a list of nonces; takeable is the run behind the
// committed one.
TEST_F(MempoolTest, random_steps_agree_with_a_simple_model) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    nonces_.clear();
    MempoolLimits limits;
    limits.service_max = 40;
    limits.service_account_cap = 12;
    make(limits);
    std::mt19937 random(seed);
    std::vector<SigningKey> keys;
    for (std::uint8_t i = 0; i < 5; ++i)
      keys.push_back(test_key(static_cast<std::uint8_t>(i + 10)));
    std::map<std::string, std::set<std::uint64_t>> model;
    std::size_t held = 0;
    for (int step = 0; step < 300; ++step) {
      if (random() % 3 != 0) {
        const SigningKey& key = keys[random() % keys.size()];
        const std::string account = address_of(key.public_key());
        const std::uint64_t committed = nonces_[account],
                            nonce = std::max<std::uint64_t>(1, committed + random() % 52);
        std::set<std::uint64_t>& mine = model[account];
        std::string expected = "ok";
        if (mine.contains(nonce))
          expected = "duplicate";
        else if (nonce <= committed || nonce > committed + 48)
          expected = "nonce_gap";
        else if (mine.size() >= 12)
          expected = "pending_limit";
        else if (held >= 40)
          expected = "mempool_full";
        ASSERT_EQ(word(add(test_command(key, nonce))), expected)
            << "seed " << seed << " step " << step;
        if (expected == "ok") mine.insert(nonce), ++held;
        continue;
      }
      std::vector<CommandPtr> batch = take(static_cast<std::uint32_t>(1 + random() % 6));
      std::map<std::string, std::uint64_t> last = nonces_;
      for (const CommandPtr& command : batch) {
        ASSERT_EQ(command->nonce, ++last[command->from]) << "seed " << seed << " step " << step;
        ASSERT_TRUE(model[command->from].contains(command->nonce));
      }
      std::size_t keep = random() % (batch.size() + 1);
      std::vector<CommandPtr> in(batch.begin(), batch.begin() + static_cast<long>(keep));
      std::vector<CommandPtr> out(batch.begin() + static_cast<long>(keep), batch.end());
      for (const CommandPtr& command : in) model[command->from].erase(command->nonce), --held;
      commit(in);
      pool_->put_back(out);
      if (!out.empty() && random() % 2 == 0) {
        for (const Hash& id : pool_->drop(out[0]->id, "evicted"))
          ASSERT_NE(pool_->state(id), "pending");
        std::set<std::uint64_t>& mine = model[out[0]->from];
        held -=
            static_cast<std::size_t>(std::distance(mine.lower_bound(out[0]->nonce), mine.end()));
        mine.erase(mine.lower_bound(out[0]->nonce), mine.end());
      }
      ASSERT_EQ(pool_->stats().size[2], held);
      std::uint64_t parked = 0;
      bool ready = false;
      for (const auto& [account, mine] : model) {
        std::uint64_t run = nonces_[account];
        while (mine.contains(run + 1)) ++run;
        parked += static_cast<std::uint64_t>(std::distance(mine.upper_bound(run), mine.end()));
        ready = ready || run > nonces_[account];
        ASSERT_EQ(pool_->next_nonce(account, nonces_[account]), run + 1);
      }
      ASSERT_EQ(pool_->stats().parked, parked) << "seed " << seed << " step " << step;
      ASSERT_EQ(pool_->ready(), ready);
    }
  }
}

}  // namespace
}  // namespace blockd
