// The order of checks of node-and-cli spec 5.2, and how answers look.

#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

using Dispatch = RpcWorld;

TEST_F(Dispatch, answers_a_query_on_one_view) {
  const Reply r = call("shop.show", R"({"count":4})");
  EXPECT_EQ(r.http.status, 200);
  EXPECT_EQ(r.http.body, R"({"jsonrpc":"2.0","id":1,"result":{"height":0,"n":4}})");
  EXPECT_EQ(call("shop.old", "[5]").result().at("n").as_int64(), 5);
  EXPECT_EQ(call("shop.show", R"({"number":6})").result().at("n").as_int64(), 6);
}

TEST_F(Dispatch, a_query_that_takes_too_long_is_cut_off_and_its_late_answer_dropped) {
  reconfigure("rpc.request_timeout_ms", 100);
  const Reply late = call("shop.show", R"({"count":9})");
  EXPECT_EQ(late.code(), -34001);
  EXPECT_EQ(late.name(), "timeout");
  EXPECT_NE(late.body.at("error").at("message").as_string().find("shop.show"), json::string::npos);
  FakePlugin::go_on.release();  // the handler answers now, to nobody
  reconfigure("rpc.request_timeout_ms", 600'000);
  EXPECT_EQ(call("shop.show", R"({"count":3})").result().at("n").to_number<int>(), 3);
  FakePlugin::go_on.release();  // in time
  EXPECT_EQ(call("shop.show", R"({"count":9})").result().at("n").to_number<int>(), 9);
}

// Two of them keep the workers, the third one waits for a worker.
TEST_F(Dispatch, queries_that_take_too_long_together_are_all_cut_off) {
  reconfigure("rpc.request_timeout_ms", 100);
  const std::string slow = R"({"jsonrpc":"2.0","id":1,"method":"shop.show","params":{"count":9}})";
  const Reply late = send(request("[" + slow + "," + slow + "," + slow + "]"));
  ASSERT_EQ(late.body.as_array().size(), 3u);
  for (const json::value& one : late.body.as_array())
    EXPECT_EQ(one.at("error").at("code").to_number<int>(), -34001);
  FakePlugin::go_on.release(3);
  reconfigure("rpc.request_timeout_ms", 600'000);
  EXPECT_EQ(call("shop.show", R"({"count":3})").result().at("n").to_number<int>(), 3);
}

TEST_F(Dispatch, keeps_the_id_as_it_was_sent) {
  EXPECT_EQ(send(request(R"({"jsonrpc":"2.0","id":"a\u00e9","method":"whoami"})"))
                .body.at("id")
                .as_string(),
            "a\xc3\xa9");
  EXPECT_TRUE(
      send(request(R"({"jsonrpc":"2.0","id":null,"method":"whoami"})")).body.at("id").is_null());
  EXPECT_EQ(send(request(R"({"jsonrpc":"2.0","id":1.5,"method":"whoami"})")).code(), -32600);
}

TEST_F(Dispatch, refuses_what_is_no_request) {
  EXPECT_EQ(send(request("{")).code(), -32700);
  EXPECT_EQ(send(request("[]")).code(), -32600);
  const Reply no_version = send(request(R"({"method":"whoami"})"));
  EXPECT_EQ(no_version.code(), -32600);
  EXPECT_TRUE(no_version.body.at("id").is_null());
  EXPECT_EQ(no_version.name(), "invalid_request");
}

TEST_F(Dispatch, answers_each_call_of_a_batch_but_notifications) {
  const Reply r =
      send(request(R"([{"jsonrpc":"2.0","id":1,"method":"shop.show","params":{"count":1}},
    {"jsonrpc":"2.0","method":"whoami"},{"jsonrpc":"2.0","id":2,"method":"shop.keep"},7])"));
  ASSERT_EQ(r.http.status, 200);
  const json::array& list = r.body.as_array();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].at("result").at("n").as_int64(), 1);
  EXPECT_EQ(list[1].at("error").at("code").as_int64(), -34003);
  EXPECT_EQ(list[2].at("error").at("code").as_int64(), -32600);
  const Reply silent = send(request(R"({"jsonrpc":"2.0","method":"whoami"})"));
  EXPECT_EQ(silent.http.status, 204);
  EXPECT_EQ(silent.http.body, "");
}

TEST_F(Dispatch, bounds_a_batch) {
  reconfigure("rpc.max_batch", 2);
  const std::string one = R"({"jsonrpc":"2.0","id":1,"method":"whoami"})";
  EXPECT_TRUE(send(request("[" + one + "," + one + "]")).body.is_array());
  EXPECT_EQ(send(request("[" + one + "," + one + "," + one + "]")).code(), -32600);
}

TEST_F(Dispatch, names_the_field_and_the_nearest_one) {
  const Reply r = call("shop.show", R"({"count":1,"cuont":2})");
  EXPECT_EQ(r.code(), -32602);
  EXPECT_EQ(r.name(), "InvalidParams");
  EXPECT_EQ(r.error().at("data").at("field").as_string(), "cuont");
  EXPECT_EQ(r.error().at("data").at("nearest").as_string(), "count");
  EXPECT_EQ(call("shop.show", R"({"count":11})").error().at("data").at("field").as_string(),
            "count");
  EXPECT_EQ(call("shop.show", R"({"count":1,"number":1})").code(), -32602);
}

TEST_F(Dispatch, gives_the_earlier_of_two_errors) {
  // Content type before JSON.
  HttpRequest text = request("{");
  text.headers = {};
  text.headers.add("Host", "localhost");
  text.headers.add("Content-Type", "text/plain");
  EXPECT_EQ(send(text).http.status, 415);
  // Host before content type.
  HttpRequest foreign = text;
  foreign.headers = {};
  foreign.headers.add("Host", "evil.example");
  foreign.headers.add("Content-Type", "text/plain");
  EXPECT_EQ(send(foreign).http.status, 403);
  // Credential before method.
  const Reply wrong = call("no.such", "{}", "not-a-token-of-this-node");
  EXPECT_EQ(wrong.http.status, 401);
  EXPECT_EQ(wrong.code(), -34000);
  // Role before params.
  const Reply role = call("shop.keep", R"({"wrong":1})");
  EXPECT_EQ(role.http.status, 403);
  EXPECT_EQ(role.code(), -34003);
  EXPECT_EQ(role.error().at("data").at("role").as_string(), "operator");
}

TEST_F(Dispatch, hides_what_is_not_for_the_caller) {
  EXPECT_EQ(call("node.shutdown").code(), -32601);
  EXPECT_EQ(call("shop.secret").code(), -32601);
  EXPECT_EQ(call("shop.secret", "{}", kAdmin).http.status, 200);
  EXPECT_TRUE(call("shop.secret", "{}", kAdmin).body.as_object().contains("result"));
  EXPECT_EQ(call("shop.shwo").error().at("data").at("nearest").as_string(), "shop.show");
}

TEST_F(Dispatch, says_that_a_plugin_was_unloaded) {
  EXPECT_TRUE(call("shop.show", R"({"count":1})").body.as_object().contains("result"));
  host_.show({manifest_of(kBankManifest)});
  const Reply r = call("shop.show", R"({"count":1})");
  EXPECT_EQ(r.code(), -32603);
  EXPECT_EQ(r.name(), "plugin_disabled");
  host_.show({manifest_of(kPlain)});
  EXPECT_TRUE(call("shop.show", R"({"count":1})").body.as_object().contains("result"));
}

TEST_F(Dispatch, demands_a_credential_when_a_token_is_set) {
  reconfigure("rpc.auth_token", "a-token-for-operators");
  EXPECT_EQ(call("whoami").http.status, 401);
  EXPECT_EQ(call("whoami", "{}", "a-token-for-operators").result().at("role").as_string(),
            "operator");
  EXPECT_EQ(call("whoami", "{}", kAdmin).result().at("role").as_string(), "admin");
  EXPECT_EQ(local_call("whoami").result().at("role").as_string(), "admin");
}

TEST_F(Dispatch, limits_a_client_then_bans_it) {
  reconfigure("rpc.tokens_per_sec", 3);
  clock_.pass_ms(1000);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(call("whoami").http.status, 200);
  const Reply limited = call("whoami");
  EXPECT_EQ(limited.http.status, 429);
  EXPECT_EQ(limited.code(), -32001);
  EXPECT_EQ(limited.header("Retry-After"), "60");
  const Reply banned = call("whoami");
  EXPECT_EQ(banned.code(), -32002);
  EXPECT_EQ(banned.name(), "banned");
  clock_.pass_ms(60'001);
  EXPECT_EQ(call("whoami").http.status, 200);
  const std::string text = metrics_.render();
  EXPECT_NE(text.find("rpc_client_error_total{code=\"2001\"} 1\n"), std::string::npos);
  EXPECT_NE(text.find("rpc_bans_total 1\n"), std::string::npos);
}

TEST_F(Dispatch, counts_a_batch_by_its_calls) {
  reconfigure("rpc.tokens_per_sec", 2);
  clock_.pass_ms(1000);
  const std::string one = R"({"jsonrpc":"2.0","id":1,"method":"whoami"})";
  const Reply r = send(request("[" + one + "," + one + "," + one + "]"));
  EXPECT_EQ(r.http.status, 200);
  EXPECT_TRUE(r.body.as_array()[1].as_object().contains("result"));
  EXPECT_EQ(r.body.as_array()[2].at("error").at("code").as_int64(), -32001);
}

TEST_F(Dispatch, lets_a_guarded_plugin_answer_in_its_own_words) {
  EXPECT_TRUE(call("energy.show").body.as_object().contains("result"));  // no tokens configured:
                                                                         // open to read
  reconfigure("energy.test_token", "a-token-for-providers");
  clock_.pass_ms(2000);
  EXPECT_EQ(call("energy.show").code(), -33009);
  EXPECT_EQ(call("energy.show", "{}", "some-other-bearer-token").code(), -33009);
  clock_.pass_ms(2000);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(
        call("energy.show", "{}", "a-token-for-providers").body.as_object().contains("result"));
  const Reply over = call("energy.show", R"({"wrong":1})",
                          "a-token-for-providers");  // the limit comes before the params
  EXPECT_EQ(over.code(), -33010);
  EXPECT_EQ(over.name(), "RateLimited");
  EXPECT_NE(over.header("Retry-After"), "");
  clock_.pass_ms(1001);
  EXPECT_TRUE(
      call("energy.show", "{}", "a-token-for-providers").body.as_object().contains("result"));
}

TEST_F(Dispatch, counts_what_it_refuses_for_a_plugin_in_the_plugins_own_metrics) {
  // A host declares them when the plugin starts.
  MetricFamily* failures = *metrics_.declare(
      "energy", {.name = "energy_failures_total", .labels = {"reason"}, .help = "Failures"});
  MetricFamily* limited = *metrics_.declare(
      "energy", {.name = "energy_rate_limited_total", .labels = {"class"}, .help = "Refused"});
  reconfigure("energy.test_token", "a-token-for-providers");
  clock_.pass_ms(2000);
  EXPECT_EQ(call("energy.show").code(), -33009);
  EXPECT_EQ(failures->counter({"unauthorized"})->value(), 1u);
  clock_.pass_ms(2000);
  for (int i = 0; i < 4; ++i) call("energy.show", "{}", "a-token-for-providers");
  EXPECT_EQ(limited->counter({"settle"})->value(), 1u);
  EXPECT_EQ(failures->counter({"other"})->value(), 0u);
}

TEST_F(Dispatch, waits_for_a_height) {
  EXPECT_EQ(call("shop.show", R"({"count":1,"min_height":0})").http.status, 200);
  std::promise<HttpResponse> later;
  rpc_->handle(
      std::make_shared<const HttpRequest>(request(
          R"({"jsonrpc":"2.0","id":1,"method":"shop.show","params":{"count":1,"min_height":1}})")),
      [&](HttpResponse r) { later.set_value(std::move(r)); });
  producer_->cut_now();
  EXPECT_EQ(later.get_future().get().body,
            R"({"jsonrpc":"2.0","id":1,"result":{"height":1,"n":1}})");
  EXPECT_EQ(call("shop.show", R"({"count":1,"min_height":-1})")
                .error()
                .at("data")
                .at("field")
                .as_string(),
            "min_height");
}

TEST_F(Dispatch, answers_plugins_as_operators) {
  std::promise<std::pair<bool, json::value>> got;
  rpc_->call_as_plugin("shop", "shop.keep", json::object{{"count", 2}},
                       [&](bool ok, json::value v) {
                         got.set_value({ok, std::move(v)});
                       });
  const auto [ok, value] = got.get_future().get();
  EXPECT_TRUE(ok);
  EXPECT_EQ(value.at("n").as_int64(), 2);
}

}  // namespace
}  // namespace blockd::test
