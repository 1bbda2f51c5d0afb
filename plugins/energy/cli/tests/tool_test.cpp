#include "plugins/energy/cli/tool.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace energy {
namespace {

namespace json = boost::json;

struct Answer {
  int code;
  std::string out, err;
};

Answer run(std::vector<std::string> args) {
  std::ostringstream out, err;
  const int code = run_energy_tool(args, out, err);
  return {code, out.str(), err.str()};
}

// The worked example of the market's guide: seed 32 x 07.
const std::string kSeed = "0707070707070707070707070707070707070707070707070707070707070707";
const std::string kPublic = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
const std::string kSignature =
    "f16b0a5f9fad7dcd975439cf4f22008af52b6422edfd928391fb77eee64548c35d03cd450ab5da8e7589c1ceea1cde"
    "f3069022a76c484f613e63527f8e518103";

class Tool : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("TB_ORACLE_KEY_HEX");
    ::unsetenv("TB_ORACLE_SIGNING_KEY");
    char name[] = "/tmp/energy-tool-XXXXXX";
    const int fd = ::mkstemp(name);
    ASSERT_GE(fd, 0);
    ::close(fd);
    file_ = name;
    std::ofstream(file_) << kSeed << '\n';
  }
  void TearDown() override { ::unlink(file_.c_str()); }

  std::vector<std::string> example() const {
    return {"energy",
            "sign-reading",
            "--provider-id",
            "energy-0x00000000",
            "--meter=mock_meter_1",
            "--kwh",
            "12000",
            "--timestamp",
            "1710000000",
            "--nonce",
            "1",
            "--key-file",
            file_};
  }
  std::string file_;
};

TEST_F(Tool, signs_the_worked_example) {
  const Answer answer = run(example());
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(json::value_to<std::string>(json::parse(answer.out).at("signature")), kSignature);
  EXPECT_EQ(json::parse(answer.out).at("kwh_reading").as_int64(), 12000);
}

TEST_F(Tool, verifies_what_was_signed_and_refuses_what_was_changed) {
  const std::string reading = run(example()).out;
  Answer answer =
      run({"energy", "verify-reading", "--reading-json", reading, "--public-key", kPublic});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(json::value_to<std::string>(json::parse(answer.out).at("digest")),
            "ff5418c917740f527677718c0129ef4cd650e563de349ea83477e20d5d999ab3");
  EXPECT_EQ(json::value_to<std::string>(json::parse(answer.out).at("meter_hash")),
            "8ea2ee297e3a99f899646643149e02b9fe0e5670494fc30fd27bb22b7429ec30");
  std::string changed = reading;
  changed.replace(changed.find("12000"), 5, "12001");
  answer = run({"energy", "verify-reading", "--reading-json", changed, "--public-key", kPublic});
  EXPECT_EQ(answer.code, 1);
  EXPECT_FALSE(json::parse(answer.out).at("valid").as_bool());
}

TEST_F(Tool, takes_the_key_from_the_environment) {
  ::setenv("TB_ORACLE_KEY_HEX", kSeed.c_str(), 1);
  const Answer answer = run({"energy", "oracle", "sign-test"});
  ::unsetenv("TB_ORACLE_KEY_HEX");
  ASSERT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(json::value_to<std::string>(json::parse(answer.out).at("public_key")), kPublic);
  EXPECT_EQ(answer.out.find(kSeed), std::string::npos);
}

TEST_F(Tool, says_what_is_wrong_with_the_command_line) {
  EXPECT_EQ(run({"energy", "sign-reading", "--meter", "m", "--kwh", "1"}).code, 2);
  EXPECT_NE(run({"energy", "sign-reading", "--mter", "m"}).err.find("no flag --mter"),
            std::string::npos);
  const Answer no_key = run({"energy", "oracle", "sign-test"});
  EXPECT_EQ(no_key.code, 2);
  EXPECT_NE(no_key.err.find("TB_ORACLE_KEY_HEX"), std::string::npos);
  EXPECT_EQ(run({"energy", "verify-reading", "--reading-json", "{}", "--public-key", kPublic}).code,
            2);
  EXPECT_EQ(run({"energy"}).code, 2);
}

TEST_F(Tool, explains_itself) {
  const Answer answer = run({"energy", "sign-reading", "--help"});
  EXPECT_EQ(answer.code, 0);
  EXPECT_NE(answer.out.find("--provider-id ID  Provider, as it is to be sent"), std::string::npos);
}

// A folder with the market's snapshot of `height`, whose state is "{}".
std::string snapshot_folder(const std::string& folder, int height) {
  std::filesystem::create_directories(folder);
  const std::string at = std::to_string(height);
  std::ofstream(folder + "/state-" + at + ".json") << "{}";
  std::ofstream(folder + "/manifest.json")
      << R"({"schema_version":1,"bytes":2,"height":)" << at
      << R"(,"blake3":"6e46dd10defc9b56c29a6ec56b508c21f54c08192194e4df25bf36f0c9c3c279"})";
  return folder;
}

TEST_F(Tool, restores_a_whole_snapshot_and_no_other) {
  ::unsetenv("TB_ENERGY_MARKET_DIR");
  const std::string old = snapshot_folder(file_ + ".old", 5),
                    young = snapshot_folder(file_ + ".young", 9), data = file_ + ".data";
  const auto restore = [&](const std::string& from, std::vector<std::string> more) {
    more.insert(more.begin(), {"energy", "snapshot", "restore", "--dir", from});
    return run(more);
  };
  EXPECT_EQ(restore(old, {}).code, 2);  // where to?
  EXPECT_EQ(restore(young, {"--data-dir", data}).code, 0);
  EXPECT_EQ(run({"energy", "snapshot", "verify", "--dir", data + "/energy_market"}).code, 0);
  const Answer older = restore(old, {"--data-dir", data});
  EXPECT_EQ(older.code, 1);
  EXPECT_NE(older.out.find("newer"), std::string::npos) << older.out;
  const Answer forced = restore(old, {"--force", "--to", data + "/energy_market"});
  EXPECT_EQ(forced.code, 0) << forced.out << forced.err;
  EXPECT_NE(forced.out.find("\"height\":5"), std::string::npos) << forced.out;
  std::ofstream(old + "/state-5.json") << "{ }";
  const Answer broken = restore(old, {"--data-dir", file_ + ".none"});
  EXPECT_EQ(broken.code, 1);
  EXPECT_NE(broken.out.find("corrupt"), std::string::npos) << broken.out;
  EXPECT_FALSE(std::filesystem::exists(file_ + ".none"));
  for (const std::string& folder : {old, young, data}) std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace energy
