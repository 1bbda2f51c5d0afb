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

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_F(LogIndexTest, a_first_key_encrypts_what_is_written_from_then_on) {
  auto index = open();
  index->add(row("plain before"));
  const auto change = rotate_log_key(folder_, "", "correct horse");
  ASSERT_TRUE(change.ok()) << change.status().to_string();
  EXPECT_EQ(change->keys, 1u);
  EXPECT_EQ(change->plain_segments, 1u);
  LogRow later = row("nobody may read this", "ab");
  later.ts_ms += 2000;
  index->add(later);
  EXPECT_EQ(index->search({}).status().code(), Code::kDenied);
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    EXPECT_EQ(content(entry.path()).find("nobody may read"), std::string::npos);
  auto opener = LogOpener::unlock(folder_, "correct horse");
  ASSERT_TRUE(opener.ok()) << opener.status().to_string();
  EXPECT_EQ(texts(LogIndex::search_folder(folder_, {}, opener->get())),
            (Texts{"plain before", "nobody may read this"}));
  LogQuery query;
  query.tx = "ab";
  EXPECT_EQ(texts(LogIndex::search_folder(folder_, query, opener->get())),
            (Texts{"nobody may read this"}));
  EXPECT_EQ(LogOpener::unlock(folder_, "wrong horse").status().code(), Code::kDenied);
}

TEST_F(LogIndexTest, a_changed_passphrase_opens_old_and_new_rows_and_the_old_one_nothing) {
  auto index = open();
  ASSERT_TRUE(rotate_log_key(folder_, "", "first passphrase").ok());
  LogRow one = row("one");
  one.ts_ms += 2000;
  index->add(one);
  index.reset();
  index = open();  // rows go on behind a restart
  EXPECT_EQ(rotate_log_key(folder_, "another one", "second passphrase").status().code(),
            Code::kDenied);
  EXPECT_EQ(rotate_log_key(folder_, "first passphrase", "short").status().code(), Code::kInvalid);
  const auto change = rotate_log_key(folder_, "first passphrase", "second passphrase");
  ASSERT_TRUE(change.ok()) << change.status().to_string();
  EXPECT_EQ(change->keys, 2u);
  LogRow two = row("two");
  two.ts_ms += 4000;
  index->add(two);
  EXPECT_EQ(LogOpener::unlock(folder_, "first passphrase").status().code(), Code::kDenied);
  auto opener = LogOpener::unlock(folder_, "second passphrase");
  ASSERT_TRUE(opener.ok());
  EXPECT_EQ(texts(LogIndex::search_folder(folder_, {}, opener->get())), (Texts{"one", "two"}));
}

TEST_F(LogIndexTest, plain_segments_that_nobody_writes_are_encrypted_by_a_rotation) {
  {
    auto index = open();
    index->add(row("old and plain"));
  }
  auto index = open();  // a segment of its own
  index->add(row("newest"));
  const auto change = rotate_log_key(folder_, "", "correct horse");
  ASSERT_TRUE(change.ok()) << change.status().to_string();
  EXPECT_EQ(change->encrypted_segments, 1u);
  EXPECT_EQ(change->plain_segments, 1u);
  EXPECT_EQ(content(folder_ + "/0000000000000001.log").find("old and plain"), std::string::npos);
  auto opener = LogOpener::unlock(folder_, "correct horse");
  EXPECT_EQ(texts(LogIndex::search_folder(folder_, {}, opener->get())),
            (Texts{"old and plain", "newest"}));
}

}  // namespace
}  // namespace blockd
