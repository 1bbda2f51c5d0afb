// Replays every golden case of tests/vectors/receipts.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "plugins/receipts/vectors.hpp"

namespace {

namespace json = boost::json;

class Vectors : public ::testing::TestWithParam<const char*> {};

TEST_P(Vectors, every_case_comes_out_as_expected) {
  std::ifstream file(std::string(TB_SOURCE_DIR) + "/tests/vectors/receipts/" + GetParam() +
                     ".jsonl");
  ASSERT_TRUE(file.is_open());
  std::size_t cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) continue;
    const json::value test = json::parse(line);
    const std::string input = json::serialize(test.at("input"));
    const json::value got = json::parse(receipts::replay_receipts_case(GetParam(), input));
    EXPECT_EQ(got, test.at("expected"))
        << test.at("name") << "\n got  " << got << "\n want " << test.at("expected");
    ++cases;
  }
  EXPECT_GT(cases, 0u);
}

INSTANTIATE_TEST_SUITE_P(Receipts, Vectors,
                         ::testing::Values("encoding", "blocks", "validate", "nonces", "registry",
                                           "drain", "malformed", "totals", "sla", "bundles"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
