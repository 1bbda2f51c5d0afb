// The newest blocks once more with other values, beside the chain.
#include <gtest/gtest.h>

#include "kernel/chain/tests/test_governance.hpp"

namespace blockd::test {
namespace {

struct Preview : testing::Test {
  World w;
  Preview() {
    EXPECT_TRUE(w.open().ok());
    before = w.chain->state_root(w.chain->view());
  }
  // Blocks 1.. with what the parameter `bank_limit` was, and a put each.
  void blocks(int count) {
    for (int i = 0; i < count; ++i)
      w.block({w.op("param", "seen"), w.op("put", "k", static_cast<std::uint64_t>(i))});
  }
  Result<PreviewReport> preview(PreviewRequest request, const PreviewWatcher& watch = nullptr) {
    const Result<Hash> root = w.chain->state_root(w.chain->view());
    const std::uint64_t height = w.chain->view()->height;
    Result<PreviewReport> report = w.chain->preview(request, watch);
    EXPECT_EQ(*w.chain->state_root(w.chain->view()), *root);
    EXPECT_EQ(w.chain->view()->height, height);
    return report;
  }
  static PreviewRequest with(std::string key, std::uint64_t value, std::uint64_t epochs = 100) {
    PreviewRequest request;
    request.epochs = epochs;
    request.params = {{std::move(key), value}};
    return request;
  }
  Result<Hash> before = Hash{};
};

TEST_F(Preview, differs_in_nothing_when_nothing_changes) {
  blocks(9);
  const Result<PreviewReport> report = preview({});
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->from, 4u);  // epochs have 4 blocks: 4..7 is closed, 8..9 open
  EXPECT_EQ(report->to, 9u);
  EXPECT_EQ(report->commands, 12u);
  EXPECT_EQ(report->blocks_differing, 0u);
  EXPECT_TRUE(report->rows.empty());
  EXPECT_TRUE(report->events.empty());
  EXPECT_EQ(report->methods.at("bank.run").commands, 12u);
}

TEST_F(Preview, names_the_rows_that_another_value_changes) {
  blocks(3);
  const Result<PreviewReport> report = preview(with("bank_limit", 33));
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->from, 1u);
  EXPECT_EQ(report->rows.at("bank").first, (std::vector<std::string>{"changed", "seen"}));
  EXPECT_EQ(report->rows.at("chain").first, (std::vector<std::string>{"param/bank_limit"}));
  EXPECT_EQ(w.row("bank", "seen"), "9");
}

// Its outcome, its event and what it moves hang on the parameter.
tb_status pay(tb_ctx* ctx, std::uint32_t, const tb_value* params, std::uint32_t, tb_out*) {
  std::uint64_t limit = 0;
  ctx->view.api->param(&ctx->view, 0, &limit);
  if (params[2].num > limit) return refuse(ctx, "Told");
  struct Paid {
    const tb_value* params;
    std::uint64_t fee;
  } paid{params, limit};
  ctx->api->emit(
      ctx, 0,
      [](void* user, tb_out* out) {
        const auto& p = *static_cast<Paid*>(user);
        out->api->put_str(out, str("from"), p.params[1].str);
        out->api->put_str(out, str("to"), str("till"));
        out->api->put_u64(out, str("amount"), p.fee);
      },
      &paid);
  return TB_OK;
}

TEST(PreviewOf, outcomes_events_and_observed_amounts) {
  World w;
  w.provider.table.apply = pay;
  std::string text(kBankManifest);
  const std::string fields = R"([{"name":"op","type":"string"}])";
  const std::size_t event = text.find(fields, text.find("bank.ran"));
  text.replace(event, fields.size(),
               R"([{"name":"from","type":"string"},{"name":"to","type":"string"},)"
               R"({"name":"amount","type":"u64"}])");
  w.provider.bank = manifest_of(text);
  ASSERT_TRUE(w.open().ok());
  w.block({w.op("pay", "ann", 1), w.op("pay", "bob", 9)});
  w.block({});
  w.block({w.op("pay", "ann", 10), w.op("pay", "ann", 3)});
  PreviewRequest request;
  request.params = {{"bank_limit", 5}};
  request.observe = {{"bank.ran", "from", "to", "amount"}};
  const Result<PreviewReport> report = w.chain->preview(request, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->commands, 4u);
  EXPECT_EQ(report->commands_differing, 1u);
  ASSERT_EQ(report->listed.size(), 1u);
  EXPECT_EQ(report->listed[0].height, 1u);
  EXPECT_EQ(report->listed[0].index, 1u);
  EXPECT_EQ(report->listed[0].method, "bank.run");
  EXPECT_EQ(report->listed[0].before, "applied");
  EXPECT_EQ(report->listed[0].after, "rejected (Told)");
  EXPECT_EQ(report->methods.at("bank.run").differing, 1u);
  const PreviewReport::Count& events = report->events.at("bank.ran");
  EXPECT_EQ(events.logged, 3u);
  EXPECT_EQ(events.previewed, 2u);
  EXPECT_EQ(events.differing, 3u);
  EXPECT_EQ(report->accounts.at("ann").logged, -18);
  EXPECT_EQ(report->accounts.at("ann").previewed, -10);
  EXPECT_EQ(report->accounts.at("bob").previewed, 0);
  EXPECT_EQ(report->accounts.at("till").logged, 27);
  EXPECT_EQ(report->accounts.at("till").previewed, 10);
}

TEST_F(Preview, is_refused_by_the_plugins_own_check) {
  blocks(2);
  const Result<PreviewReport> floor = preview(with("bank_floor", 50));
  ASSERT_FALSE(floor.ok());
  EXPECT_NE(floor.status().message().find("FloorAboveLimit"), std::string::npos)
      << floor.status().message();
  const Result<PreviewReport> later = preview(with("bank_limit", 99));
  ASSERT_FALSE(later.ok());
  EXPECT_NE(later.status().message().find("NotNinetyNine"), std::string::npos);
  EXPECT_NE(preview(with("bank_limit", 101)).status().message().find("out_of_bounds"),
            std::string::npos);
  EXPECT_NE(preview(with("bank_limits", 1)).status().message().find("unknown_param"),
            std::string::npos);
}

TEST_F(Preview, stops_when_it_is_told_to) {
  blocks(5);
  std::uint64_t asked = 0;
  const Result<PreviewReport> report = preview(with("bank_limit", 8), [&](const auto& progress) {
    ++asked;
    EXPECT_EQ(progress.total_blocks, 5u);
    return progress.blocks < 2;
  });
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.status().code(), Code::kAborted);
  EXPECT_EQ(asked, 8u);  // five on the way back, and before blocks 1..3
}

TEST_F(Preview, lists_a_bounded_number_of_commands) {
  w.provider.table.apply = pay;
  std::vector<CommandPtr> commands;
  for (std::size_t i = 0; i < kMaxPreviewCommands + 5; ++i) commands.push_back(w.op("pay", "x", 9));
  w.block(commands);
  const Result<PreviewReport> report = preview(with("bank_limit", 1));
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_EQ(report->commands_differing, kMaxPreviewCommands + 5);
  EXPECT_EQ(report->listed.size(), kMaxPreviewCommands);
}

TEST_F(Preview, needs_a_block_and_a_plugin_that_runs_scripts) {
  EXPECT_NE(preview({}).status().message().find("no block yet"), std::string::npos);
  blocks(1);
  PreviewRequest request;
  request.script = "hook = {}";
  EXPECT_NE(preview(request).status().message().find("runs voted scripts"), std::string::npos);
}

}  // namespace
}  // namespace blockd::test
