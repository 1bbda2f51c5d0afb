// What both disks promise, and what the one that fails does.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <set>

#include "kernel/storage/fault_disk.hpp"

namespace blockd {
namespace {

void check_basics(Disk& disk, const std::string& dir) {
  ASSERT_TRUE(disk.make_dir(dir).ok());
  EXPECT_EQ(disk.open(dir + "/a", false).status().code(), Code::kNotFound);
  {
    auto file = std::move(*disk.open(dir + "/a", true));
    ASSERT_TRUE(file->write_at(3, "hello").ok());
    EXPECT_EQ(*file->size(), 8u);
    EXPECT_EQ(*file->read_at(0, 100), Bytes("\0\0\0hello", 8));
    EXPECT_EQ(*file->read_at(8, 1), "");
    ASSERT_TRUE(file->preallocate(4096).ok());
    ASSERT_TRUE(file->preallocate(10).ok());
    EXPECT_EQ(*file->size(), 4096u);
    ASSERT_TRUE(file->truncate(4).ok());
    ASSERT_TRUE(file->preallocate(6).ok());
    EXPECT_EQ(*file->read_at(3, 100), Bytes("h\0\0", 3));
    ASSERT_TRUE(file->sync().ok());
  }
  ASSERT_TRUE(disk.rename(dir + "/a", dir + "/c").ok());
  ASSERT_TRUE(disk.open(dir + "/b", true).ok());
  ASSERT_TRUE(disk.sync_dir(dir).ok());
  EXPECT_EQ(*disk.list(dir), (std::vector<std::string>{"b", "c"}));
  ASSERT_TRUE(disk.remove(dir + "/b").ok());
  EXPECT_FALSE(disk.remove(dir + "/b").ok());
  EXPECT_EQ(disk.list(dir + "/none").status().code(), Code::kNotFound);
}

TEST(Disk, system_disk_basics) {
  char name[] = "/tmp/blockd-disk-XXXXXX";
  const std::string dir = ::mkdtemp(name);
  check_basics(system_disk(), dir + "/sub/dir");
  std::filesystem::remove_all(dir);
}

TEST(Disk, fault_disk_basics) {
  FaultDisk disk(1);
  check_basics(disk, "/d");
}

TEST(FaultDisk, a_crash_keeps_what_was_synced_and_any_sectors_of_the_rest) {
  bool kept_all = false, lost_all = false, tore = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    FaultDisk disk(seed);
    ASSERT_TRUE(disk.make_dir("/d").ok());
    auto file = std::move(*disk.open("/d/f", true));
    ASSERT_TRUE(file->write_at(0, Bytes(1024, 'a')).ok());
    ASSERT_TRUE(file->sync().ok());
    ASSERT_TRUE(disk.sync_dir("/d").ok());
    ASSERT_TRUE(file->write_at(0, Bytes(1024, 'b')).ok());
    disk.crash();
    EXPECT_EQ(file->sync().code(), Code::kAborted);
    const Bytes content = disk.content("/d/f");
    ASSERT_EQ(content.size(), 1024u);
    EXPECT_EQ(content, Bytes(512, content[0]) + Bytes(512, content[512]));
    kept_all |= content == Bytes(1024, 'b');
    lost_all |= content == Bytes(1024, 'a');
    tore |= content[0] != content[512];
  }
  EXPECT_TRUE(kept_all && lost_all && tore);
}

// The same file as two whole contents, with the sectors in which a power cut may choose.
struct PlainFile {
  static constexpr std::uint64_t kSector = FaultDisk::kSectorBytes;
  Bytes now, durable;
  std::set<std::uint64_t> dirty;

  void mark(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t sector = from / kSector; sector * kSector < to; ++sector)
      dirty.insert(sector);
  }
  void resize(std::uint64_t size) {
    mark(std::min<std::uint64_t>(size, now.size()), std::max<std::uint64_t>(size, now.size()));
    now.resize(size, '\0');
  }
  void write(std::uint64_t offset, BytesView data) {
    mark(offset, offset + data.size());
    if (now.size() < offset + data.size()) now.resize(offset + data.size(), '\0');
    now.replace(offset, data.size(), data);
  }
  void sync() {
    durable = now;
    dirty.clear();
  }
  // Each sector is the old or the new one, and an untouched one is both. Where the old file is
  // longer, what lies behind the end of the new one is old.
  void expect_left(const Bytes& left) const {
    ASSERT_TRUE(left.size() == now.size() || left.size() == durable.size());
    Bytes old = durable, fresh = durable;
    old.resize(left.size(), '\0');
    fresh.resize(std::max(left.size(), now.size()), '\0');
    fresh.replace(0, now.size(), now);
    for (std::uint64_t at = 0; at < left.size(); at += kSector) {
      const Bytes got = left.substr(at, kSector);
      EXPECT_TRUE(got == old.substr(at, kSector) ||
                  (dirty.contains(at / kSector) && got == fresh.substr(at, got.size())))
          << "at " << at;
    }
  }
};

TEST(FaultDisk, what_a_crash_leaves_of_any_history_is_old_or_new_by_sector) {
  std::mt19937_64 random(7);
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    FaultDisk disk(seed);
    ASSERT_TRUE(disk.make_dir("/d").ok());
    auto file = std::move(*disk.open("/d/f", true));
    ASSERT_TRUE(disk.sync_dir("/d").ok());
    PlainFile plain;
    for (std::uint64_t i = 0; i < 30; ++i) {
      const std::uint64_t size = below(6000);
      const Bytes data(below(1500) + 1, static_cast<char>('A' + i));
      switch (below(5)) {
        case 0:
          ASSERT_TRUE(file->truncate(size).ok());
          plain.resize(size);
          break;
        case 1:
          ASSERT_TRUE(file->preallocate(size).ok());
          if (size > plain.now.size()) plain.resize(size);
          break;
        case 2:
          ASSERT_TRUE(file->sync().ok());
          plain.sync();
          break;
        default:
          ASSERT_TRUE(file->write_at(size, data).ok());
          plain.write(size, data);
      }
      ASSERT_EQ(disk.content("/d/f"), plain.now);
    }
    disk.crash();
    plain.expect_left(disk.content("/d/f"));
  }
}

TEST(FaultDisk, a_full_disk_takes_a_part) {
  FaultDisk disk(1);
  ASSERT_TRUE(disk.make_dir("/d").ok());
  auto file = std::move(*disk.open("/d/f", true));
  disk.set_capacity(10);
  EXPECT_EQ(file->write_at(8, "abcdef").code(), Code::kNoSpace);
  EXPECT_EQ(*file->read_at(8, 10), "ab");
  EXPECT_EQ(file->preallocate(11).code(), Code::kNoSpace);
  disk.set_capacity(std::nullopt);
  EXPECT_TRUE(file->write_at(8, "abcdef").ok());
}

TEST(FaultDisk, the_chosen_sync_fails_and_makes_nothing_durable) {
  FaultDisk disk(1);
  ASSERT_TRUE(disk.make_dir("/d").ok());
  auto file = std::move(*disk.open("/d/f", true));
  disk.fail_sync(2);
  EXPECT_TRUE(file->sync().ok());
  EXPECT_EQ(file->sync().code(), Code::kIo);
  EXPECT_TRUE(file->sync().ok());
  EXPECT_EQ(disk.syncs(), 3u);
}

}  // namespace
}  // namespace blockd
