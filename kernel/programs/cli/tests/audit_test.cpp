// settlement audit: its report, its exit code, and the data of a node that does not run.
#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

class AuditVerbTest : public CliTest {
 protected:
  // A blockd beside contract-cli that notes its words and prints `answer`.
  void install_blockd(const std::string& answer, int code) {
    const std::string program = home.path() + "/blockd";
    ASSERT_TRUE(write_file_atomic(program,
                                  "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$HOME/words\"\n"
                                  "echo '" +
                                      answer + "'\nexit " + std::to_string(code) + "\n",
                                  0700)
                    .ok());
  }
  std::string words() const {
    Result<Bytes> text = read_file(home.path() + "/words", 4096);
    return text.ok() ? *text : std::string();
  }
};

TEST_F(AuditVerbTest, prints_the_report_and_ends_with_1_when_it_does_not_hold) {
  node.on("settlement.audit", json::object{{"ok", true}, {"report", "all well"}});
  const Answer sound = run({"settlement", "audit"});
  EXPECT_EQ(sound.code, 0);
  EXPECT_EQ(sound.out, "all well\n");
  node.on("settlement.audit", json::object{{"ok", false}, {"report", "one off"}});
  for (const std::vector<std::string>& name : {std::vector<std::string>{"settlement", "audit"},
                                               {"gov", "treasury", "audit"},
                                               {"audit", "settlement"}}) {
    const Answer wrong = run(name);
    EXPECT_EQ(wrong.code, 1);
    EXPECT_EQ(wrong.out, "one off\n");
  }
  EXPECT_EQ(run({"settlement", "audit", "--json"}).out, "{\"ok\":false,\"report\":\"one off\"}\n");
}

TEST_F(AuditVerbTest, takes_the_epochs_from_flags_and_else_from_the_environment) {
  node.on("settlement.audit", json::object{{"ok", true}, {"report", ""}});
  environment["STARTING_EPOCH"] = "0";
  environment["ENDING_EPOCH"] = "1000";
  EXPECT_EQ(run({"settlement", "audit", "--from-epoch", "7"}).code, 0);
  EXPECT_EQ(sent("settlement.audit"), R"({"from_epoch":7,"to_epoch":1000})");
  EXPECT_EQ(run({"settlement", "audit", "--to-epoch", "soon"}).code, 2);
  environment["STARTING_EPOCH"] = "-1";
  EXPECT_EQ(run({"settlement", "audit"}).code, 2);
}

TEST_F(AuditVerbTest, asks_blockd_for_the_data_of_a_stopped_node) {
  install_blockd(R"({"ok":false,"report":"one off"})", 0);
  const Answer wrong = run({"settlement", "audit", "--data", "/d", "--config", "/c.yaml"});
  EXPECT_EQ(wrong.code, 1) << wrong.err;
  EXPECT_EQ(wrong.out, "one off\n");
  EXPECT_EQ(words(), "call\nsettlement.audit\n{}\n--data-dir\n/d\n--config\n/c.yaml\n");
  install_blockd(
      R"({"error":{"code":-32092,"message":"blocks are pruned","data":{"name":"log_incomplete"}}})",
      1);
  const Answer refused = run({"settlement", "audit", "--data", "/d"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("error[log_incomplete]: blocks are pruned"), std::string::npos)
      << refused.err;
  install_blockd("", 2);
  EXPECT_EQ(run({"settlement", "audit", "--data", "/d"}).code, 2);
  std::filesystem::remove(home.path() + "/blockd");
  EXPECT_NE(run({"settlement", "audit", "--data", "/d"}).code, 0);
}

}  // namespace
}  // namespace blockd::cli
