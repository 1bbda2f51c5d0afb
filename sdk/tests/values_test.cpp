// Decoding of params and results, encoding of results and events.
#include <gtest/gtest.h>

#include <tb/blake3.hpp>

#include "fakes.hpp"

namespace {

struct Inner {
  std::string_view label;
  std::vector<std::uint16_t> weights;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (label, weights))

struct All {
  bool flag = false;
  std::uint8_t small = 0;
  std::uint64_t big = 0;
  tb::U128 huge = 0;
  std::int64_t delta = 0;
  std::string_view text;
  std::string owned;
  tb::Bytes raw;
  tb::Hash hash;
  tb::Address who;
  std::optional<std::uint32_t> maybe;
  std::vector<Inner> list;
};
BOOST_DESCRIBE_STRUCT(All, (),
                      (flag, small, big, huge, delta, text, owned, raw, hash, who, maybe, list))

struct Two {
  std::uint64_t first = 0;
  std::optional<std::string> second;
};
BOOST_DESCRIBE_STRUCT(Two, (), (first, second))

using fakes::named;
using fakes::number;

TEST(Decode, reads_every_type_in_declared_order) {
  const std::string hash(32, '\x11');
  const std::vector<tb_value> weights = {number(1), number(65535)};
  const std::vector<tb_value> inner = {named("weights", fakes::tree(TB_TYPE_LIST, weights)),
                                       named("label", fakes::text("l"))};
  const std::vector<tb_value> list = {fakes::tree(TB_TYPE_RECORD, inner)};
  tb_value flag = number(1);
  flag.type = TB_TYPE_BOOL;
  tb_value huge = number(5);
  huge.type = TB_TYPE_U128;
  huge.num_hi = 2;
  tb_value delta = number(static_cast<std::uint64_t>(-3));
  delta.type = TB_TYPE_I64;
  const std::vector<tb_value> params = {flag,
                                        number(255),
                                        number(UINT64_MAX),
                                        huge,
                                        delta,
                                        fakes::text("t"),
                                        fakes::text("o"),
                                        fakes::bytes("\x01\x02"),
                                        fakes::bytes(hash),
                                        fakes::text("tb1x"),
                                        tb_value{},
                                        fakes::tree(TB_TYPE_LIST, list)};
  All all;
  std::string problem;
  ASSERT_TRUE(tb::detail::decode_params(params.data(), 12, all, &problem)) << problem;
  EXPECT_TRUE(all.flag);
  EXPECT_EQ(all.small, 255);
  EXPECT_EQ(all.big, UINT64_MAX);
  EXPECT_TRUE(all.huge == ((tb::U128(2) << 64) | 5));
  EXPECT_EQ(all.delta, -3);
  EXPECT_EQ(all.text, "t");
  EXPECT_EQ(all.owned, "o");
  EXPECT_EQ(all.raw.data, "\x01\x02");
  EXPECT_EQ(all.hash.hex(), "1111111111111111111111111111111111111111111111111111111111111111");
  EXPECT_EQ(all.who.text, "tb1x");
  EXPECT_FALSE(all.maybe.has_value());
  ASSERT_EQ(all.list.size(), 1u);
  EXPECT_EQ(all.list[0].label, "l");
  EXPECT_EQ(all.list[0].weights, (std::vector<std::uint16_t>{1, 65535}));
}

TEST(Decode, names_the_member_that_is_missing_or_out_of_range) {
  const std::vector<tb_value> weights = {number(65536)};
  const std::vector<tb_value> inner = {named("label", fakes::text("l")),
                                       named("weights", fakes::tree(TB_TYPE_LIST, weights))};
  Inner out;
  std::string problem;
  EXPECT_FALSE(tb::detail::decode_params(inner.data(), 2, out, &problem));
  EXPECT_EQ(problem, "weights");
  problem.clear();
  EXPECT_FALSE(tb::detail::decode_params(inner.data(), 1, out, &problem));
  EXPECT_EQ(problem, "weights");
  problem.clear();
  const tb_value wrong = fakes::tree(TB_TYPE_RECORD, inner);
  std::vector<Inner> many;
  EXPECT_FALSE(tb::decode(wrong, many, &problem));
}

TEST(Decode, refuses_values_of_another_type) {
  std::uint64_t unsigned_number = 0;
  tb_value negative = number(static_cast<std::uint64_t>(-1));
  negative.type = TB_TYPE_I64;
  EXPECT_FALSE(tb::decode(negative, unsigned_number));
  std::int64_t signed_number = 0;
  EXPECT_FALSE(tb::decode(number(UINT64_MAX), signed_number));
  tb::Hash hash;
  EXPECT_FALSE(tb::decode(fakes::bytes("short"), hash));
  std::string text;
  EXPECT_FALSE(tb::decode(fakes::bytes("x"), text));
}

TEST(Decode, finds_members_of_a_result_by_name_and_ignores_strange_ones) {
  const std::vector<tb_value> items = {
      named("strange", number(9)), named("second", fakes::text("s")), named("first", number(4))};
  Two two;
  ASSERT_TRUE(tb::decode(fakes::tree(TB_TYPE_RECORD, items), two));
  EXPECT_EQ(two.first, 4u);
  EXPECT_EQ(two.second, "s");
}

TEST(Out, writes_every_type_and_leaves_out_what_is_absent) {
  All all;
  all.flag = true;
  all.small = 7;
  all.big = 8;
  all.huge = (tb::U128(1) << 64) | 9;
  all.delta = -1;
  all.text = "t";
  all.owned = "o";
  all.raw = {std::string_view("\xff\x00", 2)};
  all.hash.bytes[31] = 0xab;
  all.who.text = "tb1x";
  all.list.push_back({"l", {1, 2}});
  fakes::TextOut text;
  tb::Out(text.out()).write(all);
  EXPECT_EQ(text.text(),
            "flag:true,small:7,big:8,huge:1^9,delta:-1,text:'t',owned:'o',raw:h'ff00',hash:h'"
            "00000000000000000000000000000000000000000000000000000000000000ab',who:'tb1x',"
            "list:[{label:'l',weights:[1,2]}]");
}

TEST(Out, writes_lists_single_values_and_scaled_numbers) {
  fakes::TextOut list;
  tb::Out(list.out()).value(std::vector<std::optional<std::uint32_t>>{1, std::nullopt});
  EXPECT_EQ(list.text(), "[1,null]");
  fakes::TextOut record;
  tb::Out out(record.out());
  out.scaled("price", 1250, 2);
  out.null("nothing");
  out.record("inner", [](tb::Out& inner) { inner.put("name", "n"); });
  EXPECT_EQ(record.text(), "price:1250/10^2,nothing:null,inner:{name:'n'}");
}

TEST(Tree, gives_back_what_was_written_to_it) {
  tb::detail::Tree tree;
  Two two{3, "three"};
  tb::Out out(tree.out());
  out.write(two);
  out.put("inner", Inner{"label", {5}});
  Two back;
  ASSERT_TRUE(tb::decode(*tree.finish(), back));
  EXPECT_EQ(back.first, 3u);
  EXPECT_EQ(back.second, "three");
  const tb::Value root(tree.finish());
  EXPECT_EQ(root["inner"]["weights"][0u].u64(), 5u);
  EXPECT_TRUE(root["inner"]["absent"].absent());
}

TEST(Tree, may_be_one_value_or_a_list) {
  tb::detail::Tree list;
  tb::Out(list.out()).value(std::vector<std::uint64_t>{1, 2, 3});
  EXPECT_EQ(tb::Value(list.finish()).size(), 3u);
  tb::detail::Tree single;
  tb::Out(single.out()).value(std::uint64_t{9});
  EXPECT_EQ(tb::Value(single.finish()).u64(), 9u);
}

TEST(Tree, outlives_its_inline_buffer) {
  tb::detail::Tree tree;
  tb::Out out(tree.out());
  const std::string long_text(300, 'x');
  out.list("rows", [&](tb::Out& rows) {
    for (int i = 0; i < 100; ++i) rows.element(long_text);
  });
  const tb::Value rows = tb::Value(tree.finish())["rows"];
  ASSERT_EQ(rows.size(), 100u);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(rows[i].text(), long_text);
}

TEST(Tree, refuses_nesting_without_end) {
  tb::detail::Tree tree;
  tb_out* out = tree.out();
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) out->api->begin_record(out, tb::to_str("deeper"));
      },
      std::length_error);
}

TEST(Blake3, prefix_and_all_are_the_two_hashes_whatever_their_sizes) {
  std::string text;
  for (int i = 0; i < 2100; ++i) text.push_back(static_cast<char>(i * 7 + i / 256));
  for (const std::size_t size : {0, 1, 63, 64, 65, 127, 128, 129, 200, 1024, 1025, 2100}) {
    const std::string_view all = std::string_view(text).substr(0, size);
    const tb::Hash whole = tb::Blake3().update(all).finish();
    for (std::size_t prefix = 0; prefix <= size; prefix += size > 200 ? 31 : 1) {
      const auto [first, second] = tb::blake3_prefix_and_all(all, prefix);
      ASSERT_EQ(first, tb::Blake3().update(all.substr(0, prefix)).finish()) << prefix;
      ASSERT_EQ(second, whole) << size << " " << prefix;
    }
  }
}

}  // namespace
