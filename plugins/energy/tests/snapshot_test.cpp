// The mirror of the state in files, on a plugin that keeps rows and nothing else; and the tool that
// looks at the files without a node.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <tb/blake3.hpp>
#include <tb/library.hpp>
#include <tb/testkit.hpp>

#include "plugins/energy/cli/tool.hpp"
#include "plugins/energy/snapshot.hpp"

namespace {

namespace fs = std::filesystem;
using energy::WrittenSnapshot;

struct PutParams {
  std::string_view key, value;
};
BOOST_DESCRIBE_STRUCT(PutParams, (), (key, value))
tb::Status put_row(tb::Ctx& ctx, const PutParams& in, tb::Out&) {
  ctx.put(in.key, in.value);
  return tb::ok();
}

struct FillParams {
  std::uint64_t rows = 0;
};
BOOST_DESCRIBE_STRUCT(FillParams, (), (rows))
tb::Status fill(tb::Ctx& ctx, const FillParams& in, tb::Out&) {
  for (std::uint64_t i = 0; i < in.rows; ++i) ctx.put(tb::cat("row", 10'000 + i), "v");
  return tb::ok();
}

struct FolderParams {
  std::string_view folder;
};
BOOST_DESCRIBE_STRUCT(FolderParams, (), (folder))

class ShelfFace {
 public:
  explicit ShelfFace(tb::Host host) : host_(host), snapshots_(host) {}
  tb::Status write(tb::LocalCall&, const FolderParams& in, tb::Out& out) {
    host_.store_put("s/\x01", "slash").ignore();
    const WrittenSnapshot made = snapshots_.write(std::string(in.folder), true);
    out.put("problem", made.problem);
    out.put("path", made.path);
    out.put("blake3", made.blake3);
    return tb::ok();
  }

 private:
  tb::Host host_;
  energy::Snapshots snapshots_;
};

void describe(tb::Plugin& p) {
  p.id("shelf").version("1.0.0").sm(1).schema(1).summary("Keeps rows.");
  p.face<ShelfFace>();
  p.command("shelf.put", &put_row).role("operator").summary("Keep a row");
  p.command("shelf.fill", &fill).role("operator").summary("Keep many rows");
  p.local("shelf.write", &ShelfFace::write).role("operator").summary("Write a snapshot");
}

class SnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/energy-snapshot-XXXXXX";
    folder_ = ::mkdtemp(name);
    chain_.add(&tb::detail::Library<&describe>::entry);
    chain_.start();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string put(std::string_view key, std::string_view value) {
    return chain_.run("shelf.put", tb::cat(R"({"key":")", key, R"(","value":")", value, "\"}"))
        .error_text;
  }
  std::string write(const std::string& folder) {
    const tb::Ran ran = chain_.query("shelf.write", tb::cat(R"({"folder":")", folder, "\"}"));
    EXPECT_TRUE(ran.ok()) << ran.error_text;
    return ran.json;
  }
  std::string text_of(const std::string& name) {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  struct Tool {
    int code;
    std::string out;
  };
  Tool tool(const std::string& word) {
    std::ostringstream out, err;
    const int code =
        energy::run_energy_tool({"energy", "snapshot", word, "--dir", folder_}, out, err);
    return {code, out.str() + err.str()};
  }

  tb::TestChain chain_;
  std::string folder_;
};

TEST_F(SnapshotTest, holds_every_row_and_the_lists_of_this_node_as_canonical_json) {
  ASSERT_EQ(put("b", "2"), "");
  ASSERT_EQ(put("a", "1"), "");
  write(folder_);
  EXPECT_EQ(text_of("state-2.json"),
            R"({"height":2,"local":{"732f01":"736c617368"},"rows":{"61":"31","62":"32"},)"
            R"("schema_version":1})");
}

TEST_F(SnapshotTest, pages_through_a_state_that_is_larger_than_one_scan) {
  ASSERT_TRUE(chain_.run("shelf.fill", R"({"rows":2500})").ok());
  write(folder_);
  const std::string text = text_of("state-1.json");
  std::size_t rows = 0;
  for (std::size_t at = 0; (at = text.find("\"726f77", at)) != std::string::npos; ++at) rows += 1;
  EXPECT_EQ(rows, 2500u);
}

TEST_F(SnapshotTest, keeps_the_newest_three_and_names_the_newest_in_the_manifest) {
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(put("a", std::to_string(i)), "");
    write(folder_);
  }
  EXPECT_FALSE(fs::exists(folder_ + "/state-2.json"));
  for (const char* kept : {"state-3.json", "state-4.json", "state-5.json"})
    EXPECT_TRUE(fs::exists(folder_ + "/" + kept)) << kept;
  const std::string manifest = text_of("manifest.json");
  EXPECT_NE(manifest.find(R"("height":5,)"), std::string::npos) << manifest;
  EXPECT_NE(manifest.find(tb::blake3(text_of("state-5.json")).hex()), std::string::npos);
  EXPECT_NE(tool("list").out.find("state-5.json"), std::string::npos);
}

TEST_F(SnapshotTest, a_whole_snapshot_passes_and_one_flipped_byte_is_refused) {
  ASSERT_EQ(put("a", "1"), "");
  write(folder_);
  EXPECT_EQ(tool("verify").code, 0) << tool("verify").out;
  std::string text = text_of("state-1.json");
  text[text.size() / 2] ^= 1;
  std::ofstream(folder_ + "/state-1.json", std::ios::binary) << text;
  EXPECT_EQ(tool("verify").code, 1);
  EXPECT_NE(tool("verify").out.find(R"("reason":"corrupt")"), std::string::npos);
}

TEST_F(SnapshotTest, refuses_a_newer_schema_and_a_missing_file) {
  EXPECT_NE(tool("verify").out.find(R"("reason":"missing")"), std::string::npos);
  std::ofstream(folder_ + "/manifest.json") << R"({"schema_version":2,"height":1})";
  EXPECT_EQ(tool("verify").code, 1);
  EXPECT_NE(tool("verify").out.find(R"("reason":"schema")"), std::string::npos);
}

// While a plugin is reloaded its old face may still write what its new one writes.
TEST_F(SnapshotTest, leaves_alone_what_another_face_is_writing) {
  for (const char* name : {"state-1.json.tmp", "state-1.json.q1w2e3.tmp", "manifest.json.tmp"})
    std::ofstream(folder_ + "/" + name) << "another's";
  fs::create_directory(folder_ + "/state-2.json.tmp");
  ASSERT_EQ(put("a", "1"), "");
  EXPECT_NE(write(folder_).find(R"("problem":"")"), std::string::npos);
  EXPECT_EQ(tool("verify").code, 0) << tool("verify").out;
  for (const char* name : {"state-1.json.tmp", "state-1.json.q1w2e3.tmp", "manifest.json.tmp"})
    EXPECT_EQ(text_of(name), "another's") << name;
  ASSERT_EQ(put("a", "2"), "");
  EXPECT_NE(write(folder_).find(R"("problem":"")"), std::string::npos);
  EXPECT_EQ(tool("verify").code, 0) << tool("verify").out;
}

TEST_F(SnapshotTest, removes_its_own_leftovers_and_those_of_a_killed_node) {
  const std::string stale = folder_ + "/state-0.json.q1w2e3.tmp";
  std::ofstream(stale) << "half a";
  fs::last_write_time(stale, fs::file_time_type::clock::now() - std::chrono::hours(2));
  ASSERT_EQ(put("a", "1"), "");
  write(folder_);
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder_)) ++files;
  EXPECT_EQ(files, 2u);  // the state and its manifest
}

TEST_F(SnapshotTest, says_which_file_cannot_be_written) {
  std::ofstream(folder_ + "/taken") << "a file";
  EXPECT_NE(write(folder_ + "/taken/below").find("taken"), std::string::npos);
}

}  // namespace
