// Segments of the block log that are made before they are needed.
#include "kernel/storage/log_ahead.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "kernel/storage/fault_disk.hpp"

namespace blockd {
namespace {

using enum LogRecordType;
using internal::kAheadMaking;
using internal::kAheadName;

constexpr char kHere[] = "/log";
const std::string kAheadPath = std::string(kHere) + "/" + std::string(kAheadName);

BlockLogOptions stepped() {
  return {.segment_bytes = 6000,
          .preallocate_bytes = 2048,
          .max_record_bytes = 20000,
          .ahead = LogAheadMode::kStepped};
}

Result<std::unique_ptr<BlockLog>> open_again(Disk& disk, std::string* cut) {
  return BlockLog::open(disk, kHere, stepped(), cut);
}

std::unique_ptr<BlockLog> open_stepped(Disk& disk) {
  std::string cut;
  auto log = open_again(disk, &cut);
  EXPECT_TRUE(log.ok()) << log.status().to_string();
  EXPECT_EQ(cut, "");
  return log.ok() ? *std::move(log) : nullptr;
}

Bytes body_of(std::uint64_t h) { return "block " + std::to_string(h) + Bytes(600, 'k'); }

void put(BlockLog& log, std::uint64_t h) {
  ASSERT_TRUE(log.append(kBatch, h, "batch " + std::to_string(h)).ok());
  ASSERT_TRUE(log.append(kBlock, h, body_of(h)).ok());
  ASSERT_TRUE(log.sync().ok());
}

void expect_all(const BlockLog& log, std::uint64_t first, std::uint64_t last) {
  ASSERT_EQ(log.first(), first);
  ASSERT_EQ(log.head(), last);
  for (std::uint64_t h = first; h <= last; ++h) {
    EXPECT_EQ(*log.read(kBatch, h), "batch " + std::to_string(h));
    EXPECT_EQ(*log.read(kBlock, h), body_of(h));
  }
}

bool there(const Disk& disk, std::string_view name) {
  const std::vector<std::string> names = *disk.list(kHere);
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Paths of the segments that have their own names.
std::vector<std::string> segments_of(const Disk& disk) {
  std::vector<std::string> out;
  const std::vector<std::string> names = *disk.list(kHere);
  for (const std::string& name : names) {
    if (name.ends_with(".seg")) out.push_back(std::string(kHere) + "/" + name);
  }
  return out;
}

// Appends from `next` on until the condition holds; answers the height behind the last.
template <class Condition>
std::uint64_t put_until(BlockLog& log, std::uint64_t next, const Condition& holds) {
  for (const std::uint64_t limit = next + 200; !holds() && next < limit; ++next) put(log, next);
  EXPECT_TRUE(holds());
  return next;
}

// A log whose last records lie in a segment that has no name of its own yet.
std::uint64_t into_unnamed(FaultDisk& disk, BlockLog& log, int blocks) {
  std::uint64_t next = put_until(log, 1, [&] { return log.ahead_bytes() != 0; });
  next = put_until(log, next, [&] { return log.ahead_bytes() == 0; });
  for (int i = 1; i < blocks; ++i) put(log, next++);
  if (!there(disk, kAheadName)) {  // it has one already: as if the cut had come before that
    EXPECT_TRUE(disk.rename(segments_of(disk).back(), kAheadPath).ok());
  }
  return next - 1;
}

TEST(LogAhead, segments_follow_each_other_without_growing) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  for (std::uint64_t h = 1; h <= 60; ++h) put(*log, h);
  expect_all(*log, 1, 60);
  const std::vector<std::string> segments = segments_of(disk);
  ASSERT_GT(segments.size(), 4u);
  // Closed ones end with their last record; the open one is zeros behind it.
  for (std::size_t i = 0; i + 2 < segments.size(); ++i)
    EXPECT_NE(disk.content(segments[i]).back(), '\0') << segments[i];
  EXPECT_EQ(disk.content(segments.back()).size(), 6000u);
  log = open_stepped(disk);
  expect_all(*log, 1, 60);
  put(*log, 61);
  expect_all(*log, 1, 61);
}

TEST(LogAhead, a_block_costs_the_appending_thread_one_sync_also_where_segments_change) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  // With each commit goes one step of the work ahead, which is at most one sync.
  std::uint64_t next = put_until(*log, 1, [&] { return log->ahead_bytes() != 0; });
  std::uint64_t before = disk.syncs();
  while (log->ahead_bytes() != 0) {
    before = disk.syncs();
    put(*log, next++);
  }
  EXPECT_LE(disk.syncs(), before + 2);  // the commit, and the cut of the segment before
}

TEST(LogAhead, a_segment_without_its_name_is_found_and_named) {
  FaultDisk disk(1);
  std::uint64_t head = 0;
  {
    auto log = open_stepped(disk);
    head = into_unnamed(disk, *log, 1);
  }
  auto log = open_stepped(disk);
  EXPECT_FALSE(there(disk, kAheadName));
  expect_all(*log, 1, head);
  put(*log, head + 1);
  log = open_stepped(disk);
  expect_all(*log, 1, head + 1);
}

TEST(LogAhead, who_reads_the_files_sees_the_segment_without_a_name) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  into_unnamed(disk, *log, 1);
  auto files = internal::log_files(disk, kHere);
  ASSERT_TRUE(files.ok());
  EXPECT_TRUE(files->ends_ahead);
  EXPECT_EQ(files->names.back(), kAheadName);
  EXPECT_TRUE(files->may_end_in_zeros(files->names.size() - 2));
  EXPECT_FALSE(files->names.size() > 2 && files->may_end_in_zeros(files->names.size() - 3));
  ASSERT_TRUE(files->open(disk, kHere, files->names.size() - 1).ok());
  // One that is only ready is none of the log.
  std::uint64_t next = *log->head() + 1;
  put_until(*log, next, [&] { return log->ahead_bytes() != 0; });
  files = internal::log_files(disk, kHere);
  ASSERT_TRUE(files.ok());
  EXPECT_FALSE(files->ends_ahead);
}

TEST(LogAhead, what_is_ready_is_kept_over_a_restart) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  const std::uint64_t next = put_until(*log, 1, [&] { return log->ahead_bytes() != 0; });
  const std::uint64_t bytes = log->ahead_bytes();
  log = open_stepped(disk);
  EXPECT_EQ(log->ahead_bytes(), bytes);
  expect_all(*log, 1, next - 1);
}

TEST(LogAhead, an_unfinished_one_is_made_anew) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  put_until(*log, 1, [&] { return there(disk, kAheadMaking); });
  log = open_stepped(disk);
  EXPECT_FALSE(there(disk, kAheadMaking));
  put_until(*log, *log->head() + 1, [&] { return log->ahead_bytes() != 0; });
}

TEST(LogAhead, a_dropped_block_leaves_zeros_behind) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  put(*log, 1);
  const std::uint64_t end = log->bytes();
  ASSERT_TRUE(log->append(kBatch, 2, "wrong").ok());
  ASSERT_TRUE(log->append(kBlock, 2, body_of(9)).ok());
  ASSERT_TRUE(log->drop_unsynced().ok());
  const Bytes content = disk.content(segments_of(disk).front());
  EXPECT_EQ(content.size(), 6000u);
  EXPECT_EQ(content.find_first_not_of('\0', end), Bytes::npos);
  put(*log, 2);
  log = open_stepped(disk);
  expect_all(*log, 1, 2);
}

TEST(LogAhead, a_torn_tail_is_wiped_and_the_zeros_stay_of_use) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  put(*log, 1);
  ASSERT_TRUE(log->append(kBatch, 2, "a batch without its block").ok());
  log.reset();
  std::string cut;
  log = *open_again(disk, &cut);
  EXPECT_NE(cut.find("a batch without its block"), std::string::npos) << cut;
  for (const std::string& path : segments_of(disk)) EXPECT_EQ(disk.content(path).size(), 6000u);
  put(*log, 2);
  log = open_stepped(disk);
  expect_all(*log, 1, 2);
}

TEST(LogAhead, a_torn_first_block_of_a_segment_without_name_is_told_and_left_out) {
  for (const bool first_record_whole : {true, false}) {
    FaultDisk disk(1);
    std::uint64_t head = 0;
    {
      auto log = open_stepped(disk);
      std::uint64_t next = put_until(*log, 1, [&] { return log->ahead_bytes() != 0; });
      head = put_until(*log, next, [&] { return log->bytes() > 4700; }) - 1;
    }
    auto file = std::move(*disk.open(kAheadPath, false));
    const Bytes torn = internal::encode_record(kBatch, head + 1, 8, "torn");
    ASSERT_TRUE(
        file->write_at(8, first_record_whole ? BytesView(torn) : BytesView(torn).substr(3)).ok());
    std::string cut;
    auto log = open_again(disk, &cut);
    ASSERT_TRUE(log.ok()) << log.status().to_string();
    EXPECT_NE(cut, "");
    expect_all(**log, 1, head);
    put(**log, head + 1);
    *log = open_stepped(disk);
    expect_all(**log, 1, head + 1);
  }
}

TEST(LogAhead, damage_in_a_segment_without_name_is_named) {
  FaultDisk disk(1);
  std::uint64_t head = 0;
  {
    auto log = open_stepped(disk);
    head = into_unnamed(disk, *log, 3);
  }
  const Bytes good = disk.content(kAheadPath);
  const std::size_t last =
      good.rfind("batch " + std::to_string(head)) - internal::kRecordHeaderBytes;
  for (std::size_t at = 0; at < last; ++at) {
    disk.flip_bit(kAheadPath, at, at % 8);
    std::string cut;
    const Status status = open_again(disk, &cut).status();
    ASSERT_EQ(status.code(), Code::kCorrupt) << at;
    EXPECT_NE(status.message().find(kAheadPath), std::string::npos) << status.message();
    EXPECT_EQ(cut, "") << at;
    disk.flip_bit(kAheadPath, at, at % 8);
    ASSERT_EQ(disk.content(kAheadPath), good) << at;
  }
  auto log = open_stepped(disk);
  expect_all(*log, 1, head);
}

TEST(LogAhead, zeros_in_place_of_a_block_before_it_are_damage) {
  FaultDisk disk(1);
  {
    auto log = open_stepped(disk);
    into_unnamed(disk, *log, 1);
  }
  const std::string before = segments_of(disk).back();
  const Bytes content = disk.content(before);
  const std::size_t block = content.rfind("batch ") - internal::kRecordHeaderBytes;
  auto file = std::move(*disk.open(before, false));
  ASSERT_TRUE(file->write_at(block, Bytes(content.size() - block, '\0')).ok());
  std::string cut;
  EXPECT_EQ(open_again(disk, &cut).status().code(), Code::kCorrupt);
}

TEST(LogAhead, without_a_segment_before_it_the_blocks_are_not_passed_over) {
  FaultDisk disk(1);
  {
    auto log = open_stepped(disk);
    into_unnamed(disk, *log, 2);
  }
  for (const std::string& path : segments_of(disk)) ASSERT_TRUE(disk.remove(path).ok());
  std::string cut;
  const Status status = open_again(disk, &cut).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find(kAheadPath), std::string::npos);
}

TEST(LogAhead, a_damaged_one_without_blocks_is_made_anew) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  std::uint64_t next = put_until(*log, 1, [&] { return log->ahead_bytes() != 0; });
  log.reset();
  for (const std::size_t at : {std::size_t{3}, std::size_t{2000}}) {
    disk.flip_bit(kAheadPath, at, 1);
    std::string cut;
    auto again = open_again(disk, &cut);
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_NE(cut.find(kAheadPath), std::string::npos);
    EXPECT_EQ((*again)->ahead_bytes(), 0u);
    expect_all(**again, 1, next - 1);
    // Made from nothing again, so that the second round finds one.
    next = put_until(**again, next, [&] { return (*again)->ahead_bytes() != 0; });
  }
}

TEST(LogAhead, none_is_made_for_a_segment_that_is_less_than_half_full) {
  FaultDisk disk(1);
  auto log = open_stepped(disk);
  std::uint64_t h = 1;
  for (; log->bytes() < stepped().segment_bytes / 2; ++h) {
    EXPECT_FALSE(there(disk, kAheadMaking)) << "block " << h;
    put(*log, h);
  }
  put(*log, h);
  EXPECT_TRUE(there(disk, kAheadMaking));
}

TEST(LogAhead, where_little_is_free_the_log_grows_in_steps) {
  FaultDisk disk(1);
  disk.set_capacity(90'000);  // a sixteenth is less than a segment
  auto log = open_stepped(disk);
  for (std::uint64_t h = 1; h <= 60; ++h) {
    put(*log, h);
    ASSERT_EQ(log->ahead_bytes(), 0u);
  }
  expect_all(*log, 1, 60);
  log = open_stepped(disk);
  expect_all(*log, 1, 60);
}

TEST(LogAhead, a_disk_that_fails_beside_the_appending_stops_the_log) {
  for (std::uint64_t nth = 2; nth < 12; ++nth) {
    SCOPED_TRACE(nth);
    FaultDisk disk(nth);
    auto log = open_stepped(disk);
    put(*log, 1);
    disk.fail_sync(nth);
    std::uint64_t h = 2;
    Status status;
    for (; status.ok() && h < 100; ++h) {
      status = log->append(kBatch, h, "batch " + std::to_string(h));
      if (status.ok()) status = log->append(kBlock, h, body_of(h));
      if (status.ok()) status = log->sync();
    }
    EXPECT_EQ(status.code(), Code::kIo);
    EXPECT_EQ(log->append(kBatch, h, "x").code(), Code::kIo);
    const std::uint64_t head = *log->head();
    EXPECT_EQ(head, h - 2);
    log.reset();
    std::string cut;
    log = *open_again(disk, &cut);
    ASSERT_GE(*log->head(), head);
    expect_all(*log, 1, *log->head());
  }
}

// The main promise with segments made ahead: the power goes between any two operations.
TEST(LogAhead, random_crashes_never_lose_a_synced_block) {
  std::uint64_t unnamed = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultDisk disk(seed);
    std::mt19937_64 random(seed);
    std::map<std::uint64_t, Bytes> synced, attempted;
    std::uint64_t salt = 0;
    for (int round = 0; round < 8; ++round) {
      std::string cut;
      auto names = disk.list(kHere);
      unnamed += names.ok() && there(disk, kAheadName);
      auto opened = open_again(disk, &cut);
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      BlockLog& log = **opened;
      const std::uint64_t head = log.head().value_or(0);
      ASSERT_GE(head, synced.empty() ? 0 : synced.rbegin()->first);
      ASSERT_LE(head, synced.empty() ? 1 : synced.rbegin()->first + 1);
      for (std::uint64_t h = 1; h <= head; ++h) {
        const Bytes& expected = synced.contains(h) ? synced[h] : attempted[h];
        ASSERT_EQ(*log.read(kBlock, h), expected) << h;
        synced[h] = expected;
      }
      std::uint64_t h = head + 1;
      for (auto steps = random() % 40; steps > 0; --steps) {
        attempted[h] = std::to_string(++salt) + Bytes(random() % 1200, 'k');
        ASSERT_TRUE(log.append(kBatch, h, "b").ok());
        if (random() % 12 == 0) break;
        if (random() % 9 == 0) {
          ASSERT_TRUE(log.drop_unsynced().ok());
          continue;
        }
        ASSERT_TRUE(log.append(kBlock, h, attempted[h]).ok());
        if (random() % 12 == 0) break;
        ASSERT_TRUE(log.sync().ok());
        synced[h] = attempted[h];
        if (random() % 9 == 0) {
          ASSERT_TRUE(log.append(kCheckpoint, h, "").ok());
        }
        if (random() % 40 == 0 && h > 8) {
          ASSERT_TRUE(log.sync().ok());
          ASSERT_TRUE(log.close_segment().ok());
        }
        ++h;
      }
      disk.crash();
    }
  }
  EXPECT_GT(unnamed, 400u);
}

class ThreadedLog : public testing::Test {
 protected:
  ThreadedLog() {
    char name[] = "/tmp/blockd-ahead-XXXXXX";
    dir_ = ::mkdtemp(name);
    open();
  }
  ~ThreadedLog() override {
    log_.reset();
    std::filesystem::remove_all(dir_);
  }
  void open() {
    log_.reset();
    BlockLogOptions options;
    options.segment_bytes = 2u << 20;
    options.ahead = LogAheadMode::kThread;
    std::string cut;
    log_ = *BlockLog::open(system_disk(), dir_ + "/log", options, &cut);
    EXPECT_EQ(cut, "");
  }
  void put_large(std::uint64_t h) {
    ASSERT_TRUE(log_->append(kBatch, h, Bytes(1000 + h % 50, 'b')).ok());
    ASSERT_TRUE(log_->append(kBlock, h, Bytes(20'000 + h % 900, 'k')).ok());
    ASSERT_TRUE(log_->sync().ok());
  }
  void expect_large(std::uint64_t first, std::uint64_t last) {
    ASSERT_EQ(log_->head(), last);
    for (std::uint64_t h = first; h <= last; ++h) {
      ASSERT_EQ(*log_->read(kBatch, h), Bytes(1000 + h % 50, 'b'));
      ASSERT_EQ(*log_->read(kBlock, h), Bytes(20'000 + h % 900, 'k'));
    }
  }
  std::string dir_;
  std::unique_ptr<BlockLog> log_;
};

TEST_F(ThreadedLog, goes_through_many_segments_and_restarts) {
  std::uint64_t h = 1;
  for (int round = 0; round < 4; ++round) {
    for (const std::uint64_t end = h + 250; h < end; ++h) put_large(h);
    expect_large(1, h - 1);
    open();
    expect_large(1, h - 1);
  }
  std::size_t segments = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/log"))
    segments += entry.path().extension() == ".seg";
  EXPECT_GT(segments, 8u);
}

TEST_F(ThreadedLog, prunes_and_closes_while_segments_are_made) {
  for (std::uint64_t h = 1; h <= 600; ++h) {
    put_large(h);
    if (h % 100 == 0) {
      ASSERT_TRUE(log_->close_segment().ok());
    }
    if (h % 150 == 0) {
      ASSERT_TRUE(log_->prune_below(h - 40).ok());
    }
  }
  const std::uint64_t first = *log_->first();
  EXPECT_GT(first, 400u);
  expect_large(first, 600);
  open();
  ASSERT_EQ(log_->first(), first);
  expect_large(first, 600);
}

}  // namespace
}  // namespace blockd
