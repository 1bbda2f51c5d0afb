#include "kernel/chain/store/log_views.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kernel/base/blake3.hpp"
#include "kernel/chain/store/store_check.hpp"
#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {
namespace {

class Views : public testing::Test {
 protected:
  Views() {
    char name[] = "/tmp/blockd-views-XXXXXX";
    dir_ = ::mkdtemp(name);
    EXPECT_TRUE(w_.open().ok());
    grow(20);
  }
  ~Views() override { std::filesystem::remove_all(dir_); }

  void grow(int blocks) {
    for (int i = 0; i < blocks; ++i) {
      auto produced = w_.block({w_.op("put", "a", 1), w_.op("put", "b", 2)});
      if (views_) views_->committed(produced.block);
    }
  }
  Status open() {
    views_.reset();
    notes_.clear();
    std::string cut;
    auto log = BlockLog::open(w_.disk, "chain", {.segment_bytes = 1u << 20}, &cut);
    if (!log.ok()) return log.status();
    log_ = *std::move(log);
    LogViewsOptions options;
    options.mmr_dir = dir_ + "/mmr";
    options.index_dir = dir_ + "/index";
    options.log = log_.get();
    options.note = [this](std::string line) { notes_.push_back(std::move(line)); };
    auto views = LogViews::open(std::move(options));
    if (!views.ok()) return views.status();
    views_ = *std::move(views);
    return {};
  }
  // Every header is proved under the newest, and every command is found.
  void expect_level() {
    const std::uint64_t head = w_.chain->view()->height;
    ASSERT_EQ(views_->leaves(), head + 1);
    ASSERT_EQ(views_->indexed_below(), head + 1);
    const Header newest = *w_.chain->header(head);
    for (std::uint64_t h = 0; h < head; ++h) {
      auto proof = views_->prove_inclusion(h, head);
      ASSERT_TRUE(proof.ok()) << proof.status().to_string();
      EXPECT_EQ(proof->leaf, w_.chain->header(h)->hash());
      EXPECT_TRUE(mmr_verify_inclusion(*proof, newest.mmr_root)) << h;
      auto consistent = views_->prove_consistency(h, head);
      ASSERT_TRUE(consistent.ok());
      EXPECT_TRUE(mmr_verify_consistency(h, head, w_.chain->header(h)->mmr_root, newest.mmr_root,
                                         *consistent));
    }
    for (std::uint64_t h = 1; h <= head; ++h) {
      auto block = *w_.chain->block(h);
      for (std::uint32_t i = 0; i < block->commands.size(); ++i) {
        auto place = views_->find(block->commands[i]->id);
        ASSERT_TRUE(place.ok() && *place);
        EXPECT_EQ((*place)->height, h);
        EXPECT_EQ((*place)->index, i);
      }
    }
  }
  StoreCheckReport check() {
    StoreCheckInput input;
    input.disk = &w_.disk;
    input.log_dir = "chain";
    input.genesis = &w_.genesis;
    input.mmr = &views_->mmr();
    input.index = &views_->index();
    return *check_store(input);
  }

  std::string dir_;
  World w_;
  std::unique_ptr<BlockLog> log_;
  std::unique_ptr<LogViews> views_;
  std::vector<std::string> notes_;
};

TEST_F(Views, are_made_from_the_log_and_kept_over_a_restart) {
  ASSERT_TRUE(open().ok());
  expect_level();
  ASSERT_TRUE(open().ok());
  EXPECT_TRUE(notes_.empty());
  expect_level();
  EXPECT_EQ(check().count(), 0u);
  EXPECT_FALSE(*views_->find(blake3("no such command")));
  EXPECT_EQ(views_->prove_inclusion(3, 1000).status().code(), Code::kUnavailable);
}

TEST_F(Views, follow_blocks_and_catch_up_after_a_crash) {
  ASSERT_TRUE(open().ok());
  grow(30);
  while (views_->leaves() <= 50 && views_->health().ok()) std::this_thread::yield();
  while (views_->indexed_below() <= 50 && views_->health().ok()) std::this_thread::yield();
  expect_level();
  views_.reset();
  grow(10);  // nobody follows
  ASSERT_TRUE(open().ok());
  expect_level();
}

TEST_F(Views, a_deleted_or_damaged_one_is_made_again_and_told) {
  ASSERT_TRUE(open().ok());
  const std::filesystem::path dir(dir_);
  for (const char* which : {"mmr", "index"}) {
    views_.reset();
    std::filesystem::remove_all(dir / which);
    ASSERT_TRUE(open().ok());
    expect_level();
    views_.reset();
    std::filesystem::remove(dir / which / "CURRENT");
    ASSERT_TRUE(open().ok());
    ASSERT_EQ(notes_.size(), 1u);
    EXPECT_NE(notes_[0].find(std::string("/") + which + " is not usable"), std::string::npos);
    expect_level();
  }
}

TEST_F(Views, a_changed_node_or_entry_is_found_by_the_check) {
  ASSERT_TRUE(open().ok());
  Bytes key = "n";
  put_be64(key, 4);
  const KvWrite node{key, Bytes(32, 'x')};
  ASSERT_TRUE(views_->mmr().write({&node, 1}, false).ok());
  const KvWrite entry{Bytes("c").append(view((*w_.chain->block(7))->commands[1]->id)),
                      std::nullopt};
  ASSERT_TRUE(views_->index().write({&entry, 1}, false).ok());
  const StoreCheckReport report = check();
  EXPECT_EQ(report.minor, 2u);
  EXPECT_EQ(report.exit_code(), 1);
  ASSERT_EQ(report.findings.size(), 2u);
  EXPECT_EQ(report.findings[1].height, 7u);
}

TEST_F(Views, a_directory_that_vanishes_is_an_error_and_not_made_anew_while_running) {
  ASSERT_TRUE(open().ok());
  std::filesystem::remove_all(std::filesystem::path(dir_) / "mmr");
  grow(1);
  while (views_->health().ok()) std::this_thread::yield();
  EXPECT_EQ(views_->health().code(), Code::kIo);
  EXPECT_NE(views_->health().message().find("was removed"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::path(dir_) / "mmr"));
}

// As after a restore: what is in front is known by its mountains, and no block is here yet.
TEST_F(Views, begin_behind_a_snapshot_whose_log_is_still_empty) {
  ASSERT_TRUE(open().ok());
  views_.reset();
  const std::uint64_t front = 8;
  while (w_.chain->view()->height < front) grow(1);
  World restored;
  std::string cut;
  log_ = *BlockLog::open(restored.disk, "chain", {.segment_bytes = 1u << 20}, &cut);
  const auto begin = [&](const Hash& peak) {
    views_.reset();
    notes_.clear();
    LogViewsOptions options;
    options.mmr_dir = dir_ + "/restored-mmr";
    options.index_dir = dir_ + "/restored-index";
    options.log = log_.get();
    options.base_blocks = front;
    options.base_peaks = {peak};
    options.note = [this](std::string line) { notes_.push_back(std::move(line)); };
    return LogViews::open(std::move(options));
  };
  const Hash peak = w_.chain->header(0)->hash();
  for (const char* life : {"first", "second"}) {
    auto views = begin(peak);
    ASSERT_TRUE(views.ok()) << life << ": " << views.status().to_string();
    views_ = *std::move(views);
    EXPECT_EQ(views_->leaves(), front) << life;
    EXPECT_EQ(views_->indexed_below(), front) << life;
    EXPECT_TRUE(notes_.empty()) << life << ": " << notes_[0];
  }
  views_->committed(std::make_shared<BlockRecord>(**w_.chain->block(front)));
  while (views_->health().ok() && views_->indexed_below() == front) std::this_thread::yield();
  EXPECT_TRUE(views_->health().ok()) << views_->health().to_string();
  EXPECT_EQ(views_->leaves(), front + 1);
  // The log has no block, and the MMR has one behind this very snapshot: it was lost.
  const Status lost = begin(peak).status();
  EXPECT_EQ(lost.code(), Code::kCorrupt);
  EXPECT_NE(lost.message().find("the log is empty"), std::string::npos) << lost.to_string();
  EXPECT_NE(lost.message().find("block 8 of this chain"), std::string::npos) << lost.to_string();
  EXPECT_TRUE(begin(blake3("of another chain")).ok());
  EXPECT_EQ(notes_.size(), 2u);  // both views are made anew
}

TEST_F(Views, of_another_chain_are_replaced) {
  ASSERT_TRUE(open().ok());
  views_.reset();
  World other;
  other.clock.now += 5;
  ASSERT_TRUE(other.open().ok());
  for (int i = 0; i < 40; ++i) other.run("put", "z", 1);
  std::swap(w_.chain, other.chain);
  std::string cut;
  log_ = *BlockLog::open(other.disk, "chain", {.segment_bytes = 1u << 20}, &cut);
  LogViewsOptions options;
  options.mmr_dir = dir_ + "/mmr";
  options.index_dir = dir_ + "/index";
  options.log = log_.get();
  options.note = [this](std::string line) { notes_.push_back(std::move(line)); };
  auto views = LogViews::open(std::move(options));
  ASSERT_TRUE(views.ok()) << views.status().to_string();
  views_ = *std::move(views);
  EXPECT_EQ(notes_.size(), 2u);
  expect_level();
  std::swap(w_.chain, other.chain);
}

}  // namespace
}  // namespace blockd::test
