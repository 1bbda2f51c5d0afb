// Mirrors: files of one namespace, and the way back into a state.
#include "kernel/snapshot/mirror.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;

class MirrorTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tb-mirror-XXXXXX";
    dir_ = ::mkdtemp(name);
    store_ = open_memory();
  }
  void TearDown() override { fs::remove_all(dir_); }

  void put(const std::string& key, const std::string& value) {
    const std::vector<KvWrite> batch{{key, value}};
    ASSERT_TRUE(store_->write(batch, false).ok());
  }
  Result<MirrorInfo> write(std::uint64_t height, const RowPairs& local = {}) {
    StateView view;
    view.height = height;
    view.state = store_->snapshot();
    return write_mirror(dir_ + "/m", "shelf", 3, view, local, 1'700'000'000);
  }
  std::string text_of(const std::string& name) { return *read_file(dir_ + "/m/" + name); }

  std::string dir_;
  std::unique_ptr<KvStore> store_;
};

TEST_F(MirrorTest, holds_every_row_of_its_namespace_as_canonical_json) {
  put("s/shelf/b", "2");
  put("s/shelf/a", "1");
  put("s/shelves/c", "another namespace");
  ASSERT_TRUE(write(7, {{"s/1", "slash"}}).ok());
  EXPECT_EQ(text_of("state-7.json"),
            R"({"height":7,"local":{"732f31":"736c617368"},"namespace":"shelf",)"
            R"("rows":{"61":"31","62":"32"},"schema":3,"schema_version":1})");
  const Result<std::optional<Mirror>> back = load_mirror(dir_ + "/m");
  ASSERT_TRUE(back.ok() && *back) << back.status().message();
  EXPECT_EQ((*back)->state.rows, (RowPairs{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ((*back)->local, (RowPairs{{"s/1", "slash"}}));
  EXPECT_EQ((*back)->state.schema, 3u);
  EXPECT_EQ((*back)->state.height, 7u);
}

TEST_F(MirrorTest, pages_through_more_rows_than_one_scan) {
  for (int i = 0; i < 9000; ++i) put("s/shelf/row" + std::to_string(10'000 + i), "v");
  const Result<MirrorInfo> made = write(1);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(made->rows, 9000u);
  EXPECT_EQ((*load_mirror(dir_ + "/m"))->state.rows.size(), 9000u);
}

TEST_F(MirrorTest, keeps_the_newest_three_and_what_the_manifest_names) {
  put("s/shelf/a", "1");
  for (std::uint64_t height : {3, 4, 5, 6, 7}) ASSERT_TRUE(write(height).ok());
  EXPECT_FALSE(file_exists(dir_ + "/m/state-4.json"));
  for (const char* kept : {"state-5.json", "state-6.json", "state-7.json"})
    EXPECT_TRUE(file_exists(dir_ + "/m/" + kept)) << kept;
  ASSERT_TRUE(write(2).ok());  // a chain that began anew beside files of a longer one
  EXPECT_TRUE(file_exists(dir_ + "/m/state-2.json"));
  EXPECT_EQ((*load_mirror(dir_ + "/m"))->state.height, 2u);
}

TEST_F(MirrorTest, what_a_killed_node_left_goes_with_the_next_one) {
  put("s/shelf/a", "1");
  ASSERT_TRUE(write(1).ok());
  ASSERT_TRUE(write_file_atomic(dir_ + "/m/state-9.json.tmp", "half").ok());
  ASSERT_TRUE(write(2).ok());
  EXPECT_FALSE(file_exists(dir_ + "/m/state-9.json.tmp"));
  EXPECT_TRUE(file_exists(dir_ + "/m/state-1.json"));
}

TEST_F(MirrorTest, an_empty_folder_is_no_mirror_and_files_without_a_manifest_are_a_broken_one) {
  EXPECT_FALSE(load_mirror(dir_ + "/m")->has_value());
  put("s/shelf/a", "1");
  ASSERT_TRUE(write(1).ok());
  fs::remove(dir_ + "/m/manifest.json");
  const Status refused = load_mirror(dir_ + "/m").status();
  EXPECT_EQ(refused.code(), Code::kCorrupt);
  EXPECT_NE(refused.message().find("manifest.json is missing"), std::string::npos);
}

TEST_F(MirrorTest, every_flipped_bit_and_every_cut_is_refused_and_named) {
  put("s/shelf/a", "1");
  ASSERT_TRUE(write(1, {{"s/1", "x"}}).ok());
  const std::string whole = text_of("state-1.json");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    ASSERT_TRUE(write_file_atomic(dir_ + "/m/state-1.json", damaged).ok());
    const Status refused = load_mirror(dir_ + "/m").status();
    EXPECT_EQ(refused.code(), Code::kCorrupt) << i;
    EXPECT_NE(refused.message().find("state-1.json is damaged"), std::string::npos);
    // Text that somebody has given a fitting manifest must still be the one canonical text.
    const Result<Mirror> parsed = parse_mirror(whole.substr(0, i), "cut");
    EXPECT_FALSE(parsed.ok()) << i;
  }
}

TEST_F(MirrorTest, rows_out_of_order_or_twice_are_no_mirror) {
  const auto text = [](const std::string& rows) {
    return R"({"height":1,"local":{},"namespace":"shelf","rows":{)" + rows +
           R"(},"schema":3,"schema_version":1})";
  };
  EXPECT_TRUE(parse_mirror(text(R"("61":"","62":"")"), "t").ok());
  EXPECT_FALSE(parse_mirror(text(R"("62":"","61":"")"), "t").ok());
  EXPECT_FALSE(parse_mirror(text(R"("61":"","61":"")"), "t").ok());
  EXPECT_FALSE(parse_mirror(text(R"("61":"",)"), "t").ok());
  EXPECT_FALSE(parse_mirror(text(R"("6":"")"), "t").ok());
}

TEST_F(MirrorTest, imports_are_found_by_their_hash_and_a_damaged_one_is_named) {
  put("s/shelf/a", "1");
  ASSERT_TRUE(write(1).ok());
  const Mirror mirror = **load_mirror(dir_ + "/m");
  {
    ImportFiles files(dir_ + "/imports");
    ASSERT_TRUE(files.keep(mirror).ok());
    EXPECT_EQ((*files.find(mirror.blake3))->rows, mirror.state.rows);
    EXPECT_EQ(files.find(Hash{}).status().code(), Code::kUnavailable);
    ASSERT_TRUE(files.clean({mirror.blake3}, 100, 100).ok());
  }
  const std::string path = dir_ + "/imports/" + to_hex(mirror.blake3) + ".json";
  ASSERT_TRUE(write_file_atomic(path, mirror.text + " ").ok());
  ImportFiles files(dir_ + "/imports");
  EXPECT_EQ(files.find(mirror.blake3).status().code(), Code::kCorrupt);
}

TEST_F(MirrorTest, an_import_that_no_row_names_stays_until_the_log_begins_behind_it) {
  put("s/shelf/a", "1");
  ASSERT_TRUE(write(1).ok());
  const Mirror mirror = **load_mirror(dir_ + "/m");
  const std::string path = dir_ + "/imports/" + to_hex(mirror.blake3) + ".json";
  ImportFiles files(dir_ + "/imports");
  ASSERT_TRUE(files.keep(mirror).ok());
  ASSERT_TRUE(write_file_atomic(dir_ + "/imports/other", "no import").ok());
  ASSERT_TRUE(files.clean({}, 0, 40).ok());
  EXPECT_FALSE(file_exists(dir_ + "/imports/other"));
  ASSERT_TRUE(files.clean({}, 40, 90).ok()) << "a block up to 40 may have refused it";
  EXPECT_TRUE(file_exists(path));
  // Sent once more: now a block behind 90 may need it.
  ASSERT_TRUE(files.keep(mirror).ok());
  ASSERT_TRUE(files.clean({}, 41, 100).ok());
  ASSERT_TRUE(files.clean({}, 100, 200).ok());
  EXPECT_TRUE(file_exists(path));
  ASSERT_TRUE(files.clean({}, 101, 200).ok());
  EXPECT_TRUE(std::filesystem::is_empty(dir_ + "/imports"));
}

TEST_F(MirrorTest, a_folder_that_cannot_be_written_is_named) {
  put("s/shelf/a", "1");
  ASSERT_TRUE(write_file_atomic(dir_ + "/m", "a file").ok());
  EXPECT_NE(write(1).status().message().find(dir_ + "/m"), std::string::npos);
}

}  // namespace
}  // namespace blockd
