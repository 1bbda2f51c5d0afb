// The rules with the numbers of the node-and-cli spec, section 6, and the accounts of 3.1 and 6.11.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "plugins/ledger/accounts.hpp"
#include "plugins/ledger/fees.hpp"

namespace ledger {
namespace {

constexpr std::string_view kAddress =
    "tb1qm97tgjht8p63qy6568aq5fgytc6ue8cynzap2tr5thczc8j8w9s8np6z0";
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

TEST(Fees, the_consumer_share_is_rounded_up) {
  EXPECT_EQ(split_fee(101, 33).consumer, 34u);
  EXPECT_EQ(split_fee(101, 33).industrial, 67u);
  EXPECT_EQ(split_fee(0, 100).consumer, 0u);
  EXPECT_EQ(split_fee(7, 0).industrial, 7u);
}

TEST(Fees, a_split_neither_makes_nor_loses_money_at_the_border) {
  for (std::uint64_t pct : {0u, 1u, 50u, 99u, 100u}) {
    const FeeSplit split = split_fee(kMax, pct);
    EXPECT_EQ(split.consumer + split.industrial, kMax);
    EXPECT_LE(split.consumer, kMax);
  }
}

TEST(Fees, the_base_fee_follows_the_gas) {
  EXPECT_EQ(next_base_fee(1000, 1'500'000), 1062u);
  EXPECT_EQ(next_base_fee(1000, 0), 875u);
  EXPECT_EQ(next_base_fee(7, 1'500'000), 7u);
  EXPECT_EQ(next_base_fee(1, 0), 1u);
  EXPECT_EQ(next_base_fee(1000, 1'000'000), 1000u);
  EXPECT_EQ(next_base_fee(kMax, 2'000'000), kMax);
}

TEST(Fees, a_tip_is_what_is_above_the_base_fee) {
  EXPECT_EQ(tip_of(1000, 1), 999u);
  EXPECT_EQ(tip_of(7, 7), 0u);
  EXPECT_EQ(tip_of(6, 7), 0u);
}

TEST(Fees, the_floor_is_the_percentile_of_the_window) {
  std::vector<std::uint64_t> ten = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_EQ(fee_floor(ten, 75, 0), 8u);
  EXPECT_EQ(fee_floor(ten, 100, 0), 10u);
  EXPECT_EQ(fee_floor(ten, 0, 3), 3u);
  EXPECT_EQ(fee_floor({}, 75, 5), 5u);
}

TEST(Fees, percentiles_index_from_the_last_place) {
  std::vector<std::uint64_t> values(101);
  std::iota(values.begin(), values.end(), 0);
  EXPECT_EQ(percentile_of(values, 90), 90u);
  EXPECT_EQ(percentile_of(std::vector<std::uint64_t>{1, 2, 3}, 50), 2u);
  EXPECT_EQ(percentile_of({}, 50), 0u);
}

TEST(Accounts, system_accounts_follow_the_grammar) {
  for (const char* good : {"treasury", "treasury/pending", "energy:stakes", "a-1/B_.c:d", "a::b"})
    EXPECT_TRUE(is_system_account(good)) << good;
  for (const char* bad : {"", "Treasury", "a/", "a:", "a//b", "a b", "tb1x", "/a", "a/\xc3\xa4"})
    EXPECT_FALSE(is_system_account(bad)) << bad;
  EXPECT_TRUE(is_system_account(std::string(128, 'a')));
  EXPECT_FALSE(is_system_account(std::string(129, 'a')));
}

TEST(Accounts, an_escrow_has_a_prefix_and_so_has_the_treasury) {
  EXPECT_EQ(prefix_of("storage/contracts"), "storage");
  EXPECT_EQ(prefix_of("energy:stakes"), "energy");
  EXPECT_EQ(prefix_of("treasury"), "treasury");
  EXPECT_EQ(prefix_of("treasury/pending"), "treasury");
  EXPECT_EQ(prefix_of("pool"), "");
  EXPECT_EQ(prefix_of(kAddress), "");
}

TEST(Accounts, only_its_owner_debits_an_escrow) {
  const auto asks = [](std::string_view plugin) {
    return Debit{"storage/contracts", "storage-market", plugin, "", true};
  };
  EXPECT_TRUE(may_debit(asks("storage-market")));
  EXPECT_FALSE(may_debit(asks("storage")));
  EXPECT_FALSE(may_debit(asks("storage-marke")));
  EXPECT_FALSE(may_debit({"treasury", "treasury", "energy", "treasury", true}));
}

TEST(Accounts, a_plugin_debits_the_sender_and_who_consented) {
  EXPECT_TRUE(may_debit({kAddress, "", "energy", kAddress, false}));
  EXPECT_FALSE(may_debit({kAddress, "", "energy", "tb1other", false}));
  EXPECT_TRUE(may_debit({kAddress, "", "energy", "tb1other", true}));
  EXPECT_FALSE(may_debit({kAddress, "", "energy", "", false}));
}

}  // namespace
}  // namespace ledger
