// Verbs of the operators' guides that are more than one call of the node.

#include <sys/stat.h>

#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/chain/command.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

// Made for these tests, good for a hundred years from 2026 on, and trusted by nobody.
const std::string kCert =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBRDCB96ADAgECAhQRphR/xKMMwUQoDYafJMCQi6dFXzAFBgMrZXAwFzEVMBMG\n"
    "A1UEAwwMbm9kZS5leGFtcGxlMCAXDTI2MTEyMjIyNTYwM1oYDzIxMjYxMDI5MjI1\n"
    "NjAzWjAXMRUwEwYDVQQDDAxub2RlLmV4YW1wbGUwKjAFBgMrZXADIQASqXqMyTru\n"
    "6xYXsHboCX0RJ+D6rLJnrvfTw2qkuinxqKNTMFEwHQYDVR0OBBYEFGeX/Y1KDN7Z\n"
    "XeBOoa+ZTAnuE6XdMB8GA1UdIwQYMBaAFGeX/Y1KDN7ZXeBOoa+ZTAnuE6XdMA8G\n"
    "A1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EATWHwfnYlUG9J1PVS+HViu3lcMWdFyUA4\n"
    "cEsFBaZ5nquKenJJGtV29LECB4aSZ+mj9yo8elEk0ikkuuBtgBNuAQ==\n"
    "-----END CERTIFICATE-----\n";
const std::string kKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIFtDEYXd5zw2nhFOfksSlz/3KBm9webL+VGy3M1WX6OU\n"
    "-----END PRIVATE KEY-----\n";
const std::string kOtherKey =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIDVZe7jisKjxzbg/JLKI2AuzVm5K0rMTtQWXWZRh2iTm\n"
    "-----END PRIVATE KEY-----\n";

class GuideVerbs : public CliTest {
 protected:
  void SetUp() override {
    CliTest::SetUp();
    crypto_init();
  }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file_atomic(home.file(name), text, 0600).ok());
  }
  std::string text_of(const std::string& name) {
    const Result<Bytes> text = read_file(home.file(name));
    return text.ok() ? std::string(*text) : "no file: " + text.status().message();
  }
  unsigned mode_of(const std::string& name) {
    struct stat info {};
    return ::stat(home.file(name).c_str(), &info) == 0 ? info.st_mode & 0777u : 0u;
  }
};

TEST_F(GuideVerbs, validator_status_prints_five_lines) {
  json::object status = {{"state", "active"},
                         {"public_key", "ed25519:ab"},
                         {"power", 1},
                         {"blocks_proposed_24h", 1440},
                         {"next_slot", {{"height", 12345}, {"in_ms", 1001}}}};
  node.on("validator.status", status);
  const std::string lines =
      "Validator: active\nPublic Key: ed25519:ab\nPower: 1\nBlocks Proposed (24h): 1440\n"
      "Next Slot: 12345 (in 2s)\n";
  EXPECT_EQ(run({"validator", "status"}).out, lines);
  EXPECT_EQ(run({"moloch", "validator", "status"}).out, lines);
  EXPECT_EQ(parse_json(run({"validator", "status", "--json"}).out)
                ->at("next_slot")
                .at("in_ms")
                .as_int64(),
            1001);
  status["next_slot"] = {{"height", 7}, {"in_ms", nullptr}};
  node.on("validator.status", status);
  EXPECT_NE(run({"validator", "status"}).out.find("Next Slot: 7 (with the next command)"),
            std::string::npos);
  status["state"] = "not a validator";
  status["next_slot"] = nullptr;
  node.on("validator.status", status);
  EXPECT_NE(run({"validator", "status"}).out.find("Next Slot: -\n"), std::string::npos);
}

TEST_F(GuideVerbs, tls_warnings_are_lines_and_can_be_filtered) {
  node.on("diagnostics.tls",
          json::object{{"warnings", json::array{json::object{{"prefix", "TB_RPC_TLS"},
                                                             {"code", "conflicting_client_ca"},
                                                             {"total", 2},
                                                             {"last_seen", 1700000000},
                                                             {"detail", "both"},
                                                             {"detail_fingerprint", "aa"},
                                                             {"variables_fingerprint", "bb"}}}}});
  EXPECT_EQ(run({"telemetry", "tls-warnings"}).out,
            "TB_RPC_TLS conflicting_client_ca total=2 last_seen=1700000000 detail_fingerprint=aa "
            "variables_fingerprint=bb: both\n");
  EXPECT_EQ(run({"telemetry", "tls-warnings", "--code", "other"}).out, "no TLS warnings\n");
  EXPECT_EQ(
      run({"telemetry", "tls-warnings", "--probe-variables", "TB_NODE_TLS_CERT,TB_NODE_TLS_KEY"})
          .out,
      "variables_fingerprint 1e04b502db20057d\n");
}

TEST_F(GuideVerbs, fees_are_a_row_for_each_lane) {
  const json::object lane = {
      {"size", 3}, {"fee_floor", 1}, {"base_fee", 2}, {"fee_p50", 10}, {"fee_p90", 20}};
  node.on("mempool.stats",
          json::object{{"consumer", lane}, {"industrial", lane}, {"service", lane}});
  const Answer answer = run({"fees"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_NE(answer.out.find("consumer            1         2       10       20     3\n"),
            std::string::npos)
      << answer.out;
  EXPECT_EQ(parse_json(run({"fees", "--json"}).out)->as_array()[2].at("lane").as_string(),
            "service");
}

TEST_F(GuideVerbs, telemetry_tail_prints_what_changes) {
  int reading = 0;
  node.on("metrics", [&reading](const json::object&) {
    const std::string n = std::to_string(++reading * 10);
    return json::object{{"text", "still_total 4\nmoving_total{a=\"b\"} " + n + "\nother 1\n"}};
  });
  EXPECT_EQ(run({"telemetry", "tail", "--count", "2", "--prefix", "moving"}).out,
            "moving_total{a=\"b\"} 20 (+10)\nmoving_total{a=\"b\"} 30 (+10)\n");
  EXPECT_EQ(run({"telemetry", "tail", "--interval", "0"}).code, 2);
}

TEST_F(GuideVerbs, node_keys_are_the_wallets) {
  write("pw", "correct horse\n");
  const Answer made = run({"node", "generate-key", "alice", "--password-file", home.file("pw"),
                           "--kdf-mem-mib", "8", "--kdf-ops", "1"});
  ASSERT_EQ(made.code, 0) << made.err;
  const std::string address(parse_json(made.out)->at("address").as_string());
  EXPECT_EQ(run({"node", "show-address", "alice"}).out, address + "\n");
  EXPECT_EQ(run({"node", "show-address", "bob"}).code, 1);
  const std::string draft =
      R"({"chain":"dev","nonce":3,"method":"market.buy","params":{"item":"apples","amount":1}})";
  const Answer signed_tx =
      run({"node", "sign-tx", "alice", draft, "--password-file", home.file("pw")});
  ASSERT_EQ(signed_tx.code, 0) << signed_tx.err;
  std::string envelope = signed_tx.out;
  envelope.pop_back();
  const ParsedCommand parsed = parse_envelope(envelope);
  ASSERT_TRUE(parsed.command) << parsed.refusal->message;
  EXPECT_FALSE(verify_signatures(*parsed.command));
  EXPECT_EQ(parsed.command->from, address);
  EXPECT_EQ(parsed.command->nonce, 3u);
}

TEST_F(GuideVerbs, a_group_explains_itself) {
  const Answer answer = run({"wallet", "help"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.out, run({"help", "wallet"}).out);
  EXPECT_EQ(answer.out.find("Usage: contract-cli wallet <verb>"), 0u) << answer.out;
}

TEST_F(GuideVerbs, sign_tx_says_what_the_command_lacks) {
  write("pw", "correct horse\n");
  ASSERT_EQ(run({"node", "generate-key", "alice", "--password-file", home.file("pw"),
                 "--kdf-mem-mib", "8", "--kdf-ops", "1"})
                .code,
            0);
  const auto refused = [&](const std::string& draft) {
    const Answer answer =
        run({"node", "sign-tx", "alice", draft, "--password-file", home.file("pw")});
    EXPECT_NE(answer.code, 0);
    EXPECT_EQ(answer.out, "");
    return answer.err;
  };
  EXPECT_NE(refused(R"({"nonce":1,"method":"m.x","params":{}})").find("`chain` is missing"),
            std::string::npos);
  EXPECT_NE(refused(R"({"chain":"dev","nonce":"one","method":"m.x","params":{}})")
                .find("`nonce` is of the wrong type"),
            std::string::npos);
  EXPECT_NE(refused(R"({"chain":"dev","nonce":1,"method":"m.x","params":{},"from":"treasury"})")
                .find("of another account"),
            std::string::npos);
}

TEST_F(GuideVerbs, tls_convert_checks_that_key_and_certificate_belong_together) {
  write("c.pem", kCert);
  write("k.pem", kKey);
  write("other.pem", kOtherKey);
  const Answer wrong = run({"tls", "convert", "--cert", home.file("c.pem"), "--key",
                            home.file("other.pem"), "--out-dir", home.file("tls")});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("not that of the certificate"), std::string::npos) << wrong.err;
  const std::vector<std::string> good = {
      "tls",      "convert",          "--cert",    home.file("c.pem"), "--key", home.file("k.pem"),
      "--anchor", home.file("c.pem"), "--out-dir", home.file("tls")};
  const Answer made = run(good);
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(parse_json(made.out)->at("subject").as_string(), "CN=node.example");
  EXPECT_EQ(text_of("tls/identity-cert.pem"), kCert);
  EXPECT_EQ(text_of("tls/identity-ca.pem"), kCert);
  EXPECT_EQ(mode_of("tls/identity-key.pem"), 0600u);
  EXPECT_EQ(run(good).code, 1) << "nothing is overwritten";
  clock.now_ms = 6'000'000'000'000;  // the year 2160
  std::vector<std::string> again = good;
  again.emplace_back("--force");
  const Answer expired = run(again);
  EXPECT_EQ(expired.code, 2);
  EXPECT_NE(expired.err.find("has expired"), std::string::npos);
}

TEST_F(GuideVerbs, tls_stage_puts_an_identity_where_services_read_it) {
  write("c.pem", kCert);
  write("k.pem", kKey);
  ASSERT_EQ(run({"tls", "convert", "--cert", home.file("c.pem"), "--key", home.file("k.pem"),
                 "--out-dir", home.file("tls")})
                .code,
            0);
  const std::string rpc = "rpc:required=" + home.file("rpc");
  const Answer no_authority = run({"tls", "stage", "--input", home.file("tls"), "--service", rpc});
  EXPECT_EQ(no_authority.code, 2);
  EXPECT_NE(no_authority.err.find("--anchor"), std::string::npos);
  EXPECT_EQ(run({"tls", "stage", "--input", home.file("tls"), "--service", "shop=x"}).code, 2);
  write("tls/identity-ca.pem", kCert);
  const Answer staged =
      run({"tls", "stage", "--input", home.file("tls"), "--service", rpc, "--service",
           "status=" + home.file("status"), "--env-file", home.file("tls.env")});
  ASSERT_EQ(staged.code, 0) << staged.err;
  EXPECT_EQ(text_of("tls.env"),
            "TB_RPC_TLS_CERT=" + home.file("rpc/identity-cert.pem") +
                "\nTB_RPC_TLS_KEY=" + home.file("rpc/identity-key.pem") +
                "\nTB_RPC_TLS_CLIENT_CA=" + home.file("rpc/identity-ca.pem") +
                "\nTB_STATUS_TLS_CERT=" + home.file("status/identity-cert.pem") +
                "\nTB_STATUS_TLS_KEY=" + home.file("status/identity-key.pem") + "\n");
  EXPECT_EQ(mode_of("rpc/identity-key.pem"), 0600u);
}

TEST_F(GuideVerbs, state_dump_follows_the_pages) {
  node.on("state.dump", [](const json::object& params) {
    const bool second = params.contains("after");
    EXPECT_TRUE(!second || params.at("after") == "aa01");
    EXPECT_EQ(params.at("namespace").as_string(), "ledger");
    return json::object{
        {"height", second ? 8 : 7},
        {"rows", json::array{json::object{{"namespace", "ledger"}, {"key", second ? "02" : "01"}}}},
        {"next", second ? json::value(nullptr) : json::value("aa01")}};
  });
  const Answer answer = run({"state", "dump", "--namespace", "ledger"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const json::value rows = *parse_json(answer.out);
  ASSERT_EQ(rows.as_array().size(), 2u);
  EXPECT_EQ(rows.as_array()[1].at("key").as_string(), "02");
  EXPECT_NE(answer.err.find("from height 7 to 8"), std::string::npos);
}

TEST_F(GuideVerbs, wrappers_are_lines_or_json) {
  const json::object space = {{"schema_hash", "s1"}, {"snapshot_hash", "n1"}, {"series", 1}};
  node.on("telemetry.wrappers",
          json::object{
              {"node", json::object{{"governance", nullptr},
                                    {"metrics", json::array{json::object{
                                                    {"labels", json::object{{"state", "open"}}},
                                                    {"metric", "energy_dispute_total"},
                                                    {"value", 2}}}}}},
              {"meta", json::object{{"schema_hash", "S"},
                                    {"snapshot_hash", "N"},
                                    {"namespaces", json::object{{"energy", space}}}}}});
  const std::string hashes =
      "namespace energy schema s1 snapshot n1\nwrappers schema S\nwrappers snapshot N\n";
  EXPECT_EQ(run({"telemetry", "wrappers", "--format", "text"}).out,
            "energy_dispute_total{state=\"open\"} 2\n" + hashes);
  EXPECT_EQ(run({"telemetry", "wrappers", "--format", "text", "--hash-only"}).out, hashes);
  EXPECT_EQ(parse_json(run({"telemetry", "wrappers", "--hash-only"}).out)->as_object().size(), 1u);
  EXPECT_EQ(
      parse_json(run({"telemetry", "wrappers"}).out)->at("meta").at("schema_hash").as_string(),
      "S");
}

TEST_F(GuideVerbs, a_node_toml_becomes_yaml_that_holds) {
  write(
      "node.toml",
      "snapshot_interval = 512\n[node]\nchain_id = \"shop\"\nlog_format = \"text\"\n[storage]\n"
      "cache_size_mb = 1024\nwrite_buffer_size_mb = 128\n[consensus]\nfinality_threshold = 0.667\n"
      "[mempool]\nevent_ttl = \"24h\"\n[rpc]\nallowed_hosts = [\"localhost\"]\n");
  const Answer made = run({"config", "import-toml", home.file("node.toml")});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.err.find("finality_threshold is left out"), std::string::npos) << made.err;
  const std::string yaml = text_of("node.yaml");
  for (const char* line : {"snapshot_interval: 512\n", "\n  id: shop\n", "\n  cache_mb: 1024\n",
                           "\n  write_buffer_mb: 128\n", "\n  service_ttl_ms: 86400000\n",
                           "\n  format: plain\n", "\n  allowed_hosts:\n    - localhost\n"})
    EXPECT_NE(yaml.find(line), std::string::npos) << line << yaml;
  EXPECT_EQ(run({"config", "import-toml", home.file("node.toml")}).code, 1) << "is there already";
}

TEST_F(GuideVerbs, a_node_toml_with_faults_is_not_imported) {
  write("node.toml", "[rpc]\nmax_body_bites = 4096\n");
  const Answer unknown = run({"config", "import-toml", home.file("node.toml")});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.err.find("node.toml:2: rpc.max_body_bites: this node has no such setting; did "
                             "you mean rpc.max_body_bytes?"),
            std::string::npos)
      << unknown.err;
  EXPECT_EQ(run({"config", "import-toml", home.file("node.toml"), "--skip-unknown"}).code, 0);
  write("bad.toml", "[rpc]\nmax_body_bytes = 1\n");
  const Answer out_of_range = run({"config", "import-toml", home.file("bad.toml")});
  EXPECT_EQ(out_of_range.code, 2);
  EXPECT_NE(out_of_range.err.find("rpc.max_body_bytes"), std::string::npos);
  EXPECT_FALSE(file_exists(home.file("bad.yaml")));
  EXPECT_FALSE(file_exists(home.file("bad.yaml.import")));
}

}  // namespace
}  // namespace blockd::cli
