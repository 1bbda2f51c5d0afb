// Expected texts: node-and-cli spec 6.11.
#include "kernel/base/address.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <regex>
#include <vector>

#include "kernel/base/crypto.hpp"

namespace blockd {
namespace {

constexpr char kFirst[] = "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0";
constexpr char kSecond[] = "tb1rppd3pnuevhgy82wkdk9ptvyg2c7zy3df39h0t6df4gnnnj7z62qvjg739";
constexpr char kGroup[] = "tb105ks6qsrqgk3ayec3rfvv6g273xqs2fkn08symmhw342vgdcxm2qz6ltjn";

PublicKey key_of(std::uint8_t seed_byte) {
  std::array<std::uint8_t, 32> seed;
  seed.fill(seed_byte);
  return SigningKey::from_seed(seed).public_key();
}

TEST(Address, of_a_key) {
  EXPECT_EQ(address_of(key_of(1)), kFirst);
  EXPECT_EQ(address_of(key_of(2)), kSecond);
}

TEST(Address, of_a_group) {
  std::vector<PublicKey> keys = {key_of(1), key_of(2), key_of(3)};
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(address_of_group(2, keys), kGroup);
}

TEST(Address, every_single_changed_character_is_refused) {
  for (std::string good : {kFirst, kSecond, kGroup}) {
    ASSERT_TRUE(is_address(good));
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (int c = 0; c < 256; ++c) {
        std::string bad = good;
        bad[i] = static_cast<char>(c);
        EXPECT_EQ(is_address(bad), bad == good) << i << " " << c;
      }
    }
    EXPECT_FALSE(is_address(good + "q"));
    EXPECT_FALSE(is_address(good.substr(0, good.size() - 1)));
  }
  EXPECT_FALSE(is_address(""));
}

TEST(Address, one_that_was_good_stays_good_and_no_other_is_taken_for_it) {
  EXPECT_FALSE(is_address(std::string(61, '\0')));
  std::vector<std::string> good;
  for (std::uint8_t i = 0; i < 200; ++i) {
    PublicKey key{};
    key[5] = i;
    good.push_back(address_of(key));
  }
  for (int again = 0; again < 3; ++again) {
    for (const std::string& address : good) {
      EXPECT_TRUE(is_address(address));
      std::string other = address;  // with the same end
      other[10] = other[10] == 'q' ? 'p' : 'q';
      EXPECT_FALSE(is_address(other));
    }
  }
  EXPECT_FALSE(is_address(std::string(61, '\0')));
}

TEST(Address, upper_case_is_read_and_mixed_case_refused) {
  std::string upper = kFirst;
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  EXPECT_TRUE(is_address(upper));
  upper[0] = 't';
  EXPECT_FALSE(is_address(upper));
}

TEST(Address, system_accounts) {
  for (const char* good :
       {"treasury", "treasury/pending", "naming/stakes", "energy:p-1", "a/b/c", "a-1/X.y_Z"}) {
    EXPECT_TRUE(is_system_account(good)) << good;
  }
  for (const char* bad :
       {"", "/a", "a/", "a:", "a//b", "Treasury", "a b", "tb1abc", "a.b", "a/b/", "a/b c"}) {
    EXPECT_FALSE(is_system_account(bad)) << bad;
  }
  EXPECT_TRUE(is_system_account(std::string(128, 'a')));
  EXPECT_FALSE(is_system_account(std::string(129, 'a')));
}

TEST(Address, system_accounts_are_those_of_the_written_expression) {
  const std::regex expression("[a-z0-9-]+([/:][A-Za-z0-9._:-]+)*");
  std::mt19937 random(7);
  const std::string_view letters = "aZ0-/:._ ";
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (auto n = random() % 8; n > 0; --n) text.push_back(letters[random() % letters.size()]);
    EXPECT_EQ(is_system_account(text), std::regex_match(text, expression)) << text;
  }
}

}  // namespace
}  // namespace blockd
