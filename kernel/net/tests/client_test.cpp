#include <sys/resource.h>
#include <sys/wait.h>

#include "kernel/net/tests/net_fixture.hpp"

namespace blockd::test {
namespace {

class ClientTest : public NetTest {};

TEST_F(ClientTest, uses_one_connection_for_many_requests) {
  listen();
  HttpClient client;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.get(url("/echo"))->status, 200);
  EXPECT_EQ(server.stats().connections, 1u);
}

TEST_F(ClientTest, goes_on_when_the_kept_connection_was_closed) {
  HttpClient client;
  listen();
  ASSERT_TRUE(client.get(url("/echo")).ok());
  const std::string address = server.bound_addresses("rpc")[0];
  ASSERT_TRUE(server.remove_listener("rpc").ok());
  eventually([&] { return server.stats().connections == 0; });
  listen({address});
  auto response = client.post_json(url("/echo"), "again");
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_EQ(response->body, "POST /echo again");
}

TEST_F(ClientTest, says_connection_refused) {
  listen();
  const std::string gone = url("/echo");
  ASSERT_TRUE(server.remove_listener("rpc").ok());
  const Status status = HttpClient().get(gone).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("cannot reach http://127.0.0.1:"), std::string::npos);
  EXPECT_NE(status.message().find("connection refused"), std::string::npos);
}

// The server may have answered and closed before the first byte is written.
TEST_F(ClientTest, hears_why_it_is_refused_however_early_the_server_closes) {
  HttpLimits limits;
  limits.local_connections = 0;
  server.set_limits(limits);
  const TempDir dir;
  listen({"unix:" + dir.file("full.sock")});
  HttpClient client;
  for (int i = 0; i < 300; ++i) {
    const auto answer = client.post_json("unix:" + dir.file("full.sock") + ":/echo", "{}");
    ASSERT_TRUE(answer.ok()) << answer.status().to_string();
    ASSERT_EQ(answer->status, 503);
  }
}

TEST_F(ClientTest, gives_up_after_its_timeout) {
  listen();
  HttpClientOptions options;
  options.timeout_ms = 50;
  EXPECT_EQ(HttpClient(options).get(url("/held")).status().code(), Code::kTimeout);
}

TEST_F(ClientTest, refuses_answers_above_its_limit) {
  listen();
  HttpClientOptions options;
  options.max_response_bytes = 1000;
  EXPECT_EQ(HttpClient(options).get(url("/big?n=1001")).status().code(), Code::kLimit);
  EXPECT_TRUE(HttpClient(options).get(url("/big?n=1000")).ok());
}

TEST_F(ClientTest, sends_from_a_worker_thread) {
  listen();
  WorkerPool workers(1, 4);
  HttpClient client;
  std::promise<std::string> done;
  HttpClientRequest request;
  request.url = url("/echo");
  ASSERT_TRUE(client.send_async(workers, request, [&](Result<HttpClientResponse> response) {
    done.set_value(response.ok() ? response->body : response.status().to_string());
  }));
  EXPECT_EQ(done.get_future().get(), "GET /echo ");
}

// In a child process, as the limit of descriptors is the process's. Exit codes name the step that
// failed.
int serve_without_descriptors() {
  IoPool pool(1);
  HttpServer server(pool, {});
  auto handler = std::make_shared<TestHandler>();
  if (!server.set_listener({.name = "a", .addresses = {"127.0.0.1:0"}, .handler = handler}).ok()) {
    return 2;
  }
  RawClient first(server.port("a"));
  first.send(kGetEcho);
  if (first.read_until("GET /echo ").empty()) return 3;
  RawClient waiting(server.port("a"));  // sits in the backlog or is served, as descriptors allow
  waiting.send(kGetEcho);
  waiting.read_until("GET /echo ");
  const int highest = ::dup(0);
  ::close(highest);
  {
    auto blocked = std::make_unique<RawClient>(0);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    // `late` takes the last descriptor, so that accept has none.
    const rlim_t before = std::exchange(limit.rlim_cur, static_cast<rlim_t>(highest) + 1);
    blocked.reset();
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 4;
    RawClient late(server.port("a"));
    if (!late.connected) return 5;
    late.send(kGetEcho);
    eventually([&] { return server.stats().accept_failures > 0; });
    first.send(kGetEcho);  // who is in is served
    if (first.read_until("GET /echo ").empty()) return 6;
    limit.rlim_cur = before;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 7;
    if (late.read_until("GET /echo ").empty()) return 8;
  }
  return server.stop(10000).ok() ? 0 : 9;
}

TEST(DescriptorsTest, accepting_goes_on_after_descriptors_ran_out) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(serve_without_descriptors());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace blockd::test
