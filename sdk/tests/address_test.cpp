// Addresses: what is one, and how it is stored.
#include <gtest/gtest.h>
#include <tb/address.hpp>

#include <string>

namespace {

constexpr std::string_view kGood = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0";

TEST(Address, one_wrong_letter_makes_it_none) {
  ASSERT_TRUE(tb::is_address(kGood));
  for (std::size_t i = 0; i < kGood.size(); ++i) {
    for (const char c : std::string_view("qpzry9x8gf2tvdw0s3jn54khce6mua7lTB1bio")) {
      std::string other(kGood);
      other[i] = c;
      EXPECT_EQ(tb::is_address(other), other == kGood) << i << " " << c;
    }
    EXPECT_FALSE(tb::is_address(kGood.substr(0, i)));
  }
  EXPECT_FALSE(tb::is_address(std::string(kGood) + "q"));
}

TEST(Address, of_every_key_is_one) {
  tb::Hash key{};
  for (unsigned i = 0; i < 256; ++i) {
    key.bytes[i % 32] = static_cast<std::uint8_t>(key.bytes[i % 32] + i);
    const std::string address = tb::address_of(key);
    EXPECT_TRUE(tb::is_address(address)) << address;
    EXPECT_EQ(tb::stored_address(address), address);
  }
}

TEST(Address, is_stored_in_small_letters_and_never_mixed) {
  std::string capitals(kGood);
  for (char& c : capitals) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  EXPECT_FALSE(tb::is_address(capitals));
  EXPECT_EQ(tb::stored_address(capitals), kGood);
  EXPECT_EQ(tb::stored_address(kGood), kGood);
  std::string mixed(kGood);
  mixed[0] = 'T';
  EXPECT_EQ(tb::stored_address(mixed), std::nullopt);
  capitals.back() = '1';
  EXPECT_EQ(tb::stored_address(capitals), std::nullopt);
  EXPECT_EQ(tb::stored_address(""), std::nullopt);
  EXPECT_EQ(tb::stored_address("treasury"), std::nullopt);
}

}  // namespace
