#include "kernel/storage/block_log.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <random>

#include "kernel/storage/fault_disk.hpp"

namespace blockd {
namespace {

constexpr char kDir[] = "/chain";
using enum LogRecordType;

BlockLogOptions small() {
  return {.segment_bytes = 6000, .preallocate_bytes = 2048, .max_record_bytes = 20000};
}

std::unique_ptr<BlockLog> open_log(Disk& disk, std::string* recovered = nullptr) {
  std::string ignored;
  auto log = BlockLog::open(disk, kDir, small(), recovered ? recovered : &ignored);
  EXPECT_TRUE(log.ok()) << log.status().to_string();
  return log.ok() ? std::move(*log) : nullptr;
}

Bytes batch_of(std::uint64_t h) { return "batch " + std::to_string(h) + Bytes(h * 37 % 300, 'b'); }
Bytes block_of(std::uint64_t h) { return "block " + std::to_string(h) + Bytes(h * 91 % 700, 'k'); }

void commit(BlockLog& log, std::uint64_t height) {
  ASSERT_TRUE(log.append(kBatch, height, batch_of(height)).ok());
  ASSERT_TRUE(log.append(kBlock, height, block_of(height)).ok());
  ASSERT_TRUE(log.sync().ok());
}

void expect_blocks(const BlockLog& log, std::uint64_t first, std::uint64_t last) {
  ASSERT_EQ(log.first(), first);
  ASSERT_EQ(log.head(), last);
  for (std::uint64_t h = first; h <= last; ++h) {
    EXPECT_EQ(*log.read(kBatch, h), batch_of(h));
    EXPECT_EQ(*log.read(kBlock, h), block_of(h));
  }
}

std::string last_segment(const Disk& disk) {
  return std::string(kDir) + "/" + disk.list(kDir)->back();
}

TEST(BlockLog, an_empty_log_has_nothing) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  EXPECT_EQ(log->head(), std::nullopt);
  EXPECT_EQ(log->first(), std::nullopt);
  EXPECT_EQ(log->checkpoint(), std::nullopt);
  EXPECT_EQ(log->read(kBlock, 1).status().code(), Code::kNotFound);
  EXPECT_TRUE(log->visit(0, [](const LogRecord&) { return true; }).ok());
}

TEST(BlockLog, is_examined_before_anything_is_cut) {
  FaultDisk disk(1);
  {
    auto log = open_log(disk);
    for (std::uint64_t h = 5; h <= 8; ++h) commit(*log, h);
  }
  const std::string path = last_segment(disk);
  const Bytes whole = disk.content(path);
  disk.flip_bit(path, whole.find_last_not_of('\0') - 3, 1);  // in block 8
  const Bytes damaged = disk.content(path);
  std::string cut, recovered;
  BlockLogOptions options = small();
  options.examine = [&](const BlockLog& log, const std::string& what) {
    expect_blocks(log, 5, 7);
    cut = what;
    return Status(Code::kDenied, "block 8 was committed");
  };
  const Status refused = BlockLog::open(disk, kDir, options, &recovered).status();
  EXPECT_EQ(refused.message(), "block 8 was committed");
  EXPECT_TRUE(cut.starts_with(path + " at offset ")) << cut;
  EXPECT_EQ(recovered, "");
  EXPECT_EQ(disk.content(path), damaged);
  options.examine = [](const BlockLog&, const std::string&) { return Status(); };
  auto log = BlockLog::open(disk, kDir, options, &recovered);
  ASSERT_TRUE(log.ok());
  expect_blocks(**log, 5, 7);
  EXPECT_NE(recovered.find("cut off at offset"), std::string::npos);
  options.examine = [&](const BlockLog&, const std::string& what) {
    cut = what;
    return Status();
  };
  log->reset();
  ASSERT_TRUE(BlockLog::open(disk, kDir, options, &recovered).ok());
  EXPECT_EQ(cut, "");
}

TEST(BlockLog, keeps_blocks_over_a_restart_in_many_segments) {
  FaultDisk disk(1);
  {
    auto log = open_log(disk);
    for (std::uint64_t h = 5; h <= 60; ++h) commit(*log, h);
    expect_blocks(*log, 5, 60);
  }
  EXPECT_GT(disk.list(kDir)->size(), 3u);
  EXPECT_EQ(disk.list(kDir)->front(), "log-0000000000000005.seg");
  std::string recovered;
  auto log = open_log(disk, &recovered);
  EXPECT_EQ(recovered, "");
  expect_blocks(*log, 5, 60);
  commit(*log, 61);
  expect_blocks(*log, 5, 61);
}

TEST(BlockLog, works_on_the_system_disk) {
  char name[] = "/tmp/blockd-log-XXXXXX";
  const std::string dir = ::mkdtemp(name);
  std::string recovered;
  {
    auto log = std::move(*BlockLog::open(system_disk(), dir + "/chain", {}, &recovered));
    for (std::uint64_t h = 1; h <= 20; ++h) commit(*log, h);
  }
  auto log = std::move(*BlockLog::open(system_disk(), dir + "/chain", {}, &recovered));
  EXPECT_EQ(recovered, "");
  expect_blocks(*log, 1, 20);
  std::filesystem::remove_all(dir);
}

TEST(BlockLog, records_are_read_into_memory_that_held_others) {
  char name[] = "/tmp/blockd-log-XXXXXX";
  const std::string dir = ::mkdtemp(name);
  std::string recovered;
  auto log = std::move(*BlockLog::open(system_disk(), dir + "/chain", {}, &recovered));
  const std::vector<std::size_t> sizes = {10, 9000, 3, 0, 500};
  for (std::uint64_t h = 1; h <= sizes.size(); ++h) {
    ASSERT_TRUE(log->append(kBlock, h, Bytes(sizes[h - 1], static_cast<char>('a' + h))).ok());
    ASSERT_TRUE(log->sync().ok());
  }
  Bytes record = "something else";
  for (std::uint64_t h = 1; h <= sizes.size(); ++h) {
    ASSERT_TRUE(log->read_into(kBlock, h, &record).ok());
    EXPECT_EQ(record, Bytes(sizes[h - 1], static_cast<char>('a' + h)));
  }
  EXPECT_EQ(log->read_into(kBlock, 9, &record).code(), Code::kNotFound);
  std::filesystem::remove_all(dir);
}

TEST(BlockLog, one_block_costs_one_sync) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  commit(*log, 1);
  const std::uint64_t before = disk.syncs();
  commit(*log, 2);
  EXPECT_EQ(disk.syncs(), before + 1);
}

TEST(BlockLog, what_is_not_synced_is_not_seen_and_can_be_dropped) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  commit(*log, 1);
  ASSERT_TRUE(log->append(kBatch, 2, "wrong").ok());
  ASSERT_TRUE(log->append(kBlock, 2, "wrong").ok());
  EXPECT_EQ(log->head(), 1u);
  EXPECT_EQ(log->read(kBlock, 2).status().code(), Code::kNotFound);
  ASSERT_TRUE(log->drop_unsynced().ok());
  commit(*log, 2);
  expect_blocks(*log, 1, 2);
  log = open_log(disk);
  expect_blocks(*log, 1, 2);
}

TEST(BlockLog, heights_follow_each_other) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  commit(*log, 7);
  EXPECT_EQ(log->append(kBlock, 7, "").code(), Code::kInvalid);
  EXPECT_EQ(log->append(kBlock, 9, "").code(), Code::kInvalid);
  EXPECT_EQ(log->append(kBatch, 9, "").code(), Code::kInvalid);
  EXPECT_EQ(log->append(kCertificate, 8, "").code(), Code::kInvalid);
  EXPECT_EQ(log->append(kCertificate, 6, "").code(), Code::kInvalid);
  EXPECT_EQ(log->append(kBatch, 8, Bytes(20001, 'x')).code(), Code::kLimit);
  commit(*log, 8);
}

TEST(BlockLog, checkpoints_and_certificates_survive) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  for (std::uint64_t h = 1; h <= 30; ++h) {
    commit(*log, h);
    if (h > 1) {
      ASSERT_TRUE(log->append(kCertificate, h - 1, "cert " + std::to_string(h - 1)).ok());
    }
    if (h % 10 == 0) {
      ASSERT_TRUE(log->append(kCheckpoint, h, "note").ok());
    }
  }
  ASSERT_TRUE(log->sync().ok());
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(log->checkpoint(), 30u);
    EXPECT_EQ(*log->read(kCheckpoint, 30), "note");
    EXPECT_EQ(log->read(kCheckpoint, 20).status().code(), Code::kNotFound);
    for (std::uint64_t h = 1; h < 30; ++h)
      EXPECT_EQ(*log->read(kCertificate, h), "cert " + std::to_string(h));
    log = open_log(disk);
  }
}

TEST(BlockLog, visit_shows_records_in_file_order) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  for (std::uint64_t h = 1; h <= 40; ++h) commit(*log, h);
  std::vector<std::uint64_t> seen;
  ASSERT_TRUE(log->visit(11,
                         [&](const LogRecord& record) {
                           EXPECT_EQ(record.payload, record.type == kBatch
                                                         ? batch_of(record.height)
                                                         : block_of(record.height));
                           if (record.type == kBlock) seen.push_back(record.height);
                           return record.height < 35;
                         })
                  .ok());
  ASSERT_EQ(seen.size(), 24u);
  EXPECT_EQ(seen.front(), 11u);
  EXPECT_EQ(seen.back(), 34u);
}

TEST(BlockLog, pruning_removes_whole_segments_below) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  for (std::uint64_t h = 1; h <= 60; ++h) commit(*log, h);
  const std::uint64_t before = log->bytes();
  ASSERT_TRUE(log->prune_below(40).ok());
  EXPECT_LT(log->bytes(), before);
  ASSERT_TRUE(log->first().has_value());
  const std::uint64_t first = *log->first();
  EXPECT_GT(first, 20u);
  EXPECT_LE(first, 40u);
  expect_blocks(*log, first, 60);
  EXPECT_EQ(log->read(kBlock, first - 1).status().code(), Code::kNotFound);
  EXPECT_EQ(log->visit(1, [](const LogRecord&) { return true; }).code(), Code::kNotFound);
  log = open_log(disk);
  expect_blocks(*log, first, 60);
  commit(*log, 61);
}

TEST(BlockLog, after_a_failed_sync_every_append_is_refused) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  commit(*log, 1);
  ASSERT_TRUE(log->append(kBlock, 2, "x").ok());
  disk.fail_sync(1);
  EXPECT_EQ(log->sync().code(), Code::kIo);
  EXPECT_EQ(log->sync().code(), Code::kIo);
  EXPECT_EQ(log->append(kBlock, 2, "x").code(), Code::kIo);
  EXPECT_EQ(log->drop_unsynced().code(), Code::kIo);
  EXPECT_EQ(log->head(), 1u);
  EXPECT_EQ(*log->read(kBlock, 1), block_of(1));
}

TEST(BlockLog, a_full_disk_refuses_and_later_goes_on) {
  FaultDisk disk(1);
  auto log = open_log(disk);
  std::uint64_t h = 1;
  for (; h <= 10; ++h) commit(*log, h);
  disk.set_capacity(5000);
  Status status;
  for (int i = 0; i < 20 && status.ok(); ++i) {
    status = log->append(kBatch, h, Bytes(900, 'x'));
  }
  EXPECT_EQ(status.code(), Code::kNoSpace);
  expect_blocks(*log, 1, 10);
  disk.set_capacity(std::nullopt);
  ASSERT_TRUE(log->drop_unsynced().ok());
  for (; h <= 20; ++h) commit(*log, h);
  log = open_log(disk);
  expect_blocks(*log, 1, 20);
}

// The main promise, on a disk that loses power at random: every synced block is there, nothing
// half.
TEST(BlockLog, random_crashes_never_lose_a_synced_block) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    FaultDisk disk(seed);
    std::mt19937_64 random(seed);
    std::map<std::uint64_t, std::pair<Bytes, Bytes>> synced, attempted;
    std::uint64_t salt = 0;
    for (int round = 0; round < 6; ++round) {
      std::string recovered;
      Result<std::unique_ptr<BlockLog>> opened = BlockLog::open(disk, kDir, small(), &recovered);
      ASSERT_TRUE(opened.ok()) << opened.status().to_string();
      BlockLog& log = **opened;
      const std::uint64_t head = log.head().value_or(0);
      ASSERT_GE(head, synced.empty() ? 0 : synced.rbegin()->first);
      ASSERT_LE(head, synced.empty() ? 1 : synced.rbegin()->first + 1);
      for (std::uint64_t h = 1; h <= head; ++h) {
        const auto& expected = synced.contains(h) ? synced[h] : attempted[h];
        ASSERT_EQ(*log.read(kBatch, h), expected.first) << h;
        ASSERT_EQ(*log.read(kBlock, h), expected.second) << h;
        synced[h] = expected;
      }
      std::uint64_t h = head + 1;
      for (auto steps = random() % 25; steps > 0; --steps) {
        const std::string unique = std::to_string(++salt);
        attempted[h] = {unique + Bytes(random() % 900, 'b'), unique + Bytes(random() % 2500, 'k')};
        ASSERT_TRUE(log.append(kBatch, h, attempted[h].first).ok());
        if (random() % 8 == 0) break;
        if (random() % 6 == 0) {
          ASSERT_TRUE(log.drop_unsynced().ok());
          continue;
        }
        if (h > 1 && random() % 3 == 0) {
          ASSERT_TRUE(log.append(kCertificate, h - 1, "c").ok());
        }
        ASSERT_TRUE(log.append(kBlock, h, attempted[h].second).ok());
        if (random() % 10 == 0) break;
        ASSERT_TRUE(log.sync().ok());
        synced[h] = attempted[h];
        if (random() % 5 == 0) {
          ASSERT_TRUE(log.append(kCheckpoint, h, "").ok());
        }
        ++h;
      }
      disk.crash();
    }
  }
}

TEST(BlockLog, a_flipped_bit_before_the_last_block_is_named_and_nothing_is_changed) {
  for (bool with_checkpoint : {false, true}) {
    FaultDisk disk(1);
    {
      auto log = open_log(disk);
      for (std::uint64_t h = 1; h <= 4; ++h) commit(*log, h);
      if (with_checkpoint) {
        ASSERT_TRUE(log->append(kCheckpoint, 4, "").ok());
      }
      commit(*log, 5);
      commit(*log, 6);
    }
    ASSERT_EQ(disk.list(kDir)->size(), 1u);
    const std::string path = last_segment(disk);
    const Bytes good = disk.content(path);
    const std::size_t begin_of_6 = good.find("batch 6") - 25;
    for (std::size_t at = 0; at < begin_of_6; ++at) {
      disk.flip_bit(path, at, at % 8);
      std::string recovered;
      Result<std::unique_ptr<BlockLog>> log = BlockLog::open(disk, kDir, small(), &recovered);
      if (log.ok()) {
        // A payload behind a checkpoint: found by the reader.
        ASSERT_TRUE(with_checkpoint) << at;
        int bad = 0;
        for (std::uint64_t h = 1; h <= 6; ++h) {
          for (LogRecordType type : {kBatch, kBlock}) {
            Result<Bytes> payload = (*log)->read(type, h);
            if (!payload.ok()) {
              ++bad;
              EXPECT_EQ(payload.status().code(), Code::kCorrupt);
            } else {
              ASSERT_EQ(*payload, type == kBatch ? batch_of(h) : block_of(h)) << at;
            }
          }
        }
        EXPECT_EQ(bad, 1) << at;
      } else {
        ASSERT_EQ(log.status().code(), Code::kCorrupt) << at;
        EXPECT_NE(log.status().message().find(path + ": offset "), std::string::npos);
      }
      EXPECT_EQ(recovered, "");
      disk.flip_bit(path, at, at % 8);
      ASSERT_EQ(disk.content(path), good);
    }
  }
}

TEST(BlockLog, a_damaged_last_block_is_cut_and_told_at_every_position) {
  FaultDisk original(1);
  {
    auto log = open_log(original);
    for (std::uint64_t h = 1; h <= 3; ++h) commit(*log, h);
  }
  const std::string path = last_segment(original);
  const Bytes content = original.content(path);
  const std::size_t begin = content.find("batch 3") - 25;
  const std::size_t end = content.find("block 3") + block_of(3).size();
  for (bool truncated : {false, true}) {
    for (std::size_t at = begin; at < end; ++at) {
      FaultDisk disk(1);
      ASSERT_TRUE(disk.make_dir(kDir).ok());
      auto file = std::move(*disk.open(path, true));
      ASSERT_TRUE(file->write_at(0, truncated ? content.substr(0, at) : content).ok());
      if (!truncated) disk.flip_bit(path, at, at % 8);
      std::string recovered;
      auto log = open_log(disk, &recovered);
      ASSERT_TRUE(log);
      expect_blocks(*log, 1, 2);
      EXPECT_EQ(log->head(), 2u);
      EXPECT_EQ(recovered.empty(), truncated && at == begin) << at;
      commit(*log, 3);
      log = open_log(disk, &recovered);
      expect_blocks(*log, 1, 3);
      EXPECT_EQ(recovered, "");
    }
  }
}

TEST(BlockLog, a_damaged_or_missing_middle_segment_is_an_error) {
  FaultDisk disk(1);
  {
    auto log = open_log(disk);
    for (std::uint64_t h = 1; h <= 60; ++h) commit(*log, h);
  }
  const std::string middle = std::string(kDir) + "/" + disk.list(kDir)->at(1);
  std::string recovered;
  disk.flip_bit(middle, disk.content(middle).size() - 1, 3);
  const Status damaged = BlockLog::open(disk, kDir, small(), &recovered).status();
  EXPECT_EQ(damaged.code(), Code::kCorrupt);
  EXPECT_NE(damaged.message().find(middle), std::string::npos);
  ASSERT_TRUE(disk.remove(middle).ok());
  EXPECT_EQ(BlockLog::open(disk, kDir, small(), &recovered).status().code(), Code::kCorrupt);
}

}  // namespace
}  // namespace blockd
