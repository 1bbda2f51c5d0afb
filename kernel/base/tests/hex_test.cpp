#include "kernel/base/hex.hpp"

#include <gtest/gtest.h>

#include "kernel/base/hex_wide.hpp"

namespace blockd {
namespace {

// Digit by digit, as a reader of the definition would do it.
std::string slow_hex(BytesView data) {
  std::string out;
  for (const char c : data) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back("0123456789abcdef"[byte / 16]);
    out.push_back("0123456789abcdef"[byte % 16]);
  }
  return out;
}

bool is_hex(char c, bool both_cases) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (both_cases && c >= 'A' && c <= 'F');
}

Bytes every_byte(std::size_t size, std::size_t begin) {
  Bytes out;
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(begin + 37 * i));
  return out;
}

TEST(HexWide, WritesAndReadsEveryByteAtEverySize) {
  for (std::size_t size = 0; size <= 40; ++size) {
    for (std::size_t begin = 0; begin < 256; begin += 7) {
      const Bytes data = every_byte(size, begin);
      std::string text(2 * size + 1, '!');
      EXPECT_EQ(write_hex_digits(data, text.data()), text.data() + 2 * size);
      EXPECT_EQ(text, slow_hex(data) + "!");
      Bytes back(size + 1, '!');
      ASSERT_TRUE(read_hex_digits<false>(text.data(), size, back.data()));
      EXPECT_EQ(back, data + "!");
      for (char& c : text) c = static_cast<char>(std::toupper(c));
      ASSERT_TRUE(read_hex_digits<true>(text.data(), size, back.data()));
      EXPECT_EQ(back, data + "!");
    }
  }
}

TEST(HexWide, RefusesEveryOtherCharacterAtEveryPlace) {
  constexpr std::size_t kSize = 21;  // two groups of eight, and five single ones
  const std::string good = slow_hex(every_byte(kSize, 3));
  Bytes out(kSize, '\0');
  for (std::size_t place = 0; place < good.size(); ++place) {
    for (int c = -128; c < 128; ++c) {
      std::string text = good;
      text[place] = static_cast<char>(c);
      EXPECT_EQ(read_hex_digits<false>(text.data(), kSize, out.data()), is_hex(text[place], false));
      EXPECT_EQ(read_hex_digits<true>(text.data(), kSize, out.data()), is_hex(text[place], true));
    }
  }
}

TEST(Hex, TextAndBackAgain) {
  for (std::size_t size = 0; size <= 40; ++size) {
    const Bytes data = every_byte(size, size);
    EXPECT_EQ(to_hex(data), slow_hex(data));
    Result<Bytes> back = from_hex("0x" + to_hex(data));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, data);
  }
}

}  // namespace
}  // namespace blockd
