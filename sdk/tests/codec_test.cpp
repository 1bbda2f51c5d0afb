// Rows and keys: exact bytes, round trips, and refusal of everything else.
#include <gtest/gtest.h>

#include "fakes.hpp"

namespace {

struct Leg {
  std::uint16_t port = 0;
  std::string name;
  friend bool operator==(const Leg&, const Leg&) = default;
};
BOOST_DESCRIBE_STRUCT(Leg, (), (port, name))

struct Row {
  static constexpr std::uint8_t kLayout = 3;
  std::uint32_t number = 0;
  std::optional<std::uint64_t> maybe;
  std::string text;
  std::vector<Leg> legs;
  tb::U128 huge = 0;
  bool flag = false;
  std::int64_t delta = 0;
  tb::Hash hash;
  friend bool operator==(const Row&, const Row&) = default;
};
BOOST_DESCRIBE_STRUCT(Row, (), (number, maybe, text, legs, huge, flag, delta, hash))

struct Small {
  std::uint32_t number = 0;
  std::optional<std::uint16_t> maybe;
  std::string text;
  bool flag = false;
};
BOOST_DESCRIBE_STRUCT(Small, (), (number, maybe, text, flag))

Row sample() {
  Row row{0x01020304, 5, "abc", {{80, "http"}, {443, ""}}, (tb::U128(7) << 64) | 8, true, -2, {}};
  row.hash.bytes[0] = 0xee;
  return row;
}

TEST(Codec, writes_the_documented_bytes) {
  const std::string bytes = tb::encode_row(Small{0x01020304, 0x0506, "abc", true});
  EXPECT_EQ(bytes, std::string("\x01\x04\x03\x02\x01\x01\x06\x05\x03\x00\x00\x00"
                               "abc\x01",
                               16));
}

TEST(Codec, reads_back_what_it_wrote) {
  Row back;
  ASSERT_TRUE(tb::decode_row(tb::encode_row(sample()), back));
  EXPECT_EQ(back, sample());
  EXPECT_EQ(tb::row_layout(tb::encode_row(sample())), 3);
}

TEST(Codec, refuses_every_shorter_row_a_longer_one_and_another_layout) {
  std::string bytes = tb::encode_row(sample());
  Row back;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(tb::decode_row(std::string_view(bytes).substr(0, size), back)) << size;
  }
  EXPECT_FALSE(tb::decode_row(bytes + "x", back));
  bytes[0] = 4;
  EXPECT_FALSE(tb::decode_row(bytes, back));
}

TEST(Codec, refuses_a_count_beyond_the_bytes_before_it_reserves_memory) {
  struct {
    Row row;
  } holder;
  std::string bytes = tb::encode_row(Row{});
  // number 4, maybe 1, text 4: the count of legs follows.
  bytes.replace(1 + 4 + 1 + 4, 4, "\xff\xff\xff\xff");
  EXPECT_FALSE(tb::decode_row(bytes, holder.row));
}

TEST(Codec, refuses_a_flag_that_is_neither_0_nor_1) {
  std::string bytes = tb::encode_row(Small{});
  bytes.back() = 2;
  Small back;
  EXPECT_FALSE(tb::decode_row(bytes, back));
}

TEST(Codec, survives_any_bytes) {
  std::uint64_t seed = 42;
  const std::string good = tb::encode_row(sample());
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int flips = 0; flips < 3; ++flips) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      bytes[(seed >> 33) % bytes.size()] = static_cast<char>(seed >> 25);
    }
    Row back;
    if (tb::decode_row(bytes, back)) {
      EXPECT_EQ(tb::encode_row(back), bytes);
    }
  }
}

TEST(Key, orders_numbers_and_separates_texts) {
  EXPECT_EQ(tb::Key("due/").u64(256).view(), std::string_view("due/\0\0\0\0\0\0\1\0", 12));
  EXPECT_LT(tb::Key("k").u64(255).view(), tb::Key("k").u64(256).view());
  EXPECT_NE(tb::Key().text("a").text("bc").view(), tb::Key().text("ab").text("c").view());
  EXPECT_EQ(tb::Key::read_u64(tb::Key("due/").u64(77), 4), 77u);
}

TEST(Key, refuses_what_a_key_cannot_hold) {
  EXPECT_THROW(tb::Key().text(std::string(256, 'x')), std::length_error);
  tb::Key key(std::string(1024, 'x'));
  EXPECT_THROW(key.u8(1), std::length_error);
}

}  // namespace
