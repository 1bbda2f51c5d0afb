// What a validator is told of itself, and what is odd about the TLS settings.

#include "kernel/base/hex.hpp"
#include "kernel/net/tls_fingerprint.hpp"
#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

constexpr std::uint64_t kDayMs = 24ull * 3600 * 1000;

class ValidatorMethods : public RpcWorld {
 protected:
  std::uint64_t height() const { return world_.chain->view()->height; }
  void mine(std::uint64_t blocks) {
    for (const std::uint64_t until = height() + blocks; height() < until;) {
      clock_.pass_ms(1000);
      ASSERT_EQ(local_call("start_mining").result().at("status").as_string(), "ok");
      ASSERT_EQ(local_call("stop_mining").result().at("status").as_string(), "ok");
    }
  }
  std::uint64_t member(const json::value& of, const char* name) {
    return of.at(name).to_number<std::uint64_t>();
  }
};

TEST_F(ValidatorMethods, tell_of_the_only_validator) {
  mine(3);
  const json::value said = call("validator.status").result();
  EXPECT_EQ(said.at("state").as_string(), "active");
  EXPECT_EQ(said.at("public_key").as_string(),
            "ed25519:" + to_hex(SigningKey::from_seed(World::seed(1)).public_key()));
  EXPECT_EQ(member(said, "power"), 1u);
  EXPECT_GE(member(said, "blocks_proposed_24h"), 3u);
  EXPECT_EQ(member(said.at("next_slot"), "height"), height() + 1);
  EXPECT_GE(member(said, "signed_last_100"), 3u);
  EXPECT_EQ(member(said, "signed_last_100") + member(said, "missed_last_100"), height() + 1);
}

TEST_F(ValidatorMethods, count_the_blocks_of_the_last_day_only) {
  mine(3);
  clock_.pass_ms(kDayMs + 60'000);
  const std::uint64_t before = height();
  EXPECT_EQ(member(call("validator.status").result(), "blocks_proposed_24h"), 0u);
  mine(2);
  EXPECT_EQ(member(call("validator.status").result(), "blocks_proposed_24h"), height() - before);
}

TEST_F(ValidatorMethods, say_when_the_next_slot_is) {
  mine(1);
  set("chain.empty_block_interval_ms", 10'000);
  clock_.pass_ms(2'500);
  EXPECT_EQ(member(call("validator.status").result().at("next_slot"), "in_ms"), 7'500u);
  clock_.pass_ms(60'000);
  EXPECT_EQ(member(call("validator.status").result().at("next_slot"), "in_ms"), 0u);
  set("chain.empty_block_interval_ms", 0);
  EXPECT_TRUE(call("validator.status").result().at("next_slot").at("in_ms").is_null());
}

TEST(TlsFingerprint, is_what_other_programs_compute) {
  EXPECT_EQ(tls_fingerprint("identity requires both TB_NODE_TLS_CERT and TB_NODE_TLS_KEY"),
            "bc2f3343ca82d433");
  const std::string variables[] = {"TB_NODE_TLS_CERT", "", "TB_NODE_TLS_KEY"};
  EXPECT_EQ(tls_fingerprint(std::span(variables)), "1e04b502db20057d");
  EXPECT_EQ(tls_fingerprint(""), "none");
}

class ProcessFigures : public RpcWorld {
 protected:
  bool counts(const std::string& series) {
    return send(get("/metrics", "metrics")).http.body.find("\n" + series + "\n") !=
           std::string::npos;
  }
};

class TlsSettings : public RpcWorld {
 protected:
  bool counts(const std::string& series) {
    return send(get("/metrics", "metrics")).http.body.find("\n" + series + "\n") !=
           std::string::npos;
  }
  json::array warnings() { return call("diagnostics.tls").result().at("warnings").as_array(); }
};

TEST_F(TlsSettings, are_counted_and_told_when_odd) {
  const std::string missing =
      R"(tls_env_warning_total{prefix="TB_NODE_TLS",code="missing_identity_component"} )";
  EXPECT_TRUE(counts(missing + "0"));
  EXPECT_TRUE(warnings().empty());
  reconfigure("tls.node.cert", "node.pem");
  ASSERT_EQ(warnings().size(), 1u);
  const json::value told = warnings()[0];
  EXPECT_EQ(told.at("prefix").as_string(), "TB_NODE_TLS");
  EXPECT_EQ(told.at("detail_fingerprint").as_string(), "bc2f3343ca82d433");
  EXPECT_EQ(told.at("variables_fingerprint").as_string(), "1e04b502db20057d");
  EXPECT_EQ(told.at("last_seen").to_number<std::uint64_t>(), clock_.unix_ms() / 1000);
  EXPECT_TRUE(counts(missing + "1"));
  reconfigure("tls.node.key", "node.key");  // both: nothing is odd any more
  EXPECT_TRUE(counts(missing + "1"));
}

TEST_F(TlsSettings, of_a_refused_configuration_are_counted_too) {
  set("tls.rpc.cert", "rpc.pem");
  set("tls.rpc.key", "rpc.key");
  set("tls.rpc.client_ca", "ca.pem");
  set("tls.rpc.client_ca_optional", "other.pem");
  rpc_->refused(*config());
  ASSERT_EQ(warnings().size(), 1u);
  EXPECT_EQ(warnings()[0].at("code").as_string(), "conflicting_client_ca");
  EXPECT_TRUE(
      counts(R"(tls_env_warning_total{prefix="TB_RPC_TLS",code="conflicting_client_ca"} 1)"));
}

TEST_F(ProcessFigures, are_series) {
  ASSERT_EQ(send(get("/v1/status", "status")).http.status, 200);
  ASSERT_EQ(send(get("/nowhere", "status")).http.status, 404);
  HttpRequest odd = get("/v1/status", "status");
  odd.method = "BREW";
  (void)send(odd);
  const std::string text = send(get("/metrics", "metrics")).http.body;
  const auto value = [&](const std::string& series) {
    const std::size_t at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1.0
                                   : std::strtod(text.c_str() + at + series.size() + 2, nullptr);
  };
  EXPECT_EQ(value(R"(moloch_api_latency_ms_count{method="GET",code="200"})"), 1);
  EXPECT_EQ(value(R"(moloch_api_latency_ms_count{method="GET",code="404"})"), 1);
  EXPECT_NE(text.find(R"(moloch_api_latency_ms_count{method="other",)"), std::string::npos);
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(value("process_cpu_seconds_total"), 0);
  EXPECT_GE(value(R"(moloch_disk_io_bytes_total{direction="write"})"), 0);
  EXPECT_EQ(value("moloch_finality_lag"), 0);
  const double blocks = value("moloch_blocks_total");
  ASSERT_TRUE(local_call("start_mining").body.as_object().contains("result"));
  (void)local_call("stop_mining");
  EXPECT_FALSE(counts("moloch_blocks_total " + std::to_string(static_cast<int>(blocks))));
}

}  // namespace
}  // namespace blockd::test
