#include "kernel/metrics/registry.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

namespace blockd {
namespace {

MetricDecl counter(std::string name, std::vector<std::string> labels = {}) {
  return {.name = std::move(name), .labels = std::move(labels), .help = "Things that happened"};
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, counter_without_labels_is_zero_from_the_first_scrape) {
  MetricRegistry registry;
  ASSERT_TRUE(registry.declare("kernel", counter("block_mined_total")).ok());
  const std::string text = registry.render();
  EXPECT_TRUE(has_line(text, "# HELP block_mined_total Things that happened"));
  EXPECT_TRUE(has_line(text, "# TYPE block_mined_total counter"));
  EXPECT_TRUE(has_line(text, "block_mined_total 0")) << text;
}

TEST(Metrics, presets_exist_at_zero_and_values_are_escaped) {
  MetricRegistry registry;
  MetricDecl decl = counter("config_reload_total", {"result"});
  decl.presets = {{"ok"}, {"err"}};
  MetricFamily* family = *registry.declare("kernel", decl);
  family->counter({"a\"b\\c\nd"})->add(7);
  const std::string text = registry.render();
  EXPECT_TRUE(has_line(text, "config_reload_total{result=\"ok\"} 0"));
  EXPECT_TRUE(has_line(text, "config_reload_total{result=\"err\"} 0"));
  EXPECT_TRUE(has_line(text, "config_reload_total{result=\"a\\\"b\\\\c\\nd\"} 7")) << text;
}

TEST(Metrics, aliases_export_the_same_value) {
  MetricRegistry registry;
  MetricDecl decl{.name = "block_height",
                  .type = MetricType::kGauge,
                  .help = "Height",
                  .aliases = {"current_block_height", "moloch_chain_height"}};
  (*registry.declare("kernel", decl))->gauge()->set(42);
  const std::string text = registry.render();
  for (const char* name : {"block_height", "current_block_height", "moloch_chain_height"}) {
    EXPECT_TRUE(has_line(text, std::string(name) + " 42")) << text;
  }
  EXPECT_EQ(registry.find("moloch_chain_height"), registry.find("block_height"));
}

TEST(Metrics, histogram_has_cumulative_buckets_sum_and_count) {
  MetricRegistry registry;
  MetricDecl decl{.name = "wait_seconds",
                  .type = MetricType::kHistogram,
                  .help = "Waiting",
                  .buckets = {0.5, 2}};
  Histogram* h = (*registry.declare("kernel", decl))->histogram();
  for (double v : {0.25, 0.5, 1.0, 8.0}) h->observe(v);
  const std::string text = registry.render();
  EXPECT_TRUE(has_line(text, "wait_seconds_bucket{le=\"0.5\"} 2")) << text;
  EXPECT_TRUE(has_line(text, "wait_seconds_bucket{le=\"2\"} 3"));
  EXPECT_TRUE(has_line(text, "wait_seconds_bucket{le=\"+Inf\"} 4"));
  EXPECT_TRUE(has_line(text, "wait_seconds_count 4"));
  EXPECT_TRUE(has_line(text, "wait_seconds_sum 9.75"));
}

TEST(Metrics, label_values_beyond_the_limit_become_other_and_are_counted) {
  MetricRegistry registry;
  MetricDecl decl = counter("per_peer_total", {"peer"});
  decl.label_limit = 3;
  MetricFamily* family = *registry.declare("kernel", decl);
  for (int i = 0; i < 10; ++i) family->counter({std::to_string(i)})->add();
  const std::string text = registry.render();
  EXPECT_TRUE(has_line(text, "per_peer_total{peer=\"other\"} 7")) << text;
  EXPECT_TRUE(has_line(text, "metrics_label_overflow_total{metric=\"per_peer_total\"} 7"));
  EXPECT_EQ(family->series().size(), 4u);
  EXPECT_EQ(family->counter({"1"})->value(), 1u);  // those inside the limit keep their own series
}

TEST(Metrics, label_values_that_are_not_text_become_other) {
  MetricRegistry registry;
  MetricFamily* family = *registry.declare("kernel", counter("x_total", {"l"}));
  Counter* other = family->counter({"\xff\xfe"});
  EXPECT_EQ(other, family->counter({std::string(129, 'a')}));
  EXPECT_EQ(other, family->counter({"\xc3"}));
  EXPECT_NE(other, family->counter({"\xc3\xa9"}));
}

TEST(Metrics, label_values_are_not_confused_by_their_borders) {
  MetricRegistry registry;
  MetricFamily* family = *registry.declare("kernel", counter("x_total", {"a", "b"}));
  EXPECT_NE(family->counter({"ab", "c"}), family->counter({"a", "bc"}));
  EXPECT_NE(family->counter({"1:a", ""}), family->counter({"", "1:a"}));
}

TEST(Metrics, wrong_type_or_label_count_gives_no_handle) {
  MetricRegistry registry;
  MetricFamily* family = *registry.declare("kernel", counter("x_total", {"a"}));
  EXPECT_EQ(family->counter({}), nullptr);
  EXPECT_EQ(family->gauge({"v"}), nullptr);
  EXPECT_EQ(family->histogram({"v"}), nullptr);
}

TEST(Metrics, redeclaring_after_a_reload_keeps_the_values) {
  MetricRegistry registry;
  Counter* before = (*registry.declare("energy", counter("energy_total", {"p"})))->counter({"x"});
  before->add(5);
  MetricDecl newer = counter("energy_total", {"p"});
  newer.help = "Better words";
  newer.aliases = {"energy_sum_total"};
  Counter* after = (*registry.declare("energy", newer))->counter({"x"});
  EXPECT_EQ(before, after);
  EXPECT_EQ(after->value(), 5u);
  EXPECT_TRUE(has_line(registry.render(), "energy_sum_total{p=\"x\"} 5"));
}

TEST(Metrics, the_owner_may_change_the_shape_and_old_handles_stay_usable) {
  MetricRegistry registry;
  Counter* before = (*registry.declare("energy", counter("energy_total", {"p"})))->counter({"x"});
  MetricFamily* newer = *registry.declare("energy", counter("energy_total", {"p", "q"}));
  before->add(9);
  newer->counter({"x", "y"})->add(1);
  const std::string text = registry.render();
  EXPECT_TRUE(has_line(text, "energy_total{p=\"x\",q=\"y\"} 1")) << text;
  EXPECT_EQ(text.find("energy_total{p=\"x\"} "), std::string::npos);
}

TEST(Metrics, another_owner_with_another_shape_is_refused_by_name) {
  MetricRegistry registry;
  ASSERT_TRUE(registry.declare("energy", counter("shared_total", {"p"})).ok());
  MetricDecl gauge = counter("shared_total", {"p"});
  gauge.type = MetricType::kGauge;
  Result<MetricFamily*> clash = registry.declare("bridge", gauge);
  ASSERT_FALSE(clash.ok());
  EXPECT_EQ(clash.status().code(), Code::kExists);
  EXPECT_EQ(clash.status().message(),
            "metric shared_total of bridge: energy has declared 'shared_total' with another type, "
            "other labels or "
            "as another metric's name");
  MetricDecl alias = counter("bridge_total");
  alias.aliases = {"shared_total"};
  EXPECT_EQ(registry.declare("bridge", alias).status().code(), Code::kExists);
  EXPECT_TRUE(
      registry.declare("bridge", counter("shared_total", {"p"})).ok());  // same shape is shared
}

TEST(Metrics, bad_declarations_are_refused) {
  MetricRegistry registry;
  EXPECT_FALSE(registry.declare("k", counter("9lives")).ok());
  EXPECT_FALSE(registry.declare("k", counter("has-dash")).ok());
  EXPECT_FALSE(registry.declare("k", counter("x", {"a", "a"})).ok());
  EXPECT_FALSE(registry.declare("k", counter("x", {"__reserved"})).ok());
  EXPECT_FALSE(registry.declare("k", {.name = "x"}).ok());  // no help
  EXPECT_FALSE(
      registry.declare("k", {.name = "x", .type = MetricType::kHistogram, .help = "h"}).ok());
  EXPECT_FALSE(
      registry
          .declare("k",
                   {.name = "x", .type = MetricType::kHistogram, .help = "h", .buckets = {2, 1}})
          .ok());
}

TEST(Metrics, concurrent_writers_and_scrapes_lose_nothing) {
  MetricRegistry registry;
  MetricFamily* family = *registry.declare("kernel", counter("busy_total", {"w"}));
  MetricDecl hist{
      .name = "busy_seconds", .type = MetricType::kHistogram, .help = "Busy", .buckets = {1, 2}};
  Histogram* h = (*registry.declare("kernel", hist))->histogram();
  constexpr int kRounds = 20'000;
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        family->counter({std::to_string((i + t) % 8)})->add();
        h->observe(1.5);
      }
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(registry.render().empty());
  for (auto& w : writers) w.join();
  std::uint64_t total = 0;
  for (const MetricSeries* s : family->series()) total += s->counter.value();
  EXPECT_EQ(total, 4u * kRounds);
  EXPECT_EQ(h->count(), 4u * kRounds);
  EXPECT_DOUBLE_EQ(h->sum(), 4.0 * kRounds * 1.5);
}

TEST(Metrics, updates_run_before_each_render) {
  MetricRegistry registry;
  Gauge* g = (*registry.declare("kernel",
                                {.name = "size_bytes", .type = MetricType::kGauge, .help = "Size"}))
                 ->gauge();
  registry.on_render([g] { g->add(1); });
  EXPECT_TRUE(has_line(registry.render(), "size_bytes 1"));
  EXPECT_TRUE(has_line(registry.render(), "size_bytes 2"));
}

TEST(Metrics, promtool_finds_no_fault_in_the_text) {
  MetricRegistry registry;
  (*registry.declare("kernel", counter("tx_rejected_total", {"reason"})))
      ->counter({"fee \"low\"\n"})
      ->add(3);
  (*registry.declare("kernel", {.name = "block_height",
                                .type = MetricType::kGauge,
                                .help = "Height",
                                .aliases = {"current_block_height"}}))
      ->gauge()
      ->set(12);
  (*registry.declare("kernel", {.name = "rpc_latency_seconds",
                                .type = MetricType::kHistogram,
                                .labels = {"module"},
                                .help = "Latency",
                                .buckets = {0.001, 0.01, 1}}))
      ->histogram({"chain"})
      ->observe(0.02);
  char path[] = "/tmp/metrics_test_XXXXXX";
  const int fd = mkstemp(path);
  ASSERT_GE(fd, 0);
  close(fd);
  std::ofstream(path) << registry.render();
  const std::string command = std::string("promtool check metrics < ") + path + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string said;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe) != nullptr) said += buffer;
  EXPECT_EQ(pclose(pipe), 0) << said;
  EXPECT_EQ(said, "");
  std::remove(path);
}

}  // namespace
}  // namespace blockd
