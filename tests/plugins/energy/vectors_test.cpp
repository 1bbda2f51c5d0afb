// The golden vectors of the energy rules: each line of sign, verify, fee and reputation is
// replayed.
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <fstream>
#include <string>
#include <vector>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "plugins/energy/rules/fees.hpp"
#include "plugins/energy/rules/ids.hpp"
#include "plugins/energy/rules/reading.hpp"
#include "plugins/energy/rules/reputation.hpp"
#include "tests/plugins/energy/node_crypto.hpp"

namespace energy {
namespace {

namespace json = boost::json;

std::vector<json::object> vectors(const std::string& file) {
  std::ifstream in(std::string(TB_SOURCE_DIR) + "/tests/vectors/energy/" + file);
  std::vector<json::object> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) out.push_back(json::parse(line).as_object());
  }
  return out;
}

std::uint64_t number(const json::object& o, std::string_view name) {
  return o.at(name).to_number<std::uint64_t>();
}

std::string text(const json::object& o, std::string_view name) {
  return std::string(o.at(name).as_string());
}

std::string name_of(const json::object& vector) { return text(vector, "name"); }

Reading reading_of(const json::object& in) {
  Reading r;
  r.provider_id = text(in, "provider_id");
  r.meter_address = text(in, "meter_address");
  r.kwh_reading = number(in, "kwh_reading");
  r.timestamp = number(in, "timestamp");
  r.nonce = number(in, "nonce");
  return r;
}

TEST(EnergyVectors, sign_gives_the_golden_preimage_digest_signatures_and_meter_hashes) {
  const NodeCrypto crypto;
  const std::vector<json::object> all = vectors("sign.jsonl");
  ASSERT_EQ(all.size(), 10u);
  for (const json::object& v : all) {
    SCOPED_TRACE(name_of(v));
    const json::object& in = v.at("input").as_object();
    const json::object& want = v.at("expected").as_object();
    Reading reading = reading_of(in);
    const auto seed = parse_hex<32>(text(in, "secret_seed_hex"));
    ASSERT_TRUE(seed);
    const blockd::SigningKey key = blockd::SigningKey::from_seed(*seed);
    EXPECT_EQ(format_hex(key.public_key()), text(want, "public_key_hex"));

    const std::string preimage = reading_preimage(reading);
    EXPECT_EQ(format_hex(reinterpret_cast<const std::uint8_t*>(preimage.data()), preimage.size()),
              text(want, "preimage_hex"));
    const Hash digest = reading_digest(reading, crypto);
    EXPECT_EQ(format_hex(digest), text(want, "digest_hex"));

    reading.signature = key.sign(blockd::view(digest));
    EXPECT_EQ(format_hex(reading.signature), text(want, "signature_hex"));
    EXPECT_EQ(format_hex(reading_meter_hash(reading, crypto)), text(want, "meter_hash"));
    EXPECT_TRUE(verify_reading(reading, key.public_key(), crypto));

    reading.signature = key.sign(preimage);
    EXPECT_EQ(format_hex(reading.signature), text(want, "raw_signature_hex"));
    EXPECT_EQ(format_hex(reading_meter_hash(reading, crypto)), text(want, "raw_meter_hash"));
    EXPECT_TRUE(verify_reading(reading, key.public_key(), crypto));
  }
}

// The example of the specification, whose numbers were computed independently of the vectors.
TEST(EnergyVectors, signed_message_example) {
  const NodeCrypto crypto;
  std::array<std::uint8_t, 32> seed;
  seed.fill(7);
  const blockd::SigningKey key = blockd::SigningKey::from_seed(seed);
  Reading reading{.provider_id = "energy-0x00000000",
                  .meter_address = "mock_meter_1",
                  .kwh_reading = 12000,
                  .timestamp = 1710000000,
                  .nonce = 1};
  const Hash digest = reading_digest(reading, crypto);
  EXPECT_EQ(format_hex(key.public_key()),
            "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c");
  EXPECT_EQ(format_hex(digest), "ff5418c917740f527677718c0129ef4cd650e563de349ea83477e20d5d999ab3");
  reading.signature = key.sign(blockd::view(digest));
  EXPECT_EQ(format_hex(reading_meter_hash(reading, crypto)),
            "8ea2ee297e3a99f899646643149e02b9fe0e5670494fc30fd27bb22b7429ec30");

  Reading short_id = reading;
  short_id.provider_id = "energy-0x00";
  EXPECT_FALSE(verify_reading(short_id, key.public_key(), crypto))
      << "the id is signed exactly as sent";
  PublicKey no_point;
  no_point.fill(0xff);
  EXPECT_FALSE(verify_reading(reading, no_point, crypto));
}

TEST(EnergyVectors, verify_accepts_and_refuses_as_the_golden_cases_say) {
  const NodeCrypto crypto;
  const std::vector<json::object> all = vectors("verify.jsonl");
  ASSERT_EQ(all.size(), 11u);
  for (const json::object& v : all) {
    SCOPED_TRACE(name_of(v));
    const json::object& in = v.at("input").as_object();
    Reading reading = reading_of(in);
    const auto signature = parse_signature(text(in, "signature"));
    const auto key = parse_public_key(text(in, "public_key_hex"));
    ASSERT_TRUE(signature && key);
    reading.signature = *signature;
    EXPECT_EQ(verify_reading(reading, *key, crypto),
              v.at("expected").as_object().at("valid").as_bool());
  }
}

TEST(EnergyVectors, fee_rates_match_in_every_factor) {
  const std::vector<json::object> all = vectors("fee.jsonl");
  ASSERT_EQ(all.size(), 13u);
  for (const json::object& v : all) {
    SCOPED_TRACE(name_of(v));
    const json::object& in = v.at("input").as_object();
    Params params;
    for (const auto& [name, value] : in.at("params").as_object()) {
      const ParamSpec* spec = find_param(name);
      ASSERT_NE(spec, nullptr) << name;
      params.*spec->field = value.to_number<std::uint64_t>();
    }
    const MarketLoad load{.total_capacity_kwh = number(in, "total_capacity_kwh"),
                          .total_consumed_kwh = number(in, "total_consumed_kwh"),
                          .providers = number(in, "providers")};
    const auto rate = fee_rate(params, load, number(in, "timestamp"));
    ASSERT_TRUE(rate);
    const json::object& want = v.at("expected").as_object();
    EXPECT_EQ(rate->fee_bps, number(want, "fee_bps"));
    if (!want.contains("tanh_ppm")) continue;
    EXPECT_EQ(rate->utilization_ppm, number(want, "utilization_ppm"));
    EXPECT_EQ(rate->tanh_ppm, want.at("tanh_ppm").to_number<std::int64_t>());
    EXPECT_EQ(rate->congestion_ppm, number(want, "congestion_ppm"));
    EXPECT_EQ(rate->liquidity_ppm, number(want, "liquidity_ppm"));
    EXPECT_EQ(rate->time_ppm, number(want, "time_ppm"));
  }
}

void apply_update(Reputation& r, const json::object& u, std::uint64_t threshold_ms) {
  const std::string kind = text(u, "update");
  if (kind == "delivery") {
    ASSERT_TRUE(observe(r, Trait::kDelivery, quality_of(u.at("success").as_bool())));
  } else if (kind == "meter") {
    ASSERT_TRUE(observe(r, Trait::kMeter, quality_of(u.at("consistent").as_bool())));
  } else if (kind == "latency") {
    ASSERT_TRUE(
        observe(r, Trait::kLatency, latency_quality(number(u, "latency_ms"), threshold_ms)));
  } else if (kind == "capacity") {
    const auto quality = capacity_quality(number(u, "current"), number(u, "expected"));
    if (quality) {
      ASSERT_TRUE(observe(r, Trait::kCapacity, *quality));
    }
  } else if (kind == "penalize") {
    ASSERT_TRUE(penalize(r, number(u, "severity_ppm")));
  } else {
    FAIL() << "unknown update " << kind;
  }
}

TEST(EnergyVectors, reputations_match_after_every_sequence_of_updates) {
  const std::vector<json::object> all = vectors("reputation.jsonl");
  ASSERT_EQ(all.size(), 8u);
  for (const json::object& v : all) {
    SCOPED_TRACE(name_of(v));
    const json::object& in = v.at("input").as_object();
    Reputation r;
    for (const json::value& u : in.at("updates").as_array()) {
      apply_update(r, u.as_object(), number(in, "latency_threshold_ms"));
    }
    const json::object& want = v.at("expected").as_object();
    const char* const kNames[] = {"delivery", "meter", "latency", "capacity"};
    for (unsigned i = 0; i < kTraits; ++i) {
      const json::array& pair = want.at(kNames[i]).as_array();
      EXPECT_EQ(r.traits[i].alpha, pair[0].to_number<std::uint64_t>()) << kNames[i];
      EXPECT_EQ(r.traits[i].beta, pair[1].to_number<std::uint64_t>()) << kNames[i];
    }
    EXPECT_EQ(r.observations, number(want, "observations"));
    EXPECT_EQ(confidence_ppm(r.observations), number(want, "confidence_ppm"));
    EXPECT_EQ(r.composite_ppm, number(want, "composite_ppm"));
  }
}

}  // namespace
}  // namespace energy
