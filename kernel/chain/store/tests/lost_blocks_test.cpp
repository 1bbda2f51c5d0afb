// A log that has lost its end, and the MMR that knows.
#include "kernel/chain/store/lost_blocks.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "kernel/chain/repair.hpp"
#include "kernel/chain/store/log_views.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

class LostEnd : public testing::Test {
 protected:
  LostEnd() {
    char name[] = "/tmp/blockd-lost-XXXXXX";
    dir_ = ::mkdtemp(name);
    EXPECT_TRUE(w_.open().ok());
  }
  ~LostEnd() override { std::filesystem::remove_all(dir_); }

  std::string mmr() const { return dir_ + "/mmr"; }
  void grow(int blocks) {
    for (int i = 0; i < blocks; ++i) w_.run("put", "a", static_cast<std::uint64_t>(i));
  }
  // Brings the views level with the log as it is; what was set aside or made anew is noted.
  Status views() {
    std::string cut;
    auto log = BlockLog::open(w_.disk, "chain", {.segment_bytes = 1u << 20}, &cut);
    if (!log.ok()) return log.status();
    LogViewsOptions options;
    options.mmr_dir = mmr();
    options.index_dir = dir_ + "/index";
    options.log = log->get();
    options.note = [this](std::string line) { notes_.push_back(std::move(line)); };
    auto opened = LogViews::open(std::move(options));
    return opened.status();
  }
  // As a kill: the state keeps what it had when `state` was copied.
  void keep_state() {
    kept_ = open_memory();
    std::vector<KvWrite> rows;
    EXPECT_TRUE(w_.state
                    ->scan({}, {}, SIZE_MAX,
                           [&](BytesView key, BytesView value) {
                             rows.push_back({Bytes(key), Bytes(value)});
                             return true;
                           })
                    .ok());
    EXPECT_TRUE(kept_->write(rows, true).ok());
  }
  Status reopen() {
    w_.chain.reset();
    w_.state = kept_;
    examined_.clear();
    w_.examine = [this](const BlockLog& log, const KvStore& state, const std::string& cut) {
      examined_.push_back(cut);
      Result<LogFront> front = log_front(log, state);
      return front.ok() ? check_lost_blocks(mmr(), log, *front, cut) : front.status();
    };
    return w_.open();
  }
  // Two segments: blocks 0 to 10 in the first, the others in `log-0000000000000011.seg`.
  void two_segments() {
    grow(10);
    keep_state();
    ASSERT_TRUE(w_.chain->checkpoint().ok());
    ASSERT_TRUE(w_.chain->log()->close_segment().ok());
    grow(5);
    const std::vector<std::string> names = *w_.disk.list("chain");
    ASSERT_NE(std::find(names.begin(), names.end(), "log-0000000000000011.seg"), names.end());
    w_.chain.reset();
    ASSERT_TRUE(views().ok());
  }
  std::map<std::string, Bytes> files() {
    std::map<std::string, Bytes> out;
    const std::vector<std::string> names = *w_.disk.list("chain");
    for (const std::string& name : names) out[name] = w_.disk.content("chain/" + name);
    return out;
  }
  StoreCheckReport check() {
    std::unique_ptr<KvStore> mmr_store = *open_leveldb(mmr(), {});
    StoreCheckInput input;
    input.disk = &w_.disk;
    input.log_dir = "chain";
    input.genesis = &w_.genesis;
    input.mmr = mmr_store.get();
    return *check_store(input);
  }

  std::string dir_;
  World w_;
  std::shared_ptr<KvStore> kept_;
  std::vector<std::string> notes_, examined_;
};

TEST_F(LostEnd, a_log_without_its_last_segment_is_refused_untouched_and_whole_when_it_is_back) {
  two_segments();
  const std::string path = "chain/log-0000000000000011.seg";
  ASSERT_TRUE(w_.disk.rename(path, "away").ok());
  const auto before = files();
  const Status refused = reopen();
  EXPECT_EQ(refused.code(), Code::kCorrupt);
  for (const char* word : {"chain: the log ends with block 10", "blocks 11 to 15 of this chain",
                           "committed blocks are missing from the log"})
    EXPECT_NE(refused.message().find(word), std::string::npos) << refused.to_string();
  for (const char* word : {"log-0000000000000011.seg", "contract-cli storage repair"})
    EXPECT_NE(refused.hint().find(word), std::string::npos) << refused.to_string();
  EXPECT_EQ(refused.message().find("state store"), std::string::npos) << "or it is brought back";
  w_.chain.reset();
  EXPECT_EQ(files(), before);
  const Status viewed = views();
  EXPECT_EQ(viewed.code(), Code::kCorrupt) << "whoever knows of them is not thrown away";
  EXPECT_TRUE(notes_.empty());
  const StoreCheckReport report = check();
  ASSERT_EQ(report.major, 1u);
  EXPECT_EQ(report.findings[0].height, 11u);
  EXPECT_TRUE(report.findings[0].what.starts_with("mmr: ")) << report.findings[0].what;
  EXPECT_NE(report.findings[0].what.find("blocks 11 to 15"), std::string::npos);

  ASSERT_TRUE(w_.disk.rename("away", path).ok());
  ASSERT_TRUE(reopen().ok());
  EXPECT_EQ(w_.chain->view()->height, 15u);
  EXPECT_TRUE(w_.chain->replay(true, nullptr).ok);
}

TEST_F(LostEnd, without_an_mmr_that_knows_the_shorter_log_goes_on) {
  two_segments();
  ASSERT_TRUE(w_.disk.remove("chain/log-0000000000000011.seg").ok());
  std::filesystem::remove_all(mmr());
  ASSERT_TRUE(reopen().ok());
  EXPECT_EQ(w_.chain->view()->height, 10u);
  w_.chain.reset();
  EXPECT_TRUE(views().ok());
}

TEST_F(LostEnd, a_damaged_newest_block_that_was_committed_is_refused_and_not_cut) {
  grow(6);
  keep_state();
  ASSERT_TRUE(w_.chain->checkpoint().ok());
  grow(1);
  const std::string path = "chain/log-0000000000000000.seg";
  const Bytes killed = w_.disk.content(path);
  ASSERT_TRUE(views().ok());
  w_.chain.reset();  // what its stop writes is taken back
  const std::unique_ptr<DiskFile> file = *w_.disk.open(path, false);
  ASSERT_TRUE(file->truncate(0).ok());
  ASSERT_TRUE(file->write_at(0, killed).ok());
  w_.disk.flip_bit(path, killed.find_last_not_of('\0') - 3, 2);
  const auto before = files();
  const Status refused = reopen();
  EXPECT_EQ(refused.code(), Code::kCorrupt);
  for (const char* word : {"the log ends with block 6", "block 7 of this chain", " at offset "})
    EXPECT_NE(refused.message().find(word), std::string::npos) << refused.to_string();
  EXPECT_NE(refused.hint().find("this file"), std::string::npos) << refused.to_string();
  EXPECT_EQ(files(), before);
}

}  // namespace
}  // namespace blockd::test
