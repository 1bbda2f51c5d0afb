#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crc32c.hpp"
#include "kernel/base/file.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/macro_block.hpp"
#include "kernel/chain/tests/test_machines.hpp"
#include "kernel/snapshot/create.hpp"
#include "kernel/snapshot/snapshot.hpp"

namespace blockd::test {
namespace {

namespace fs = std::filesystem;

struct SnapshotTest : ::testing::Test {
  void SetUp() override {
    dir = fs::temp_directory_path() / ("tb-snapshot-" + std::to_string(::getpid()));
    fs::remove_all(dir);
    fs::create_directories(dir);
    ASSERT_TRUE(w.open().ok());
  }
  void TearDown() override { fs::remove_all(dir); }

  // A point, its macro block, and the file.
  Result<SnapshotInfo> snapshot(SnapshotRequest request = {}) {
    const Chain::Produced p = w.block({w.command("chain.macro_point", json::object{})});
    EXPECT_EQ(p.block->steps.at(p.step_of.at(0)).outcome, Outcome::kApplied);
    const std::shared_ptr<const MacroPoint> point = w.chain->macro_point();
    const Chain::Produced macro = w.block({});
    EXPECT_TRUE(macro.block->header.macro.has_value());
    if (request.dir.empty()) request.dir = dir;
    Result<std::unique_ptr<SnapshotDraft>> draft =
        SnapshotDraft::write(*point, w.genesis.chain_id, request, nullptr);
    if (!draft.ok()) return draft.status();
    return (*draft)->finish(macro.block->header, macro.block->certificate);
  }
  SnapshotTrust trust() const { return {&w.genesis, std::nullopt}; }
  void fill(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t i = from; i < to; ++i) w.run("put", "row" + std::to_string(i), i);
  }

  World w;
  fs::path dir;
};

TEST_F(SnapshotTest, a_file_verifies_and_its_state_has_the_root_and_height_of_the_point) {
  fill(0, 20);
  const Result<SnapshotInfo> made = snapshot();
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  const Result<SnapshotInfo> seen = verify_snapshot({made->path}, trust());
  ASSERT_TRUE(seen.ok()) << seen.status().to_string();
  EXPECT_EQ(seen->state_root, made->state_root);
  EXPECT_EQ(seen->blake3, made->blake3);
  EXPECT_EQ(seen->macro_height, seen->height + 1);

  const std::string state = (dir / "state").string();
  const Result<SnapshotInfo> restored = restore_snapshot({made->path}, trust(), state);
  ASSERT_TRUE(restored.ok()) << restored.status().to_string();
  Result<std::unique_ptr<KvStore>> store = open_leveldb(state, {});
  ASSERT_TRUE(store.ok());
  EXPECT_EQ(*root_of(**store), made->state_root);
  EXPECT_EQ(restore_snapshot({made->path}, trust(), state).status().code(), Code::kBusy);

  World other;
  other.clock.now = w.clock.now;
  other.nonce = w.nonce;
  other.state = std::shared_ptr<KvStore>(*std::move(store));
  const Status opened = other.open();
  ASSERT_TRUE(opened.ok()) << opened.to_string();
  EXPECT_EQ(other.chain->view()->height, made->height);
  EXPECT_EQ(other.chain->view()->head_hash, made->block_hash);
  EXPECT_EQ(other.run("put", "more", 1).outcome, Outcome::kApplied);
  other.chain.reset();
}

TEST_F(SnapshotTest, a_flipped_bit_anywhere_is_found_and_nothing_is_restored) {
  fill(0, 10);
  const Result<SnapshotInfo> made = snapshot();
  ASSERT_TRUE(made.ok());
  const Bytes whole = *read_file(made->path);
  for (std::size_t at = 0; at < whole.size(); at += 7) {
    Bytes damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    const std::string path = (dir / "damaged.tbs").string();
    std::ofstream(path, std::ios::binary) << damaged;
    const Result<SnapshotInfo> seen = verify_snapshot({path}, trust());
    ASSERT_FALSE(seen.ok()) << "byte " << at;
    const std::string state = (dir / "state").string();
    if (at % 97 == 0) {
      ASSERT_FALSE(restore_snapshot({path}, trust(), state).ok());
    }
    ASSERT_FALSE(fs::exists(state));
  }
  for (const std::size_t size : {0ul, 11ul, whole.size() / 2, whole.size() - 1}) {
    const std::string path = (dir / "short.tbs").string();
    std::ofstream(path, std::ios::binary) << whole.substr(0, size);
    EXPECT_EQ(verify_snapshot({path}, trust()).status().code(), Code::kCorrupt) << size;
  }
}

// Where each page of a file lies: begin and size, the eight bytes in front of its entries included.
std::vector<std::pair<std::size_t, std::size_t>> pages_of(BytesView file, std::uint64_t pages) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  std::size_t at = 12 + Reader(file.substr(8)).u32();
  for (; pages > 0; --pages) {
    out.emplace_back(at, 8 + Reader(file.substr(at)).u32());
    at += out.back().second;
  }
  return out;
}

TEST_F(SnapshotTest, the_footer_holds_the_hash_of_each_page) {
  for (int i = 0; i < 3; ++i) w.run("bytes", "k", 1);
  const Result<SnapshotInfo> made = snapshot();
  ASSERT_TRUE(made.ok());
  const Bytes whole = *read_file(made->path);
  const auto pages = pages_of(whole, made->pages);
  ASSERT_GE(pages.size(), 3u);
  const std::size_t footer = pages.back().first + pages.back().second;
  for (std::size_t i = 0; i < pages.size(); ++i)
    EXPECT_EQ(BytesView(whole).substr(footer + 32 * i, 32),
              view(blake3(BytesView(whole).substr(pages[i].first, pages[i].second))));
}

// Damage that a checksum does not see: made on purpose, or by a writer with broken memory.
TEST_F(SnapshotTest, a_damaged_page_is_named_although_its_checksum_holds) {
  for (int i = 0; i < 3; ++i) w.run("bytes", "k", 1);
  const Result<SnapshotInfo> made = snapshot();
  ASSERT_TRUE(made.ok());
  const Bytes whole = *read_file(made->path);
  const auto pages = pages_of(whole, made->pages);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    Bytes damaged = whole;
    const auto [begin, size] = pages[i];
    damaged[begin + size - 1] = static_cast<char>(damaged[begin + size - 1] ^ 1);
    Bytes sum;
    put_u32(sum, crc32c(BytesView(damaged).substr(begin + 8, size - 8)));
    damaged.replace(begin + 4, 4, sum);
    const std::string path = (dir / "damaged.tbs").string();
    std::ofstream(path, std::ios::binary) << damaged;
    const Status status = verify_snapshot({path}, trust()).status();
    EXPECT_EQ(status.code(), Code::kCorrupt);
    EXPECT_NE(status.message().find("page " + std::to_string(i + 1) + ":"), std::string::npos)
        << status.message();
  }
}

TEST_F(SnapshotTest, increments_hold_what_changed_and_what_is_gone) {
  fill(0, 200);
  const Result<SnapshotInfo> base = snapshot();
  ASSERT_TRUE(base.ok());
  fill(190, 205);
  w.run("erase", "row7");
  SnapshotRequest request;
  request.base = {base->path};
  const Result<SnapshotInfo> first = snapshot(request);
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  EXPECT_LT(first->entries, 40u);
  w.run("put", "row7", 77);
  w.run("erase", "row8");
  request.base = {base->path, first->path};
  const Result<SnapshotInfo> second = snapshot(request);
  ASSERT_TRUE(second.ok()) << second.status().to_string();
  const Hash root = second->state_root;

  const Result<std::vector<std::string>> files = snapshot_chain(second->path);
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(*files, (std::vector<std::string>{base->path, first->path, second->path}));
  ASSERT_TRUE(verify_snapshot(*files, trust()).ok());
  const std::string state = (dir / "state").string();
  ASSERT_TRUE(restore_snapshot(*files, trust(), state).ok());
  Result<std::unique_ptr<KvStore>> store = open_leveldb(state, {});
  EXPECT_EQ(*root_of(**store), root);

  EXPECT_EQ(verify_snapshot({second->path}, trust()).status().code(), Code::kInvalid);
  EXPECT_EQ(verify_snapshot({base->path, second->path}, trust()).status().code(), Code::kInvalid);
  std::vector<std::string> notes;
  EXPECT_EQ(newest_valid_snapshot(dir, trust(), UINT64_MAX, &notes), *files);
  fs::remove(first->path);
  EXPECT_EQ(newest_valid_snapshot(dir, trust(), UINT64_MAX, &notes),
            std::vector<std::string>{base->path});
  EXPECT_FALSE(notes.empty());
}

TEST_F(SnapshotTest, one_namespace_verifies_by_the_roots_of_the_others_but_makes_no_node) {
  fill(0, 5);
  w.run("vault", "kept");
  SnapshotRequest request;
  request.space = "vault";
  const Result<SnapshotInfo> made = snapshot(request);
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_FALSE(made->whole());
  const Result<SnapshotInfo> seen = verify_snapshot({made->path}, trust());
  ASSERT_TRUE(seen.ok()) << seen.status().to_string();
  EXPECT_EQ(restore_snapshot({made->path}, trust(), dir / "state").status().code(), Code::kInvalid);
  request.space = "nothing";
  EXPECT_EQ(snapshot(request).status().code(), Code::kNotFound);
}

TEST_F(SnapshotTest, only_the_chains_own_validators_or_a_known_root_vouch_for_it) {
  const Result<SnapshotInfo> made = snapshot();
  ASSERT_TRUE(made.ok());
  Genesis other = w.genesis;
  other.validators[0].key = w.user.public_key();
  EXPECT_EQ(verify_snapshot({made->path}, {&other, std::nullopt}).status().code(), Code::kDenied);
  other = w.genesis;
  other.chain_id = "elsewhere";
  EXPECT_EQ(verify_snapshot({made->path}, {&other, std::nullopt}).status().code(), Code::kDenied);
  other = w.genesis;
  other.epoch_length = 99;
  EXPECT_EQ(verify_snapshot({made->path}, {&other, std::nullopt}).status().code(), Code::kDenied);
  EXPECT_TRUE(verify_snapshot({made->path}, {nullptr, made->state_root}).ok());
  EXPECT_EQ(verify_snapshot({made->path}, {nullptr, kZeroHash}).status().code(), Code::kDenied);
}

TEST_F(SnapshotTest, large_entries_and_many_pages) {
  for (int i = 0; i < 3; ++i) w.run("bytes", "k", 1);  // a value of 1 MiB
  fill(0, 50);
  const Result<SnapshotInfo> made = snapshot();
  ASSERT_TRUE(made.ok());
  EXPECT_GE(made->pages, 3u);
  const Result<SnapshotInfo> seen = verify_snapshot({made->path}, trust());
  ASSERT_TRUE(seen.ok()) << seen.status().to_string();
  bool stopped = false;
  const Status status = verify_snapshot({made->path}, trust(), [&](const SnapshotProgress&) {
                          stopped = true;
                          return false;
                        }).status();
  EXPECT_TRUE(stopped);
  EXPECT_EQ(status.code(), Code::kAborted);
}

TEST_F(SnapshotTest, an_unfinished_file_never_has_the_final_name) {
  fill(0, 5);
  w.block({w.command("chain.macro_point", json::object{})});
  const std::shared_ptr<const MacroPoint> point = w.chain->macro_point();
  SnapshotRequest request;
  request.dir = dir;
  {
    Result<std::unique_ptr<SnapshotDraft>> draft =
        SnapshotDraft::write(*point, "dev", request, nullptr);
    ASSERT_TRUE(draft.ok());
    EXPECT_FALSE(fs::exists(snapshot_path(dir, point->height)));
    EXPECT_TRUE(fs::exists(snapshot_path(dir, point->height) + ".tmp"));
  }
  EXPECT_FALSE(fs::exists(snapshot_path(dir, point->height) + ".tmp"));
  std::ofstream(snapshot_path(dir, 3) + ".tmp") << "left by a killed node";
  EXPECT_TRUE(list_snapshots(dir).empty());
  clean_snapshots(dir);
  EXPECT_TRUE(fs::is_empty(dir));
}

}  // namespace
}  // namespace blockd::test
