// Blocks that are on their way to the disk while the next ones are appended.
#include "kernel/storage/log_sync.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <random>

#include "kernel/storage/fault_disk.hpp"

namespace blockd {
namespace {

using enum LogRecordType;

constexpr char kPlace[] = "/log";

BlockLogOptions half_steps() {
  BlockLogOptions out;
  out.segment_bytes = 6000;
  out.preallocate_bytes = 2048;
  out.max_record_bytes = 20000;
  out.ahead = LogAheadMode::kStepped;
  out.sync = LogSyncMode::kStepped;
  return out;
}

std::unique_ptr<BlockLog> open_half(Disk& disk, std::string* cut) {
  auto log = BlockLog::open(disk, kPlace, half_steps(), cut);
  EXPECT_TRUE(log.ok()) << log.status().to_string();
  return log.ok() ? *std::move(log) : nullptr;
}

Bytes text_of(std::uint64_t h) { return "block " + std::to_string(h) + Bytes(200, 'k'); }

void send(BlockLog& log, std::uint64_t h) {
  ASSERT_TRUE(log.append(kBatch, h, "batch " + std::to_string(h)).ok());
  ASSERT_TRUE(log.append(kBlock, h, text_of(h)).ok());
  ASSERT_TRUE(log.begin_sync().ok());
}

void expect_told(const BlockLog& log, std::uint64_t first, std::uint64_t last) {
  ASSERT_EQ(log.head(), last);
  for (std::uint64_t h = first; h <= last; ++h) {
    EXPECT_EQ(*log.read(kBatch, h), "batch " + std::to_string(h));
    EXPECT_EQ(*log.read(kBlock, h), text_of(h));
  }
}

// Opened again it has nothing to cut off, and all of them.
void expect_kept(Disk& disk, std::unique_ptr<BlockLog> log, std::uint64_t last) {
  log.reset();
  std::string cut;
  log = open_half(disk, &cut);
  EXPECT_EQ(cut, "");
  expect_told(*log, 1, last);
}

std::size_t segments_in(const Disk& disk) {
  std::size_t out = 0;
  const std::vector<std::string> names = *disk.list(kPlace);
  for (const std::string& name : names) out += name.ends_with(".seg") ? 1 : 0;
  return out;
}

TEST(LogSync, what_is_on_its_way_is_not_seen_and_one_sync_covers_what_was_appended_before_it) {
  FaultDisk disk(1);
  std::string cut;
  auto log = open_half(disk, &cut);
  send(*log, 1);
  EXPECT_EQ(log->head(), std::nullopt);
  send(*log, 2);
  ASSERT_TRUE(log->settle(LogWait::kNone).ok());  // the sync of both is settled
  send(*log, 3);                                  // too late for it
  EXPECT_EQ(log->head(), std::nullopt);
  EXPECT_EQ(log->read(kBlock, 1).status().code(), Code::kNotFound);
  const std::uint64_t before = disk.syncs();
  ASSERT_TRUE(log->settle(LogWait::kNone).ok());
  EXPECT_EQ(disk.syncs(), before + 1);
  expect_told(*log, 1, 2);
  EXPECT_EQ(log->read(kBlock, 3).status().code(), Code::kNotFound);
  send(*log, 4);
  ASSERT_TRUE(log->settle(LogWait::kAll).ok());
  expect_told(*log, 1, 4);
  expect_kept(disk, std::move(log), 4);
}

TEST(LogSync, inline_it_is_done_at_once) {
  FaultDisk disk(1);
  std::string cut;
  BlockLogOptions options;
  std::uint64_t told = 0;
  options.on_sync = [&](std::uint64_t) { ++told; };
  auto log = *BlockLog::open(disk, kPlace, options, &cut);
  send(*log, 1);
  EXPECT_EQ(log->head(), 1u);
  EXPECT_EQ(told, 1u);
}

TEST(LogSync, a_dropped_block_takes_nothing_with_it_that_is_on_its_way) {
  FaultDisk disk(1);
  std::string cut;
  auto log = open_half(disk, &cut);
  send(*log, 1);
  send(*log, 2);
  ASSERT_TRUE(log->append(kBatch, 3, Bytes(900, 'x')).ok());
  ASSERT_TRUE(log->drop_unsynced().ok());
  EXPECT_EQ(log->append(kBlock, 4, "gap").code(), Code::kInvalid);
  send(*log, 3);
  ASSERT_TRUE(log->settle(LogWait::kAll).ok());
  expect_told(*log, 1, 3);
  expect_kept(disk, std::move(log), 3);
}

TEST(LogSync, a_full_disk_refuses_one_block_and_those_on_their_way_become_durable) {
  FaultDisk disk(1);
  std::string cut;
  auto log = open_half(disk, &cut);
  send(*log, 1);
  send(*log, 2);
  std::uint64_t used = 0;
  const std::vector<std::string> names = *disk.list(kPlace);
  for (const std::string& name : names)
    used += disk.content(std::string(kPlace) + "/" + name).size();
  disk.set_capacity(used + 100);
  ASSERT_TRUE(log->append(kBatch, 3, "batch 3").ok());
  ASSERT_EQ(log->append(kBlock, 3, Bytes(15'000, 'k')).code(), Code::kNoSpace);
  ASSERT_TRUE(log->drop_unsynced().ok());
  disk.set_capacity(std::nullopt);
  ASSERT_TRUE(log->settle(LogWait::kAll).ok());
  expect_told(*log, 1, 2);
  send(*log, 3);
  ASSERT_TRUE(log->settle(LogWait::kAll).ok());
  expect_kept(disk, std::move(log), 3);
}

TEST(LogSync, after_a_failed_sync_none_of_three_blocks_is_seen_and_nothing_is_taken) {
  for (const LogWait wait : {LogWait::kNone, LogWait::kNext, LogWait::kAll}) {
    FaultDisk disk(1);
    std::string cut;
    auto log = open_half(disk, &cut);
    send(*log, 1);
    ASSERT_TRUE(log->settle(LogWait::kAll).ok());
    for (std::uint64_t h = 2; h <= 4; ++h) send(*log, h);
    disk.fail_sync(1);
    Status status = log->settle(wait);
    if (wait == LogWait::kNone) status = log->settle(wait);  // the second half
    EXPECT_EQ(status.code(), Code::kIo);
    expect_told(*log, 1, 1);
    EXPECT_EQ(log->settle(LogWait::kAll).code(), Code::kIo);
    EXPECT_EQ(log->append(kBatch, 5, "b").code(), Code::kIo);
    EXPECT_EQ(log->begin_sync().code(), Code::kIo);
    EXPECT_EQ(log->drop_unsynced().code(), Code::kIo);
    expect_told(*log, 1, 1);
  }
}

// The segment changes where nothing is on its way, so that a torn block is always in the last one.
TEST(LogSync, segments_change_while_blocks_are_on_their_way) {
  FaultDisk disk(1);
  std::string cut;
  auto log = open_half(disk, &cut);
  for (std::uint64_t h = 1; h <= 300; ++h) {
    send(*log, h);
    ASSERT_TRUE(log->settle(LogWait::kNone).ok());
  }
  ASSERT_TRUE(log->sync().ok());
  EXPECT_GT(segments_in(disk), 8u);
  expect_told(*log, 1, 300);
  // Without a moment of rest the end of the longest segment is waited for.
  for (std::uint64_t h = 301; h <= 600; ++h) send(*log, h);
  EXPECT_GE(log->head(), 560u);
  ASSERT_TRUE(log->sync().ok());
  EXPECT_GT(segments_in(disk), 18u);
  expect_told(*log, 1, 600);
  expect_kept(disk, std::move(log), 600);
}

// A record never claims that something had been synced which was not known to be.
TEST(LogSync, torn_blocks_at_the_end_are_cut_off_and_damage_before_them_is_told) {
  const std::string path = std::string(kPlace) + "/log-0000000000000001.seg";
  std::uint64_t end = 9;
  for (std::uint64_t at = 8; at < end; ++at) {
    FaultDisk disk(1);
    std::string cut;
    auto log = open_half(disk, &cut);
    send(*log, 1);
    send(*log, 2);
    ASSERT_TRUE(log->settle(LogWait::kAll).ok());
    const std::uint64_t end_of_two = log->bytes();
    for (std::uint64_t h = 3; h <= 5; ++h) send(*log, h);
    ASSERT_TRUE(log->settle(LogWait::kAll).ok());
    end = log->bytes();
    log.reset();
    disk.flip_bit(path, at, at % 8);
    auto again = BlockLog::open(disk, kPlace, half_steps(), &cut);
    if (at < end_of_two) {
      ASSERT_EQ(again.status().code(), Code::kCorrupt) << at;
      continue;
    }
    ASSERT_TRUE(again.ok()) << at << ": " << again.status().to_string();
    EXPECT_NE(cut, "");
    const std::uint64_t head = (*again)->head().value_or(0);
    ASSERT_EQ(head, 2 + (at - end_of_two) / ((end - end_of_two) / 3)) << at;
    expect_told(**again, 1, head);
    send(**again, head + 1);
    ASSERT_TRUE((*again)->sync().ok());
    expect_told(**again, 1, head + 1);
  }
}

// The main promise with blocks on their way: the power goes between any two operations, and what
// head() told is there.
TEST(LogSync, random_crashes_keep_what_was_told_and_cut_no_hole) {
  std::uint64_t kept = 0, lost = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultDisk disk(seed);
    std::mt19937_64 random(seed);
    std::map<std::uint64_t, Bytes> attempted;
    std::uint64_t salt = 0, told = 0, last = 0;
    for (int round = 0; round < 8; ++round) {
      std::string cut;
      auto opened = BlockLog::open(disk, kPlace, half_steps(), &cut);
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      BlockLog& log = **opened;
      const std::uint64_t head = log.head().value_or(0);
      ASSERT_GE(head, told);
      ASSERT_LE(head, last);
      kept += head - told;
      lost += last - head;
      for (std::uint64_t h = 1; h <= head; ++h) ASSERT_EQ(*log.read(kBlock, h), attempted[h]) << h;
      told = last = head;
      for (auto steps = random() % 60; steps > 0; --steps) {
        const std::uint64_t h = last + 1;
        attempted[h] = std::to_string(++salt) + Bytes(random() % 1200, 'k');
        ASSERT_TRUE(log.append(kBatch, h, "b").ok());
        if (random() % 20 == 0) break;
        if (random() % 9 == 0) {
          ASSERT_TRUE(log.drop_unsynced().ok());
          continue;
        }
        ASSERT_TRUE(log.append(kBlock, h, attempted[h]).ok());
        last = h;
        if (random() % 20 == 0) break;
        ASSERT_TRUE(log.begin_sync().ok());
        for (auto settles = random() % 3; settles > 0; --settles)
          ASSERT_TRUE(log.settle(LogWait::kNone).ok());
        if (random() % 15 == 0) {
          ASSERT_TRUE(log.settle(LogWait::kNext).ok());
        }
        const std::uint64_t seen = log.head().value_or(0);
        ASSERT_LE(seen, last);
        told = seen;
        if (random() % 9 == 0 && told > 0) {
          ASSERT_TRUE(log.append(kCheckpoint, told, "").ok());
        }
        if (random() % 30 == 0) {
          ASSERT_TRUE(log.sync().ok());
          ASSERT_EQ(log.head(), last);
          told = last;
          if (last > 8) {
            ASSERT_TRUE(log.close_segment().ok());
          }
        }
      }
      told = std::max(told, log.head().value_or(0));
      disk.crash();
    }
  }
  EXPECT_GT(kept, 100u);  // blocks that nobody was told of and that are there
  EXPECT_GT(lost, 100u);
}

TEST(LogSync, a_thread_makes_durable_what_is_appended_and_says_how_long_it_took) {
  char name[] = "/tmp/blockd-sync-XXXXXX";
  const std::string dir = ::mkdtemp(name);
  std::atomic<std::uint64_t> told{0};
  BlockLogOptions options;
  options.segment_bytes = 2u << 20;
  options.ahead = LogAheadMode::kThread;
  options.sync = LogSyncMode::kThread;
  options.on_sync = [&](std::uint64_t) { ++told; };
  std::string cut;
  constexpr std::uint64_t kAhead = 8, kLast = 500;
  {
    auto log = *BlockLog::open(system_disk(), dir + "/log", options, &cut);
    for (std::uint64_t h = 1; h <= kLast; ++h) {
      ASSERT_TRUE(log->append(kBatch, h, "batch " + std::to_string(h)).ok());
      ASSERT_TRUE(log->append(kBlock, h, text_of(h) + Bytes(20'000, 'z')).ok());
      ASSERT_TRUE(log->begin_sync().ok());
      ASSERT_TRUE(log->settle(LogWait::kNone).ok());
      while (h - log->head().value_or(0) > kAhead) ASSERT_TRUE(log->settle(LogWait::kNext).ok());
    }
    ASSERT_TRUE(log->settle(LogWait::kAll).ok());
    EXPECT_EQ(log->head(), kLast);
    EXPECT_GT(told.load(), 0u);
    for (std::uint64_t h = kLast + 1; h <= kLast + 3; ++h) send(*log, h);
    // The end of the log leaves the sync that goes on finished, and begins no other.
  }
  auto log = *BlockLog::open(system_disk(), dir + "/log", options, &cut);
  EXPECT_EQ(cut, "");
  EXPECT_EQ(log->head(), kLast + 3);
  EXPECT_EQ(*log->read(kBlock, 77), text_of(77) + Bytes(20'000, 'z'));
  log.reset();
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace blockd
