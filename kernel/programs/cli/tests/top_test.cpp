#include <gtest/gtest.h>

#include "kernel/programs/cli/top_frame.hpp"

namespace blockd::cli {
namespace {

TopReading reading(std::uint64_t at_ms, std::uint64_t height, std::string_view metrics) {
  TopReading out;
  out.at_ms = at_ms;
  out.status = {{"chain_id", "dev"},  {"current_block_height", height},
                {"epoch", 3},         {"mempool_size", 7},
                {"version", "0.1.0"}, {"uptime_secs", 12}};
  out.plugins = {json::object{{"id", "energy"},
                              {"version", "1.0.0"},
                              {"state", "running"},
                              {"isolation", "none"},
                              {"calls_in_flight", 2}}};
  out.series = read_series(metrics);
  return out;
}

constexpr std::string_view kBefore =
    "# TYPE plugin_commands_total counter\nplugin_commands_total{plugin=\"energy\"} 100\n"
    "rpc_latency_seconds_bucket{module=\"x\",le=\"0.001\"} "
    "10\nrpc_latency_seconds_bucket{module=\"x\",le=\"+Inf\"} "
    "10\nrpc_latency_seconds_count 10\n";
constexpr std::string_view kNow =
    "plugin_commands_total{plugin=\"energy\"} 300\n"
    "rpc_latency_seconds_bucket{module=\"x\",le=\"0.001\"} "
    "30\nrpc_latency_seconds_bucket{module=\"x\",le=\"+Inf\"} "
    "31\nrpc_latency_seconds_count 31\n";

TEST(Top, shows_rates_between_two_readings) {
  const std::string frame = top_frame(reading(1000, 10, kBefore), reading(3000, 14, kNow),
                                      {"14  energy.settled  {}"}, "http://n", 100, 30, false);
  EXPECT_NE(frame.find("height 14  epoch 3  blocks/s 2.0  commands/s 100  pool 7"),
            std::string::npos)
      << frame;
  EXPECT_NE(frame.find("rpc p95 <= 1 ms"), std::string::npos) << frame;
  EXPECT_NE(frame.find("energy           1.0.0     running"), std::string::npos) << frame;
  EXPECT_NE(frame.find("14  energy.settled"), std::string::npos) << frame;
}

TEST(Top, stays_inside_the_terminal) {
  const std::string frame =
      top_frame(reading(0, 1, kBefore), reading(1000, 2, kNow),
                std::vector<std::string>(50, std::string(300, 'x')), "http://n", 40, 12, false);
  std::size_t lines = 0, longest = 0, from = 0;
  for (std::size_t end; (end = frame.find('\n', from)) != std::string::npos; from = end + 1) {
    ++lines;
    longest = std::max(longest, end - from);
  }
  EXPECT_EQ(lines, 12u);
  EXPECT_LE(longest, 40u);
}

TEST(Top, passes_over_lines_that_are_no_series) {
  EXPECT_TRUE(read_series("# HELP x\n\nnonsense\na b\n").empty());
  EXPECT_EQ(read_series("x{a=\"b c\"} 2.5").at("x{a=\"b c\"}"), 2.5);
}

}  // namespace
}  // namespace blockd::cli
