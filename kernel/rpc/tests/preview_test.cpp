// Previews as jobs of the node.
#include "kernel/rpc/preview_jobs.hpp"

#include <boost/json/serialize.hpp>

#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

struct Previews : RpcWorld {
  std::uint64_t start(const std::string& params) {
    const Reply r = local_call("chain.preview_start", params);
    EXPECT_TRUE(r.body.as_object().contains("result")) << r.http.body;
    return static_cast<std::uint64_t>(r.result().at("job").as_int64());
  }
  // Asks until the job has ended.
  json::object ended(std::uint64_t job) {
    for (;;) {
      const Reply r = local_call("chain.preview", "{\"job\":" + std::to_string(job) + "}");
      if (!r.body.as_object().contains("result")) return r.body.as_object();
      if (r.result().at("state").as_string() != "running") return r.result().as_object();
      std::this_thread::yield();
    }
  }
  void one_block() { local_call("bank.run", R"({"op":"param","key":"seen"})"); }
};

TEST_F(Previews, tell_what_another_value_would_have_changed) {
  one_block();
  const json::object job =
      ended(start(R"({"epochs":1,"params":[{"key":"bank_limit","value":33}]})"));
  ASSERT_EQ(job.at("state").as_string(), "done") << json::serialize(job);
  EXPECT_EQ(job.at("done"), job.at("total"));
  const json::object& result = job.at("result").as_object();
  EXPECT_EQ(result.at("from_height").as_int64(), 1);
  EXPECT_EQ(result.at("commands").as_int64(), 1);
  EXPECT_EQ(result.at("rows").at(0).at("plugin").as_string(), "bank");
  EXPECT_EQ(result.at("rows").at(0).at("first").at(1).as_string(), "seen");
  EXPECT_EQ(world_.row("bank", "seen"), "9");
}

TEST_F(Previews, fail_with_the_plugins_refusal) {
  one_block();
  const json::object job = ended(start(R"({"params":[{"key":"bank_floor","value":50}]})"));
  EXPECT_EQ(job.at("state").as_string(), "failed");
  EXPECT_NE(job.at("error").as_string().find("FloorAboveLimit"), std::string::npos);
}

TEST_F(Previews, are_for_operators_and_name_what_is_wrong) {
  EXPECT_EQ(call("chain.preview_start", "{}").code(), -34003);
  EXPECT_EQ(local_call("chain.preview_start", R"({"params":[{"key":"x"}]})").code(), -32602);
  EXPECT_EQ(local_call("chain.preview_start", R"({"observe":{}})").code(), -32602);
  EXPECT_EQ(local_call("chain.preview", R"({"job":7})").code(), -34006);
  EXPECT_EQ(local_call("chain.preview_cancel", R"({"job":7})").code(), -34006);
}

TEST_F(Previews, are_remembered_while_they_are_among_the_newest) {
  one_block();
  std::uint64_t last = 0;
  for (std::size_t i = 0; i <= PreviewJobs::kMaxKept; ++i) {
    last = start("{}");
    EXPECT_EQ(ended(last).at("state").as_string(), "done");
  }
  EXPECT_EQ(last, PreviewJobs::kMaxKept + 1);
  EXPECT_EQ(local_call("chain.preview", R"({"job":1})").code(), -34006);
  EXPECT_EQ(ended(2).at("state").as_string(), "done");
}

// While the gate is shut, payments are not made.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool shut = false;
  std::size_t waiting = 0;
};
Gate& gate() {
  static Gate one;
  return one;
}
tb_status gated(tb_ctx* ctx, std::uint32_t, const tb_value*, std::uint32_t, tb_out*) {
  Gate& g = gate();
  std::unique_lock lock(g.mutex);
  ++g.waiting;
  g.changed.notify_all();
  g.changed.wait(lock, [&] { return !g.shut; });
  --g.waiting;
  return ctx->api->put(ctx, str("row"), str("x"));
}

TEST_F(Previews, run_two_at_once_and_end_when_they_are_told_to) {
  world_.provider.table.apply = gated;
  one_block();
  one_block();
  Gate& g = gate();
  {
    std::lock_guard lock(g.mutex);
    g.shut = true;
  }
  const std::uint64_t first = start("{}"), second = start("{}");
  {
    std::unique_lock lock(g.mutex);
    g.changed.wait(lock, [&] { return g.waiting == 2; });
  }
  EXPECT_EQ(local_call("chain.preview_start", "{}").code(), -34005);
  EXPECT_EQ(local_call("chain.preview_cancel", "{\"job\":" + std::to_string(first) + "}")
                .result()
                .at("status")
                .as_string(),
            "ok");
  {
    std::lock_guard lock(g.mutex);
    g.shut = false;
    g.changed.notify_all();
  }
  EXPECT_EQ(ended(first).at("state").as_string(), "cancelled");
  EXPECT_EQ(ended(second).at("state").as_string(), "done");
}

}  // namespace
}  // namespace blockd::test
