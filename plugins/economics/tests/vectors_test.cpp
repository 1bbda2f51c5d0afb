// Replays every golden case of tests/vectors/economics.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "plugins/economics/rules/snapshot.hpp"
#include "plugins/economics/tests/vectors.hpp"

namespace {

namespace json = boost::json;

class Vectors : public ::testing::TestWithParam<const char*> {};

TEST_P(Vectors, every_case_comes_out_as_expected) {
  std::ifstream file(std::string(TB_SOURCE_DIR) + "/tests/vectors/economics/" + GetParam() +
                     ".jsonl");
  ASSERT_TRUE(file.is_open());
  std::size_t cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const json::value test = json::parse(line);
    const json::value got = json::parse(
        economics::replay_economics_case(GetParam(), json::serialize(test.at("input"))));
    EXPECT_EQ(got, test.at("expected"))
        << test.at("name") << "\n got  " << got << "\n want " << test.at("expected");
    ++cases;
  }
  EXPECT_GT(cases, 0u);
}

INSTANTIATE_TEST_SUITE_P(Economics, Vectors,
                         ::testing::Values("fixed_point", "issuance", "subsidy", "multiplier",
                                           "ad_tariff", "market_metrics", "block_mint", "epoch"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST(Snapshot, is_read_back_from_its_text) {
  economics::EpochInputs inputs;
  inputs.epoch = 3;
  inputs.emission = 1'000'000;
  inputs.tx_volume = economics::kMaxU64;
  inputs.markets[1].margin_ppm = -2'000'000;
  const economics::Params params;
  const auto snapshot =
      economics::run_laws({}, params, economics::genesis_state({}, params, 1'000'000), inputs);
  const std::string text = economics::canonical_json(snapshot);
  const auto again = economics::read_snapshot(text);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(economics::canonical_json(*again), text);
  EXPECT_EQ(again->inputs, inputs);
  EXPECT_NE(text.find(R"("tx_volume_block":"18446744073709551615")"), std::string::npos);
}

TEST(Snapshot, the_first_differing_member_is_named) {
  EXPECT_EQ(economics::first_difference(R"({"a":{"b":1,"c":2}})", R"({"a":{"b":1,"c":3}})"), "a.c");
  EXPECT_EQ(economics::first_difference(R"({"a":1})", R"({"a":1})"), "");
  EXPECT_EQ(economics::first_difference(R"({"a":1})", "damaged"), "a");
}

TEST(Params, a_stored_set_is_read_back) {
  economics::Params params, again;
  params.set(economics::kTariffMax, 77);
  ASSERT_TRUE(again.read_canonical(params.canonical_json()));
  EXPECT_EQ(again.canonical_json(), params.canonical_json());
  EXPECT_EQ(again[economics::kTariffMax], 77u);
  EXPECT_FALSE(again.read_canonical("{\"nonsense\":1}"));
  EXPECT_FALSE(again.read_canonical("{"));
}

}  // namespace
