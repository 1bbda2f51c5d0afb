#include "kernel/programs/probe/probe.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <regex>
#include <sstream>

#include "kernel/programs/cli/tests/fake_node.hpp"

namespace blockd::probe {
namespace {

using test::FakeNode;

struct Answer {
  int code;
  std::string out, err;
};

class Probe : public ::testing::Test {
 protected:
  Answer run(std::vector<std::string> args) {
    std::ostringstream out, err;
    World world{out, err, {{"TB_RPC_ENDPOINT", node.url()}}, clock, [this](std::uint32_t ms) {
                  clock.now += ms * 1000ull;
                }};
    const int code = run_probe(world, args);
    return {code, out.str(), err.str()};
  }

  // Time goes on with each look at it and with each pause.
  struct FakeClock : Clock {
    std::uint64_t unix_ms() const override { return 0; }
    std::uint64_t monotonic_us() const override { return now += 1000; }
    mutable std::uint64_t now = 0;
  };
  void at_height(std::uint64_t height) {
    node.on("node.status", json::object{{"current_block_height", height}});
  }

  FakeNode node;
  FakeClock clock;
};

TEST_F(Probe, ping_needs_a_valid_answer) {
  at_height(7);
  EXPECT_EQ(run({"ping-rpc"}).code, 0);
  node.on("node.status", json::object{{"height", "x"}});
  EXPECT_EQ(run({"ping-rpc"}).code, 1);
}

TEST_F(Probe, prom_lines_are_exact) {
  at_height(7);
  const Answer ping = run({"--prom", "ping-rpc"});
  EXPECT_TRUE(
      std::regex_match(ping.out, std::regex("probe_success 1\nprobe_duration_seconds "
                                            "0\\.[0-9]{6}\nprobe_rpc_ping_seconds 0\\.[0-9]{6}\n")))
      << ping.out;
  const Answer tip = run({"tip", "--prom"});
  EXPECT_TRUE(std::regex_match(
      tip.out,
      std::regex("probe_success 1\nprobe_duration_seconds 0\\.[0-9]{6}\nprobe_tip_height 7\n")))
      << tip.out;
  const Answer dead = run({"--prom", "tip", "http://127.0.0.1:1"});
  EXPECT_EQ(dead.code, 1);
  EXPECT_TRUE(std::regex_match(
      dead.out, std::regex("probe_success 0\nprobe_duration_seconds 0\\.[0-9]{6}\n")))
      << dead.out;
  EXPECT_NE(dead.err.find("connection refused"), std::string::npos);
}

TEST_F(Probe, missed_expectations_are_code_2) {
  at_height(7);
  EXPECT_EQ(run({"tip", "--expect", "7"}).code, 0);
  EXPECT_EQ(run({"tip", "--expect", "8"}).code, 2);
  // The fake clock makes each call take at least two milliseconds.
  EXPECT_EQ(run({"ping-rpc", "--expect", "1"}).code, 2);
  EXPECT_EQ(run({"ping-rpc", "--expect", "1000"}).code, 0);
}

TEST_F(Probe, mine_one_starts_waits_and_stops) {
  std::atomic<std::uint64_t> height{10};
  node.on("node.status", [&](const json::object&) {
    return json::value(json::object{{"current_block_height", height.load()}});
  });
  node.on("start_mining", [&](const json::object&) {
    height += 2;
    return json::value(json::object{{"status", "ok"}});
  });
  node.on("stop_mining", json::object{{"status", "ok"}});
  EXPECT_EQ(run({"mine-one", node.url(), "tb1miner", "--expect", "2"}).code, 0);
  EXPECT_EQ(node.asked("start_mining")[0].params.at("miner").as_string(), "tb1miner");
  EXPECT_EQ(node.asked("stop_mining").size(), 1u);
}

TEST_F(Probe, mine_one_without_the_role_only_waits) {
  std::atomic<std::uint64_t> height{10};
  node.on("node.status", [&](const json::object&) {
    return json::value(json::object{{"current_block_height", height++}});
  });
  EXPECT_EQ(run({"mine-one"}).code, 0);
  EXPECT_TRUE(node.asked("stop_mining").empty());
  at_height(3);
  EXPECT_EQ(run({"mine-one", "--timeout", "1"}).code, 2);
}

TEST_F(Probe, wrong_use_is_code_2) {
  EXPECT_EQ(run({}).code, 2);
  EXPECT_EQ(run({"ping"}).code, 2);
  EXPECT_EQ(run({"tip", "--expect", "many"}).code, 2);
  EXPECT_EQ(run({"tip", "--colour", "red"}).code, 2);
  EXPECT_EQ(run({"--help"}).code, 0);
}

TEST_F(Probe, gossip_check_says_that_there_are_no_peers) {
  const Answer answer = run({"gossip-check"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_NE(answer.err.find("no peer network in this build"), std::string::npos);
}

}  // namespace
}  // namespace blockd::probe
