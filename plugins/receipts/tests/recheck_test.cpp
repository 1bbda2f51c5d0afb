// Sealed blocks are changed by one thing each, and the recheck names that thing.
#include <gtest/gtest.h>

#include "plugins/receipts/rules/recheck.hpp"

namespace receipts {
namespace {

Receipt energy(std::uint64_t number, std::string_view provider = "p1") {
  Receipt receipt(Type::kEnergy);
  receipt.set_bytes("contract_id", "energy:" + std::to_string(number));
  receipt.set_bytes("provider", provider);
  receipt.set_number("energy_units", 7);
  receipt.set_number("price", 5);
  receipt.set_number("block_height", 9);
  receipt.set_bytes("proof_hash", std::string(32, 'x'));
  receipt.set_bytes("provider_signature", "");
  receipt.set_number("signature_nonce", 0);
  return receipt;
}

Receipt storage(std::uint64_t nonce, std::string_view signature) {
  Receipt receipt(Type::kStorage);
  receipt.set_bytes("contract_id", "c" + std::to_string(nonce));
  receipt.set_bytes("provider", "p1");
  for (const char* name : {"bytes", "price", "provider_escrow"}) receipt.set_number(name, 10);
  receipt.set_number("block_height", 9);
  receipt.set_bytes("provider_signature", signature);
  receipt.set_number("signature_nonce", nonce);
  return receipt;
}

const std::string kGood(64, 'g');  // the signature that the test's verify accepts

class RecheckTest : public ::testing::Test {
 protected:
  // A block with these receipts as the drain seals it.
  void seal(const std::vector<Receipt>& list) {
    std::vector<Item> items;
    encodings.clear();
    for (const Receipt& receipt : list) {
      items.push_back(make_item(receipt, 64));
      encodings.push_back(items.back().encoding);
    }
    block.height = 9;
    block.time_ms = 1'000'000;
    block.count = items.size();
    block.shard_count = 64;
    block.da_window_ms = 5000;
    block.header = make_header(items, 64, 1'005'000, kSchemeBatch);
    block.commitment = commitment(&*block.header, encode_list(items));
  }
  void change_first(const Receipt& receipt) { encodings[0] = encode(receipt); }

  // "reason@index …" in the order of the reports; "reason@-" for the block.
  std::string check(std::optional<Market> only = {}) {
    std::string found;
    Recheck recheck(
        {[this](std::string_view, std::uint64_t) { return key; },
         [](std::string_view) { return Origin{}; },
         [](std::string_view, std::string_view, std::string_view s) { return s == kGood; },
         [this](const Receipt&) { return emitter; }},
        100, only, [&](const Flaw& flaw) {
          found += (found.empty() ? "" : " ") + std::string(name_of(flaw.reason)) + "@" +
                   (flaw.index ? std::to_string(*flaw.index) : "-");
        });
    recheck.run(block, encodings);
    unchecked = recheck.unchecked();
    receipts = recheck.receipts();
    sound = recheck.sound();
    return found;
  }

  SealedBlock block;
  std::vector<std::string> encodings;
  std::string key = std::string(32, 'k');
  std::optional<bool> emitter;  // what the plugin that emitted a receipt says of it
  std::uint64_t unchecked = 0, receipts = 0, sound = 0;
};

TEST_F(RecheckTest, a_block_as_it_was_sealed_holds) {
  seal({energy(1), energy(2, "p2"), storage(1, kGood), storage(2, "")});
  EXPECT_EQ(check(), "");
  EXPECT_EQ(receipts, 4u);
  EXPECT_EQ(sound, 4u);
}

TEST_F(RecheckTest, a_changed_price_breaks_header_and_aggregate) {
  seal({energy(1), energy(2)});
  Receipt changed = energy(1);
  changed.set_number("price", 6);
  change_first(changed);
  EXPECT_EQ(check(), "header_mismatch@- aggregate_sig_mismatch@-");
}

TEST_F(RecheckTest, each_part_of_the_header_is_compared) {
  const auto broken = [&](auto&& change) {
    seal({energy(1), storage(1, kGood)});
    change();
    return check();
  };
  EXPECT_EQ(broken([&] { block.header->shards[0].root = tb::Hash{}; }), "header_mismatch@-");
  EXPECT_EQ(broken([&] { block.header->shards[0].blob = tb::Hash{}; }), "header_mismatch@-");
  EXPECT_EQ(broken([&] { block.header->available_until += 1; }), "header_mismatch@-");
  EXPECT_EQ(broken([&] { block.header->aggregate = tb::Hash{}; }), "aggregate_sig_mismatch@-");
  EXPECT_EQ(broken([&] { block.header.reset(); }), "header_mismatch@-");
  EXPECT_EQ(broken([&] { block.header_wanted = false; }), "header_mismatch@-");
  EXPECT_EQ(broken([&] { block.commitment = tb::Hash{}; }), "header_mismatch@-");
  EXPECT_EQ(broken([&] { block.count = 3; }), "header_mismatch@-");
}

TEST_F(RecheckTest, damaged_bytes_name_their_receipt) {
  seal({energy(1), energy(2)});
  encodings[1].pop_back();
  EXPECT_EQ(check(), "schema_mismatch@1");
  EXPECT_EQ(sound, 1u);
}

TEST_F(RecheckTest, a_receipt_of_another_height_or_listed_twice_is_refused) {
  Receipt other = energy(1);
  other.set_number("block_height", 8);
  seal({other, energy(2), energy(2)});
  EXPECT_EQ(check(), "schema_mismatch@0 duplicate_detection@2");
}

TEST_F(RecheckTest, budgets_cap_and_diversity_are_those_of_the_block) {
  seal({energy(1), energy(2), energy(3)});
  block.limits.max_per_provider = 2;
  EXPECT_EQ(check(), "budget_exceeded@-");
  block.limits = DrainLimits{};
  block.limits.verify_budget = 38;  // an energy receipt takes 13
  EXPECT_EQ(check(), "budget_exceeded@-");
  block.limits = DrainLimits{};
  block.limits.min_asns = 2;
  EXPECT_EQ(check(), "diversity_violation@-");
}

TEST_F(RecheckTest, signatures_are_verified_with_the_key_of_the_height) {
  seal({storage(1, std::string(64, 'b')), storage(2, "short"), storage(3, kGood)});
  EXPECT_EQ(check(), "signature_invalid@0 signature_invalid@1");
  key.clear();
  EXPECT_EQ(check(), "unknown_provider@0 signature_invalid@1 unknown_provider@2");
}

TEST_F(RecheckTest, a_nonce_is_used_once_in_the_window) {
  Receipt again = storage(1, kGood);
  again.set_bytes("contract_id", "another");
  seal({storage(1, kGood), again});
  EXPECT_EQ(check(), "replayed_nonce@1");
  NonceWindow window(100);
  EXPECT_FALSE(window.repeated("p", 1, 50));
  EXPECT_TRUE(window.repeated("p", 1, 150));
  EXPECT_FALSE(window.repeated("q", 1, 150));
  EXPECT_FALSE(window.repeated("p", 1, 151));
}

TEST_F(RecheckTest, an_energy_receipt_with_the_signature_of_a_reading_is_left_to_its_market) {
  Receipt reading = energy(1);
  reading.set_bytes("provider_signature", std::string(64, 'r'));
  seal({reading});
  EXPECT_EQ(check(), "");
  EXPECT_EQ(unchecked, 1u);
  emitter = true;
  EXPECT_EQ(check(), "");
  EXPECT_EQ(unchecked, 0u);
  emitter = false;
  EXPECT_EQ(check(), "signature_invalid@0");
}

TEST_F(RecheckTest, a_market_filter_leaves_the_others_alone) {
  seal({energy(1), storage(1, "bad")});
  EXPECT_EQ(check(Market::kEnergy), "");
  EXPECT_EQ(receipts, 1u);
  EXPECT_EQ(check(Market::kStorage), "signature_invalid@1");
}

TEST_F(RecheckTest, an_audit_remarks_what_the_rules_allow) {
  const auto names = [](const Receipt& receipt, bool staked) {
    std::string out;
    for (const Remark& remark : audit(receipt, staked)) out += std::string(remark.name) + " ";
    return out;
  };
  EXPECT_EQ(names(energy(1), true), "");
  EXPECT_EQ(names(energy(1), false), "stake_linked_identity ");
  Receipt poor = storage(1, "");
  poor.set_number("provider_escrow", 9);
  EXPECT_EQ(names(poor, true), "storage_escrow_coverage storage_chunk_fingerprint ");
  Receipt zero = energy(1);
  zero.set_bytes("proof_hash", std::string(32, '\0'));
  EXPECT_EQ(names(zero, true), "energy_proof_hash ");
  Receipt relay(Type::kRelay);
  relay.set_number("total_usd_micros", 5);
  relay.set_number("resource_floor_usd_micros", 6);
  EXPECT_EQ(names(relay, true), "relay_clearing_floor ");
  EXPECT_EQ(names(Receipt(Type::kCompute), true), "compute_blocktorch_metadata ");
  EXPECT_EQ(names(Receipt(Type::kEnergySlash), false), "");
}

}  // namespace
}  // namespace receipts
