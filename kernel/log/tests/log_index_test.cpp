#include "kernel/log/log_index.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace blockd {
namespace {

class LogIndexTest : public ::testing::Test {
 protected:
  LogIndexTest() {
    char name[] = "/tmp/blockd-log-index-XXXXXX";
    folder_ = std::string(::mkdtemp(name)) + "/logs.db";
  }
  ~LogIndexTest() override {
    std::filesystem::remove_all(std::filesystem::path(folder_).parent_path());
  }

  std::unique_ptr<LogIndex> open(LogIndexLimits limits = {}) {
    auto index = LogIndex::open(folder_, limits);
    EXPECT_TRUE(index.ok()) << index.status().to_string();
    return *std::move(index);
  }
  static LogRow row(std::string msg, std::string tx = {}) {
    LogRow out;
    out.level = "info";
    out.ts_ms = 1'700'000'000'000;
    out.msg = std::move(msg);
    out.tx = std::move(tx);
    return out;
  }
  static std::vector<std::string> texts(const Result<std::vector<LogRow>>& rows) {
    std::vector<std::string> out;
    for (const LogRow& one : *rows) out.push_back(one.msg);
    return out;
  }

  std::string folder_;
};

using Texts = std::vector<std::string>;

TEST_F(LogIndexTest, lines_of_both_forms_are_found_by_what_they_speak_of) {
  auto index = open();
  index->add_line("2026-01-31T12:00:00.123Z WARN chain slow block height=48 took_ms=900", 1000);
  index->add_line("2026-01-31T12:00:00.123Z DEBUG chain not kept", 1000);
  index->add_line(R"({"ts":"x","level":"error","target":"net","msg":"gone","peer":"ab12"})", 2000);
  LogQuery query;
  query.block = "48";
  EXPECT_EQ(texts(index->search(query)), (Texts{"slow block height=48 took_ms=900"}));
  query = {};
  query.peer = "ab12";
  EXPECT_EQ(index->search(query)->at(0).target, "net");
  query = {};
  query.level = "error";
  EXPECT_EQ(index->search(query)->size(), 1u);
  query = {};
  query.until_ms = 1500;
  EXPECT_EQ(index->search(query)->size(), 1u);
  EXPECT_EQ(index->indexed(), 2u);
}

TEST_F(LogIndexTest, the_newest_rows_come_unless_an_id_is_given_and_ids_go_on_after_a_torn_end) {
  {
    auto index = open();
    for (int i = 1; i <= 5; ++i) index->add(row(std::to_string(i)));
  }
  std::string segment;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) segment = entry.path();
  std::ofstream(segment, std::ios::app) << R"({"id":6,"ts":17)";  // the power went
  auto index = open();
  index->add(row("6"));
  LogQuery query;
  query.limit = 2;
  EXPECT_EQ(texts(index->search(query)).size(), 2u);
  query.after_id = 2;
  EXPECT_EQ(texts(index->search(query)), (Texts{"3", "4"}));
  query.after_id = 5;
  EXPECT_EQ(texts(index->search(query)), (Texts{"6"}));
}

TEST_F(LogIndexTest, old_segments_go_when_the_bytes_are_used_up) {
  LogIndexLimits limits;
  limits.max_bytes = 16u << 20;
  auto index = open(limits);
  const std::string text(30'000, 'x');
  for (int i = 0; i < 1400; ++i) index->add(row(text, "tx" + std::to_string(i)));
  EXPECT_LE(index->bytes(), limits.max_bytes + kLogSegmentBytes);
  LogQuery query;
  query.tx = "tx0";
  EXPECT_TRUE(index->search(query)->empty());
  query.tx = "tx1399";
  EXPECT_EQ(index->search(query)->size(), 1u);
  EXPECT_EQ(index->lost(), 0u);
}

TEST_F(LogIndexTest, a_folder_that_is_not_there_is_said) {
  EXPECT_EQ(LogIndex::search_folder(folder_ + "/none", {})
                .status()
                .message()
                .find("log database unavailable"),
            0u);
}

}  // namespace
}  // namespace blockd
