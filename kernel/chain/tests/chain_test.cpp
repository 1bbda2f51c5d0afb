// The chain as a whole, on a disk in memory: outcomes, limits, recovery, replay, switches of the
// roster.
#include <gtest/gtest.h>

#include "kernel/base/address.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

// What plugins and the kernel say of them in committed blocks.
struct Lines : EffectSink {
  void metric(const Manifest&, std::uint32_t, const std::vector<std::string>&,
              std::int64_t) override {}
  void log(const Manifest& plugin, std::uint32_t level, std::string_view text,
           std::uint64_t height) override {
    said.push_back(plugin.id + " " + std::to_string(level) + " " + std::to_string(height) + " " +
                   std::string(text));
  }
  void committed(const std::shared_ptr<const BlockRecord>&, const StateViewPtr&) override {}
  std::vector<std::string> said;
};

TEST(Chain, a_result_that_cannot_be_taken_is_told_and_the_command_counts) {
  Lines lines;
  World w;
  w.effects = &lines;
  ASSERT_TRUE(w.open().ok());
  const Step good = w.run("put", "a", 1);
  EXPECT_EQ(good.result, R"({"value":"v2:1"})");
  EXPECT_TRUE(lines.said.empty());
  const Step text = w.run("bad_result", "text", 0);
  const Step large = w.run("bad_result", "large", 50u << 20);
  for (const Step* step : {&text, &large}) {
    EXPECT_EQ(step->outcome, Outcome::kApplied);
    EXPECT_EQ(step->result, "");
  }
  EXPECT_EQ(w.row("bank", "text"), "kept");
  EXPECT_EQ(w.row("bank", "large"), "kept");
  const std::string end = "): the command counts, its answer is empty";
  EXPECT_EQ(lines.said, (std::vector<std::string>{
                            "bank 2 2 plugin bank: the result of bank.run is not taken (invalid "
                            "UTF-8" +
                                end,
                            "bank 2 3 plugin bank: the result of bank.run is not taken (more than "
                            "16777216 bytes" +
                                end}));
  EXPECT_EQ(w.chain->dry_run(w.chain->view(), *w.op("bad_result", "a")).outcome, Outcome::kApplied);
  EXPECT_TRUE(w.chain->replay(true, nullptr).ok);
  EXPECT_EQ(lines.said.size(), 2u) << "said once, when the block is made";
}

TEST(Chain, makes_block_0_and_blocks_that_a_view_shows) {
  World w;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.chain->view()->height, 0u);
  Step step = w.run("put", "a", 5);
  EXPECT_EQ(step.outcome, Outcome::kApplied);
  EXPECT_EQ(step.result, R"({"value":"v2:5"})");
  ASSERT_EQ(step.events.size(), 1u);
  EXPECT_EQ(step.events[0].data, R"({"op":"put"})");
  EXPECT_EQ(w.row("bank", "a"), "v2:5");
  EXPECT_EQ(w.row("bank", "begun"), "1");
  Result<std::shared_ptr<const BlockRecord>> block = w.chain->block(1);
  ASSERT_TRUE(block.ok());
  EXPECT_EQ((*block)->commands.size(), 1u);
  EXPECT_EQ((*block)->header.hash(), w.chain->view()->head_hash);
  EXPECT_EQ(receipt_root(**block), (*block)->header.receipt_root);
  EXPECT_EQ(command_root((*block)->commands), (*block)->header.command_root);
  Result<std::uint64_t> height = w.chain->height_of(w.chain->view()->head_hash);
  ASSERT_TRUE(height.ok());
  EXPECT_EQ(*height, 1u);
}

TEST(Chain, rejected_command_leaves_its_nonce_and_nothing_else) {
  World w;
  ASSERT_TRUE(w.open().ok());
  Step step = w.run("fail", "a");
  EXPECT_EQ(step.outcome, Outcome::kRejected);
  EXPECT_EQ(step.code, -40001);
  EXPECT_EQ(step.name, "Told");
  EXPECT_TRUE(step.events.empty());
  EXPECT_EQ(w.row("bank", "a"), "-");
  EXPECT_EQ(w.row("vault", "a"), "-");
  EXPECT_EQ(*w.chain->nonce(w.chain->view(), address_of(w.user.public_key())), 1u);
}

TEST(Chain, charged_command_keeps_what_is_written_after_charge_only) {
  World w;
  ASSERT_TRUE(w.open().ok());
  Step step = w.run("charge", "a");
  EXPECT_EQ(step.outcome, Outcome::kCharged);
  EXPECT_EQ(step.name, "Told");
  EXPECT_TRUE(step.records.empty());
  EXPECT_EQ(w.row("bank", "a"), "-");
  EXPECT_EQ(w.row("vault", "a"), "-");
  EXPECT_EQ(w.row("bank", "slashed"), "a");
}

TEST(Chain, refused_service_call_goes_back_to_its_savepoint) {
  World w;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.run("vault", "a").outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("vault", "a"), "from bank");
  EXPECT_EQ(w.run("vault_bad_caught", "b").outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("vault", "b"), "-");
  EXPECT_EQ(w.row("bank", "b"), "after a refused call");
  Step step = w.run("vault_bad", "c");
  EXPECT_EQ(step.outcome, Outcome::kRejected);
  EXPECT_EQ(step.name, "VaultRefuses");
  EXPECT_EQ(w.run("attempt", "d").outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("bank", "inner"), "-");
  EXPECT_EQ(w.row("bank", "innermost"), "-");
  EXPECT_EQ(w.row("bank", "d"), "outer");
}

TEST(Chain, limits_of_a_step_hold_at_their_border) {
  World w;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.run("reads", "k", 100'000).outcome, Outcome::kApplied);
  Step step = w.run("reads", "k", 100'001);
  EXPECT_EQ(step.outcome, Outcome::kRejected);
  EXPECT_EQ(step.code, -34012);
  EXPECT_EQ(step.name, "limit_exceeded");
  EXPECT_EQ(w.run("bytes", "k", 14).outcome, Outcome::kApplied);
  EXPECT_EQ(w.run("bytes", "k", 15).name, "limit_exceeded");  // the keys count too
}

TEST(Chain, command_that_throws_is_taken_out_and_the_block_goes_on) {
  World w;
  ASSERT_TRUE(w.open().ok());
  CommandPtr good = w.op("put", "a", 1);
  CommandPtr bad = w.op("throw", "b");
  CommandPtr same_nonce =
      w.command("bank.run", json::object{{"op", "put"}, {"key", "c"}}, bad->nonce);
  Chain::Produced p = w.block({good, bad, same_nonce});
  EXPECT_EQ(p.poisoned, std::vector<std::size_t>{1});
  EXPECT_EQ(p.block->commands.size(), 2u);
  EXPECT_EQ(p.step_of[1], SIZE_MAX);
  EXPECT_EQ(w.row("bank", "b"), "-");
  EXPECT_EQ(w.row("bank", "c"), "v2:0");
  EXPECT_TRUE(w.chain->replay(true, nullptr).ok);
}

TEST(Chain, leaves_out_what_has_the_wrong_nonce) {
  World w;
  ASSERT_TRUE(w.open().ok());
  Chain::Produced p = w.block({w.command("bank.run", json::object{{"op", "put"}}, 2),
                               w.command("bank.run", json::object{{"op", "put"}}, 1)});
  EXPECT_EQ(p.left_out, std::vector<std::size_t>{0});
  EXPECT_EQ(p.block->commands.size(), 1u);
}

TEST(Chain, params_come_from_the_genesis_and_are_refused_outside_their_range) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("param", "a");
  EXPECT_EQ(w.row("bank", "a"), "9");
  World bad;
  bad.genesis.params[0].second = 101;
  EXPECT_EQ(bad.open().code(), Code::kInvalid);
}

TEST(Chain, wrong_params_are_rejected_with_the_field) {
  World w;
  ASSERT_TRUE(w.open().ok());
  Chain::Produced p = w.block({w.command("bank.run", json::object{{"op", 5}})});
  const Step& step = p.block->steps.at(p.step_of[0]);
  EXPECT_EQ(step.outcome, Outcome::kRejected);
  EXPECT_EQ(step.code, -32602);
  EXPECT_EQ(step.error_data, R"({"field":"op"})");
}

TEST(Chain, dry_run_tells_the_outcome_and_changes_nothing) {
  World w;
  ASSERT_TRUE(w.open().ok());
  DryRun dry = w.chain->dry_run(w.chain->view(), *w.op("put", "a", 3));
  EXPECT_EQ(dry.outcome, Outcome::kApplied);
  EXPECT_EQ(dry.result, R"({"value":"v2:3"})");
  EXPECT_EQ(w.chain->dry_run(w.chain->view(), *w.op("fail", "a")).name, "Told");
  EXPECT_EQ(w.row("bank", "a"), "-");
}

TEST(Chain, replay_equals_live_and_two_runs_give_the_same_bytes) {
  Hash heads[2];
  for (Hash& head : heads) {
    World w;
    ASSERT_TRUE(w.open().ok());
    for (std::uint64_t i = 0; i < 10; ++i) {
      w.block({w.op("put", "k" + std::to_string(i % 3), i), w.op("fail"), w.op("charge", "x"),
               w.op("vault", "v"), w.op("verify", "sig")});
    }
    head = w.chain->view()->head_hash;
    ReplayReport report = w.chain->replay(false, nullptr);
    EXPECT_TRUE(report.ok) << report.difference;
    EXPECT_EQ(report.commands, 50u);
    EXPECT_EQ(w.row("bank", "sig"), "bad");
    EXPECT_EQ(report.state_root, *w.chain->state_root(w.chain->view()));
  }
  EXPECT_EQ(heads[0], heads[1]);
}

tb_status other_apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params,
                      std::uint32_t count, tb_out* result) {
  if (to_view(params[0].str) == "put") return ctx->api->put(ctx, params[1].str, str("other"));
  return bank_apply(ctx, method, params, count, result);
}

TEST(Chain, rehearsal_and_replay_name_height_command_and_key_that_differ) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.block({w.op("vault", "v")});
  w.block({w.op("vault", "v"), w.op("put", "a", 1)});
  Machine same{w.provider.bank, &w.provider.table, nullptr};
  Status ok = w.chain->rehearse(same, 64, 1000);
  EXPECT_TRUE(ok.ok()) << ok.to_string();
  tb_machine other = bank_table();
  other.apply = other_apply;
  Status differs = w.chain->rehearse(Machine{w.provider.bank, &other, nullptr}, 64, 1000);
  EXPECT_NE(differs.message().find(
                "height 2, command 1, key bank:a: logged \"v2:1\", replayed \"other\""),
            std::string::npos)
      << differs.message();
  w.provider.table.apply = other_apply;
  ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_FALSE(report.ok);
  EXPECT_NE(report.difference.find("height 2, command 1, key bank:a"), std::string::npos)
      << report.difference;
}

// Every block is as logged, but a row of the store is another one, is gone, or belongs to nobody.
TEST(Chain, replay_finds_each_row_that_the_store_has_otherwise) {
  const KvWrite changes[] = {{"s/bank/a", "v2:2"}, {"s/bank/a", std::nullopt}, {"s/bank/zz", "v"}};
  for (const KvWrite& change : changes) {
    World w;
    ASSERT_TRUE(w.open().ok());
    for (std::uint64_t i = 0; i < 40; ++i) w.run("put", "k" + std::to_string(i), i);
    w.run("put", "a", 1);
    EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
    w.chain.reset();
    ASSERT_TRUE(w.state->write(std::span(&change, 1), true).ok());
    ASSERT_TRUE(w.open().ok());
    const ReplayReport report = w.chain->replay(false, nullptr);
    EXPECT_FALSE(report.ok) << change.key;
    EXPECT_NE(report.difference.find("the state store holds another state"), std::string::npos)
        << report.difference;
  }
}

TEST(Chain, recovers_when_the_state_is_behind_or_lost) {
  World w;
  ASSERT_TRUE(w.open().ok());
  for (int i = 0; i < 3; ++i) w.run("put", "a", static_cast<std::uint64_t>(i));
  std::shared_ptr<KvStore> old = open_memory();
  std::vector<KvWrite> rows;
  ASSERT_TRUE(w.chain->view()
                  ->state
                  ->scan("", "", 1'000'000,
                         [&](BytesView k, BytesView v) {
                           rows.push_back({Bytes(k), Bytes(v)});
                           return true;
                         })
                  .ok());
  ASSERT_TRUE(old->write(rows, false).ok());
  for (int i = 3; i < 9; ++i) w.run("put", "b", static_cast<std::uint64_t>(i));
  Hash head = w.chain->view()->head_hash;
  Hash root = *w.chain->state_root(w.chain->view());
  for (auto state : {old, std::shared_ptr<KvStore>(open_memory())}) {
    w.chain.reset();
    w.state = state;
    Status status = w.open();
    ASSERT_TRUE(status.ok()) << status.to_string();
    EXPECT_EQ(w.chain->view()->head_hash, head);
    EXPECT_EQ(*w.chain->state_root(w.chain->view()), root);
    EXPECT_FALSE(w.notes.empty());
  }
  EXPECT_EQ(w.run("put", "c", 1).outcome, Outcome::kApplied);
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Chain, state_of_another_chain_or_ahead_of_the_log_is_made_anew) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  Hash root = *w.chain->state_root(w.chain->view());
  w.chain.reset();
  World other;
  other.clock.now += 5;
  ASSERT_TRUE(other.open().ok());
  for (int i = 0; i < 3; ++i) other.run("put", "z", 1);
  other.chain.reset();
  w.state = other.state;  // further than our log
  Status status = w.open();
  ASSERT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(*w.chain->state_root(w.chain->view()), root);
  EXPECT_EQ(w.row("bank", "z"), "-");
}

TEST(Chain, crash_loses_no_block_that_was_answered) {
  World w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t round = 0; round < 20; ++round) {
    w.run("put", "a", round);
    if (round % 3 == 0) w.run("vault", "v");
    Hash head = w.chain->view()->head_hash;
    w.disk.crash();  // handles of the old chain answer kAborted from here on
    if (round % 2 == 0) w.state = open_memory();
    Status status = w.open();
    ASSERT_TRUE(status.ok()) << status.to_string();
    ASSERT_EQ(w.chain->view()->head_hash, head) << "round " << round;
  }
  ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
}

TEST(Chain, full_disk_refuses_the_block_and_goes_on_when_there_is_space) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  w.disk.set_capacity(0);
  CommandPtr big = w.op("bytes", "b", 3);
  Result<Chain::Produced> refused = w.chain->produce({big});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kNoSpace);
  EXPECT_EQ(w.chain->stalled().code(), Code::kNoSpace);
  EXPECT_EQ(w.chain->view()->height, 1u);
  w.disk.set_capacity(std::nullopt);
  Chain::Produced p = w.block({big});
  EXPECT_EQ(p.block->commands.size(), 1u);
  EXPECT_TRUE(w.chain->stalled().ok());
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Chain, failed_sync_stops_the_chain) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.disk.fail_sync(1);
  Result<Chain::Produced> refused = w.chain->produce({w.op("put")});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), Code::kIo);
}

CommandPtr upgrade(World& w, std::uint32_t sm, std::string_view status = "active") {
  return w.command("chain.set_plugin", json::object{{"id", "bank"},
                                                    {"sm", sm},
                                                    {"schema", sm},
                                                    {"consensus_hash", std::string(64, '0')},
                                                    {"status", status}});
}

TEST(Chain, set_plugin_switches_the_roster_at_the_next_block_and_migrates) {
  World w(1);
  ASSERT_TRUE(w.open().ok());
  for (int i = 0; i < 5; ++i)
    w.run("put", "row" + std::to_string(i), static_cast<std::uint64_t>(i));
  EXPECT_EQ(w.row("bank", "row0"), "0");
  Hash before = w.chain->view()->machines->roster_hash();
  Chain::Produced p = w.block({upgrade(w, 2)});
  EXPECT_EQ(p.block->steps.at(p.step_of[0]).outcome, Outcome::kApplied)
      << p.block->steps.at(p.step_of[0]).text;
  EXPECT_EQ(w.chain->view()->machines->roster_hash(), before);
  Step step = w.run("put", "new", 1);
  EXPECT_EQ(step.result, R"({"value":"v2:1"})");
  EXPECT_NE(w.chain->view()->machines->roster_hash(), before);
  EXPECT_EQ(w.row("bank", "row1"), "v2:1");
  EXPECT_EQ(w.row("bank", "row4"), "4");
  EXPECT_NE(w.row("chain", "migrate/bank"), "-");
  w.block({});
  w.block({});
  EXPECT_EQ(w.row("bank", "row4"), "v2:4");
  EXPECT_EQ(w.row("chain", "migrate/bank"), "-");
  ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.chain->view()->machines->find("bank")->roster.sm, 2u);
}

TEST(Chain, suspended_plugin_is_not_run_and_its_command_is_unknown) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.block({upgrade(w, 2, "suspended")});
  Step step = w.run("put", "a", 1);
  EXPECT_EQ(step.name, "unknown_command");
  EXPECT_EQ(w.row("bank", "begun"), "1");
}

TEST(Chain, switch_to_plugins_that_do_not_fit_is_refused_on_all_nodes_alike) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.block({w.command("chain.set_plugin", json::object{{"id", "vault"},
                                                      {"sm", 1},
                                                      {"schema", 1},
                                                      {"consensus_hash", std::string(64, '0')},
                                                      {"status", "removed"}})});
  Hash before = w.chain->view()->machines->roster_hash();
  Chain::Produced p = w.block({});
  ASSERT_FALSE(p.block->steps.empty());
  EXPECT_EQ(p.block->steps[0].kind, StepKind::kRoster);
  EXPECT_EQ(p.block->steps[0].outcome, Outcome::kRejected);
  EXPECT_EQ(w.chain->view()->machines->roster_hash(), before);
  EXPECT_EQ(w.row("chain", "switch/vault"), "-");
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

TEST(Chain, missing_library_stalls_the_chain_and_it_goes_on_by_itself) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("put", "a", 1);
  w.provider.have_bank = false;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.chain->stalled().code(), Code::kUnavailable);
  EXPECT_EQ(w.chain->view()->height, 1u);
  EXPECT_EQ(w.row("bank", "a"), "v2:1");
  EXPECT_EQ(w.chain->produce({}).status().code(), Code::kUnavailable);
  w.provider.have_bank = true;
  EXPECT_EQ(w.run("put", "a", 2).outcome, Outcome::kApplied);
  EXPECT_TRUE(w.chain->stalled().ok());
}

TEST(Chain, view_context_reads_its_own_namespace_and_asks_services) {
  World w;
  ASSERT_TRUE(w.open().ok());
  w.run("vault", "a");
  w.run("put", "mine", 4);
  ViewContext context(w.chain->view(), w.provider.bank);
  tb_view* v = context.view();
  std::string out;
  tb_sink sink{&out,
               [](void* user, tb_str s) { static_cast<std::string*>(user)->assign(to_view(s)); }};
  EXPECT_EQ(v->api->get(v, str("mine"), &sink), TB_OK);
  EXPECT_EQ(out, "v2:4");
  tb_value arg{};
  arg.type = TB_TYPE_STR;
  arg.str = str("a");
  JsonOut result, error;
  EXPECT_EQ(v->api->ask(v, 0, 1, &arg, 1, result.out(), error.out()), TB_OK);
  EXPECT_EQ(result.finish(), R"({"value":"from bank"})");
  arg.str = str("none");
  EXPECT_EQ(v->api->ask(v, 0, 1, &arg, 1, nullptr, error.out()), TB_FAILED);
  EXPECT_EQ(error.finish(), R"({"code":-40002,"name":"NoSuchRow"})");
  EXPECT_EQ(v->api->ask(v, 0, 0, &arg, 1, nullptr, nullptr),
            TB_E_UNSUPPORTED);  // not a read function
}

}  // namespace
}  // namespace blockd::test
