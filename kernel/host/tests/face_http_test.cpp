// What faces ask of other machines, against a real HTTP server.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "kernel/host/face_http.hpp"
#include "kernel/net/http_server.hpp"

namespace blockd {
namespace {

// GET /big: 100 bytes; /held: answered when the test says so; all others echo.
class World : public HttpHandler {
 public:
  void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) override {
    HttpResponse response;
    response.body = request->method + " " + request->path + " " + std::string(request->body);
    if (request->path == "/big") response.body.assign(100, 'x');
    if (request->path == "/held") {
      entered.set_value();
      may_go.wait();
    }
    reply(std::move(response));
  }
  std::promise<void> entered, go;
  std::shared_future<void> may_go{go.get_future()};
};

class FaceHttpTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(
        server_.set_listener({.name = "world", .addresses = {"127.0.0.1:0"}, .handler = world_})
            .ok());
  }
  HttpClientRequest request(const std::string& path) {
    HttpClientRequest r;
    r.url = "http://127.0.0.1:" + std::to_string(server_.port("world")) + path;
    r.timeout_ms = 10'000;
    r.max_response_bytes = 64;
    return r;
  }
  Result<HttpClientResponse> ask(HttpClientRequest r) {
    auto answer = std::make_shared<std::promise<Result<HttpClientResponse>>>();
    auto future = answer->get_future();
    EXPECT_TRUE(http_.fetch(std::move(r), [answer](Result<HttpClientResponse> got) {
      answer->set_value(std::move(got));
    }));
    return future.get();
  }

  std::shared_ptr<World> world_ = std::make_shared<World>();
  IoPool pool_{2};
  HttpServer server_{pool_, HttpLimits{}};
  FaceHttp http_;
};

TEST_F(FaceHttpTest, sends_method_and_body_and_brings_the_answer) {
  HttpClientRequest r = request("/meter/1");
  r.method = "POST";
  r.body = "{}";
  const Result<HttpClientResponse> got = ask(std::move(r));
  ASSERT_TRUE(got.ok()) << got.status().to_string();
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "POST /meter/1 {}");
}

TEST_F(FaceHttpTest, keeps_the_bound_of_each_request) {
  const Result<HttpClientResponse> got = ask(request("/big"));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), Code::kLimit);
}

TEST_F(FaceHttpTest, tells_that_nobody_answers) {
  HttpClientRequest r = request("/");
  ASSERT_TRUE(server_.remove_listener("world").ok());
  const Result<HttpClientResponse> got = ask(std::move(r));
  ASSERT_FALSE(got.ok());
  EXPECT_EQ(got.status().code(), Code::kUnavailable);
}

TEST_F(FaceHttpTest, answers_what_waits_when_it_is_stopped_and_takes_nothing_more) {
  std::atomic<unsigned> aborted{0}, answered{0};
  const auto count = [&](Result<HttpClientResponse> got) { got.ok() ? ++answered : ++aborted; };
  ASSERT_TRUE(http_.fetch(request("/held"), count));
  world_->entered.get_future().wait();
  for (unsigned i = 1; i < FaceHttp::kThreads + 3; ++i)
    ASSERT_TRUE(http_.fetch(request("/meter"), count));
  std::thread stop([&] { http_.stop(); });
  world_->go.set_value();
  stop.join();
  EXPECT_EQ(answered + aborted, FaceHttp::kThreads + 3);
  EXPECT_FALSE(http_.fetch(request("/meter"), count));
}

}  // namespace
}  // namespace blockd
