// What a machine is refused: another thread, a plugin on the call stack, and more than a step or a
// block may have.
#include <gtest/gtest.h>

#include <thread>

#include "kernel/base/address.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

tb_status probe_apply(tb_ctx* ctx, std::uint32_t, const tb_value* params, std::uint32_t, tb_out*) {
  const std::string_view op = to_view(params[0].str);
  const std::uint64_t n = params[2].num;
  if (op == "thread") {
    tb_status put = TB_OK, get = TB_OK, charge = TB_OK;
    std::thread([&] {
      put = ctx->api->put(ctx, str("k"), str("must not stay"));
      get = ctx->view.api->get(&ctx->view, str("k"), nullptr);
      charge = ctx->api->charge(ctx);
    }).join();
    const bool refused =
        put == TB_E_WRONG_THREAD && get == TB_E_WRONG_THREAD && charge == TB_E_WRONG_THREAD;
    return refused ? ctx->api->put(ctx, str("refused"), str("yes")) : TB_E_INVALID;
  }
  if (op == "events") {
    for (std::uint64_t i = 0; i < n; ++i) {
      if (tb_status s = ctx->api->emit(ctx, 0, nullptr, nullptr); s != TB_OK) return s;
    }
    return TB_OK;
  }
  if (op == "calls") {
    for (std::uint64_t i = 0; i < n; ++i) {
      if (tb_status s = store(ctx, str("v"), "x"); s != TB_OK) return s;
    }
    return TB_OK;
  }
  return bank_apply(ctx, 0, params, 3, nullptr);
}

TEST(Limits, another_thread_is_refused_and_leaves_no_trace) {
  World w;
  w.provider.table.apply = probe_apply;
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.run("thread").outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("bank", "refused"), "yes");
  EXPECT_EQ(w.row("bank", "k"), "-");
}

TEST(Limits, events_and_service_calls_of_a_step_end_at_ten_thousand) {
  World w;
  w.provider.table.apply = probe_apply;
  ASSERT_TRUE(w.open().ok());
  for (const char* op : {"events", "calls"}) {
    EXPECT_EQ(w.run(op, "k", 10'000).outcome, Outcome::kApplied) << op;
    Step step = w.run(op, "k", 10'001);
    EXPECT_EQ(step.outcome, Outcome::kRejected) << op;
    EXPECT_EQ(step.name, "limit_exceeded") << op;
    EXPECT_TRUE(step.events.empty());
  }
  EXPECT_TRUE(w.chain->replay(false, nullptr).ok);
}

// Block 1 notes how many rows are left, block 2 uses up exactly the budget, block 3 one more.
tb_status hungry_begin(tb_ctx* ctx) {
  const std::uint64_t left = ctx->api->rows_left(ctx), height = ctx->view.block->height;
  if (height == 1) return ctx->api->put(ctx, str("left"), str(std::to_string(left)));
  for (std::uint64_t i = 0; height <= 3 && i < left + height - 2; ++i) {
    if (tb_status s = ctx->view.api->get(&ctx->view, str("none"), nullptr); s < 0) return s;
  }
  return TB_OK;
}

void eat_all_rows(World& w, const std::string& left) {
  w.provider.table.begin = hungry_begin;
  ASSERT_TRUE(w.open().ok());
  w.block({});
  EXPECT_EQ(w.row("bank", "left"), left);
  EXPECT_TRUE(w.block({}).block->steps.empty());
  const std::shared_ptr<const BlockRecord> block = w.block({}).block;
  ASSERT_EQ(block->steps.size(), 1u);
  EXPECT_EQ(block->steps[0].kind, StepKind::kBegin);
  EXPECT_EQ(block->steps[0].name, "limit_exceeded");
  ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
}

TEST(Limits, hooks_share_a_hundred_thousand_rows_a_block) {
  World w;
  eat_all_rows(w, "100000");  // no plugin provides receipts/1: nothing is kept back
}

// The vault as a provider of receipts/1, whose commitment tells the height.
tb_status answer_commitment(tb_view* view, std::uint32_t, std::uint32_t, tb_str, const tb_value*,
                            std::uint32_t, tb_out* out, tb_out*) {
  const std::string hash(32, static_cast<char>(view->block->height));
  out->api->put_bytes(out, str("commitment"), str(hash));
  return TB_OK;
}

struct ReceiptsProvider : Provider {
  std::shared_ptr<const Manifest> receipts;
  tb_machine table_of_vault = vault_table();
  ReceiptsProvider() {
    std::string text(kVaultManifest);
    text.insert(text.rfind(']'),
                R"(,{"name":"receipts/1","functions":[{"name":"commitment","read":true}]})");
    receipts = manifest_of(text);
    table_of_vault.answer = answer_commitment;
  }
  Result<Machine> find(const RosterEntry& entry) override {
    if (entry.id == "vault") return Machine{receipts, &table_of_vault, nullptr};
    return Machine{bank, bank_machine, nullptr};
  }
  const tb_machine* bank_machine = nullptr;
};

TEST(Limits, a_quarter_of_the_rows_and_the_commitment_belong_to_the_provider_of_receipts) {
  ReceiptsProvider provider;
  World w;
  w.machines = &provider;
  provider.bank_machine = &w.provider.table;
  eat_all_rows(w, "75000");
  Result<std::shared_ptr<const BlockRecord>> block = w.chain->block(2);
  ASSERT_TRUE(block.ok());
  Hash expected;
  expected.fill(2);
  EXPECT_EQ((*block)->receipts_commitment, expected);
  EXPECT_EQ(receipt_root(**block), (*block)->header.receipt_root);
}

}  // namespace
}  // namespace blockd::test
