// Routes of the node and of plugins, and what browsers are told.

#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

using HttpRoutes = RpcWorld;

TEST_F(HttpRoutes, answer_probes) {
  const Reply alive = send(get("/healthz", "status"));
  EXPECT_EQ(alive.http.status, 200);
  EXPECT_EQ(alive.body.at("status").as_string(), "ok");
  EXPECT_EQ(alive.header("Cache-Control"), "no-store");
  EXPECT_EQ(send(get("/readyz")).http.body, R"({"ready":true,"height":0})");
  host_.missing = {"energy"};
  rpc_->set_starting(true);
  const Reply starting = send(get("/readyz", "metrics"));
  EXPECT_EQ(starting.http.status, 503);
  EXPECT_EQ(starting.http.body,
            R"({"ready":false,"height":0,"reasons":["starting","plugin:energy"]})");
  rpc_->set_starting(false);
  rpc_->stopping();
  EXPECT_EQ(send(get("/readyz")).body.at("reasons").as_array()[1].as_string(), "stopping");
  EXPECT_EQ(send(get("/v1/health", "status")).body.at("checks").at("plugins").as_string(),
            "failed_required");
}

TEST_F(HttpRoutes, show_the_status_page_on_its_listener_only) {
  EXPECT_EQ(send(get("/", "status")).http.body, "height: 0\n");
  EXPECT_EQ(send(get("/v1/status", "status")).body.at("chain_id").as_string(), "dev");
  EXPECT_EQ(send(get("/")).http.status, 405);
  EXPECT_EQ(send(get("/v1/status")).http.status, 404);
}

TEST_F(HttpRoutes, serve_metrics_unless_telemetry_is_off) {
  const Reply r = send(get("/metrics", "metrics"));
  EXPECT_EQ(r.http.status, 200);
  EXPECT_EQ(r.http.content_type, "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"\ncurrent_block_height 0\n", "\nblock_height_total 0\n", "\ntx_submitted_total 0\n",
        "\nmempool_size{lane=\"service\"} 0\n", "\nrpc_bans_total 0\n"}) {
    EXPECT_NE(r.http.body.find(line), std::string::npos) << line;
  }
  reconfigure("telemetry.enabled", false);
  EXPECT_EQ(send(get("/metrics", "metrics")).http.status, 404);
}

TEST_F(HttpRoutes, answer_preflights_of_allowed_origins_only) {
  reconfigure("rpc.cors_allow_origins", json::array{"https://wallet.example"});
  HttpRequest ask = get("/");
  ask.method = "OPTIONS";
  ask.headers.add("Origin", "https://wallet.example");
  const Reply yes = send(ask);
  EXPECT_EQ(yes.http.status, 204);
  EXPECT_EQ(yes.header("Access-Control-Allow-Origin"), "https://wallet.example");
  HttpRequest evil = get("/");
  evil.method = "OPTIONS";
  evil.headers.add("Origin", "https://evil.example");
  const Reply no = send(evil);
  EXPECT_EQ(no.http.status, 403);
  EXPECT_EQ(no.header("Access-Control-Allow-Origin"), "");
  HttpRequest post = request(R"({"jsonrpc":"2.0","id":1,"method":"whoami"})");
  post.headers.add("Origin", "https://wallet.example");
  EXPECT_EQ(send(post).header("Access-Control-Allow-Origin"), "https://wallet.example");
  post = request(R"({"jsonrpc":"2.0","id":1,"method":"whoami"})");
  post.headers.add("Origin", "http://localhost:8545");  // this node's own pages
  EXPECT_EQ(send(post).http.status, 200);
}

TEST_F(HttpRoutes, take_a_charset_with_the_content_type) {
  HttpRequest r = request(R"({"jsonrpc":"2.0","id":1,"method":"whoami"})");
  r.headers = {};
  r.headers.add("Host", "[::1]:8545");
  r.headers.add("Content-Type", "application/json; charset=utf-8");
  EXPECT_EQ(send(r).http.status, 200);
}

TEST_F(HttpRoutes, reach_plugins_by_pattern_listener_and_role) {
  EXPECT_EQ(send(get("/meter/7/reading")).http.body, "id=7");
  EXPECT_EQ(send(get("/meter//reading")).http.status, 404);
  EXPECT_EQ(send(get("/meter/7/reading/more")).http.status, 404);
  EXPECT_EQ(send(get("/meter/7/reading", "status")).http.status, 404);
  HttpRequest post = get("/meter/7/reading");
  post.method = "POST";
  const Reply wrong = send(post);
  EXPECT_EQ(wrong.http.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "GET");
  EXPECT_EQ(send(get("/secret")).http.status, 401);
  HttpRequest admin = get("/secret");
  admin.headers.add("Authorization", std::string("Bearer ") + kAdmin);
  EXPECT_EQ(send(admin).http.body, "none");
}

}  // namespace
}  // namespace blockd::test
