#include "kernel/log/logger.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "kernel/base/json.hpp"
#include "kernel/log/format.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;

class FixedClock : public Clock {
 public:
  std::uint64_t unix_ms() const override { return 1'769'860'800'123; }
  std::uint64_t monotonic_us() const override { return us; }
  std::atomic<std::uint64_t> us{5'000'000};
};

// Collects what the writer wrote and what it counted.
struct Caught {
  std::mutex mutex;
  std::vector<std::string> lines;
  std::uint64_t emitted = 0;
  std::uint64_t dropped[3] = {};

  LogOptions options(FixedClock& clock) {
    LogOptions o;
    o.stderr_from = LogLevel::kOff;
    o.clock = &clock;
    o.on_line = [this](std::string_view l) {
      std::lock_guard lock(mutex);
      lines.emplace_back(l);
    };
    o.on_emit = [this] {
      std::lock_guard lock(mutex);
      ++emitted;
    };
    o.on_drop = [this](LogDrop r, std::uint64_t n) {
      std::lock_guard lock(mutex);
      dropped[static_cast<int>(r)] += n;
    };
    return o;
  }
};

class LoggerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() /
           ("logger_test_" + std::to_string(::getpid()) + "_" +
            ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  static std::string content(const fs::path& p) {
    std::stringstream s;
    s << std::ifstream(p).rdbuf();
    return s.str();
  }
  fs::path dir_;
  FixedClock clock_;
  Caught caught_;
};

TEST_F(LoggerTest, plain_line_has_time_level_target_message_and_fields) {
  auto logger = std::move(*Logger::open(caught_.options(clock_)));
  logger->target("mempool").info("tx rejected", {{"reason", "fee_low"},
                                                 {"memo", "two words"},
                                                 {"n", 3u},
                                                 {"d", -1},
                                                 {"ok", false},
                                                 {"line", "a\nb"},
                                                 {"empty", ""}});
  logger->flush();
  ASSERT_EQ(caught_.lines.size(), 1u);
  EXPECT_EQ(caught_.lines[0],
            "2026-01-31T12:00:00.123Z INFO mempool tx rejected reason=fee_low memo=\"two words\" "
            "n=3 d=-1 ok=false "
            "line=\"a\\nb\" empty=\"\"");
}

TEST_F(LoggerTest, json_line_parses_and_keeps_the_values) {
  auto o = caught_.options(clock_);
  o.json = true;
  auto logger = std::move(*Logger::open(o));
  logger->target("rpc").warn("slow \"call\"\n\x01", {{"ms", std::uint64_t{5000}}, {"who", "a\\b"}});
  logger->flush();
  Result<json::value> parsed = parse_json(caught_.lines.at(0));
  ASSERT_TRUE(parsed.ok()) << caught_.lines[0];
  const json::object& line = parsed->as_object();
  EXPECT_EQ(line.at("ts").as_string(), "2026-01-31T12:00:00.123Z");
  EXPECT_EQ(line.at("level").as_string(), "warn");
  EXPECT_EQ(line.at("target").as_string(), "rpc");
  EXPECT_EQ(line.at("msg").as_string(), "slow \"call\"\n\x01");
  EXPECT_EQ(line.at("ms").to_number<int>(), 5000);
  EXPECT_EQ(line.at("who").as_string(), "a\\b");
}

TEST_F(LoggerTest, levels_are_per_target_and_change_hot) {
  auto o = caught_.options(clock_);
  o.levels = *LogLevels::parse("warn,mempool=debug");
  auto logger = std::move(*Logger::open(o));
  LogTarget mempool = logger->target("mempool");
  LogTarget other = logger->target("storage");
  EXPECT_TRUE(mempool.enabled(LogLevel::kDebug));
  EXPECT_FALSE(mempool.enabled(LogLevel::kTrace));
  EXPECT_FALSE(other.enabled(LogLevel::kInfo));
  logger->set_levels(*LogLevels::parse("off,storage=trace"));
  EXPECT_FALSE(mempool.enabled(LogLevel::kError));
  EXPECT_TRUE(other.enabled(LogLevel::kTrace));
  mempool.error("not written");
  other.trace("written");
  logger->flush();
  EXPECT_EQ(caught_.lines.size(), 1u);
}

TEST_F(LoggerTest, unknown_level_is_refused_with_the_words_that_are_known) {
  Result<LogLevels> r = LogLevels::parse("info,rpc=loud");
  ASSERT_FALSE(r.ok());
  EXPECT_EQ(r.status().message(),
            "log level 'loud': expected trace, debug, info, warn, error or off");
  EXPECT_EQ(LogLevels::parse("rpc=debug,rpc=error")->of("rpc"), LogLevel::kError);
}

TEST_F(LoggerTest, each_target_has_its_own_limit_and_says_what_it_suppressed) {
  auto o = caught_.options(clock_);
  o.lines_per_second = 5;
  auto logger = std::move(*Logger::open(o));
  LogTarget loud = logger->target("loud");
  for (int i = 0; i < 12; ++i) loud.info("again");
  logger->target("quiet").info("still heard");
  logger->flush();
  EXPECT_EQ(caught_.lines.size(), 6u);
  EXPECT_EQ(caught_.dropped[static_cast<int>(LogDrop::kRateLimit)], 7u);
  clock_.us += 1'000'000;
  loud.info("later");
  logger->flush();
  ASSERT_EQ(caught_.lines.size(), 8u);
  EXPECT_NE(caught_.lines[6].find("WARN loud lines suppressed suppressed=7"), std::string::npos)
      << caught_.lines[6];
  EXPECT_EQ(caught_.emitted, 8u);
}

TEST_F(LoggerTest, a_full_queue_drops_the_oldest_and_counts_them) {
  std::mutex gate;
  std::condition_variable opened;
  bool open = false;
  bool inside = false;
  auto o = caught_.options(clock_);
  o.queue_lines = 4;
  o.lines_per_second = 0;
  auto collect = o.on_line;
  o.on_line = [&, collect](std::string_view line) {  // the first line holds the writer
    std::unique_lock lock(gate);
    inside = true;
    opened.notify_all();
    opened.wait(lock, [&] { return open; });
    collect(line);
  };
  auto logger = std::move(*Logger::open(o));
  LogTarget t = logger->target("t");
  t.info("held");
  {
    std::unique_lock lock(gate);
    opened.wait(lock, [&] { return inside; });
  }
  for (int i = 0; i < 10; ++i) t.info("line", {{"i", i}});
  {
    std::lock_guard lock(gate);
    open = true;
  }
  opened.notify_all();
  logger.reset();
  EXPECT_EQ(caught_.dropped[static_cast<int>(LogDrop::kQueueFull)], 6u);
  ASSERT_EQ(caught_.lines.size(), 5u);
  EXPECT_NE(caught_.lines[1].find("i=6"), std::string::npos);  // the newest four stay
  EXPECT_NE(caught_.lines[4].find("i=9"), std::string::npos);
}

TEST_F(LoggerTest, secrets_never_reach_a_line) {
  for (bool as_json : {false, true}) {
    Caught caught;
    auto o = caught.options(clock_);
    o.json = as_json;
    auto logger = std::move(*Logger::open(o));
    ASSERT_TRUE(logger->add_secret("hunter2-token").ok());
    ASSERT_TRUE(logger->add_secret("hunter2-token-longer").ok());
    ASSERT_TRUE(logger->add_secret("with\"quote").ok());
    const Secret secret("s3cr3t-value");
    logger->target("rpc").info(
        "got hunter2-token twice hunter2-token",
        {{"a", "x hunter2-token-longer y"}, {"b", "with\"quote"}, {"c", secret}});
    logger->flush();
    const std::string& line = caught.lines.at(0);
    EXPECT_EQ(line.find("hunter2"), std::string::npos) << line;
    EXPECT_EQ(line.find("longer"), std::string::npos) << line;
    EXPECT_EQ(line.find("quote"), std::string::npos) << line;
    EXPECT_EQ(line.find("s3cr3t"), std::string::npos) << line;
    EXPECT_NE(line.find("got *** twice ***"), std::string::npos) << line;
  }
  std::ostringstream shown;
  shown << Secret("s3cr3t-value");
  EXPECT_EQ(shown.str(), "***");
}

TEST_F(LoggerTest, file_rotates_by_size_and_keeps_the_newest) {
  auto o = caught_.options(clock_);
  o.file = dir_ / "sub" / "node.log";
  o.max_file_bytes = 200;
  o.max_files = 3;
  o.lines_per_second = 0;
  auto logger = std::move(*Logger::open(o));
  for (int i = 100; i < 130; ++i) logger->target("t").info("line", {{"i", i}});
  logger->flush();
  EXPECT_TRUE(fs::exists(o.file + ".1"));
  EXPECT_TRUE(fs::exists(o.file + ".2"));
  EXPECT_FALSE(fs::exists(o.file + ".3"));
  EXPECT_LE(fs::file_size(o.file), 200u);
  EXPECT_NE(content(o.file).find("i=129"), std::string::npos);
  EXPECT_EQ(content(o.file + ".2").find("i=100"), std::string::npos);
}

TEST_F(LoggerTest, reopen_follows_an_outside_rotation) {
  auto o = caught_.options(clock_);
  o.file = dir_ / "node.log";
  auto logger = std::move(*Logger::open(o));
  logger->target("t").info("first");
  logger->flush();
  fs::rename(o.file, o.file + ".old");
  logger->reopen();
  logger->target("t").info("second");
  logger->flush();
  EXPECT_NE(content(o.file + ".old").find("first"), std::string::npos);
  EXPECT_EQ(content(o.file + ".old").find("second"), std::string::npos);
  EXPECT_NE(content(o.file).find("second"), std::string::npos);
}

TEST_F(LoggerTest, a_line_that_cannot_be_written_counts_as_disk) {
  auto o = caught_.options(clock_);
  o.file = "/dev/full";
  auto logger = std::move(*Logger::open(o));
  logger->target("t").info("lost");
  logger->flush();
  EXPECT_EQ(caught_.dropped[static_cast<int>(LogDrop::kDisk)], 1u);
  EXPECT_EQ(caught_.emitted, 0u);
}

TEST_F(LoggerTest, a_file_that_cannot_be_opened_refuses_the_start) {
  auto o = caught_.options(clock_);
  o.file = "/proc/no-such-place/node.log";
  EXPECT_FALSE(Logger::open(o).ok());
}

TEST_F(LoggerTest, long_lines_are_cut_and_json_stays_json) {
  for (bool as_json : {false, true}) {
    Caught caught;
    auto o = caught.options(clock_);
    o.json = as_json;
    auto logger = std::move(*Logger::open(o));
    logger->target("t").info("big", {{"blob", std::string(100'000, 'x')}});
    logger->flush();
    EXPECT_LE(caught.lines.at(0).size(), kMaxLogLineBytes);
    if (as_json) {
      EXPECT_TRUE(parse_json(caught.lines[0]).ok());
    }
  }
}

}  // namespace
}  // namespace blockd
