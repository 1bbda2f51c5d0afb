// Power cuts at every write and sync of the log, and what the repair of a damaged log finds.
#include <gtest/gtest.h>

#include "kernel/chain/repair.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

// Loses power at the n-th change of a file from now on.
class SteppedDisk final : public Disk {
 public:
  explicit SteppedDisk(FaultDisk& disk) : disk_(disk) {}
  void cut_at(std::uint64_t step) { left_ = step; }
  bool cut() const { return cut_; }
  void power_on() { left_ = 0, cut_ = false; }

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool create) override {
    Result<std::unique_ptr<DiskFile>> file = disk_.open(path, create);
    if (!file.ok()) return file.status();
    return std::unique_ptr<DiskFile>(std::make_unique<File>(*this, *std::move(file)));
  }
  Result<std::vector<std::string>> list(const std::string& dir) const override {
    return disk_.list(dir);
  }
  Status make_dir(const std::string& dir) override { return disk_.make_dir(dir); }
  Status rename(const std::string& a, const std::string& b) override { return disk_.rename(a, b); }
  Status remove(const std::string& path) override { return disk_.remove(path); }
  Status sync_dir(const std::string& dir) override { return disk_.sync_dir(dir); }

 private:
  struct File final : DiskFile {
    File(SteppedDisk& d, std::unique_ptr<DiskFile> f) : disk(d), file(std::move(f)) {}
    Status write_at(std::uint64_t offset, BytesView data) override {
      Status status = file->write_at(
          offset, data);  // the cut comes behind it: all, a part or nothing of it may be there
      disk.step();
      return disk.cut_ ? Status(Code::kIo, "no power") : status;
    }
    Result<Bytes> read_at(std::uint64_t offset, std::uint64_t n) const override {
      return file->read_at(offset, n);
    }
    Status sync() override {
      disk.step();
      return disk.cut_ ? Status(Code::kIo, "no power") : file->sync();
    }
    Status truncate(std::uint64_t size) override { return file->truncate(size); }
    Status preallocate(std::uint64_t size) override { return file->preallocate(size); }
    Result<std::uint64_t> size() const override { return file->size(); }
    SteppedDisk& disk;
    std::unique_ptr<DiskFile> file;
  };
  void step() {
    if (left_ == 0 || --left_ != 0) return;
    disk_.crash();
    cut_ = true;
  }
  FaultDisk& disk_;
  std::uint64_t left_ = 0;
  bool cut_ = false;
};

TEST(Crash, at_every_step_of_the_log_a_block_is_there_whole_or_not_at_all) {
  World w;
  SteppedDisk disk(w.disk);
  w.log_disk = &disk;
  ASSERT_TRUE(w.open().ok());
  std::uint64_t cuts = 0;
  for (std::uint64_t step = 1; step <= 12; ++step) {
    for (int lost_state = 0; lost_state < 2; ++lost_state) {
      const Hash before = w.chain->view()->head_hash;
      const std::uint64_t height = w.chain->view()->height;
      disk.cut_at(step);
      std::vector<Hash> made;
      for (std::uint64_t i = 0; i < 6 && !disk.cut(); ++i) {
        w.clock.now += 1000;
        CommandPtr command = w.op("put", "k" + std::to_string(i), step);
        Result<Chain::Produced> produced = w.chain->produce({command});
        if (produced.ok()) made.push_back(produced->block->header.hash());
      }
      cuts += disk.cut() ? 1 : 0;
      disk.power_on();
      if (lost_state == 1) w.state = open_memory();
      Status opened = w.open();
      ASSERT_TRUE(opened.ok()) << "step " << step << ": " << opened.to_string();
      const std::uint64_t now = w.chain->view()->height;
      // Every block that was answered is there; the one under way may be.
      ASSERT_GE(now, height + made.size()) << "step " << step;
      ASSERT_LE(now, height + made.size() + 1) << "step " << step;
      const Hash& answered = made.empty() ? before : made.back();
      Result<std::uint64_t> at = w.chain->height_of(answered);
      ASSERT_TRUE(at.ok() && *at == height + made.size());
      w.nonce = *w.chain->nonce(w.chain->view(), address_of(w.user.public_key()));
    }
  }
  EXPECT_EQ(cuts, 24u);
  ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
  w.chain.reset();  // before the disk that it writes to
}

// The same with blocks in flight: what settle() told is there, what was made may be, in order.
TEST(Crash, at_every_step_blocks_in_flight_are_there_from_the_first_on_or_not_at_all) {
  World w;
  SteppedDisk disk(w.disk);
  w.log_disk = &disk;
  w.ahead_blocks = 4;
  w.sync = LogSyncMode::kStepped;
  ASSERT_TRUE(w.open().ok());
  std::uint64_t cuts = 0, kept = 0;
  for (std::uint64_t step = 1; step <= 60; ++step) {
    const std::uint64_t height = w.chain->view()->height;
    disk.cut_at(1 + step % 20);
    std::vector<Hash> made;
    std::uint64_t told = height;
    for (std::uint64_t i = 0; i < 20 && !disk.cut(); ++i) {
      w.clock.now += 1000;
      Result<Chain::Produced> produced =
          w.chain->produce({w.op("put", "k" + std::to_string(i), step)});
      if (produced.ok()) made.push_back(produced->block->header.hash());
      for (std::uint64_t n = (step + i) % 3; n > 0; --n) {
        const Result<std::uint64_t> settled = w.chain->settle(LogWait::kNone);
        if (settled.ok()) told = *settled;
      }
    }
    cuts += disk.cut() ? 1 : 0;
    EXPECT_EQ(w.chain->view()->height, told);
    w.chain.reset();
    disk.power_on();
    if (step % 5 == 0) w.state = open_memory();
    Status opened = w.open();
    ASSERT_TRUE(opened.ok()) << "step " << step << ": " << opened.to_string();
    const std::uint64_t now = w.chain->view()->height;
    ASSERT_GE(now, told) << "step " << step;
    ASSERT_LE(now, height + made.size() + 1) << "step " << step;
    kept += now - told;
    for (std::uint64_t h = height + 1; h <= std::min(now, height + made.size()); ++h)
      ASSERT_EQ(*w.chain->height_of(made[h - height - 1]), h);
    w.nonce = *w.chain->nonce(w.chain->view(), address_of(w.user.public_key()));
  }
  EXPECT_EQ(cuts, 60u);
  EXPECT_GT(kept, 0u);
  ReplayReport report = w.chain->replay(false, nullptr);
  EXPECT_TRUE(report.ok) << report.difference;
  w.chain.reset();
}

TEST(Repair, whole_log_and_its_state_have_nothing_to_repair) {
  World w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 0; i < 5; ++i) w.run("put", "a", i);
  const Hash head = w.chain->view()->head_hash;
  w.chain.reset();
  Result<RepairReport> report = check_log(w.disk, "chain", w.state.get());
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_TRUE(report->ok()) << (report->damage ? report->damage->what : report->state);
  EXPECT_EQ(report->head, 5u);
  EXPECT_EQ(report->blocks, 6u);
  EXPECT_EQ(report->head_hash, head);
}

TEST(Repair, damage_is_named_and_a_damaged_tail_is_set_aside_not_lost) {
  World w;
  ASSERT_TRUE(w.open().ok());
  for (std::uint64_t i = 0; i < 5; ++i) w.run("put", "a", i);
  w.chain.reset();
  const std::string file = "chain/" + (*w.disk.list("chain")).front();
  const Bytes whole = w.disk.content(file);
  const std::size_t third = whole.find("\"nonce\":3");
  ASSERT_NE(third, Bytes::npos);
  w.disk.flip_bit(file, third, 1);
  Result<RepairReport> report = check_log(w.disk, "chain", w.state.get());
  ASSERT_TRUE(report.ok());
  ASSERT_TRUE(report->damage);
  EXPECT_EQ(report->damage->file, file);
  EXPECT_EQ(report->damage->height, 3u);
  EXPECT_LT(report->damage->offset, third);
  EXPECT_EQ(report->head, 2u);
  EXPECT_NE(report->state.find("ahead"), std::string::npos) << report->state;
  EXPECT_EQ(w.disk.content(file).size(), whole.size());

  const Bytes damaged = w.disk.content(file);
  Result<RepairReport> done = repair_log(w.disk, "chain", nullptr);
  ASSERT_TRUE(done.ok()) << done.status().to_string();
  EXPECT_EQ(done->done.size(), 2u);
  EXPECT_EQ(w.disk.content(file) + w.disk.content(file + ".damaged"), damaged);
  w.state = open_memory();
  Status opened = w.open();
  ASSERT_TRUE(opened.ok()) << opened.to_string();
  EXPECT_EQ(w.chain->view()->height, 2u);
  EXPECT_TRUE(w.chain->replay(true, nullptr).ok);
}

}  // namespace
}  // namespace blockd::test
