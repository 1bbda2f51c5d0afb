// The tool that looks at the market's mirrors without a node. The node's side of them is in
// kernel/snapshot.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <tb/blake3.hpp>
#include <tb/sdk.hpp>

#include "plugins/energy/cli/tool.hpp"

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kState =
    R"({"height":2,"local":{"732f01":"736c617368"},"namespace":"energy","rows":{"61":"31"},)"
    R"("schema":1,"schema_version":1})";

class SnapshotTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/energy-snapshot-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << text;
  }
  void write_mirror() {
    write("state-2.json", kState);
    write("manifest.json",
          tb::cat(R"({"blake3":")", tb::blake3(kState).hex(), R"(","block_hash":null,"bytes":)",
                  kState.size(), R"(,"created_at":1,"height":2,"schema_version":1})"));
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

  std::string folder_;
};

TEST_F(SnapshotTest, lists_what_lies_there) {
  write_mirror();
  write("state-1.json", kState);
  EXPECT_EQ(tool("list").code, 0);
  EXPECT_NE(tool("list").out.find("state-2.json"), std::string::npos) << tool("list").out;
  EXPECT_NE(tool("list").out.find("state-1.json"), std::string::npos);
}

TEST_F(SnapshotTest, a_whole_snapshot_passes_and_one_flipped_byte_is_refused) {
  write_mirror();
  EXPECT_EQ(tool("verify").code, 0) << tool("verify").out;
  std::string text(kState);
  text[text.size() / 2] ^= 1;
  write("state-2.json", text);
  EXPECT_EQ(tool("verify").code, 1);
  EXPECT_NE(tool("verify").out.find(R"("reason":"corrupt")"), std::string::npos);
}

TEST_F(SnapshotTest, refuses_a_newer_schema_and_a_missing_file) {
  EXPECT_NE(tool("verify").out.find(R"("reason":"missing")"), std::string::npos);
  write("manifest.json", R"({"schema_version":2,"height":1})");
  EXPECT_EQ(tool("verify").code, 1);
  EXPECT_NE(tool("verify").out.find(R"("reason":"schema")"), std::string::npos);
}

}  // namespace
