// Promises of the energy market beyond the golden sequences: rows of a reading, money, rehearsal,
// time-driven work.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "plugins/energy/receipt_check.hpp"
#include "plugins/energy/rules/ids.hpp"
#include "tests/plugins/energy/market_bench.hpp"

namespace energy {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kTime = 1'710'000'000;

class Market : public testing::Test {
 protected:
  Market() : bench(&tb_plugin_entry), key(blockd::SigningKey::from_seed(seed())) {
    bench.set_param("energy_funds_mode", 0);
    bench.set_param("energy_dynamic_fees_enabled", 0);
    bench.begin(100, kTime);
  }
  static std::array<std::uint8_t, 32> seed() {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(7);
    return bytes;
  }

  void add_provider(std::uint64_t number = 0) {
    json::object in{{"capacity_kwh", 1'000'000},
                    {"price_per_kwh", 10},
                    {"stake", 1000},
                    {"meter_address", "m" + std::to_string(number)},
                    {"jurisdiction", "US_CA"},
                    {"owner", "owner"}};
    ok(bench.run("energy.register_provider", in));
  }
  void set_key() {
    ok(bench.run(
        "energy.set_provider_keys",
        {{"keys", json::array{json::object{{"provider_id", "energy-0x0"},
                                           {"public_key_hex", format_hex(key.public_key())}}}}}));
  }
  json::object reading(std::uint64_t kwh, std::uint64_t nonce, std::uint64_t time = kTime) {
    std::string preimage = "energy-0x00000000m0";
    for (std::uint64_t value : {kwh, time, nonce}) {
      for (int i = 0; i < 8; ++i) preimage += static_cast<char>(value >> (8 * i));
    }
    return {{"provider_id", "energy-0x00000000"},
            {"meter_address", "m0"},
            {"kwh_reading", kwh},
            {"timestamp", time},
            {"nonce", nonce},
            {"signature", format_hex(key.sign(blockd::view(blockd::blake3(preimage))))}};
  }
  std::string mint(std::uint64_t kwh, std::uint64_t nonce, std::uint64_t time = kTime) {
    const BenchAnswer answer =
        ok(bench.run("energy.submit_reading", reading(kwh, nonce, time), "meter", false));
    return std::string(answer.result.at("meter_hash").as_string());
  }
  json::object order(const std::string& hash, std::uint64_t kwh, std::string_view buyer = "buyer") {
    return {{"provider_id", "energy-0x00"},
            {"kwh_consumed", kwh},
            {"meter_hash", hash},
            {"buyer", buyer}};
  }
  static BenchAnswer ok(BenchAnswer answer) {
    EXPECT_TRUE(answer.applied) << answer.name << ": " << answer.text;
    return answer;
  }

  MarketBench bench;
  blockd::SigningKey key;
};

TEST_F(Market,
       a_reading_writes_three_rows_reads_four_and_never_the_totals_however_large_the_market_is) {
  for (std::uint64_t i = 0; i < 50; ++i) add_provider(i);
  set_key();
  for (std::uint64_t nonce = 1; nonce <= 5; ++nonce) {
    const std::string totals = bench.rows().at("tot");
    const BenchAnswer answer = ok(bench.run(
        "energy.submit_reading", reading(100 * nonce, nonce, kTime + nonce), "meter", false));
    EXPECT_EQ(answer.rows_written, 3u);
    EXPECT_LE(answer.rows_read, 4u);
    EXPECT_EQ(bench.rows().at("tot"), totals);
  }
  const BenchAnswer heartbeat =
      ok(bench.run("energy.submit_reading", reading(500, 9, kTime + 9), "meter", false));
  EXPECT_EQ(heartbeat.rows_written, 1u);
  EXPECT_EQ(heartbeat.result.at("status").as_string(), "consumed");
  const BenchAnswer stale =
      bench.run("energy.submit_reading", reading(900, 10, kTime), "meter", false);
  EXPECT_EQ(stale.name, "StaleReading");
  EXPECT_TRUE(stale.charged);
  EXPECT_EQ(stale.rows_written, 1u);
}

TEST_F(Market, a_flipped_bit_a_missing_key_and_a_replay_leave_no_trace) {
  add_provider();
  EXPECT_EQ(bench.run("energy.submit_reading", reading(10, 1)).data.at("reason").as_string(),
            "key_not_found");
  set_key();
  json::object forged = reading(10, 1);
  forged["kwh_reading"] = 11;
  const BenchAnswer refused = bench.run("energy.submit_reading", forged);
  EXPECT_EQ(refused.data.at("reason").as_string(), "verification_failed");
  EXPECT_EQ(refused.rows_written, 0u);
  EXPECT_EQ(bench.counted("energy_signature_verification_failures_total/verification_failed"), 1);
  mint(10, 1);
  EXPECT_EQ(bench.run("energy.submit_reading", reading(10, 1)).name, "NonceReplay");
}

TEST_F(Market, money_moves_from_buyer_to_owner_and_treasury_and_none_is_made) {
  bench.set_param("energy_funds_mode", 1);
  bench.set_balance("owner", 1000);
  bench.set_balance("buyer", 5000);
  add_provider();
  EXPECT_EQ(bench.balance("energy:stakes"), 1000u);
  set_key();
  const std::string hash = mint(1000, 1);
  ok(bench.run("energy.settle", order(hash, 400)));
  EXPECT_EQ(bench.balance("buyer"), 1000u);
  EXPECT_EQ(bench.balance("owner"), 3900u);
  EXPECT_EQ(bench.balance("treasury"), 100u);
  EXPECT_EQ(bench.accrued("energy_fee"), 100u);
  const BenchAnswer poor = bench.run("energy.settle", order(hash, 200));
  EXPECT_EQ(poor.name, "InsufficientFunds");
  EXPECT_EQ(poor.rows_written, 0u);
  EXPECT_EQ(bench.money(), 6000u);
  EXPECT_EQ(bench.accrued("energy_fee"), 100u);
  ASSERT_EQ(bench.receipts().size(), 1u);
  const json::object& draft = bench.receipts()[0].at("draft").as_object();
  EXPECT_EQ(draft.at("contract_id").as_string(), "energy:" + hash);
  EXPECT_EQ(bench.receipts()[0].at("auth").as_string(), "plugin");
}

TEST_F(Market, a_receipt_holds_only_with_every_field_of_the_settlement_that_it_names) {
  add_provider();
  set_key();
  const std::string hash = mint(1000, 1);
  ok(bench.run("energy.settle", order(hash, 400)));
  ReceiptFields good{"energy:" + hash, "energy-0x00000000", 400, 4000, 100, {}, {}, 1};
  const auto bytes_in = [](std::string_view hex, auto* out) {
    for (std::size_t i = 0; i < hex.size(); i += 2)
      *out++ = static_cast<std::remove_reference_t<decltype(*out)>>(
          std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  };
  bytes_in(hash, good.proof_hash.bytes.data());
  good.provider_signature.data.resize(64);
  bytes_in(std::string(reading(1000, 1).at("signature").as_string()),
           good.provider_signature.data.data());
  const auto difference = [&](auto&& change) {
    ReceiptFields receipt = good;
    change(receipt);
    std::string out;
    bench.look([&](tb_view* raw) {
      tb::View view(raw);
      out = receipt_difference(view, receipt);
    });
    return out;
  };
  EXPECT_EQ(difference([](ReceiptFields&) {}), "");
  EXPECT_EQ(difference([](ReceiptFields& r) { r.price += 1; }), "price");
  EXPECT_EQ(difference([](ReceiptFields& r) { r.energy_units -= 1; }), "energy_units");
  EXPECT_EQ(difference([](ReceiptFields& r) { r.block_height += 1; }), "block_height");
  EXPECT_EQ(difference([](ReceiptFields& r) { r.provider = "energy-0x00000001"; }), "provider");
  EXPECT_EQ(difference([](ReceiptFields& r) { r.proof_hash.bytes[3] ^= 1; }), "proof_hash");
  EXPECT_EQ(difference([](ReceiptFields& r) { r.provider_signature.data[9] ^= 1; }),
            "provider_signature");
  EXPECT_EQ(difference([](ReceiptFields& r) { r.signature_nonce = 2; }),
            "there is no settlement 2");
}

TEST_F(Market, a_stranger_settles_nothing_and_provokes_no_slash) {
  add_provider();
  set_key();
  const std::string hash = mint(1000, 1);
  EXPECT_EQ(bench.run("energy.settle", order(hash, 1), "stranger", false).name, "Unauthorized");
  const BenchAnswer unknown =
      bench.run("energy.settle", order(std::string(64, '1'), 1), "buyer", false);
  EXPECT_EQ(unknown.name, "UnknownReading");
  EXPECT_FALSE(unknown.charged);
  EXPECT_EQ(unknown.rows_written, 0u);
}

TEST_F(Market, rehearsal_keeps_to_its_sandbox_and_is_emptied_when_the_gate_opens) {
  bench.set_param("launch_energy_autopilot", 0);
  const json::object in{{"capacity_kwh", 10},
                        {"price_per_kwh", 1},
                        {"stake", 1000},
                        {"meter_address", "m0"},
                        {"jurisdiction", "DE"}};
  const BenchAnswer answer = bench.run("energy.register_provider", in);
  EXPECT_EQ(answer.name, "Rehearsal");
  EXPECT_TRUE(answer.charged);
  EXPECT_EQ(answer.data.at("would_be").at("ok").at("provider_id").as_string(), "energy-0x00000000");
  for (const auto& [row, value] : bench.rows())
    EXPECT_TRUE(row.starts_with("rehearsal/") || row == "tot") << row;
  const BenchAnswer refused = bench.run("energy.register_provider", in);
  EXPECT_FALSE(refused.charged);
  EXPECT_EQ(refused.data.at("would_be").at("error").at("data").at("name").as_string(),
            "MeterAddressInUse");
  bench.end_epoch();
  EXPECT_TRUE(bench.samples().at(0).at("rehearsal").as_bool());
  EXPECT_EQ(bench.samples().at(0).at("capacity_units").to_number<std::uint64_t>(), 10u);
  bench.set_param("launch_energy_autopilot", 1);
  bench.begin(101, kTime);
  for (const auto& [row, value] : bench.rows()) EXPECT_FALSE(row.starts_with("rehearsal/")) << row;
  EXPECT_EQ(ok(bench.run("energy.register_provider", in)).result.at("provider_id").as_string(),
            "energy-0x00000000");
}

TEST_F(Market, expiry_and_purge_keep_to_the_row_budget_and_lose_nothing_over_several_blocks) {
  bench.set_param("energy_settlement_expiry_blocks", 5);
  bench.set_param("energy_expired_retention_blocks", 2);
  add_provider();
  set_key();
  for (std::uint64_t nonce = 1; nonce <= 40; ++nonce) mint(nonce, nonce, kTime + nonce);
  std::size_t blocks = 0;
  for (std::uint64_t height = 108; height < 200; ++height) {
    bench.begin(height, kTime, 30);
    EXPECT_LE(bench.hook_rows(), 30u);
    ++blocks;
    if (bench.rows().lower_bound("cb/") == bench.rows().end() ||
        !bench.rows().lower_bound("cb/")->first.starts_with("cb/"))
      break;
  }
  EXPECT_GT(blocks, 3u);
  std::size_t expired = 0;
  for (const BenchEvent& event : bench.take_events())
    expired += event.topic == "energy.credit_expired" ? 1 : 0;
  EXPECT_EQ(expired, 40u);
  const BenchAnswer out =
      bench.run("energy.withdraw_stake", {{"provider_id", "energy-0x0"}, {"amount", 1000}});
  EXPECT_TRUE(out.applied) << out.name << out.text;
}

TEST_F(Market, a_longer_expiry_gives_expired_credits_their_time_back) {
  bench.set_param("energy_settlement_expiry_blocks", 5);
  add_provider();
  set_key();
  const std::string hash = mint(100, 1);
  bench.begin(106, kTime);
  EXPECT_EQ(bench.run("energy.settle", order(hash, 1), "buyer", false).name, "CreditExpired");
  bench.set_param("energy_settlement_expiry_blocks", 50);
  bench.begin(107, kTime);
  const BenchAnswer locked =
      bench.run("energy.withdraw_stake", {{"provider_id", "energy-0x0"}, {"amount", 1000}});
  EXPECT_EQ(locked.name, "StakeLocked");
  ok(bench.run("energy.settle", order(hash, 100)));
  ok(bench.run("energy.withdraw_stake", {{"provider_id", "energy-0x0"}, {"amount", 1000}}));
}

TEST_F(Market, a_misspelled_field_is_refused_with_the_nearest_name) {
  const BenchAnswer answer = bench.run("energy.settle", {{"provider_id", "energy-0x0"},
                                                         {"kwh_consumd", 1},
                                                         {"kwh_consumed", 1},
                                                         {"meter_hash", "00"}});
  EXPECT_EQ(answer.code, -32602);
  EXPECT_EQ(answer.data.at("nearest").as_string(), "kwh_consumed");
}

}  // namespace
}  // namespace energy
