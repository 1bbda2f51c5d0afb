// The oracle against a fake node: what the demo does to the market, and what the routes answer.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>

#include "sdk/tests/fakes.hpp"
#include "tests/plugins/mock-oracle/fake_node.hpp"

namespace mock_oracle {
namespace {

class OracleTest : public testing::Test {
 protected:
  void run_until_quiet() {
    oracle.on_timer();
    node.deliver(oracle);
  }
  // `seconds` of the node's time, with the timer and all answers.
  void run_seconds(int seconds) {
    for (int i = 0; i < 10 * seconds; ++i) {
      run_until_quiet();
      node.now_ms += 100;
    }
  }
  std::size_t count_posts(std::string_view method) const {
    return static_cast<std::size_t>(std::count(node.posted.begin(), node.posted.end(), method));
  }

  struct Answer {
    std::uint32_t status;
    std::string body;
  };
  using Route = tb::Status (Oracle::*)(tb::View&, const tb::HttpRequest&, tb::HttpReply&);
  Answer http(Route route, std::string_view id, std::vector<tb_value> query = {},
              std::string_view body = {}, const tb_value* json = nullptr) {
    fakes::Step step;
    tb::View view(step.read_only());
    const tb_value path = fakes::named("id", fakes::text(id));
    tb_http_request request{};
    request.path = &path;
    request.path_count = 1;
    request.query = query.data();
    request.query_count = static_cast<std::uint32_t>(query.size());
    request.body = tb::to_str(body);
    request.json = json;
    fakes::TextOut text;
    tb_http_reply raw{};
    raw.status = 200;
    raw.json = text.out();
    tb::HttpReply reply(&raw);
    EXPECT_TRUE((oracle.*route)(view, tb::HttpRequest(&request), reply));
    return {raw.status, text.text()};
  }

  FakeNode node;
  Oracle oracle{tb::Host(&node)};
};

TEST_F(OracleTest, demo_registers_its_meters_sets_keys_and_trades) {
  node.market.keys["energy-0x00000077"] = std::string(64, 'a');  // of another provider
  run_until_quiet();
  ASSERT_EQ(node.market.providers.size(), 4u);
  EXPECT_EQ(node.market.providers[3].meter, "gb-3");
  EXPECT_EQ(node.market.keys.size(), 5u);
  EXPECT_EQ(node.market.keys["energy-0x00000077"], std::string(64, 'a'));
  EXPECT_NE(node.market.keys[FakeMarket::id(0)], node.market.keys[FakeMarket::id(1)]);

  run_until_quiet();  // the first step: 22,262 MW are 2,226 kWh
  ASSERT_EQ(node.market.readings.size(), 4u);
  EXPECT_EQ(node.market.total_kwh(), 2226u);
  EXPECT_EQ(node.market.settled.size(), 4u);
  EXPECT_EQ(node.market.buyer, "tb1operator");
  EXPECT_EQ(node.metrics["0 ok"], 4);
  EXPECT_EQ(node.metrics["1 ok"], 4);
  EXPECT_EQ(node.metrics["2"], 1);
  for (const auto& [hash, kwh] : node.market.settled) EXPECT_EQ(kwh, 556u / 2) << hash;
}

TEST_F(OracleTest, demo_reports_a_half_hour_a_second_and_nothing_in_between) {
  run_seconds(5);
  EXPECT_EQ(node.metrics["2"], 5);
  EXPECT_EQ(node.market.readings.size(), 20u);
  // Demand of the first five half hours, from the file: 22262, 21756, 22247, 22759, 22549.
  EXPECT_EQ(node.market.total_kwh(), 2226u + 2175u + 2224u + 2275u + 2254u);
  EXPECT_EQ(node.metrics["0 refused"], 0);
  EXPECT_EQ(count_posts("energy.register_provider"), 4u);
}

TEST_F(OracleTest, short_steps_share_a_reading_and_long_ones_wait) {
  node.set(keys::kStepMs, 250);
  run_seconds(3);
  // The first step at 0.1 s, then what is due at 1 s and 2 s: until 0.85 s and 1.85 s.
  EXPECT_EQ(node.metrics["2"], 1 + 3 + 4);
  EXPECT_EQ(node.market.readings.size(), 12u);

  FakeNode slow;
  slow.set(keys::kStepMs, 1'800'000);
  Oracle other{tb::Host(&slow)};
  for (int i = 0; i < 100; ++i, slow.now_ms += 1000) {
    other.on_timer();
    slow.deliver(other);
  }
  EXPECT_EQ(slow.metrics["2"], 1);
}

TEST_F(OracleTest, a_restart_goes_on_where_the_chain_and_the_store_stand) {
  run_seconds(2);
  const std::string seed = node.store["seed"];
  const auto keys_before = node.market.keys;
  Oracle again{tb::Host(&node)};
  for (int i = 0; i < 3; ++i, node.now_ms += 1000) {
    again.on_timer();
    node.deliver(again);
  }
  EXPECT_EQ(node.store["seed"], seed);
  EXPECT_EQ(node.market.keys, keys_before);
  EXPECT_EQ(count_posts("energy.register_provider"), 4u);
  EXPECT_EQ(count_posts("energy.set_provider_keys"), 1u);
  EXPECT_EQ(node.metrics["0 refused"], 0);
  EXPECT_EQ(node.store["step"], "4");
  EXPECT_EQ(node.market.total_kwh(), 2226u + 2175u + 2224u + 2275u);
}

TEST_F(OracleTest, rehearsal_is_waited_out_and_told_once_a_minute) {
  node.market.rehearsal = true;
  run_seconds(50);
  EXPECT_EQ(node.market.providers.size(), 0u);
  std::size_t told = 0;
  for (const std::string& line : node.logs) told += line.find("-33020") != std::string::npos;
  EXPECT_EQ(told, 1u);
  EXPECT_LE(count_posts("node.status"), 7u);  // pauses of 1, 2, 4, ... s
  node.market.rehearsal = false;
  run_seconds(60);
  EXPECT_GT(node.market.readings.size(), 0u);
}

TEST_F(OracleTest, a_revoked_key_is_set_again) {
  run_seconds(1);
  node.market.keys.clear();
  run_seconds(5);
  EXPECT_EQ(node.market.keys.size(), 4u);
  EXPECT_GT(node.metrics["0 refused"], 0);
  const std::size_t accepted = node.market.readings.size();
  run_seconds(2);
  EXPECT_GT(node.market.readings.size(), accepted);
}

TEST_F(OracleTest, refused_settlements_do_not_stop_the_readings) {
  node.market.settlements_paused = true;
  run_seconds(3);
  EXPECT_EQ(node.metrics["0 ok"], 12);
  EXPECT_EQ(node.metrics["1 refused"], 12);
}

TEST_F(OracleTest, calls_under_way_are_bounded) {
  node.set(keys::kProviders, 400);
  for (int i = 0; i < 3; ++i, node.now_ms += 1000) run_until_quiet();
  EXPECT_EQ(node.market.providers.size(), 400u);
  EXPECT_LE(node.most_waiting, Demo::kWindow + 1);
  EXPECT_EQ(node.market.total_kwh(), 2226u + 2175u);
}

TEST_F(OracleTest, what_a_busy_node_does_not_take_is_in_the_next_reading) {
  run_until_quiet();
  node.post_status = TB_E_BUSY;
  node.now_ms += 1000;
  run_until_quiet();
  EXPECT_EQ(node.metrics["0 dropped"], 4);
  EXPECT_EQ(node.market.total_kwh(), 0u);
  node.post_status = TB_OK;
  node.now_ms += 1000;
  run_until_quiet();
  EXPECT_EQ(node.market.total_kwh(), 2226u + 2175u);
}

TEST_F(OracleTest, lost_answers_are_given_up_after_a_minute) {
  oracle.on_timer();
  ASSERT_EQ(node.answers.size(), 1u);
  FakeNode::Waiting lost = std::move(node.answers.front());
  node.answers.clear();
  node.now_ms += 59'999;
  oracle.on_timer();
  EXPECT_EQ(count_posts("node.status"), 1u);
  node.now_ms += 1;
  oracle.on_timer();
  node.now_ms += 1000;
  oracle.on_timer();
  EXPECT_EQ(count_posts("node.status"), 2u);
  oracle.on_reply(lost.cookie, {true, tb::Value(lost.tree->finish())});  // too late: ignored
  EXPECT_EQ(count_posts("energy.providers"), 0u);
}

TEST_F(OracleTest, a_missing_curve_is_told_and_the_routes_go_on) {
  node.set(keys::kDataFile, "no/such/file.csv");
  run_seconds(2);
  ASSERT_FALSE(node.logs.empty());
  EXPECT_NE(node.logs.back().find("'no/such/file.csv' was not found"), std::string::npos);
  EXPECT_TRUE(node.posted.empty());
  EXPECT_EQ(http(&Oracle::get_reading, "m").status, 200u);
}

TEST_F(OracleTest, off_means_that_nothing_is_sent) {
  node.set(keys::kDemo, false);
  run_seconds(2);
  EXPECT_TRUE(node.posted.empty());
  node.set(keys::kDemo, true);
  oracle.on_config();
  run_seconds(2);
  EXPECT_FALSE(node.market.readings.empty());
}

TEST_F(OracleTest, reading_counts_up_and_names_the_provider) {
  const Answer first = http(&Oracle::get_reading, "meter_a");
  EXPECT_EQ(first.status, 200u);
  EXPECT_TRUE(
      first.body.starts_with("provider_id:'provider-meter_a',meter_address:'meter_a',"
                             "kwh_reading:250,timestamp:1710000000,nonce:1710000000,"
                             "signature:'"))
      << first.body;
  EXPECT_NE(http(&Oracle::get_reading, "meter_a").body.find("kwh_reading:500,timestamp:1710000001"),
            std::string::npos);
  node.market.providers.push_back({"meter_b", {1000, 1'710'000'100, 7}});
  EXPECT_NE(
      http(&Oracle::get_reading, "meter_b")
          .body.find("provider_id:'energy-0x00000000',meter_address:'meter_b',kwh_reading:1250,"
                     "timestamp:1710000101"),
      std::string::npos);
  node.set(keys::kMap, std::vector<std::string>{"meter_c=energy-0x00000009"});
  oracle.on_config();
  EXPECT_NE(http(&Oracle::get_reading, "meter_c").body.find("provider_id:'energy-0x00000009'"),
            std::string::npos);
  EXPECT_NE(http(&Oracle::get_reading, "meter_c", {fakes::named("provider_id", fakes::text("p"))})
                .body.find("provider_id:'p'"),
            std::string::npos);
}

TEST_F(OracleTest, submit_mints_a_credit_or_tells_why_not) {
  const std::string_view seed = "0707070707070707070707070707070707070707070707070707070707070707";
  node.set(keys::kKeyHex, std::string(seed));
  const std::string key = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
  EXPECT_EQ(http(&Oracle::get_key, {}).body, "public_key_hex:'" + key + "'");
  EXPECT_EQ(http(&Oracle::post_submit, "m").status, 422u);
  EXPECT_EQ(http(&Oracle::post_submit, "m").body, "error:{code:-33006,message:'UnknownProvider'}");
  node.market.providers.push_back({"m", {}});
  node.market.keys[FakeMarket::id(0)] = key;
  EXPECT_EQ(http(&Oracle::post_submit, "m").body,
            "status:'ok',credit:{amount_kwh:750,meter_hash:'hash0'}");
  node.call_status = TB_E_TIMEOUT;
  EXPECT_EQ(http(&Oracle::post_submit, "m").status, 502u);
  EXPECT_EQ(http(&Oracle::get_reading, "unknown").status, 502u);
}

TEST_F(OracleTest, submit_takes_a_posted_reading_and_refuses_a_malformed_one) {
  std::vector<tb_value> members = {fakes::named("provider_id", fakes::text("energy-0x00000000")),
                                   fakes::named("meter_address", fakes::text("m")),
                                   fakes::named("kwh_reading", fakes::number(9000)),
                                   fakes::named("timestamp", fakes::number(1'710'000'500)),
                                   fakes::named("nonce", fakes::text("1710000500")),
                                   fakes::named("signature", fakes::text(std::string(128, '0')))};
  tb_value body = fakes::tree(TB_TYPE_RECORD, members);
  EXPECT_EQ(http(&Oracle::post_submit, "m", {}, "{}", &body).status, 422u);
  EXPECT_NE(http(&Oracle::get_reading, "m").body.find("kwh_reading:9250,timestamp:1710000501"),
            std::string::npos);
  EXPECT_EQ(http(&Oracle::post_submit, "other", {}, "{}", &body).body,
            "error:'meter_address is not the meter of the path'");
  members[3].type = TB_TYPE_BOOL;
  const Answer malformed = http(&Oracle::post_submit, "m", {}, "{}", &body);
  EXPECT_EQ(malformed.status, 400u);
  EXPECT_EQ(malformed.body, "error:'timestamp: expected a number'");
  EXPECT_EQ(http(&Oracle::post_submit, "m", {}, "not json").status, 400u);
  EXPECT_EQ(http(&Oracle::get_reading, std::string(129, 'x')).status, 400u);
}

TEST_F(OracleTest, faults_spoil_readings_as_configured) {
  node.set(keys::kSkewSecs, -1000);
  EXPECT_NE(http(&Oracle::get_reading, "m").body.find("timestamp:1709999000"), std::string::npos);
  node.set(keys::kSkewSecs, 0);
  node.set(keys::kRegressPpm, 1'000'000);
  oracle.on_config();
  EXPECT_NE(http(&Oracle::get_reading, "m").body.find("kwh_reading:249,timestamp:1710000001"),
            std::string::npos);
  node.set(keys::kRegressPpm, 0);
  node.set(keys::kDropPpm, 1'000'000);
  oracle.on_config();
  EXPECT_EQ(http(&Oracle::get_reading, "m").status, 503u);
  node.set(keys::kDropPpm, 0);
  node.set(keys::kBadSignaturePpm, 1'000'000);
  oracle.on_config();
  run_seconds(1);
  EXPECT_EQ(node.metrics["0 refused"], 4);
  EXPECT_TRUE(node.market.readings.empty());
}

TEST_F(OracleTest, bad_settings_are_told_to_callers_and_to_the_log) {
  node.set(keys::kKeyHex, std::string("short"));
  const Answer answer = http(&Oracle::get_key, {});
  EXPECT_EQ(answer.status, 503u);
  EXPECT_NE(answer.body.find("64 hex digits"), std::string::npos);
  run_seconds(1);
  EXPECT_TRUE(node.posted.empty());
  node.set(keys::kKeyHex, std::nullopt);
  node.set(keys::kListen, "0.0.0.0:8080");
  oracle.on_config();
  EXPECT_EQ(http(&Oracle::get_key, {}).status, 403u);
  node.set(keys::kAllowRemote, true);
  oracle.on_config();
  EXPECT_EQ(http(&Oracle::get_key, {}).status, 200u);
}

TEST_F(OracleTest, signs_as_the_golden_vectors_say) {
  namespace json = boost::json;
  std::ifstream in(TB_SOURCE_DIR "/tests/vectors/energy/sign.jsonl");
  int cases = 0;
  for (std::string line; std::getline(in, line); ++cases) {
    const json::value vector = json::parse(line);
    const json::object& from = vector.at("input").as_object();
    const auto text = [&](std::string_view name) { return std::string(from.at(name).as_string()); };
    const auto number = [&](std::string_view name) {
      return from.at(name).to_number<std::uint64_t>();
    };
    Reading reading{text("provider_id"), text("meter_address"), number("kwh_reading"),
                    number("timestamp"), number("nonce"),       {}};
    const MeterKeys keys(tb::Host(&node), parse_seed(text("secret_seed_hex")).value());
    keys.sign(reading);
    EXPECT_EQ(tb::to_hex(reading_preimage(reading)),
              vector.at("expected").at("preimage_hex").as_string());
    EXPECT_EQ(reading.signature, vector.at("expected").at("signature_hex").as_string());
    EXPECT_EQ(keys.public_hex(reading.meter_address),
              vector.at("expected").at("public_key_hex").as_string());
  }
  EXPECT_EQ(cases, 10);
}

TEST(CurveTest, shares_sum_up_and_take_turns) {
  for (std::uint64_t step = 0; step < 7; ++step) {
    std::uint64_t sum = 0;
    for (std::uint32_t place = 0; place < 7; ++place) sum += meter_share(2226, step, place, 7);
    EXPECT_EQ(sum, 2226u);
  }
  EXPECT_EQ(meter_share(1, 0, 0, 3), 1u);
  EXPECT_EQ(meter_share(1, 1, 0, 3), 0u);
  EXPECT_EQ(meter_share(1, 1, 2, 3), 1u);
}

TEST(CurveTest, reads_the_sample_and_refuses_damage) {
  const Curve curve =
      Curve::load(TB_SOURCE_DIR "/config/sample-data/gb-electricity-demand-2000.csv");
  EXPECT_EQ(curve.size(), 4032u);
  EXPECT_EQ(curve.demand_mw(0), 22262u);
  EXPECT_EQ(curve.demand_mw(4032), 22262u);
  EXPECT_EQ(curve.total_kwh(4031, 2, 1'000'000), curve.demand_mw(4031) + 22262u);
  EXPECT_THROW(Curve::parse(""), std::runtime_error);
  EXPECT_THROW(Curve::parse("h\n"), std::runtime_error);
  EXPECT_THROW(Curve::parse("h\n0,12x\n"), std::runtime_error);
  EXPECT_THROW(Curve::parse("h\n0,-1\n"), std::runtime_error);
  EXPECT_THROW(Curve::parse("h\n0\n"), std::runtime_error);
  EXPECT_EQ(Curve::parse("h\r\n0,7\r\n").demand_mw(5), 7u);
}

TEST(SettingsTest, knows_addresses_of_this_machine_and_map_entries) {
  EXPECT_TRUE(is_loopback("127.0.0.1:8080"));
  EXPECT_TRUE(is_loopback("[::1]:8080"));
  EXPECT_TRUE(is_loopback("localhost:1"));
  EXPECT_FALSE(is_loopback("0.0.0.0:8080"));
  EXPECT_FALSE(is_loopback(""));
  EXPECT_EQ(parse_map_entry("a=b=c"), (std::pair<std::string, std::string>("a", "b=c")));
  EXPECT_THROW(parse_map_entry("a="), std::runtime_error);
  EXPECT_THROW(parse_map_entry("=b"), std::runtime_error);
  EXPECT_THROW(parse_map_entry("ab"), std::runtime_error);
}

}  // namespace
}  // namespace mock_oracle
