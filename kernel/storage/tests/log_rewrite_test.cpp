// Segments of the block log that are written anew.
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "kernel/storage/block_log.hpp"
#include "kernel/storage/fault_disk.hpp"

namespace blockd {
namespace {

using enum LogRecordType;

std::unique_ptr<BlockLog> open_rewritable(Disk& disk, Status* why = nullptr) {
  std::string cut;
  auto log = BlockLog::open(
      disk, "/log", {.segment_bytes = 6000, .preallocate_bytes = 2048, .max_record_bytes = 20000},
      &cut);
  if (why) *why = log.status();
  return log.ok() ? *std::move(log) : nullptr;
}

Bytes body(std::uint64_t h) { return "block " + std::to_string(h) + Bytes(700, 'k'); }
Bytes stump(std::uint64_t h) { return "stump " + std::to_string(h); }

void put_block(BlockLog& log, std::uint64_t h) {
  ASSERT_TRUE(log.append(kBatch, h, "batch " + std::to_string(h)).ok());
  ASSERT_TRUE(log.append(kBlock, h, body(h)).ok());
  ASSERT_TRUE(log.append(kCertificate, h, "sig " + std::to_string(h)).ok());
  ASSERT_TRUE(log.sync().ok());
}

LogRecordChange below(std::uint64_t height) {
  return [height](LogRecord record) -> Result<std::optional<LogRecord>> {
    if (record.height >= height || record.type == kPruned) return std::optional(std::move(record));
    if (record.type == kBatch) return std::optional<LogRecord>();
    if (record.type == kBlock)
      return std::optional(LogRecord{kPruned, record.height, stump(record.height)});
    return std::optional(std::move(record));
  };
}

Status prune(BlockLog& log, std::uint64_t height, std::uint64_t* blocks = nullptr) {
  TB_TRY(log.close_segment());
  for (;;) {
    Result<LogRewrite> one = log.rewrite_below(height, below(height));
    if (!one.ok()) return one.status();
    if (one->blocks == 0) return {};
    EXPECT_LT(one->bytes_after, one->bytes_before);
    if (blocks) *blocks += one->blocks;
  }
}

void expect_pruned(const BlockLog& log, std::uint64_t height, std::uint64_t head) {
  ASSERT_EQ(log.first_pruned(), 0u);
  ASSERT_EQ(log.first(), height);
  ASSERT_EQ(log.head(), head);
  for (std::uint64_t h = 0; h <= head; ++h) {
    EXPECT_EQ(*log.read(kCertificate, h), "sig " + std::to_string(h));
    if (h < height) {
      EXPECT_EQ(*log.read(kPruned, h), stump(h));
      EXPECT_EQ(log.read(kBlock, h).status().code(), Code::kNotFound);
      EXPECT_EQ(log.read(kBatch, h).status().code(), Code::kNotFound);
    } else {
      EXPECT_EQ(*log.read(kBlock, h), body(h));
      EXPECT_EQ(*log.read(kBatch, h), "batch " + std::to_string(h));
    }
  }
}

TEST(LogRewrite, keeps_what_the_change_keeps_over_a_restart) {
  FaultDisk disk(3);
  {
    auto log = open_rewritable(disk);
    for (std::uint64_t h = 0; h < 40; ++h) put_block(*log, h);
    ASSERT_TRUE(log->append(kCheckpoint, 39, "").ok());
    ASSERT_TRUE(log->sync().ok());
    const std::uint64_t before = log->bytes();
    std::uint64_t blocks = 0;
    ASSERT_TRUE(prune(*log, 33, &blocks).ok());
    EXPECT_EQ(blocks, 33u);
    EXPECT_LT(log->bytes(), before / 2);
    expect_pruned(*log, 33, 39);
    put_block(*log, 40);
  }
  Status why;
  auto log = open_rewritable(disk, &why);
  ASSERT_NE(log, nullptr) << why.to_string();
  EXPECT_EQ(log->checkpoint(), 39u);
  expect_pruned(*log, 33, 40);
  EXPECT_EQ(log->visit(32, [](const LogRecord&) { return true; }).code(), Code::kNotFound);
  std::uint64_t seen = 0;
  ASSERT_TRUE(
      log->visit(33, [&](const LogRecord& r) { return seen += r.type == kBlock, true; }).ok());
  EXPECT_EQ(seen, 8u);
  ASSERT_TRUE(prune(*log, 39).ok());
  expect_pruned(*log, 39, 40);
}

TEST(LogRewrite, a_reader_meanwhile_sees_every_block_it_asked_for) {
  FaultDisk disk(4);
  auto log = open_rewritable(disk);
  for (std::uint64_t h = 0; h < 60; ++h) put_block(*log, h);
  std::atomic<bool> end{false};
  std::thread reader([&] {
    while (!end.load()) {
      std::uint64_t next = 50;
      const Status status = log->visit(50, [&](const LogRecord& record) {
        if (record.type != kBlock) return true;
        EXPECT_EQ(record.height, next);
        EXPECT_EQ(record.payload, body(next++));
        return true;
      });
      EXPECT_TRUE(status.ok()) << status.to_string();
      EXPECT_EQ(next, 60u);
    }
  });
  for (std::uint64_t h : {7u, 20u, 21u, 34u, 50u}) EXPECT_TRUE(prune(*log, h).ok());
  end.store(true);
  reader.join();
  expect_pruned(*log, 50, 59);
}

TEST(LogRewrite, a_power_cut_at_any_write_leaves_the_old_or_the_new_segment) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    FaultDisk disk(seed);
    {
      auto log = open_rewritable(disk);
      for (std::uint64_t h = 0; h < 30; ++h) put_block(*log, h);
      disk.fail_sync(1 + seed % 12);  // stops the pruning at some step
      const Status stopped = prune(*log, 25);
      disk.fail_sync(1u << 30);
      disk.crash();
    }
    Status why;
    auto log = open_rewritable(disk, &why);
    ASSERT_NE(log, nullptr) << "seed " << seed << ": " << why.to_string();
    ASSERT_EQ(log->head(), 29u);
    for (std::uint64_t h = 0; h < 30; ++h) {
      if (h < *log->first()) {
        EXPECT_EQ(*log->read(kPruned, h), stump(h));
      } else {
        EXPECT_EQ(*log->read(kBlock, h), body(h));
      }
    }
    ASSERT_TRUE(prune(*log, 25).ok());
    expect_pruned(*log, 25, 29);
  }
}

TEST(LogRewrite, a_full_disk_leaves_the_old_segment_in_force) {
  FaultDisk disk(5);
  auto log = open_rewritable(disk);
  for (std::uint64_t h = 0; h < 20; ++h) put_block(*log, h);
  ASSERT_TRUE(log->close_segment().ok());
  disk.set_capacity(0);
  EXPECT_EQ(log->rewrite_below(15, below(15)).status().code(), Code::kNoSpace);
  disk.set_capacity(std::nullopt);
  EXPECT_EQ(log->first(), 0u);
  EXPECT_EQ(*log->read(kBlock, 3), body(3));
  ASSERT_TRUE(prune(*log, 15).ok());
  put_block(*log, 20);
  expect_pruned(*log, 15, 20);
}

}  // namespace
}  // namespace blockd
