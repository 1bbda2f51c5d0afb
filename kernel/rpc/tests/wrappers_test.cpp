// The document of all exported series, and its hashes as other programs compute them.

#include "kernel/rpc/wrappers.hpp"

#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

Wrappers example() {
  Wrappers out;
  out.declared = {{"energy", "energy_pending_credits_total", {}},
                  {"energy", "energy_active_disputes_total", {}},
                  {"energy", "energy_dispute_total", {"state"}}};
  out.series = {{"energy", "energy_dispute_total", {{"state", "open"}}, 2},
                {"energy", "energy_pending_credits_total", {}, 12}};
  return out;
}

json::value meta_of(const Wrappers& wrappers, const std::string& space = {}) {
  return parse_json(wrappers_document(wrappers, "node-a", space, 5))->at("meta");
}

TEST(Wrappers, have_the_hashes_of_their_worked_examples) {
  Wrappers wrappers = example();
  const char* energy = "3b0d25c1da36e97fca6329b48d64a0102c667f31c31cfd33cdffdd2e3aa2bea9";
  EXPECT_EQ(meta_of(wrappers).at("schema_hash").as_string(), energy);
  wrappers.declared.push_back({"treasury", "treasury_executor_pending_matured", {}});
  EXPECT_EQ(meta_of(wrappers).at("schema_hash").as_string(),
            "b28cc1cbfb2d3af72913dd9b82f0e61b42e147cecc682d1212f932b3ea06893b");
  EXPECT_EQ(meta_of(wrappers, "energy").at("schema_hash").as_string(), energy);
}

TEST(Wrappers, are_sorted_and_hashed_as_canonical_json) {
  const std::string text = wrappers_document(example(), "node-a", "", 5);
  EXPECT_TRUE(
      text.starts_with(R"({"node-a":{"governance":null,"metrics":[{"labels":{"state":"open"},)"
                       R"("metric":"energy_dispute_total","value":2},{"labels":{},)"
                       R"("metric":"energy_pending_credits_total","value":12}]},"meta":{)"))
      << text;
  EXPECT_EQ(meta_of(example()).at("generated_at").to_number<int>(), 5);
  EXPECT_EQ(meta_of(example()).at("namespaces").at("energy").at("series").to_number<int>(), 2);
}

TEST(Wrappers, write_numbers_as_every_program_does) {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},           {12, "12"},
      {-1.5, "-1.5"},     {0.001, "0.001"},
      {1e-6, "0.000001"}, {1e-7, "1e-7"},
      {1e21, "1e+21"},    {123456789012345680000.0, "123456789012345680000"},
      {0.1, "0.1"},       {1234.5678, "1234.5678"},
      {2.5e-8, "2.5e-8"}, {9007199254740992.0, "9007199254740992"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(canonical_number(value), text);
}

using WrappersOfANode = RpcWorld;

TEST_F(WrappersOfANode, hold_what_the_kernel_counts) {
  const json::value all = call("telemetry.wrappers").result();
  const json::array& metrics = all.at("node").at("metrics").as_array();
  const auto has = [&](const char* name) {
    return std::any_of(metrics.begin(), metrics.end(), [&](const json::value& one) {
      return one.at("metric").as_string() == name;
    });
  };
  EXPECT_TRUE(has("tx_submitted_total"));
  EXPECT_TRUE(has("rpc_latency_seconds_count"));
  EXPECT_TRUE(has("block_height_total"));
  EXPECT_EQ(all.at("meta").at("schema_hash").as_string().size(), 64u);
  const json::value none = call("telemetry.wrappers", R"({"namespace":"nobody"})").result();
  EXPECT_TRUE(none.at("node").at("metrics").as_array().empty());
  EXPECT_EQ(local_call("telemetry.wrappers", R"({"namespace":7})").code(), -32602);
}

}  // namespace
}  // namespace blockd::test
