// Borders of the rules that the golden vectors leave out.
#include <gtest/gtest.h>

#include <limits>

#include "plugins/gov-core/dependencies.hpp"
#include "plugins/gov-core/disbursement.hpp"
#include "plugins/gov-core/payload.hpp"
#include "plugins/gov-core/provenance.hpp"
#include "plugins/gov-core/text.hpp"

namespace gov {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

Payload good() {
  Payload p;
  p.title = "Grants";
  p.summary = "Fund grants";
  p.destination = "tb1abc";
  p.amount = 100;
  p.scheduled_epoch = 1;
  return p;
}

TEST(PayloadRules, sums_of_receipts_do_not_wrap) {
  Payload p = good();
  p.amount = 1;
  p.expected_receipts = {{"a", kMost}, {"b", 2}};
  EXPECT_EQ(check_payload(p), "expected_receipts_mismatch");
}

TEST(Texts, the_nearest_name_is_the_one_with_the_fewest_letters_apart) {
  const std::vector<std::string> names = {"market_fee", "market_cap", "treasury_percent"};
  EXPECT_EQ(nearest_name("market_fe", names), "market_fee");
  EXPECT_EQ(nearest_name("market_cpa", names), "market_cap");
  EXPECT_EQ(nearest_name("tresury_precent", names), "treasury_percent");
  EXPECT_EQ(nearest_name("x", names), "");
  EXPECT_EQ(nearest_name("market_fee", {}), "");
  EXPECT_EQ(nearest_name("", {""}), "");
}

TEST(PayloadRules, sizes_are_bounded) {
  Payload p = good();
  p.title.assign(kMaxTitleBytes, 'x');
  p.summary.assign(kMaxSummaryBytes, 'x');
  p.destination = "tb1" + std::string(87, 'a');
  EXPECT_EQ(check_payload(p), "");
  p.title += 'x';
  EXPECT_EQ(check_payload(p), "payload_too_large");
  p = good();
  p.attachments.assign(17, {"n", "u"});
  EXPECT_EQ(check_payload(p), "payload_too_large");
  p = good();
  p.destination = "tb1" + std::string(88, 'a');
  EXPECT_EQ(check_payload(p), "invalid_destination");
  p = good();
  p.amount = kMaxAmount + 1;
  EXPECT_EQ(check_payload(p), "invalid_params");
  p = good();
  p.rollback_window_epochs = 100'001;
  EXPECT_EQ(check_payload(p), "invalid_rollback_window");
}

TEST(MemoRules, deep_json_is_no_hint) {
  const auto nested = [](std::size_t levels) {
    return R"({"depends_on":[7],"x":)" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_EQ(memo_deps(nested(63)), Ids{7});  // the object itself is a level
  EXPECT_EQ(memo_deps(nested(64)), Ids{});
  EXPECT_EQ(memo_deps(std::string(8000, '[')), Ids{});
  EXPECT_EQ(memo_deps(std::string(8000, '{')), Ids{});
}

TEST(MemoRules, what_is_not_json_is_no_hint) {
  for (const char* memo : {R"({"depends_on":[1],})", R"({"depends_on":[1]} x)",
                           R"({"depends_on":[01]})", R"({'depends_on':[1]})", R"({"depends_on":[1)",
                           R"({"a":"\ud800","depends_on":[1]})", R"({"a":1.,"depends_on":[1]})",
                           "{\"a\":\"\n\",\"depends_on\":[1]}", R"([{"depends_on":[1]}])"}) {
    EXPECT_EQ(memo_deps(memo), Ids{}) << memo;
  }
}

TEST(MemoRules, only_whole_unsigned_numbers_count) {
  EXPECT_EQ(
      memo_deps(
          R"({"depends_on":[1.0,2e0,-3,18446744073709551616,true,[4],{"a":5},"6.0","-7","8"]})"),
      Ids{8});
  EXPECT_EQ(memo_deps(R"({"\u0064epends_on":["\u0039"]})"), Ids{9});
  EXPECT_EQ(memo_deps(R"({"depends_on":[1],"depends_on":[2]})"), Ids{2});
  EXPECT_EQ(memo_deps(R"({"x":{"depends_on":[3]}})"), Ids{});
}

TEST(MemoRules, the_first_hundred_items_are_looked_at) {
  std::string memo = R"({"depends_on":[)";
  for (int i = 0; i < 100; ++i) memo += "null,";
  EXPECT_EQ(memo_deps(memo + "5]}"), Ids{});
}

TEST(TextRules, white_space_of_unicode_is_trimmed) {
  EXPECT_EQ(trimmed("\u00a0\t a\u00a0b \u2003\u3000\n"), "a\u00a0b");
  EXPECT_TRUE(is_blank("\u1680\u2028\u205f\u0085"));
  EXPECT_FALSE(is_blank("\u200b"));    // has no width, but is no white space
  EXPECT_EQ(trimmed("\xa0"), "\xa0");  // half a letter is none
}

TEST(CycleRules, dependencies_are_followed_from_the_lowest) {
  const Node graph[] = {{1, {5, 3}}, {3, {1}}, {5, {1}}};
  EXPECT_EQ(find_cycle(graph), (Ids{1, 3}));
}

TEST(CycleRules, a_long_chain_needs_no_stack) {
  std::vector<Node> graph;
  for (std::uint64_t id = 1; id < 200'000; ++id) graph.push_back({id, {id + 1}});
  EXPECT_TRUE(find_cycle(graph).empty());
  graph.push_back({200'000, {199'999}});
  EXPECT_EQ(find_cycle(graph), (Ids{199'999, 200'000}));
}

TEST(CycleRules, the_search_for_a_new_node_is_bounded) {
  const auto endless = [](std::uint64_t id) { return std::optional(Ids{id + 1}); };
  EXPECT_EQ(closes_cycle(7, {8}, endless, 1000), Closes::kTooLarge);
  EXPECT_EQ(closes_cycle(9, {8}, endless, 1000), Closes::kYes);
}

TEST(DisbursementRules, an_epoch_beyond_the_last_never_comes) {
  Progress voting{State::kVoting, kMost, 0, 0, 0};
  EXPECT_EQ(advance(voting, {}, Verdict::kPassed, kMost - 1).error, "vote_window_open");
  Progress draft;
  EXPECT_EQ(advance(draft, {100, 1, 1}, Verdict::kPassed, kMost - 5).next.vote_deadline_epoch,
            kMost);
}

TEST(DisbursementRules, the_boundary_that_finalizes_is_the_one_behind_the_window) {
  const Progress executed{State::kExecuted, 0, 0, 0, 16};
  EXPECT_EQ(due_epoch(executed, {4, 2, 1}, 16), 18u);
  EXPECT_FALSE(advance(executed, {4, 2, 1}, Verdict::kPassed, 17).changed);
  EXPECT_TRUE(advance(executed, {4, 2, 1}, Verdict::kPassed, 18).changed);
  EXPECT_EQ(due_epoch({State::kTimelocked, 0, 0, 0, 0}, {}, 3), kNever);
}

TEST(ProvenanceRules, texts_and_large_numbers_are_canonical) {
  EXPECT_EQ(json_text("a\"\\\n\x01\x7f\xc3\xa9"), "\"a\\\"\\\\\\n\\u0001\x7f\xc3\xa9\"");
  EXPECT_EQ(json_number(9'007'199'254'740'991), "9007199254740991");
  EXPECT_EQ(json_number(9'007'199'254'740'992), "\"9007199254740992\"");
  ProvenanceEntry entry;
  entry.seq = 3;
  entry.prev_hash = "ab";
  entry.kind = "param";
  entry.subject = "treasury_percent";
  entry.data_json = R"({"new":25})";
  EXPECT_EQ(canonical_json(entry),
            R"({"data":{"new":25},"epoch":0,"height":0,"kind":"param","prev_hash":"ab",)"
            R"("seq":3,"subject":"treasury_percent","time":0})");
}

TEST(ProvenanceRules, a_changed_entry_breaks_the_chain_behind_it) {
  const HashFunction sum = [](std::string_view bytes) {
    Digest digest{};
    for (char c : bytes)
      digest[0] = static_cast<std::uint8_t>(digest[0] * 31 + static_cast<std::uint8_t>(c));
    return digest;
  };
  std::vector<ProvenanceEntry> entries(3);
  std::string prev(kFirstPrevHash);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    entries[i].seq = i + 1;
    entries[i].kind = "disbursement";
    entries[i].prev_hash = prev;
    prev = entry_hash(entries[i], sum);
  }
  EXPECT_EQ(first_break(entries, sum), std::nullopt);
  entries[1].amount = 1;
  EXPECT_EQ(first_break(entries, sum), 2u);
}

}  // namespace
}  // namespace gov
