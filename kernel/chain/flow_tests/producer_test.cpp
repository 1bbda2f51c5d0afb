// Promises: node-and-cli spec 5.5, 5.6.1, 5.7 and 11 (a plugin that crashes). The chain is a fake,
// the clock stands still unless a test moves it.
#include "kernel/chain/flow_tests/producer_fixture.hpp"

#include <thread>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"

namespace blockd {
namespace {

TEST_F(ProducerTest, a_command_is_answered_from_its_block) {
  start();
  CommandPtr command = test_command(a_, 1, 0, "t.do", "hello");
  ASSERT_EQ(word(submit(command)), "ok");
  CommandResult end = ends_.await(1)[0];
  EXPECT_FALSE(end.refusal);
  EXPECT_EQ(end.height, 1u);
  EXPECT_EQ(end.id, command->id);
  EXPECT_EQ(end.result, R"({"memo":"hello"})");
  EXPECT_NE(end.block_hash, kZeroHash);
  EXPECT_EQ(producer_->pool().state(command->id), "unknown");
}

TEST_F(ProducerTest, while_a_block_is_made_commands_gather_for_the_next) {
  chain_.hold();
  start();
  ASSERT_EQ(word(submit(test_command(a_, 1))), "ok");
  chain_.await_started(1);
  for (std::uint64_t n = 2; n <= 20; ++n) ASSERT_EQ(word(submit(test_command(a_, n))), "ok");
  chain_.release();
  EXPECT_EQ(ends_.await(20).size(), 20u);
  EXPECT_EQ(chain_.batches(), (std::vector<std::size_t>{1, 19}));
}

TEST_F(ProducerTest, an_interval_keeps_the_cadence) {
  options_.block_interval_ms = 1000;
  start();
  ASSERT_EQ(word(submit(test_command(a_, 1))), "ok");
  turn();
  turn();
  EXPECT_TRUE(chain_.batches().empty());
  clock_.pass_ms(1000);
  turn();
  EXPECT_EQ(ends_.await(1)[0].height, 1u);
}

TEST_F(ProducerTest, an_idle_chain_beats_and_pending_work_quickens_it) {
  options_.block_interval_ms = 100;
  options_.empty_block_interval_ms = 5000;
  start();
  clock_.pass_ms(4999);
  turn();
  turn();
  EXPECT_TRUE(chain_.batches().empty());
  chain_.set_pending_work(true);
  clock_.pass_ms(1);
  turn();
  chain_.await_blocks(1);
  turn();
  clock_.pass_ms(100);
  turn();
  chain_.await_blocks(2);
}

TEST_F(ProducerTest, cut_now_makes_a_block_of_nothing) {
  start();
  producer_->cut_now();
  chain_.await_blocks(1);
  EXPECT_EQ(chain_.batches(), std::vector<std::size_t>{0});
}

TEST_F(ProducerTest, one_that_only_reads_makes_no_block_and_takes_no_command) {
  options_.only_reads = true;
  options_.empty_block_interval_ms = 1;
  start();
  EXPECT_EQ(word(submit(test_command(a_, 1, 0, "t.do", "hello"))), "not_ready");
  producer_->cut_now();
  clock_.pass_ms(100);
  turn();
  turn();
  EXPECT_TRUE(chain_.batches().empty());
}

TEST_F(ProducerTest, one_that_waits_takes_commands_and_makes_its_first_block_when_told_to_go) {
  options_.waits_for_go = true;
  options_.empty_block_interval_ms = 1;
  start();
  ASSERT_FALSE(submit(test_command(a_, 1)));
  clock_.pass_ms(100);
  turn();
  turn();
  EXPECT_TRUE(chain_.batches().empty());
  producer_->go();
  chain_.await_blocks(1);
  EXPECT_EQ(chain_.batches().front(), 1u);
}

TEST_F(ProducerTest, a_poisoned_command_is_taken_out_and_the_rest_goes_on) {
  chain_.hold();
  start();
  producer_->cut_now();
  chain_.await_started(1);
  Ends poisoned, behind;
  ASSERT_FALSE(producer_->submit(test_command(a_, 1, 0, "t.do", "poison"), false, poisoned.one()));
  ASSERT_FALSE(producer_->submit(test_command(a_, 2), false, behind.one()));
  ASSERT_FALSE(submit(test_command(b_, 1)));
  chain_.release();
  EXPECT_FALSE(ends_.await(1)[0].refusal);
  EXPECT_EQ(poisoned.await(1)[0].refusal->code, -34014);
  EXPECT_EQ(poisoned.await(1)[0].refusal->name, "internal_plugin_error");
  EXPECT_EQ(behind.await(1)[0].refusal->name, "mempool_full");
  EXPECT_EQ(producer_->pool().stats().size[2], 0u);
}

TEST_F(ProducerTest, a_full_disk_is_tried_again_every_five_seconds) {
  chain_.fail(Status(Code::kNoSpace, "disk full"), false);
  start();
  ASSERT_FALSE(submit(test_command(a_, 1)));
  chain_.await_failed(1);
  turn();
  EXPECT_EQ(producer_->health().code(), Code::kNoSpace);
  std::optional<Refusal> refusal = submit(test_command(b_, 1));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, -34002);
  chain_.heal();
  clock_.pass_ms(5000);
  EXPECT_FALSE(ends_.await(1)[0].refusal);
  turn();
  EXPECT_TRUE(producer_->health().ok());
}

TEST_F(ProducerTest, an_io_error_ends_production_and_says_so_once) {
  std::atomic<int> fatal{0};
  options_.on_fatal = [&](const Status& status) { fatal += status.code() == Code::kIo ? 1 : 100; };
  chain_.fail(Status(Code::kIo, "fsync failed"), true);
  start();
  ASSERT_FALSE(submit(test_command(a_, 1)));
  EXPECT_EQ(ends_.await(1)[0].refusal->code, -34004);
  clock_.pass_ms(60'000);
  producer_->cut_now();
  turn();
  turn();
  EXPECT_TRUE(chain_.batches().empty());
  EXPECT_EQ(producer_->health().code(), Code::kIo);
  EXPECT_EQ(fatal.load(), 1);
  EXPECT_EQ(submit(test_command(b_, 1))->code, -34004);
  producer_.reset();
  EXPECT_EQ(chain_.checkpoints(), 0u) << "nothing is written behind a failed fsync";
}

TEST_F(ProducerTest, the_end_checkpoints_and_tells_who_still_waits) {
  start();
  ASSERT_FALSE(submit(test_command(a_, 2)));  // parked: it waits for nonce 1
  producer_.reset();
  EXPECT_EQ(chain_.checkpoints(), 1u);
  EXPECT_EQ(ends_.await(1)[0].refusal->name, "not_ready");
}

TEST_F(ProducerTest, an_expired_command_is_told_to_its_waiter) {
  start();
  ASSERT_FALSE(submit(test_command(a_, 2, 0, "t.do", "", clock_.unix_ms() + 5)));
  clock_.pass_ms(6);
  turn();
  EXPECT_EQ(ends_.await(1)[0].refusal->admission_code, 20);
}

TEST_F(ProducerTest, a_dry_run_refuses_only_while_nothing_of_the_sender_waits) {
  start();
  std::optional<Refusal> refusal = submit(test_command(a_, 1, 0, "t.do", "refuse"));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, -33333);
  EXPECT_EQ(refusal->name, "no_way");
  EXPECT_EQ(refusal->outcome, "rejected");
  EXPECT_EQ(refusal->data.at("left").to_number<int>(), 3);
  EXPECT_EQ(producer_->pool().pending(address_of(a_.public_key())), 0u);
  ASSERT_FALSE(submit(test_command(a_, 3)));
  EXPECT_FALSE(submit(test_command(a_, 1, 0, "t.do", "refuse")))
      << "an earlier one may change the verdict";
}

TEST_F(ProducerTest, admission_refuses_in_the_order_of_the_list) {
  start();
  auto draft = [&](auto change, std::string_view method = "t.do") {
    CommandDraft out;
    out.chain = "dev";
    out.method = method;
    out.nonce = 1;
    change(out);
    return *sign_command(out, a_);
  };
  EXPECT_EQ(submit(draft([](CommandDraft& d) {
              d.chain = "other";
              d.method = "no.such";
            }))->admission_code,
            21);
  EXPECT_EQ(submit(draft([](CommandDraft& d) { d.method = "no.such"; }))->admission_code, 19);
  Refusal unknown = *submit(draft([](CommandDraft& d) { d.params = {{"kwg", 1}}; }));
  EXPECT_EQ(unknown.code, -32602);
  EXPECT_EQ(unknown.field, "kwg");
  EXPECT_EQ(unknown.nearest, "kwh");
  EXPECT_EQ(submit(draft([](CommandDraft& d) { d.lane = Lane::kConsumer; }))->field,
            "command.lane");
  EXPECT_EQ(submit(draft([](CommandDraft& d) {
              d.params = {{"x", std::string(5000, 'x')}};
            }))->code,
            -32602);
  EXPECT_EQ(submit(draft(
                       [](CommandDraft& d) {
                         d.fee = 1ull << 63;
                         d.expires_at_ms = 1;
                       },
                       "ledger.transfer"))
                ->admission_code,
            14);
  EXPECT_EQ(submit(draft(
                       [](CommandDraft& d) {
                         d.fee = kMaxFee;
                         d.params = {{"amount", "9223372036854775809"}};
                       },
                       "ledger.transfer"))
                ->admission_code,
            9);
  EXPECT_EQ(submit(draft([](CommandDraft& d) { d.expires_at_ms = 1; }))->admission_code, 20);
  EXPECT_EQ(submit(draft([](CommandDraft&) {}, "ledger.transfer"))->admission_code, 10);
  EXPECT_EQ(submit(draft(
                       [](CommandDraft& d) {
                         d.fee = 100'000;
                         d.nonce = 65;
                       },
                       "ledger.transfer"))
                ->admission_code,
            3);
  FakeLedger::set_balance(address_of(a_.public_key()), 100'004);
  EXPECT_EQ(submit(draft(
                       [](CommandDraft& d) {
                         d.fee = 100'000;
                         d.params = {{"amount", 5}};
                         d.memo = "refuse";
                       },
                       "ledger.transfer"))
                ->admission_code,
            2)
      << "found before the machine is asked";
}

// A command that is wrong in every way that is left is refused for the first; each step mends one.
TEST_F(ProducerTest, of_several_reasons_the_first_of_the_list_is_told) {
  start();
  const std::string sender = address_of(a_.public_key()), receiver = address_of(b_.public_key());
  CommandDraft draft;
  draft.chain = "dev";
  draft.method = "ledger.transfer";
  draft.nonce = 65;
  draft.fee = 10;
  draft.memo = "refuse";
  draft.params = {{"to", receiver}, {"amount", 1000}};
  const auto code = [&] { return submit(*sign_command(draft, a_))->admission_code; };
  FakeLedger::set_balance(sender, 0);
  FakeLedger::set_balance(receiver, UINT64_MAX - 999);
  EXPECT_EQ(code(), 10) << "the fee, before the unknown sender";
  draft.fee = 100'000;
  EXPECT_EQ(code(), 1) << "the unknown sender, before the nonce";
  FakeLedger::set_balance(sender, 101'000 - 1);
  EXPECT_EQ(code(), 3) << "the nonce, before the balance";
  draft.nonce = 1;
  EXPECT_EQ(code(), 2) << "the balance, before the receiver";
  FakeLedger::set_balance(sender, 101'000);
  EXPECT_EQ(code(), 8) << "the receiver, before the machine";
  FakeLedger::set_balance(receiver, UINT64_MAX - 1000);
  EXPECT_EQ(submit(*sign_command(draft, a_))->name, "no_way");
  draft.memo.clear();
  EXPECT_FALSE(submit(*sign_command(draft, a_)));
}

TEST_F(ProducerTest, what_waits_counts_against_the_balance) {
  chain_.hold();
  start();
  producer_->cut_now();
  chain_.await_started(1);
  const std::string sender = address_of(a_.public_key());
  FakeLedger::set_balance(sender, 3000);
  ASSERT_FALSE(submit(test_command(a_, 1, 1000, "ledger.transfer")));
  ASSERT_FALSE(submit(test_command(a_, 3, 1000, "ledger.transfer"))) << "a parked one counts too";
  const std::optional<Refusal> refusal = submit(test_command(a_, 2, 1001, "ledger.transfer"));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->admission_code, 2);
  EXPECT_EQ(refusal->data.at("balance").to_number<int>(), 3000);
  EXPECT_EQ(refusal->data.at("pending").to_number<int>(), 2000);
  EXPECT_EQ(refusal->data.at("needed").to_number<int>(), 1001);
  EXPECT_FALSE(submit(test_command(a_, 2, 1000, "ledger.transfer"))) << "exactly all there is";
  EXPECT_FALSE(submit(test_command(a_, 4))) << "the service lane takes nothing";
  chain_.release();
  for (const CommandResult& end : ends_.await(4)) EXPECT_FALSE(end.refusal);
}

TEST_F(ProducerTest, a_session_key_must_be_open_at_the_moment) {
  start();
  const SigningKey session = test_key(9);
  const std::string sender = address_of(a_.public_key());
  const auto with_session = [&](std::uint64_t fee) {
    Bytes command = R"({"chain":"dev","fee":)" + std::to_string(fee) + R"(,"from":")" + sender +
                    R"(","method":"ledger.transfer","nonce":1,"params":{},"session":")" +
                    to_hex(session.public_key()) + "\"}";
    const Hash id = blake3({BytesView("tb/command/v1"), command});
    return parse_envelope(Bytes("{\"command\":") + command + R"(,"signatures":[{"key":")" +
                          to_hex(session.public_key()) + R"(","sig":")" +
                          to_hex(session.sign(view(id))) + "\"}]}")
        .command;
  };
  EXPECT_EQ(submit(with_session(0))->admission_code, 18) << "before the fee";
  FakeLedger::set_session(sender, clock_.unix_ms());
  EXPECT_EQ(submit(with_session(100'000))->name, "session_expired");
  FakeLedger::set_session(sender, clock_.unix_ms() + 1);
  EXPECT_EQ(submit(with_session(0))->admission_code, 10);
  EXPECT_FALSE(submit(with_session(100'000)));
}

TEST_F(ProducerTest, the_service_lane_can_be_closed_to_strangers) {
  admission_.limits.service_requires_account = true;
  start();
  const std::string sender = address_of(a_.public_key());
  FakeLedger::set_balance(sender, 0);
  EXPECT_EQ(submit(test_command(a_, 1))->admission_code, 1);
  chain_.set_nonce(sender, 4);
  EXPECT_FALSE(submit(test_command(a_, 5))) << "a nonce is enough";
  EXPECT_FALSE(submit(test_command(b_, 1))) << "and so is a balance";
  const SigningKey stranger = test_key(3);
  FakeLedger::set_balance(address_of(stranger.public_key()), 0);
  EXPECT_EQ(submit(test_command(stranger, 1))->admission_code, 1);
  admission_.limits.service_requires_account = false;
  producer_->set_limits(admission_.limits);
  EXPECT_FALSE(submit(test_command(stranger, 1))) << "and opened again while the node runs";
}

TEST_F(ProducerTest, a_fee_below_the_base_fee_waits_and_makes_no_block) {
  chain_.hold();
  start();
  producer_->cut_now();
  chain_.await_started(1);
  ASSERT_FALSE(submit(test_command(a_, 1, 1000, "ledger.transfer")));
  ASSERT_FALSE(submit(test_command(b_, 1, 5000, "ledger.transfer")));
  FakeLedger::set_base_fee(1001);
  chain_.release();
  EXPECT_EQ(ends_.await(1)[0].refusal, std::nullopt);
  turn();
  EXPECT_EQ(producer_->pool().pending(address_of(a_.public_key())), 1u);
  EXPECT_FALSE(producer_->pool().ready());
  EXPECT_EQ(chain_.batches(), (std::vector<std::size_t>{0, 1}));
  FakeLedger::set_base_fee(1000);
  // As the beat of an idle chain does: the first of these two blocks brings the new base fee.
  producer_->cut_now();
  chain_.await_blocks(3);
  producer_->cut_now();
  ends_.await(2);
  EXPECT_EQ(producer_->pool().pending(address_of(a_.public_key())), 0u);
}

TEST_F(ProducerTest, the_ledger_is_asked_for_its_fees_only_when_somebody_pays) {
  start();
  const auto make = [&](std::size_t ended) {
    producer_->cut_now();
    ends_.await(ended);
    turn();
  };
  for (std::uint64_t nonce = 1; nonce <= 3; ++nonce) {
    ASSERT_FALSE(submit(test_command(a_, nonce)));
    make(nonce);
  }
  const std::size_t beats = chain_.batches().size();
  producer_->cut_now();
  chain_.await_blocks(beats + 1);
  turn();
  EXPECT_EQ(FakeLedger::questions_for_fees(), 0u);
  ASSERT_FALSE(submit(test_command(b_, 1, 5000, "ledger.transfer")));
  make(4);
  EXPECT_GT(FakeLedger::questions_for_fees(), 0u);
  // Nobody pays while the base fee goes up and down again: the next who does is judged by the last.
  FakeLedger::set_base_fee(4000);
  ASSERT_FALSE(submit(test_command(a_, 4)));
  make(5);
  ASSERT_FALSE(submit(test_command(b_, 2, 5000, "ledger.transfer")));
  make(6);
  FakeLedger::set_base_fee(1);
  ASSERT_FALSE(submit(test_command(a_, 5)));
  make(7);
  ASSERT_FALSE(submit(test_command(b_, 3, 2000, "ledger.transfer")));
  EXPECT_EQ(ends_.await(8)[7].refusal, std::nullopt) << "made without anybody's call for a block";
}

TEST_F(ProducerTest, the_fee_floor_counts_to_the_byte) {
  start();
  const std::uint64_t size = test_command(a_, 1, 400, "ledger.transfer")->envelope.size();
  ASSERT_GE(size, 100u);
  ASSERT_LT(size, 1000u);
  const std::optional<Refusal> refusal = submit(test_command(a_, 1, size, "ledger.transfer"));
  ASSERT_TRUE(refusal) << "the base fee of 1 counts to no byte";
  EXPECT_EQ(refusal->admission_code, 10);
  EXPECT_EQ(refusal->expected, size + 1);
  EXPECT_FALSE(submit(test_command(a_, 1, size + 1, "ledger.transfer")));
}

TEST_F(ProducerTest, bad_signatures_and_selectors_are_refused_by_number) {
  start();
  CommandPtr good = test_command(a_, 1);
  Bytes text = good->envelope;
  text[text.size() - 10] = text[text.size() - 10] == '0' ? '1' : '0';
  EXPECT_EQ(submit(parse_envelope(text).command)->admission_code, 5);
  Bytes pct = good->envelope;
  pct.replace(pct.find("\"params\":{}"), 11, "\"params\":{},\"pct\":101");
  EXPECT_EQ(submit(parse_envelope(pct).command)->admission_code, 4)
      << "found before the signature is looked at";
}

TEST_F(ProducerTest, check_says_the_same_and_submits_nothing) {
  start();
  DryRun dry;
  EXPECT_FALSE(producer_->check(test_command(a_, 1), &dry));
  EXPECT_EQ(dry.outcome, Outcome::kApplied);
  EXPECT_EQ(producer_->check(test_command(a_, 1, 0, "t.do", "refuse"), &dry)->name, "no_way");
  EXPECT_EQ(producer_->check(test_command(a_, 0x2000), nullptr)->name, "nonce_gap");
  EXPECT_EQ(producer_->pool().stats().size[2], 0u);
}

TEST_F(ProducerTest, a_command_that_was_parsed_without_a_tree_is_checked_like_any_other) {
  start();
  auto bare = [this](std::uint64_t nonce, const char* amount) {
    CommandDraft draft;
    draft.chain = "dev";
    draft.method = "ledger.transfer";
    draft.nonce = nonce;
    draft.fee = 100'000;
    draft.params = {{"amount", amount}};  // as a text: not plain
    const Result<CommandPtr> made = sign_command(draft, a_);
    EXPECT_TRUE(made.ok());
    ParsedCommand parsed = parse_envelope(Bytes((*made)->envelope), false);
    EXPECT_TRUE(parsed.command->params.is_null());
    return parsed.command;
  };
  EXPECT_EQ(producer_->submit(bare(1, "x"), false, ends_.one())->name, "invalid_params");
  EXPECT_FALSE(producer_->submit(bare(1, "5"), false, ends_.one()));
  EXPECT_FALSE(ends_.await(1)[0].refusal);
}

TEST_F(ProducerTest, journalled_commands_come_back_after_a_crash) {
  admission_.journal_dir = dir_.string();
  start();
  CommandPtr parked = test_command(a_, 2), other = test_command(b_, 5), used = test_command(b_, 3);
  for (const CommandPtr& command : {parked, other, used})
    ASSERT_FALSE(producer_->submit(command, true, nullptr));
  producer_.reset();
  chain_.set_nonce(used->from, 3);
  start();
  EXPECT_EQ(producer_->pool().state(parked->id), "parked");
  EXPECT_EQ(producer_->pool().state(other->id), "parked");
  EXPECT_EQ(producer_->pool().state(used->id), "unknown");
  ASSERT_FALSE(submit(test_command(a_, 1)));
  chain_.await_blocks(1);
  EXPECT_EQ(chain_.batches()[0], 2u);
}

TEST_F(ProducerTest, a_command_in_a_block_is_forgotten_by_the_journal) {
  admission_.journal_dir = dir_.string();
  start();
  ASSERT_FALSE(producer_->submit(test_command(a_, 1), true, ends_.one()));
  ends_.await(1);
  producer_.reset();
  start();
  EXPECT_EQ(producer_->pool().stats().size[2], 0u);
}

TEST_F(ProducerTest, an_evicted_command_is_told_to_its_waiter) {
  admission_.limits.fee_lane_max = 1;
  start();
  Ends poor;
  ASSERT_FALSE(
      producer_->submit(test_command(a_, 2, 10'000, "ledger.transfer"), false, poor.one()));
  ASSERT_FALSE(submit(test_command(b_, 2, 90'000, "ledger.transfer")));
  EXPECT_EQ(poor.await(1)[0].refusal->admission_code, 11);
}

TEST_F(ProducerTest, tasks_run_between_blocks_on_one_thread) {
  start();
  std::thread::id first, second;
  std::promise<void> done;
  producer_->run_between_blocks([&] {
    first = std::this_thread::get_id();
    producer_->run_between_blocks([&] {
      second = std::this_thread::get_id();
      done.set_value();
    });
  });
  done.get_future().wait();
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

// Refuses what has the memo "no".
class NoMemo final : public AdmissionPolicy {
 public:
  std::optional<Refusal> admit(const Command& command, Lane lane) override {
    ++asked;
    lane_seen = lane;
    if (command.memo != "no") return std::nullopt;
    return make_refusal(-34003, "local_policy", "not here");
  }
  std::atomic<int> asked{0};
  std::atomic<Lane> lane_seen{Lane::kConsumer};
};

TEST_F(ProducerTest, the_policy_of_the_node_refuses_what_is_submitted_and_nothing_else) {
  NoMemo policy;
  admission_.policy = &policy;
  start();
  EXPECT_EQ(word(submit(test_command(a_, 1, 0, "t.do", "no"))), "local_policy");
  EXPECT_EQ(word(producer_->submit_own(b_, "t.do", nullptr, "no", ends_.one())), "local_policy");
  EXPECT_EQ(policy.asked.load(), 2);
  EXPECT_EQ(policy.lane_seen.load(), Lane::kService);
  EXPECT_EQ(chain_.dry_runs(), 0u);  // it stands before the dry run
  EXPECT_EQ(producer_->pool().stats().size[2], 0u);
  EXPECT_EQ(word(producer_->check(test_command(a_, 1, 0, "t.do", "no"), nullptr)), "ok");
  EXPECT_EQ(word(submit(test_command(a_, 1, 0, "t.none"))), "unknown_command");
  EXPECT_EQ(policy.asked.load(), 2);  // asked for good commands only, and not by a check
  EXPECT_EQ(word(submit(test_command(a_, 1))), "ok");
  EXPECT_EQ(word(producer_->submit_own(b_, "t.do", nullptr, "yes", ends_.one())), "ok");
  EXPECT_EQ(ends_.await(2).size(), 2u);
  EXPECT_EQ(policy.asked.load(), 4);
  producer_.reset();
}

TEST_F(ProducerTest, the_executor_shows_signs_of_life) {
  start();
  const std::uint64_t before = producer_->last_sign_ms();
  clock_.pass_ms(700);
  turn();
  turn();
  EXPECT_EQ(producer_->last_sign_ms(), before + 700);
}

TEST_F(ProducerTest, many_submitters_at_once_lose_nothing) {
  start();
  constexpr std::uint64_t kThreads = 4, kEach = 50;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      SigningKey key = test_key(static_cast<std::uint8_t>(20 + t));
      for (std::uint64_t n = kEach; n >= 1; --n) EXPECT_FALSE(submit(test_command(key, n)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const CommandResult& end : ends_.await(kThreads * kEach)) EXPECT_FALSE(end.refusal);
}

}  // namespace
}  // namespace blockd
