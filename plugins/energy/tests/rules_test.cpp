// The worked examples of the energy rules, their borders, and properties over random values.
#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_int.hpp>
#include <random>
#include <string>
#include <vector>

#include "plugins/energy/rules/fees.hpp"
#include "plugins/energy/rules/ids.hpp"
#include "plugins/energy/rules/reading.hpp"
#include "plugins/energy/rules/reputation.hpp"
#include "plugins/energy/rules/settlement.hpp"

namespace energy {
namespace {

using Big = boost::multiprecision::cpp_int;

// Random values whose bit lengths are spread evenly, so that small and huge ones both occur.
class Random {
 public:
  std::uint64_t any() { return engine_() >> (engine_() % 64); }
  std::uint64_t below(std::uint64_t n) { return engine_() % n; }

 private:
  std::mt19937_64 engine_{20240601};
};

Reputation example_reputation() {
  Reputation r;
  r.traits = {BetaPair{4'000'000, 2'000'000}, BetaPair{3'000'000, 1'000'000},
              BetaPair{2'500'000, 1'500'000}, BetaPair{1'000'000, 1'000'000}};
  return r;
}

TEST(Ids, hex_of_every_byte_is_read_in_both_cases_and_nothing_else_is) {
  std::array<std::uint8_t, 33> bytes;  // four groups of eight, and a single one
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(29 + 41 * i);
  const std::string lower = format_hex(bytes);
  for (std::size_t place = 0; place < lower.size(); ++place) {
    for (int c = 0; c < 256; ++c) {
      std::string text = lower;
      text[place] = static_cast<char>(c);
      std::array<std::uint8_t, 33> read{};
      const bool digit = std::isxdigit(c) != 0;
      ASSERT_EQ(parse_hex(text, read.data(), read.size()), digit) << place << " " << c;
      if (digit && std::tolower(c) == lower[place]) {
        ASSERT_EQ(read, bytes);
      } else if (digit) {
        ASSERT_NE(read, bytes);
      }
    }
  }
}

TEST(EnergyIds, short_and_padded_forms_name_the_same_provider) {
  EXPECT_EQ(format_provider_id(0), "energy-0x00000000");
  EXPECT_EQ(format_provider_id(0xdeadbeef), "energy-0xdeadbeef");
  EXPECT_EQ(format_provider_id(0x0123a9f0), "energy-0x0123a9f0");
  EXPECT_EQ(parse_provider_id("energy-0x00"), ProviderId{0});
  EXPECT_EQ(parse_provider_id("energy-0x1F"), ProviderId{0x1f});
  EXPECT_EQ(parse_provider_id("energy-0xffffffff"), ProviderId{0xffffffff});
}

TEST(EnergyIds, other_texts_are_no_provider) {
  for (const char* text : {"", "energy-0x", "energy-0x000000000", "energy-0xg", "energy-00",
                           "Energy-0x00", "energy-0x 1", "energy-0x1 "}) {
    EXPECT_FALSE(parse_provider_id(text)) << text;
  }
}

TEST(EnergyIds, hex_is_read_in_both_cases_and_written_lower) {
  const std::string lower(64, 'a');
  EXPECT_EQ(parse_meter_hash(lower), parse_meter_hash("0x" + std::string(64, 'A')));
  EXPECT_EQ(format_hex(*parse_meter_hash(std::string(64, 'A'))), lower);
  EXPECT_FALSE(parse_meter_hash(lower.substr(1)));
  EXPECT_FALSE(parse_meter_hash(lower + "aa"));
  EXPECT_FALSE(parse_meter_hash(lower.substr(1) + "x"));
  EXPECT_TRUE(parse_public_key(" \t" + lower + "\n"));
  EXPECT_FALSE(parse_public_key(lower.substr(0, 32) + " " + lower.substr(0, 31)));
}

TEST(EnergyIds, names_are_valid_utf8_without_control_characters) {
  EXPECT_TRUE(is_plain_text("z\xc3\xa4hler/\xc3\x9f-1", kMaxNameBytes));
  EXPECT_TRUE(is_plain_text("\xf0\x9f\x94\x8b", kMaxNameBytes));
  EXPECT_TRUE(is_plain_text(std::string(128, 'x'), kMaxNameBytes));
  EXPECT_FALSE(is_plain_text(std::string(129, 'x'), kMaxNameBytes));
  for (const std::string_view bad :
       {std::string_view(""), std::string_view("a\nb"), std::string_view("a\0b", 3),
        std::string_view("\x7f"), std::string_view("\xc2\x80"), std::string_view("\xc0\xaf"),
        std::string_view("\xe0\x80\xaf"), std::string_view("\xed\xa0\x80"),
        std::string_view("\xf4\x90\x80\x80"), std::string_view("\xc3"), std::string_view("\xff"),
        std::string_view("\xe2\x82x"), std::string_view("\x80")}) {
    EXPECT_FALSE(is_plain_text(bad, kMaxNameBytes))
        << format_hex(reinterpret_cast<const std::uint8_t*>(bad.data()), bad.size());
  }
}

TEST(EnergyParams, every_parameter_is_found_by_its_three_spellings) {
  EXPECT_EQ(param_table().size(), 23u);
  for (const char* spelling : {"energy_min_stake", "energy.min_stake", "EnergyMinStake"}) {
    ASSERT_NE(find_param(spelling), nullptr) << spelling;
    EXPECT_EQ(find_param(spelling)->name, "energy_min_stake");
  }
  for (const ParamSpec& spec : param_table()) {
    EXPECT_EQ(find_param(spec.name), &spec);
    EXPECT_EQ(find_param(dotted_spelling(spec.name)), &spec);
    EXPECT_EQ(find_param(pascal_spelling(spec.name)), &spec);
  }
  for (const char* other :
       {"", "energy_minstake", "energy.min.stake", "energyMinStake", "Energy_min_stake"}) {
    EXPECT_EQ(find_param(other), nullptr) << other;
  }
}

TEST(EnergyParams, defaults_are_those_of_the_table_and_inside_their_ranges) {
  const Params defaults;
  for (const ParamSpec& spec : param_table()) {
    EXPECT_EQ(defaults.*spec.field, spec.default_value) << spec.name;
    EXPECT_FALSE(check_param(spec, spec.min)) << spec.name;
    EXPECT_FALSE(check_param(spec, spec.default_value)) << spec.name;
    EXPECT_FALSE(check_param(spec, spec.max)) << spec.name;
    EXPECT_TRUE(check_param(spec, spec.max + 1)) << spec.name;
    if (spec.min > 0) {
      EXPECT_TRUE(check_param(spec, spec.min - 1)) << spec.name;
    }
  }
}

TEST(EnergyParams, values_in_the_order_of_the_table_are_all_or_nothing) {
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < param_table().size(); ++i) values.push_back(1000 + i);
  const std::optional<Params> params = params_of(values);
  ASSERT_TRUE(params);
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(*params.*param_table()[i].field, values[i]) << param_table()[i].name;
  EXPECT_FALSE(params_of({}));
  values.push_back(0);
  EXPECT_FALSE(params_of(values));
}

TEST(EnergyParams, settlement_expiry_replaces_the_oracle_timeout_only_above_zero) {
  Params p;
  EXPECT_EQ(effective_expiry(p), 720u);
  p.settlement_expiry_blocks = 10;
  EXPECT_EQ(effective_expiry(p), 10u);
}

TEST(EnergyReading, latency_is_the_age_in_ms_and_never_negative) {
  EXPECT_EQ(reading_latency_ms(1000, 997), 3000u);
  EXPECT_EQ(reading_latency_ms(997, 1000), 0u);
  EXPECT_FALSE(reading_latency_ms(kU64Max, 0));
  EXPECT_EQ(clock_skew(10, 4), 6u);
  EXPECT_EQ(clock_skew(4, 10), 6u);
}

TEST(EnergyReading, bytes_that_are_hashed_are_the_same_for_short_and_long_texts) {
  for (const std::size_t size : {0, 20, 150, 151, 400}) {  // 256 bytes in all with 151
    Reading reading{std::string("energy-0x1"), std::string(size, 'm'), 1, 2, 3, {}};
    reading.signature.fill(7);
    std::string expected = reading.provider_id + reading.meter_address;
    for (const char number : {'\x01', '\x02', '\x03'}) expected += number + std::string(7, '\0');
    const ReadingBytes bytes(reading);
    EXPECT_EQ(bytes.preimage(), expected) << size;
    expected += '\x40' + std::string(3, '\0') + std::string(64, '\x07');
    EXPECT_EQ(bytes.whole(), expected) << size;
  }
}

TEST(EnergyFees, worked_example_of_a_busy_market_is_347_bps) {
  const MarketLoad load{.total_capacity_kwh = 18'000, .total_consumed_kwh = 13'140, .providers = 3};
  const auto rate = fee_rate(Params{}, load, 18 * 3600);
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->utilization_ppm, 730'000u);
  EXPECT_EQ(rate->tanh_ppm, 29'991);
  EXPECT_EQ(rate->congestion_ppm, 1'299'910u);
  EXPECT_EQ(rate->liquidity_ppm, 826'795u);
  EXPECT_EQ(rate->time_ppm, 1'289'778u);
  EXPECT_EQ(rate->fee_bps, 347u);
}

TEST(EnergyFees, worked_example_of_an_empty_market_is_136_bps) {
  const auto rate = fee_rate(Params{}, MarketLoad{.providers = 1}, 16 * 3600);
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->tanh_ppm, -604'367);
  EXPECT_EQ(rate->congestion_ppm, 500'000u);
  EXPECT_EQ(rate->liquidity_ppm, 900'000u);
  EXPECT_EQ(rate->time_ppm, 1'212'132u);
  EXPECT_EQ(rate->fee_bps, 136u);
}

TEST(EnergyFees, dynamic_rate_stays_inside_its_bounds_for_all_parameters) {
  Random random;
  for (int i = 0; i < 20'000; ++i) {
    Params p;
    for (const ParamSpec& spec : param_table())
      p.*spec.field = spec.min + random.below(spec.max - spec.min + 1);
    p.dynamic_fees_enabled = 1;
    MarketLoad load{.total_capacity_kwh = U128{random.any()} * (1 + random.below(1000)),
                    .total_consumed_kwh = 0,
                    .providers = random.any()};
    if (load.total_capacity_kwh > 0)
      load.total_consumed_kwh = random.any() % (load.total_capacity_kwh + 1);
    const auto rate = fee_rate(p, load, random.any());
    ASSERT_TRUE(rate);
    EXPECT_GE(rate->fee_bps, kMinDynamicFeeBps);
    EXPECT_LE(rate->fee_bps, kMaxDynamicFeeBps);
    EXPECT_LE(rate->utilization_ppm, kPpmOne);
    EXPECT_GE(rate->liquidity_ppm, 700'000u);
  }
}

TEST(EnergyFees, rate_never_falls_when_utilisation_rises) {
  Ppm last = 0;
  for (std::uint64_t used = 0; used <= 1000; ++used) {
    const auto rate = fee_rate(
        Params{}, {.total_capacity_kwh = 1000, .total_consumed_kwh = used, .providers = 2}, 0);
    ASSERT_TRUE(rate);
    EXPECT_GE(rate->fee_bps, last);
    last = rate->fee_bps;
  }
}

TEST(EnergyFees, base_rate_is_not_clamped_when_dynamic_fees_are_off) {
  Params p;
  p.dynamic_fees_enabled = 0;
  p.treasury_fee_bps = 5000;
  EXPECT_EQ(fee_rate(p, {}, 0)->fee_bps, 5000u);
  p.treasury_fee_bps = 0;
  EXPECT_EQ(fee_rate(p, {}, 0)->fee_bps, 0u);
}

TEST(EnergyFees, totals_beyond_128_bits_and_overfull_markets_are_refused) {
  EXPECT_FALSE(
      fee_rate(Params{}, {.total_capacity_kwh = kU128Max, .total_consumed_kwh = kU128Max / 2}, 0));
  EXPECT_FALSE(fee_rate(Params{}, {.total_capacity_kwh = 1, .total_consumed_kwh = 2}, 0));
}

TEST(EnergySettlement, quorum_examples) {
  EXPECT_EQ(quorum_actual_ppm(1000, 3000), 333'333u);
  EXPECT_EQ(quorum_actual_ppm(1001, 3000), 333'666u);
  EXPECT_EQ(quorum_actual_ppm(5, 0), 5'000'000u);
  EXPECT_FALSE(quorum_actual_ppm(kU64Max, 1));
}

TEST(EnergySettlement, cost_example_splits_the_price_without_loss) {
  const auto cost = settlement_cost(401, 30, 347, 25);
  ASSERT_TRUE(cost);
  EXPECT_EQ(cost->price_paid, 12'030u);
  EXPECT_EQ(cost->treasury_fee, 417u);
  EXPECT_EQ(cost->jurisdiction_fee, 30u);
  EXPECT_EQ(cost->payout, 11'583u);
}

TEST(EnergySettlement, shares_of_the_cost_always_add_up) {
  Random random;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t kwh = random.any(), price = random.any();
    const std::uint64_t treasury = random.below(5001), jurisdiction = random.below(5001);
    const auto cost = settlement_cost(kwh, price, treasury, jurisdiction);
    const Big exact = Big(kwh) * price;
    ASSERT_EQ(cost.has_value(), exact <= kU64Max);
    if (!cost) continue;
    EXPECT_EQ(Big(cost->price_paid), exact);
    EXPECT_EQ(Big(cost->treasury_fee), exact * treasury / 10'000);
    EXPECT_EQ(Big(cost->payout) + cost->treasury_fee + cost->jurisdiction_fee, exact);
  }
}

TEST(EnergySettlement, rates_above_the_whole_are_refused) {
  EXPECT_TRUE(settlement_cost(1, 1, 5000, 5000));
  EXPECT_FALSE(settlement_cost(1, 1, 5001, 5000));
  EXPECT_FALSE(settlement_cost(1, 1, kU64Max, kU64Max));
}

TEST(EnergySettlement, slash_examples) {
  EXPECT_EQ(settlement_slash(12'030, 250, 5000), 300u);
  EXPECT_EQ(refused_slash(30, 401, 250, 5000), 300u);
  EXPECT_EQ(refused_slash(30, 401, 250, 299), 299u);
  EXPECT_EQ(refused_slash(30, 0, 250, 5000), 0u);
  EXPECT_EQ(slashed_kwh(1'000'000, 401), 401u);
}

TEST(EnergySettlement, refused_slash_is_exact_up_to_the_stake_for_all_values) {
  Random random;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t price = random.any(), kwh = random.any(), rate = random.below(10'001);
    const Big exact = Big(price) * kwh * rate / 10'000;
    const Big want = exact < kU64Max ? exact : Big(kU64Max);
    EXPECT_EQ(Big(refused_slash(price, kwh, rate, kU64Max)), want);
  }
  EXPECT_EQ(refused_slash(kU64Max, kU64Max, 10'000, kU64Max), kU64Max);
}

TEST(EnergySettlement, credit_lives_through_its_last_block) {
  EXPECT_EQ(credit_expires_at(100, 720), 820u);
  EXPECT_FALSE(credit_expired(820, 100, 720));
  EXPECT_TRUE(credit_expired(821, 100, 720));
  EXPECT_FALSE(credit_expired(99, 100, 0));
  EXPECT_FALSE(credit_expires_at(kU64Max, 1));
  EXPECT_FALSE(credit_purgeable(10'820, 100, 720, 10'000));
  EXPECT_TRUE(credit_purgeable(10'821, 100, 720, 10'000));
  EXPECT_FALSE(credit_purgeable(kU64Max, 0, kU64Max, kU64Max));
}

TEST(EnergySettlement, batch_gate_opens_at_multiples_of_the_interval) {
  EXPECT_TRUE(batch_gate(100, 100, 8)->due);
  EXPECT_FALSE(batch_gate(101, 100, 8)->due);
  EXPECT_EQ(batch_gate(101, 100, 8)->next_block, 108u);
  EXPECT_EQ(batch_gate(107, 100, 8)->next_block, 108u);
  EXPECT_TRUE(batch_gate(108, 100, 8)->due);
  EXPECT_TRUE(batch_gate(kU64Max, kU64Max - 16, 8)->due);
  EXPECT_FALSE(batch_gate(kU64Max, kU64Max - 1, 8));
}

TEST(EnergySettlement, average_price_is_unset_before_the_first_settlement) {
  EXPECT_FALSE(average_price(0, 0));
  EXPECT_EQ(average_price(48'001, 400), U128{120});
}

TEST(EnergyReputation, worked_example_is_647066) {
  Reputation r = example_reputation();
  rescore(r);
  EXPECT_EQ(r.composite_ppm, 647'066u);
}

// The largest y by plain search with a general big integer: slow, and independent of the code under
// test.
Ppm naive_composite(const std::array<Ppm, kTraits>& means) {
  Big product = 1;
  for (unsigned i = 0; i < kTraits; ++i)
    product *= boost::multiprecision::pow(Big(means[i]), kTraitWeights[i]);
  Ppm low = 0, high = 1'000'000;
  while (low < high) {
    const Ppm middle = (low + high + 1) / 2;
    if (boost::multiprecision::pow(Big(middle), 20) <= product) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

TEST(EnergyReputation, composite_equals_a_naive_big_integer_root) {
  Random random;
  for (int i = 0; i < 5000; ++i) {
    std::array<Ppm, kTraits> means;
    for (Ppm& m : means)
      m = static_cast<Ppm>(random.below(4) == 0 ? random.any() % 100 : random.below(1'000'001));
    ASSERT_EQ(composite_of(means), naive_composite(means))
        << means[0] << ' ' << means[1] << ' ' << means[2] << ' ' << means[3];
  }
}

TEST(EnergyReputation, composite_of_equal_means_is_that_mean_exactly) {
  for (Ppm m = 0; m <= 1'000'000; m += m < 2000 ? 1 : 997) ASSERT_EQ(composite_of({m, m, m, m}), m);
  EXPECT_EQ(composite_of({1'000'000, 1'000'000, 1'000'000, 1'000'000}), 1'000'000u);
}

// Just below and at an exact power: (y^20) is reached by four equal means, and one ppm less in any
// is not.
TEST(EnergyReputation, composite_is_exact_at_the_edge_of_a_power) {
  for (const Ppm y : {2u, 1000u, 531'441u, 999'999u, 1'000'000u}) {
    for (unsigned i = 0; i < kTraits; ++i) {
      std::array<Ppm, kTraits> means = {y, y, y, y};
      means[i] -= 1;
      EXPECT_EQ(composite_of(means), naive_composite(means));
      EXPECT_EQ(composite_of(means), y - 1);
    }
  }
}

TEST(EnergyReputation, one_hopeless_mean_makes_the_composite_zero) {
  EXPECT_EQ(composite_of({1'000'000, 0, 1'000'000, 1'000'000}), 0u);
  EXPECT_EQ(mean_ppm({1'000'000, kU64Max}), 0u);
}

TEST(EnergyReputation, good_observations_never_lower_and_bad_never_raise_the_composite) {
  Random random;
  Reputation r;
  for (int i = 0; i < 5000; ++i) {
    const Trait trait = static_cast<Trait>(random.below(kTraits));
    const bool good = random.below(2) == 0;
    const Ppm before = r.composite_ppm;
    ASSERT_TRUE(observe(r, trait, quality_of(good)));
    if (good) {
      EXPECT_GE(r.composite_ppm, before);
    } else {
      EXPECT_LE(r.composite_ppm, before);
    }
  }
  EXPECT_EQ(r.observations, 5000u);
}

TEST(EnergyReputation, a_penalty_is_capped_and_counts_no_observation) {
  Reputation a, b;
  ASSERT_TRUE(penalize(a, kMaxPenaltyPpm));
  ASSERT_TRUE(penalize(b, kU64Max));
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.observations, 0u);
  EXPECT_EQ(a.of(Trait::kCapacity), (BetaPair{1'000'000, 11'000'000}));
}

TEST(EnergyReputation, full_counters_are_reported_and_nothing_changes) {
  Reputation r;
  r.traits[1].alpha = kU64Max;
  r.traits[3].beta = kU64Max - 1;
  const Reputation before = r;
  EXPECT_FALSE(observe(r, Trait::kMeter, kGood));
  EXPECT_FALSE(penalize(r, 2));
  EXPECT_EQ(r, before);
  EXPECT_TRUE(observe(r, Trait::kMeter, kBad));
}

TEST(EnergyReputation, qualities) {
  EXPECT_EQ(latency_quality(5000, 5000), kGood);
  EXPECT_EQ(latency_quality(5001, 5000), 999'800u);
  EXPECT_EQ(latency_quality(kU64Max, 3'600'000), 0u);
  EXPECT_EQ(capacity_quality(800, 1000), kGood);
  EXPECT_EQ(capacity_quality(799, 1000), kBad);
  EXPECT_EQ(capacity_quality(1200, 1000), kGood);
  EXPECT_EQ(capacity_quality(1201, 1000), kBad);
  EXPECT_EQ(capacity_quality(kU64Max, kU64Max), kGood);
  EXPECT_FALSE(capacity_quality(5, 0));
}

TEST(EnergyReputation, deactivation_needs_a_low_score_and_enough_confidence) {
  EXPECT_LT(confidence_ppm(46), 700'000u);
  EXPECT_GE(confidence_ppm(47), 700'000u);
  EXPECT_EQ(confidence_ppm(kU64Max), 999'999u);
  Reputation r;
  r.composite_ppm = 299'999;
  r.observations = 46;
  EXPECT_FALSE(below_floor(r, Params{}));
  r.observations = 47;
  EXPECT_TRUE(below_floor(r, Params{}));
  r.composite_ppm = 300'000;
  EXPECT_FALSE(below_floor(r, Params{}));
}

TEST(EnergyReputation, moving_average_example) {
  EXPECT_EQ(ewma_score(1'000'000, 0, 300'000), 700'000u);
  EXPECT_EQ(ewma_score(700'000, 5, 300'000), 790'000u);
  EXPECT_EQ(ewma_score(700'000, 200, 300'000), 790'000u);
}

}  // namespace
}  // namespace energy
