// The vectors tool has to fail where a vector does not hold.
#include <gtest/gtest.h>

#include <sstream>

#include "tests/vectors_tool/compare.hpp"
#include "tests/vectors_tool/replay.hpp"
#include "tests/vectors_tool/wide.hpp"

namespace blockd {
namespace {

json::value parsed(std::string_view text) { return *parse_json(text); }
std::vector<Difference> differences(std::string_view expected, std::string_view got) {
  return compare_expected(parsed(expected), parsed(got), 10);
}

TEST(Compare, looks_at_expected_members_only) {
  EXPECT_TRUE(differences(R"({"a":{"b":1}})", R"({"a":{"b":1,"c":2},"d":3})").empty());
  EXPECT_TRUE(differences("{}", R"({"a":1})").empty());
}

TEST(Compare, takes_decimal_strings_for_numbers) {
  EXPECT_TRUE(differences("18446744073709551615", "\"18446744073709551615\"").empty());
  EXPECT_TRUE(differences("\"7\"", "7").empty());
  EXPECT_EQ(differences("\"07\"", "7").size(), 1u);
  EXPECT_EQ(differences("18446744073709551615", "18446744073709551614").size(), 1u);
  EXPECT_EQ(differences("1", "true").size(), 1u);
  EXPECT_EQ(differences("0", "null").size(), 1u);
}

TEST(Compare, names_the_place_of_each_difference) {
  const auto found = differences(R"({"r":[{"x":1},null,[]],"y":2})", R"({"r":[{"x":2},null]})");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].path, "r[0].x");
  EXPECT_EQ(found[0].expected, "1");
  EXPECT_EQ(found[0].got, "2");
  EXPECT_EQ(found[1].path, "r[2]");
  EXPECT_EQ(found[1].got, "(absent)");
  EXPECT_EQ(found[2].path, "y");
  EXPECT_EQ(differences("[]", "[1]").size(), 1u);
  EXPECT_EQ(compare_expected(parsed("[1,2,3]"), parsed("[4,5,6]"), 2).size(), 2u);
}

TEST(Compare, takes_one_of_several_results) {
  constexpr std::string_view kEither = R"({"result_any_of":["x","y"]})";
  EXPECT_TRUE(differences(kEither, R"({"result":"y"})").empty());
  EXPECT_EQ(differences(kEither, R"({"result":"z"})").size(), 1u);
  EXPECT_EQ(differences(kEither, R"({})").size(), 1u);
  EXPECT_EQ(differences(R"({"result_any_of":"x"})", R"({"result":"x"})").size(), 1u);
}

TEST(WideNumbers, become_texts_and_nothing_else_does) {
  EXPECT_EQ(quote_wide_numbers("[18446744073709551615,18446744073709551616,123456789012345678901]"),
            "[18446744073709551615,\"18446744073709551616\",\"123456789012345678901\"]");
  for (std::string_view same : {"{\"99999999999999999999999\":1.5e300}", "-99999999999999999999999",
                                "[\"\\\"99999999999999999999999\",0.99999999999999999999999]",
                                "\"open 99999999999999999999999"}) {
    EXPECT_EQ(quote_wide_numbers(same), same);
  }
}

// Replays one case of the Merkle mountain range whose root is right, or what `expected` says.
Tally replay(std::string_view subsystem, const std::string& lines, std::string* out) {
  std::istringstream in(lines);
  std::ostringstream printed;
  const Tally tally = replay_lines(std::string(subsystem), "fee", in, printed);
  *out = printed.str();
  return tally;
}

TEST(Replay, counts_what_holds_and_shows_what_does_not) {
  std::string out;
  const std::string input = R"({"name":"n","input":{"op":"root","leaves":[]},"expected":)";
  const Tally tally =
      replay("mmr", input + "{\"leaf_count\":0}}\n\n" + input + "{\"leaf_count\":1}}\n", &out);
  EXPECT_EQ(tally.passed, 1u);
  EXPECT_EQ(tally.failed, 1u);
  EXPECT_EQ(out, "PASS n\nFAIL n\n  leaf_count\n    expected 1\n    got      0\n");
}

TEST(Replay, tells_lines_that_are_no_case) {
  std::string out;
  EXPECT_EQ(replay("mmr", "[]\n{\"name\":\"x\"}\nnot json\n", &out).failed, 3u);
  EXPECT_NE(out.find("FAIL line 2\n  invalid: a case has the members"), std::string::npos) << out;
  for (std::string_view subsystem : {"energy", "receipts"}) {
    const Tally tally =
        replay(subsystem, R"({"name":"x","kind":"nonsense","input":{},"expected":{}})", &out);
    EXPECT_EQ(tally.failed, 1u);
    EXPECT_NE(out.find("nonsense"), std::string::npos) << out;
  }
  EXPECT_EQ(replay("nobody", R"({"name":"x","input":{},"expected":{}})", &out).failed, 1u);
  EXPECT_NE(out.find("no vectors of 'nobody'"), std::string::npos) << out;
}

TEST(Replay, the_members_of_a_receipts_case_tell_its_kind_where_nothing_names_it) {
  std::string out;
  const std::string input =
      R"({"name":"n","input":{"proof_latencies_ms":[101],"budget_ms":100,"provider_bond":0,"consumer_bond":9},)";
  const Tally tally =
      replay("receipts",
             input + "\"expected\":{\"outcome\":\"violated\",\"slash_receipt\":false}}\r\n", &out);
  EXPECT_EQ(tally.passed, 1u) << out;
}

TEST(Replay, a_sequence_shows_every_account_and_says_what_is_no_command) {
  std::string out;
  const auto sequence = [](std::string_view op, std::string_view expected) {
    return R"({"name":"n","kind":"sequence","input":{"params":{},"accounts":{"somebody":7},"ops":[)" +
           std::string(op) + R"(]},"expected":)" + std::string(expected) + "}\n";
  };
  EXPECT_EQ(replay("energy", sequence("", R"({"state":{"accounts":{"somebody":7}}})"), &out).passed,
            1u)
      << out;
  EXPECT_EQ(replay("energy", sequence(R"({"op":"credits"})", "{}"), &out).failed, 1u);
  EXPECT_NE(out.find("energy.credits is no command"), std::string::npos) << out;
}

TEST(Replay, takes_large_integers_as_numbers_and_as_texts) {
  const auto penalty = [](std::string_view severity) {
    return R"({"name":"n","kind":"reputation","input":{"latency_threshold_ms":5000,"updates":[)"
           R"({"update":"penalize","severity_ppm":)" +
           std::string(severity) + R"(}]},"expected":{"delivery":[1000000,11000000]}})" + "\n";
  };
  std::string out;
  EXPECT_EQ(replay("energy", penalty("18446744073709551615"), &out).passed, 1u) << out;
  EXPECT_EQ(replay("energy", penalty("\"18446744073709551615\""), &out).passed, 1u) << out;
  for (std::string_view wrong : {"-1", "1.5", "\"1e3\"", "null", "\"18446744073709551616\""}) {
    EXPECT_EQ(replay("energy", penalty(wrong), &out).failed, 1u) << wrong;
    EXPECT_NE(out.find("severity_ppm is " + std::string(wrong)), std::string::npos) << out;
  }
}

TEST(Replay, takes_a_file_that_begins_with_a_byte_order_mark) {
  std::string out;
  const std::string line = R"({"name":"n","input":{"op":"root","leaves":[]},"expected":{}})";
  EXPECT_EQ(replay("mmr", "\xEF\xBB\xBF" + line + "\n", &out).passed, 1u) << out;
  EXPECT_EQ(replay("mmr", line + "\n\xEF\xBB\xBF" + line + "\n", &out).failed, 1u) << out;
}

TEST(Replay, a_missing_or_empty_file_is_an_error) {
  std::ostringstream out;
  EXPECT_EQ(replay_file("mmr", "no/such.jsonl", out).status().code(), Code::kNotFound);
  EXPECT_EQ(replay_file("mmr", "/dev/null", out).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace blockd
