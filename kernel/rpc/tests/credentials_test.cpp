// Who is calling (node-and-cli spec 5.2.1), and the signed token of 6.13.

#include "kernel/rpc/credentials.hpp"

#include <unistd.h>

#include "kernel/base/blake3.hpp"
#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

// The worked example of 6.13.
constexpr const char* kSigned =
    "tbt1."
    "eyJhdWQiOiJkZXYiLCJleHAiOjE3MDAwMDM2MDAsImlhdCI6MTcwMDAwMDAwMCwiaWQiOiIwMDExMjIzMzQ0NTU2NmFhIi"
    "wicm9sZSI6Im9wZXJhdG9yIiwic3ViIjoiY2kifQ."
    "Xft7P8v2oaW536xU-eAuFefEj36F2GDo0EDQ9lMQBZR0tKy1M7-DzEDpdA1r7U0iT5rQqZFe7IeMAF2Sz4S6Ag";

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto schema = std::make_shared<ConfigSchema>();
    add_kernel_keys(*schema);
    config_ = std::make_unique<Config>(schema);
    char name[] = "/tmp/rpc_credentials_XXXXXX";
    dir_ = ::mkdtemp(name);
    set("rpc.tokens_file", json::value(dir_ + "/tokens.yaml"));
    set("rpc.admin_token_file", json::value(dir_ + "/admin.token"));
    clock_.set_unix_secs(1'700'000'000);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void set(const std::string& key, json::value value) { config_->set(key, {std::move(value)}); }
  std::shared_ptr<const Credentials> load() {
    auto roles = std::make_shared<const RoleTable>(std::vector<std::shared_ptr<const Manifest>>{});
    auto loaded = Credentials::load(
        *config_, "dev", SigningKey::from_seed(World::seed(1)).public_key(), roles, clock_);
    EXPECT_TRUE(loaded.ok()) << loaded.status().to_string();
    return *loaded;
  }
  static HttpRequest from(const std::string& ip, const std::string& bearer = {}) {
    HttpRequest r;
    r.remote_ip = ip;
    if (!bearer.empty()) r.headers.add("Authorization", "Bearer " + bearer);
    return r;
  }

  std::unique_ptr<Config> config_;
  std::string dir_;
  MovedClock clock_;
};

TEST_F(CredentialsTest, takes_the_signed_token_of_the_spec) {
  const Caller caller = load()->identify(from("192.0.2.1", kSigned));
  EXPECT_FALSE(caller.bad_credential);
  EXPECT_EQ(caller.level, Level::kOperator);
  EXPECT_EQ(caller.id, "00112233445566aa");
}

TEST_F(CredentialsTest, refuses_a_signed_token_that_is_changed_late_early_or_revoked) {
  auto bad = [&](const std::string& token) {
    return load()->identify(from("192.0.2.1", token)).bad_credential;
  };
  std::string changed = kSigned;
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  EXPECT_TRUE(bad(changed));
  clock_.set_unix_secs(1'700'003'599);
  EXPECT_FALSE(bad(kSigned));
  clock_.set_unix_secs(1'700'003'600);
  EXPECT_TRUE(bad(kSigned));
  clock_.set_unix_secs(1'699'999'940);  // 60 s of skew
  EXPECT_FALSE(bad(kSigned));
  clock_.set_unix_secs(1'699'999'939);
  EXPECT_TRUE(bad(kSigned));
  clock_.set_unix_secs(1'700'000'000);
  set("rpc.revoked_tokens", json::array{"00112233445566aa"});
  EXPECT_TRUE(bad(kSigned));
}

TEST_F(CredentialsTest, takes_a_listed_token_until_it_expires) {
  const std::string token = "tb_ci_0123456789012345678901234567890123456789012";
  ASSERT_TRUE(
      write_tokens(dir_ + "/tokens.yaml", {{"ci", blake3(token), {"read"}, 1'700'000'010}}).ok());
  EXPECT_EQ(std::filesystem::status(dir_ + "/tokens.yaml").permissions(),
            std::filesystem::perms(0600));
  Caller caller = load()->identify(from("192.0.2.1", token));
  EXPECT_EQ(caller.level, Level::kRead);
  EXPECT_EQ(caller.id, "ci");
  clock_.set_unix_secs(1'700'000'010);
  EXPECT_TRUE(load()->identify(from("192.0.2.1", token)).bad_credential);
  EXPECT_TRUE(load()->identify(from("192.0.2.1", token + "x")).bad_credential);
}

TEST_F(CredentialsTest, maps_client_certificates_and_gives_others_read) {
  set("rpc.client_roles", json::array{json::object{{"fingerprint", "AB12"}, {"role", "operator"}}});
  HttpRequest r = from("192.0.2.1");
  r.tls_client_cert = std::make_shared<const ClientCert>(ClientCert{"ab12", "ops"});
  EXPECT_EQ(load()->identify(r).level, Level::kOperator);
  r.tls_client_cert = std::make_shared<const ClientCert>(ClientCert{"cd34", "else"});
  EXPECT_EQ(load()->identify(r).level, Level::kRead);
}

TEST_F(CredentialsTest, trusts_loopback_only_while_no_token_is_set) {
  EXPECT_EQ(load()->identify(from("127.0.0.1")).level, Level::kOperator);
  EXPECT_EQ(load()->identify(from("::1")).level, Level::kOperator);
  EXPECT_EQ(load()->identify(from("192.0.2.1")).level, Level::kOpen);
  set("rpc.auth_token", "0123456789abcdef");
  EXPECT_EQ(load()->identify(from("127.0.0.1")).level, Level::kOpen);
  EXPECT_TRUE(load()->credential_required());
}

TEST_F(CredentialsTest, takes_the_highest_role_and_one_wrong_one_refuses) {
  HttpRequest r = from("192.0.2.1", "wrong-token-of-length");
  r.tls_client_cert = std::make_shared<const ClientCert>(ClientCert{"ab12", "ops"});
  EXPECT_TRUE(load()->identify(r).bad_credential);
}

TEST_F(CredentialsTest, knows_the_owner_of_the_local_socket) {
  HttpRequest r;
  r.over_unix_socket = true;
  r.peer_uid = ::getuid();
  EXPECT_EQ(load()->identify(r).level, Level::kAdmin);
  r.peer_uid = ::getuid() + 12'345;
  EXPECT_TRUE(load()->identify(r).bad_credential);
}

TEST_F(CredentialsTest, refuses_a_short_token) {
  set("rpc.auth_token", "short");
  auto roles = std::make_shared<const RoleTable>(std::vector<std::shared_ptr<const Manifest>>{});
  auto loaded = Credentials::load(*config_, "dev", {}, roles, clock_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.status().message().find("rpc.auth_token"), std::string::npos);
}

}  // namespace
}  // namespace blockd::test
