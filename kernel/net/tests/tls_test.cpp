#include <fstream>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/net/tests/net_fixture.hpp"

namespace blockd::test {
namespace {

void run(const std::string& command) {
  ASSERT_EQ(std::system((command + " >/dev/null 2>&1").c_str()), 0) << command;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// A CA, a server certificate for 127.0.0.1 and a client's one called "alice".
class TlsTest : public NetTest {
 protected:
  void SetUp() override {
    const std::string make = "openssl req -x509 -newkey ed25519 -nodes -days 2 ";
    run(make + "-subj /CN=test-ca -keyout " + file("ca.key") + " -out " + file("ca.pem"));
    issue("server", "127.0.0.1");
    issue("alice", "alice");
    run(make + "-subj /CN=stranger -keyout " + file("stranger.key") + " -out " +
        file("stranger.pem"));
  }
  void issue(const std::string& name, const std::string& common_name) {
    run("openssl req -newkey ed25519 -nodes -subj /CN=" + common_name + " -keyout " +
        file(name + ".key") + " -out " + file(name + ".csr"));
    std::ofstream(file("ext")) << "subjectAltName=IP:127.0.0.1\n";
    run("openssl x509 -req -days 2 -in " + file(name + ".csr") + " -CA " + file("ca.pem") +
        " -CAkey " + file("ca.key") + " -CAcreateserial -extfile " + file("ext") + " -out " +
        file(name + ".pem"));
  }
  std::string file(const std::string& name) const { return dir_.file(name); }
  Status listen_tls(const std::string& client_ca = "", bool required = true) {
    return server.set_listener({.name = "rpc",
                                .addresses = {"127.0.0.1:0"},
                                .handler = handler,
                                .tls = TlsServerConfig{.cert_file = file("server.pem"),
                                                       .key_file = file("server.key"),
                                                       .client_ca_file = client_ca,
                                                       .client_cert_required = required}});
  }
  HttpClientOptions options(const std::string& identity = "") const {
    HttpClientOptions out;
    out.tls.ca_file = file("ca.pem");
    if (!identity.empty()) {
      out.tls.cert_file = file(identity + ".pem");
      out.tls.key_file = file(identity + ".key");
    }
    return out;
  }

 private:
  TempDir dir_;
};

TEST_F(TlsTest, serves_over_tls_1_3_and_refuses_1_2) {
  ASSERT_TRUE(listen_tls().ok());
  HttpClient client(options());
  auto response = client.get(url("/who", "https"));
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_EQ(response->body, "rpc ip=127.0.0.1 uid=- tls=yes cn=-");
  EXPECT_EQ(client.get(url("/big?n=3000000", "https"))->body.size(), 3000000u);
  const std::string probe = "openssl s_client -connect 127.0.0.1:" + std::to_string(port()) +
                            " </dev/null >/dev/null 2>&1 ";
  EXPECT_EQ(std::system((probe + "-tls1_3").c_str()), 0);
  EXPECT_NE(std::system((probe + "-tls1_2").c_str()), 0);
}

TEST_F(TlsTest, the_client_refuses_an_unknown_server_unless_insecure) {
  ASSERT_TRUE(listen_tls().ok());
  HttpClientOptions wrong;
  wrong.tls.ca_file = file("stranger.pem");
  auto refused = HttpClient(wrong).get(url("/who", "https"));
  EXPECT_EQ(refused.status().code(), Code::kDenied);
  EXPECT_NE(refused.status().message().find("certificate verify failed"), std::string::npos)
      << refused.status().to_string();
  wrong.tls.insecure = true;
  EXPECT_TRUE(HttpClient(wrong).get(url("/who", "https")).ok());
}

TEST_F(TlsTest, mutual_tls_admits_known_clients_only_and_names_them) {
  ASSERT_TRUE(listen_tls(file("ca.pem")).ok());
  run("openssl x509 -in " + file("alice.pem") + " -outform DER -out " + file("alice.der"));
  auto alice = HttpClient(options("alice")).get(url("/who", "https"));
  ASSERT_TRUE(alice.ok()) << alice.status().to_string();
  EXPECT_EQ(alice->body, "rpc ip=127.0.0.1 uid=- tls=yes cn=alice fp=" +
                             to_hex(blake3(slurp(file("alice.der")))));
  EXPECT_FALSE(HttpClient(options()).get(url("/who", "https")).ok());
  EXPECT_FALSE(HttpClient(options("stranger")).get(url("/who", "https")).ok());
}

TEST_F(TlsTest, an_optional_client_certificate_may_be_absent_but_not_wrong) {
  ASSERT_TRUE(listen_tls(file("ca.pem"), false).ok());
  EXPECT_TRUE(HttpClient(options()).get(url("/who", "https")).ok());
  EXPECT_TRUE(HttpClient(options("alice")).get(url("/who", "https")).ok());
  EXPECT_FALSE(HttpClient(options("stranger")).get(url("/who", "https")).ok());
}

TEST_F(TlsTest, reloaded_certificates_serve_new_connections_and_keep_old_ones) {
  ASSERT_TRUE(listen_tls().ok());
  HttpClient old(options());
  ASSERT_TRUE(old.get(url("/who", "https")).ok());
  run("cp " + file("stranger.pem") + " " + file("server.pem"));
  EXPECT_EQ(server.reload_tls("rpc").code(), Code::kInvalid);  // the key does not belong to it
  EXPECT_TRUE(HttpClient(options()).get(url("/who", "https")).ok());
  run("cp " + file("stranger.key") + " " + file("server.key"));
  ASSERT_TRUE(server.reload_tls("rpc").ok());
  EXPECT_TRUE(old.get(url("/who", "https")).ok());
  EXPECT_EQ(server.stats().connections >= 1, true);
  EXPECT_EQ(HttpClient(options()).get(url("/who", "https")).status().code(), Code::kDenied);
}

TEST_F(TlsTest, broken_files_are_named) {
  run("rm " + file("server.key"));
  const Status status = listen_tls();
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_NE(status.message().find("server.key"), std::string::npos) << status.message();
}

TEST_F(TlsTest, websockets_work_over_tls) {
  ASSERT_TRUE(listen_tls().ok());
  auto client = WsClient::connect(url("/ws", "wss"), options());
  ASSERT_TRUE(client.ok()) << client.status().to_string();
  ASSERT_TRUE((*client)->send("hello").ok());
  EXPECT_EQ(*(*client)->receive(60000), "hello");
  (*client)->close();
  handler->closed.get_future().wait();
}

TEST_F(TlsTest, a_client_that_does_not_speak_tls_is_closed) {
  HttpLimits limits;
  limits.handshake_timeout_ms = 100;
  server.set_limits(limits);
  ASSERT_TRUE(listen_tls().ok());
  RawClient plain(port());
  plain.send(kGetEcho);
  EXPECT_EQ(plain.read_to_end().find("HTTP/"), std::string::npos);
  RawClient silent(port());
  EXPECT_EQ(silent.read_to_end(), "");
}

}  // namespace
}  // namespace blockd::test
