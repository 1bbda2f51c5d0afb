// gov disburse create and preview, as contract-cli runs them.
#include "plugins/treasury/cli/tool.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace treasury {
namespace {

struct Done {
  int code = 0;
  std::string out, err;
};

Done run(std::vector<std::string> args) {
  std::ostringstream out, err;
  args.insert(args.begin(), {"gov", "disburse"});
  const int code = run_treasury_tool(args, out, err);
  return {code, out.str(), err.str()};
}

const std::string kExample = TB_SOURCE_DIR "/examples/governance/disbursement_example.json";

class ToolTest : public ::testing::Test {
 protected:
  ToolTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("treasury_tool_" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ToolTest() override { std::filesystem::remove_all(folder_); }

  // The example with `from` replaced by `to`, previewed with --check.
  Done broken(const std::string& from, const std::string& to) {
    std::ifstream in(kExample);
    std::stringstream text;
    text << in.rdbuf();
    std::string changed = text.str();
    const std::size_t at = changed.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    changed.replace(at, from.size(), to);
    const std::string path = folder_ / "payload.json";
    std::ofstream(path) << changed;
    return run({"preview", "--json", path, "--check"});
  }

  std::filesystem::path folder_;
};

TEST_F(ToolTest, a_file_that_cannot_be_read_is_named) {
  Done done = run({"preview", "--json", folder_ / "none.json"});
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find("cannot read " + (folder_ / "none.json").string()), std::string::npos)
      << done.err;
  done = run({"preview", "--json", folder_});
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find("it is no file"), std::string::npos) << done.err;
  const std::string large = folder_ / "large.json";
  std::ofstream(large) << std::string((4u << 20) + 1, ' ');
  done = run({"preview", "--json", large});
  EXPECT_EQ(done.code, 2);
  EXPECT_NE(done.err.find(large + " is above 4 MiB"), std::string::npos) << done.err;
}

TEST_F(ToolTest, the_example_passes) {
  const Done done = run({"preview", "--json", kExample, "--check", "--epoch", "3"});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("Validation: PASSED"), std::string::npos);
  EXPECT_NE(done.out.find("Amount:          125,000 BLOCK"), std::string::npos);
  EXPECT_NE(done.out.find("epochs 4 to 9"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("Execution:       epoch 12"), std::string::npos);
  EXPECT_NE(done.out.find("Treasury delta:  -125,000 BLOCK"), std::string::npos);
}

TEST_F(ToolTest, a_destination_that_nobody_signs_for_is_warned_of) {
  const std::string given = "tb1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqe4tqx9";
  const std::string good = "tb1jrhg9u2d0n88aefql00t4evrmy8xaq474wkmdfdrawqme0ltpc6q70yw2h";
  EXPECT_NE(run({"preview", "--json", kExample}).out.find("Warning: " + given), std::string::npos);
  const Done right = broken(given, good);
  EXPECT_EQ(right.code, 0) << right.out;
  EXPECT_EQ(right.out.find("Warning"), std::string::npos) << right.out;
  std::string mistyped = good;
  mistyped[10] = mistyped[10] == 'q' ? 'p' : 'q';
  const Done wrong = broken(given, mistyped);
  EXPECT_EQ(wrong.code, 0) << wrong.out;
  EXPECT_NE(wrong.out.find("Warning: " + mistyped), std::string::npos) << wrong.out;
}

TEST_F(ToolTest, each_broken_copy_names_its_error) {
  const auto name = [&](const std::string& from, const std::string& to) {
    const Done done = broken(from, to);
    EXPECT_EQ(done.code, 1);
    EXPECT_NE(done.out.find("Validation: FAILED"), std::string::npos);
    const std::size_t at = done.out.find("Error: ") + 7;
    return done.out.substr(at, done.out.find(':', at) - at);
  };
  EXPECT_EQ(name("\"tb1q", "\"ct1q"), "invalid_destination");
  EXPECT_EQ(name("\"amount\": 25000", "\"amount\": 25001"), "expected_receipts_mismatch");
  EXPECT_EQ(name("Core grants, second quarter", "  "), "empty_title");
  EXPECT_EQ(name("Core grants Q2", std::string(8193, 'x')), "memo_too_long");
  EXPECT_EQ(name("\"memo\"", "\"nemo\""), "invalid_params");
  EXPECT_EQ(name("125000", "1.5"), "invalid_params");
}

TEST_F(ToolTest, an_unknown_field_is_named_by_its_path) {
  const Done done = broken("\"uri\"", "\"url\"");
  EXPECT_NE(done.out.find("proposal.attachments[0].uri is missing"), std::string::npos) << done.out;
  EXPECT_NE(
      broken("\"timelock_epochs\"", "\"timelock\"").out.find("proposal.timelock: there is no"),
      std::string::npos);
}

TEST_F(ToolTest, what_create_writes_is_a_payload_that_passes) {
  const std::string path = folder_ / "new.json";
  EXPECT_EQ(run({"create", "--json", path}).code, 0);
  EXPECT_EQ(run({"preview", "--json=" + path, "--check"}).code, 0);
  EXPECT_EQ(run({"create", "--json", path}).code, 2);  // nothing is overwritten
}

TEST_F(ToolTest, wrong_use_is_told_on_stderr) {
  EXPECT_EQ(run({"preview"}).code, 2);
  EXPECT_EQ(run({"preview", "--json", kExample, "--epoch", "x"}).code, 2);
  const Done done = run({"preview", "--json", "/nowhere.json"});
  EXPECT_EQ(done.code, 2);
  EXPECT_EQ(done.out, "");
  EXPECT_NE(run({"preview", "--schema"}).out.find("\"$schema\""), std::string::npos);
  EXPECT_EQ(run({"preview", "--help"}).code, 0);
}

}  // namespace
}  // namespace treasury
