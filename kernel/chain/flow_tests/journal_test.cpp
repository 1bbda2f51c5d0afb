// Format and promises: node-and-cli spec 5.6.2.
#include "kernel/chain/flow/journal.hpp"

#include <map>
#include <thread>

#include "kernel/chain/flow_tests/support.hpp"

namespace blockd {
namespace {

// Files in memory; the next write or sync may be told to fail.
struct Files {
  std::map<std::string, Bytes> content;
  std::mutex mutex;
  Status next_write, next_sync;
  int syncs = 0;
};

class MemoryFile final : public DiskFile {
 public:
  MemoryFile(Files& files, std::string path) : files_(files), path_(std::move(path)) {}
  Status write_at(std::uint64_t offset, BytesView data) override {
    std::lock_guard lock(files_.mutex);
    Bytes& mine = files_.content[path_];
    mine.resize(std::max<std::size_t>(mine.size(), offset + data.size()));
    mine.replace(offset, data.size(), data);
    return std::exchange(files_.next_write, Status());
  }
  Result<Bytes> read_at(std::uint64_t offset, std::uint64_t n) const override {
    return files_.content[path_].substr(offset, n);
  }
  Status sync() override {
    std::lock_guard lock(files_.mutex);
    ++files_.syncs;
    return std::exchange(files_.next_sync, Status());
  }
  Status truncate(std::uint64_t size) override {
    files_.content[path_].resize(size);
    return {};
  }
  Status preallocate(std::uint64_t) override { return {}; }
  Result<std::uint64_t> size() const override {
    return std::uint64_t{files_.content[path_].size()};
  }

 private:
  Files& files_;
  const std::string path_;
};

class MemoryDisk final : public Disk {
 public:
  Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool) override {
    files.content[path];
    return std::unique_ptr<DiskFile>(std::make_unique<MemoryFile>(files, path));
  }
  Result<std::vector<std::string>> list(const std::string&) const override {
    return std::vector<std::string>{};
  }
  Status make_dir(const std::string&) override { return {}; }
  Status rename(const std::string& from, const std::string& to) override {
    files.content[to] = files.content[from];
    files.content.erase(from);
    return {};
  }
  Status remove(const std::string& path) override {
    files.content.erase(path);
    return {};
  }
  Status sync_dir(const std::string&) override { return {}; }
  mutable Files files;
};

class JournalTest : public testing::Test {
 protected:
  void open() {
    journal_.reset();
    found_.clear();
    notes_.clear();
    Result<std::unique_ptr<Journal>> opened = Journal::open(disk_, "pool", &found_, &notes_);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    journal_ = std::move(*opened);
  }
  Bytes& file() { return disk_.files.content["pool/journal"]; }
  std::vector<std::uint64_t> found_nonces() {
    std::vector<std::uint64_t> out;
    for (const JournalRecord& record : found_) out.push_back(record.command->nonce);
    return out;
  }

  MemoryDisk disk_;
  SigningKey key_ = test_key(1);
  std::unique_ptr<Journal> journal_;
  std::vector<JournalRecord> found_;
  std::vector<std::string> notes_;
};

TEST_F(JournalTest, keeps_what_was_appended) {
  open();
  CommandPtr command = test_command(key_, 1);
  ASSERT_TRUE(journal_->append(command, 77).ok());
  EXPECT_EQ(disk_.files.syncs, 1);
  Reader reader(file());
  EXPECT_EQ(reader.u32(), command->envelope.size());
  reader.u32();
  EXPECT_EQ(reader.u64(), 77u);
  EXPECT_EQ(reader.rest(), command->envelope);
  open();
  ASSERT_EQ(found_.size(), 1u);
  EXPECT_EQ(found_[0].entered_ms, 77u);
  EXPECT_EQ(found_[0].command->id, command->id);
  EXPECT_TRUE(notes_.empty());
}

TEST_F(JournalTest, a_torn_tail_is_cut_at_every_byte) {
  open();
  ASSERT_TRUE(journal_->append(test_command(key_, 1), 1).ok());
  const std::size_t first = file().size();
  ASSERT_TRUE(journal_->append(test_command(key_, 2), 2).ok());
  const Bytes whole = file();
  for (std::size_t size = first; size < whole.size(); ++size) {
    file() = whole.substr(0, size);
    open();
    EXPECT_EQ(found_nonces(), std::vector<std::uint64_t>{1}) << size;
    EXPECT_EQ(file().size(), first) << size;
    EXPECT_EQ(notes_.size(), size == first ? 0u : 1u) << size;
  }
  ASSERT_TRUE(journal_->append(test_command(key_, 3), 3).ok());
  open();
  EXPECT_EQ(found_nonces(), (std::vector<std::uint64_t>{1, 3}));
}

TEST_F(JournalTest, a_damaged_record_costs_only_itself) {
  open();
  for (std::uint64_t n = 1; n <= 3; ++n)
    ASSERT_TRUE(journal_->append(test_command(key_, n), n).ok());
  const std::size_t record = file().size() / 3;
  file()[record + 40] = static_cast<char>(file()[record + 40] ^ 1);
  open();
  EXPECT_EQ(found_nonces(), (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(notes_.size(), 1u);
}

TEST_F(JournalTest, is_written_anew_when_more_than_half_is_dead) {
  open();
  std::vector<CommandPtr> commands;
  while (file().size() <= (64u << 10)) {
    commands.push_back(test_command(key_, commands.size() + 1));
    ASSERT_TRUE(journal_->append(commands.back(), 1).ok());
  }
  const std::size_t before = file().size();
  const std::size_t half = commands.size() / 2 + 2;
  for (std::size_t i = 0; i < half; ++i) journal_->forget(commands[i]->id);
  ASSERT_TRUE(journal_->append(test_command(key_, 9999), 2).ok());
  EXPECT_LT(file().size(), before * 6 / 10);
  EXPECT_EQ(journal_->file_bytes(), journal_->live_bytes());
  open();
  EXPECT_EQ(found_.size(), commands.size() - half + 1);
  EXPECT_EQ(found_.back().command->nonce, 9999u);
}

TEST_F(JournalTest, a_full_disk_refuses_one_command_and_leaves_no_trace_of_it) {
  open();
  ASSERT_TRUE(journal_->append(test_command(key_, 1), 1).ok());
  disk_.files.next_write = Status(Code::kNoSpace, "no space left on device");
  EXPECT_EQ(journal_->append(test_command(key_, 2), 1).code(), Code::kNoSpace);
  ASSERT_TRUE(journal_->append(test_command(key_, 3), 1).ok());
  open();
  EXPECT_EQ(found_nonces(), (std::vector<std::uint64_t>{1, 3}));
}

TEST_F(JournalTest, after_a_failed_sync_nothing_is_promised_any_more) {
  open();
  disk_.files.next_sync = Status(Code::kIo, "input/output error");
  EXPECT_EQ(journal_->append(test_command(key_, 1), 1).code(), Code::kIo);
  EXPECT_EQ(journal_->append(test_command(key_, 2), 1).code(), Code::kIo);
}

TEST_F(JournalTest, many_callers_share_writes_and_all_are_kept) {
  open();
  constexpr std::uint64_t kThreads = 8, kEach = 20;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        EXPECT_TRUE(journal_->append(test_command(key_, t * kEach + i + 1), 1).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(disk_.files.syncs, static_cast<int>(kThreads * kEach));
  open();
  EXPECT_EQ(found_.size(), kThreads * kEach);
}

}  // namespace
}  // namespace blockd
