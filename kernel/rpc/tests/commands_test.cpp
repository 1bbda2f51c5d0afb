// Commands signed by the node or by their sender, and the methods that look at them afterwards.

#include "kernel/base/hex.hpp"
#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

using Commands = RpcWorld;

std::string text_of(const Reply& r, const char* member) {
  return std::string(r.result().at(member).as_string());
}

TEST_F(Commands, are_signed_by_the_node_and_answered_when_committed) {
  const Reply r = local_call("bank.run", R"({"op":"put","key":"row1","n":5})");
  ASSERT_TRUE(r.body.as_object().contains("result")) << r.http.body;
  EXPECT_EQ(text_of(r, "value"), "v2:5");
  EXPECT_EQ(r.result().at("height").as_int64(), 1);
  EXPECT_EQ(world_.row("bank", "row1"), "v2:5");
  const Reply status = call("tx.status", R"({"id":")" + text_of(r, "command_id") + "\"}");
  EXPECT_EQ(text_of(status, "state"), "final");
  EXPECT_EQ(text_of(status, "outcome"), "applied");
  EXPECT_EQ(status.result().at("result").at("value").as_string(), "v2:5");
  const Reply block = call("block.get", R"({"hash":")" + text_of(r, "hash") + R"(","full":true})");
  EXPECT_EQ(block.result().at("command_count").as_int64(), 1);
  EXPECT_EQ(block.result().at("events").as_array().size(), 1u);
  EXPECT_EQ(block.result().at("commands").as_array()[0].at("command").at("memo").as_string(),
            "socket");
  EXPECT_EQ(call("state.get", R"({"namespace":"bank","key":")" + to_hex("row1") + "\"}")
                .result()
                .at("value")
                .as_string(),
            to_hex("v2:5"));
}

TEST_F(Commands, leave_rows_that_can_be_read_page_by_page) {
  for (const char* key : {"row1", "row2", "row3", "other"})
    ASSERT_TRUE(local_call("bank.run", std::string(R"({"op":"put","n":1,"key":")") + key + "\"}")
                    .body.as_object()
                    .contains("result"));
  std::vector<std::string> keys;
  const std::string of_rows =
      R"({"namespace":"bank","prefix":")" + to_hex("row") + R"(","limit":2)";
  std::string after;
  for (int pages = 0; pages < 3; ++pages) {
    const Reply page = local_call("state.dump", of_rows + after + "}");
    for (const json::value& row : page.result().at("rows").as_array())
      keys.push_back(*from_hex(row.at("key").as_string()));
    if (page.result().at("next").is_null()) break;
    after = R"(,"after":")" + std::string(page.result().at("next").as_string()) + "\"";
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"row1", "row2", "row3"}));
  EXPECT_GT(local_call("state.dump", R"({"limit":10000})").result().at("rows").as_array().size(),
            4u);
  EXPECT_EQ(local_call("state.dump", R"({"prefix":"00"})").code(), -32602);
  EXPECT_EQ(call("state.dump").name(), "forbidden") << "for operators only";
}

TEST_F(Commands, tell_the_plugins_refusal_with_its_place) {
  const Reply r = local_call("bank.run", R"({"op":"charge"})");
  EXPECT_EQ(r.code(), -40001);
  EXPECT_EQ(r.name(), "Told");
  EXPECT_EQ(r.error().at("data").at("outcome").as_string(), "charged");
  EXPECT_EQ(r.error().at("data").at("height").as_int64(), 1);
}

TEST_F(Commands, without_a_result_that_can_be_taken_are_counted) {
  const std::string series = "plugin_results_dropped_total{plugin=\"bank\"} ";
  ASSERT_TRUE(local_call("bank.run", R"({"op":"put","n":5})").body.as_object().contains("result"));
  EXPECT_EQ(metrics_.render().find(series + "1\n"), std::string::npos);
  const Reply r = local_call("bank.run", R"({"op":"bad_result"})");
  ASSERT_TRUE(r.body.as_object().contains("result")) << r.http.body;
  EXPECT_EQ(r.result().at("height").as_int64(), 2);
  EXPECT_NE(metrics_.render().find(series + "1\n"), std::string::npos);
}

TEST_F(Commands, run_dry_without_a_trace) {
  const Reply r = local_call("bank.run", R"({"op":"put","n":5,"_tx":{"dry_run":true}})");
  EXPECT_TRUE(r.result().at("dry_run").as_bool());
  EXPECT_EQ(world_.chain->view()->height, 0u);
  EXPECT_EQ(local_call("bank.run", R"({"op":"put","_tx":{"dry_ran":true}})")
                .error()
                .at("data")
                .at("nearest")
                .as_string(),
            "dry_run");
}

TEST_F(Commands, may_be_left_behind) {
  const Reply r = local_call("bank.run", R"({"op":"put","n":1,"_tx":{"wait":"none"}})");
  EXPECT_EQ(text_of(r, "status"), "ok");
  EXPECT_EQ(text_of(r, "command_id").size(), 64u);
}

TEST_F(Commands, are_signed_now_and_handed_in_later) {
  const Reply made =
      local_call("command.sign", R"({"method":"bank.run","params":{"op":"put","key":"s","n":7}})");
  ASSERT_TRUE(made.body.as_object().contains("result")) << made.http.body;
  EXPECT_EQ(world_.chain->view()->height, 0u);
  EXPECT_EQ(made.result().at("nonce").as_int64(), 1);
  EXPECT_EQ(text_of(call("submit_tx", R"({"tx":")" + text_of(made, "envelope") + "\"}"), "status"),
            "ok");
  const Reply done = local_call("bank.run", R"({"op":"put","key":"t"})");
  ASSERT_TRUE(done.body.as_object().contains("result")) << done.http.body;
  EXPECT_EQ(world_.row("bank", "s"), "v2:7");
  EXPECT_EQ(text_of(call("tx.status", R"({"hash":")" + text_of(made, "hash") + "\"}"), "outcome"),
            "applied");
  EXPECT_EQ(local_call("command.sign", R"({"method":"bank.none"})").code(), -32602);
  EXPECT_EQ(local_call("command.sign", R"({"method":"bank.run","params":{},"nonce":9})")
                .result()
                .at("nonce")
                .as_int64(),
            9);
}

TEST_F(Commands, of_the_sender_go_in_as_they_are) {
  const CommandPtr command = world_.op("put", "mine", 3);
  const Reply r = call("bank.run", command->envelope);
  ASSERT_TRUE(r.body.as_object().contains("result")) << r.http.body;
  EXPECT_EQ(text_of(r, "command_id"), to_hex(command->id));
  EXPECT_EQ(call("command.submit", command->envelope).code(), -34010);
  const Reply again = call("submit_tx", R"({"tx":)" + command->envelope + "}");
  EXPECT_EQ(text_of(again, "status"), "error");
  EXPECT_EQ(text_of(again, "error"), "nonce_gap");
  EXPECT_EQ(again.result().at("code").as_int64(), 3);
  const CommandPtr next = world_.op("put", "mine", 4);
  EXPECT_EQ(text_of(call("submit_tx", R"({"tx":")" + to_hex(next->envelope) + "\"}"), "status"),
            "ok");
  const std::string metrics = metrics_.render();
  EXPECT_NE(metrics.find("tx_rejected_total{reason=\"nonce_gap\"} 2\n"), std::string::npos);
  EXPECT_NE(metrics.find("tx_admitted_total 2\n"), std::string::npos);
}

TEST_F(Commands, must_be_of_the_called_method_and_nothing_else) {
  const CommandPtr noop = world_.command("chain.noop", json::object{});
  EXPECT_EQ(call("bank.run", noop->envelope).error().at("data").at("field").as_string(),
            "command.method");
  std::string more = noop->envelope;
  more.insert(1, R"("extra":1,)");
  EXPECT_EQ(call("chain.noop", more).error().at("data").at("field").as_string(), "extra");
  std::string blanks = noop->envelope;
  blanks.insert(blanks.find("\"chain\""), " ");
  EXPECT_EQ(call("command.submit", blanks).name(), "not_canonical");
}

TEST_F(Commands, of_the_kernel_are_signed_for_operators_only) {
  EXPECT_EQ(call("chain.noop").code(), -34003);
  EXPECT_EQ(local_call("chain.noop").result().at("height").as_int64(), 1);
}

TEST_F(Commands, that_are_open_to_signers_are_signed_by_the_node_for_operators_only) {
  const Reply r = call("bank.run", R"({"op":"put","key":"row1","n":5})");
  EXPECT_EQ(r.code(), -34003);
  EXPECT_EQ(world_.chain->view()->height, 0u);
  const CommandPtr own = world_.op("put", "mine", 3);
  EXPECT_EQ(call("bank.run", own->envelope).result().at("height").as_int64(), 1);
}

TEST_F(Commands, are_checked_without_being_sent) {
  const CommandPtr command = world_.op("put", "mine", 3);
  const Reply good = call("command.check", command->envelope);
  EXPECT_TRUE(good.result().at("admissible").as_bool());
  EXPECT_EQ(text_of(good, "id"), to_hex(command->id));
  EXPECT_EQ(text_of(good, "signing_bytes"), to_hex(command->signed_bytes));
  const Reply bad = call("command.check", R"({"tx":)" + world_.op("fail")->envelope + "}");
  EXPECT_FALSE(bad.result().at("admissible").as_bool());
  EXPECT_EQ(world_.chain->view()->height, 0u);
  EXPECT_EQ(call("command.check").code(), -32602);
}

TEST_F(Commands, are_refused_while_the_node_stops) {
  rpc_->stopping();
  EXPECT_EQ(local_call("bank.run", R"({"wrong":1})").code(), -34004);
  EXPECT_EQ(call("block.latest").http.status, 200);
}

TEST_F(Commands, leave_nonces_for_the_next) {
  const std::string account = address_of(world_.user.public_key());
  EXPECT_EQ(
      call("account.nonce", R"({"account":")" + account + "\"}").result().at("next").as_int64(), 1);
  local_call("chain.noop");
  const Reply r = call("account.nonce", R"({"account":")" + account + "\"}");
  EXPECT_EQ(r.result().at("nonce").as_int64(), 1);
  EXPECT_EQ(r.result().at("next").as_int64(), 2);
  EXPECT_EQ(r.result().at("window_end").as_int64(), 65);
}

TEST_F(Commands, can_be_mined_on_demand) {
  EXPECT_EQ(call("start_mining").code(), -34003);
  EXPECT_GE(local_call("start_mining").result().at("height").as_int64(), 1);
  EXPECT_EQ(text_of(local_call("stop_mining"), "status"), "ok");
}

TEST_F(Commands, as_many_blocks_as_were_asked_for_are_mined) {
  const auto mined = [&](const char* params) {
    return local_call("start_mining", params).result().at("height").as_int64();
  };
  const std::int64_t height = mined(R"({"blocks":1})");
  EXPECT_EQ(mined(R"({"blocks":3})"), height + 3);
  clock_.pass_ms(60'000);
  EXPECT_EQ(mined(R"({"blocks":1})"), height + 4) << "none came after them";
  EXPECT_EQ(local_call("start_mining", R"({"blocks":0})").code(), -32602);
  EXPECT_EQ(local_call("start_mining", R"({"blocks":1001})").code(), -32602);
}

TEST_F(Commands, of_operations_refuse_in_the_words_of_the_host) {
  const Reply r = local_call("plugin.reload", R"({"name":"bank"})");
  EXPECT_EQ(r.code(), -34008);
  EXPECT_EQ(r.error().at("data").at("hint").as_string(), "contract-cli plugin upgrade x.so");
  EXPECT_EQ(local_call("plugin.upgrade").code(), -32602);
}

TEST_F(Commands, switch_a_plugin_off_and_on_through_the_log) {
  const Reply off = local_call("plugin.upgrade", R"({"suspend":"bank"})");
  ASSERT_TRUE(off.body.as_object().contains("result")) << off.http.body;
  EXPECT_EQ(off.result().at("entry").at("status").as_string(), "suspended");
  EXPECT_EQ(local_call("bank.run", R"({"op":"put"})").name(), "unknown_command");
  EXPECT_EQ(text_of(local_call("plugin.upgrade", R"({"resume":"bank"})"), "status"), "ok");
  EXPECT_TRUE(local_call("bank.run", R"({"op":"put"})").body.as_object().contains("result"));
}

TEST_F(Commands, make_list_and_revoke_tokens) {
  const Reply made = local_call("token.create", R"({"role":"operator","ttl":60})");
  const std::string token = text_of(made, "token");
  EXPECT_EQ(call("whoami", "{}", token).result().at("role").as_string(), "operator");
  EXPECT_EQ(local_call("token.list").result().at("tokens").as_array().size(), 1u);
  EXPECT_EQ(local_call("token.list").http.body.find(token), std::string::npos);
  EXPECT_EQ(
      text_of(local_call("token.revoke", R"({"id":")" + text_of(made, "id") + "\"}"), "revoked"),
      text_of(made, "id"));
  EXPECT_EQ(call("whoami", "{}", token).http.status, 401);
  EXPECT_EQ(
      local_call("token.create", R"({"role":"king"})").error().at("data").at("field").as_string(),
      "role");
}

TEST_F(Commands, replay_to_the_same_roots) {
  local_call("bank.run", R"({"op":"put","n":5})");
  const Reply r = local_call("maintenance.verify");
  ASSERT_TRUE(r.body.as_object().contains("result")) << r.http.body;
  EXPECT_TRUE(r.result().at("ok").as_bool()) << r.http.body;
  EXPECT_EQ(r.result().at("commands").as_int64(), 1);
}

TEST_F(Commands, and_queries_are_all_in_the_document) {
  const Reply r = call("rpc.discover");
  EXPECT_TRUE(r.result().at("methods").is_array());
  EXPECT_EQ(r.http.body.find("shop.secret"), std::string::npos);
  EXPECT_NE(r.http.body.find("\"node status\""), std::string::npos);
  EXPECT_NE(call("rpc.discover", "{}", kAdmin).http.body.find("shop.secret"), std::string::npos);
}

TEST_F(Commands, leave_the_node_to_say_how_it_is) {
  const Reply r = call("node.status");
  EXPECT_EQ(r.result().at("chain_id").as_string(), "dev");
  EXPECT_TRUE(r.result().at("validator").as_bool());
  EXPECT_EQ(call("consensus.status").result().at("quorum_power").as_int64(), 1);
  EXPECT_EQ(call("mempool.stats", R"({"lane":"service"})").result().at("size").as_int64(), 0);
  EXPECT_EQ(local_call("mempool.set_cap", R"({"cap":16})").result().at("previous").as_int64(),
            1024);
  EXPECT_EQ(local_call("mempool.set_cap", R"({"cap":20})").result().at("previous").as_int64(), 16);
  EXPECT_FALSE(shut_down_);
  local_call("node.shutdown");
  EXPECT_TRUE(shut_down_);
}

}  // namespace
}  // namespace blockd::test
