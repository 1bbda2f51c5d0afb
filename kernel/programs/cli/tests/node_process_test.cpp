#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <regex>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

// The program that stands in for blockd lies where contract-cli looks for it, in the home of the
// test.
class NodeProcess : public CliTest {
 protected:
  void blockd_is(const std::string& script) {
    ASSERT_TRUE(write_file_atomic(home.file("blockd"), "#!/bin/sh\n" + script, 0755).ok());
  }
  Answer node_verb(const std::string& verb) {
    return run({"node", verb, "--rpc-addr", "127.0.0.1:" + std::to_string(node.port()),
                "--data-dir", home.file("data"), "--log-file", home.file("logs/node.log"),
                "--metrics-addr=127.0.0.1:1", "--rpc-socket=off"});
  }
};

TEST_F(NodeProcess, start_says_where_the_node_answers) {
  blockd_is("echo \"$@\" > " + home.file("arguments") + "\nexec sleep 1000\n");
  // Ready is what the node's listener says; here it says so at once, so the arguments come from a
  // file that appears later.
  const Answer answer = node_verb("start");
  ASSERT_EQ(answer.code, 0) << answer.err;
  std::smatch match;
  ASSERT_TRUE(std::regex_match(answer.out, match,
                               std::regex("started pid=([0-9]+) rpc=127.0.0.1:" +
                                          std::to_string(node.port()) + " metrics=127.0.0.1:1\n")))
      << answer.out;
  while (!file_exists(home.file("arguments")) || read_file(home.file("arguments"))->empty())
    std::this_thread::yield();
  EXPECT_TRUE(
      read_file(home.file("arguments"))->starts_with("run --foreground --rpc-addr 127.0.0.1:"));
  const pid_t pid = static_cast<pid_t>(std::stol(match[1]));
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  ::waitpid(pid, nullptr, 0);
}

TEST_F(NodeProcess, help_of_start_starts_nothing) {
  blockd_is("touch " + home.file("started") + "\n");
  const Answer answer = run({"node", "start", "--help"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_TRUE(answer.out.starts_with("Start a node in the background")) << answer.out;
  EXPECT_NE(answer.out.find("--data-dir VALUE  "), std::string::npos) << answer.out;
  EXPECT_FALSE(file_exists(home.file("started")));
}

TEST_F(NodeProcess, a_failed_start_shows_the_last_lines) {
  // Nothing listens on this port, so that only the exit ends the wait.
  blockd_is("i=1; while [ $i -le 30 ]; do echo line $i; i=$((i+1)); done; exit 3\n");
  const Answer answer = run({"node", "start", "--rpc-addr", "127.0.0.1:1", "--data-dir",
                             home.file("data"), "--log-file", home.file("logs/node.log")});
  EXPECT_EQ(answer.code, 1);
  EXPECT_TRUE(answer.err.starts_with("line 11\n")) << answer.err;
  EXPECT_NE(answer.err.find("line 30\nerror[aborted]: the node did not start: exit code 3\n"),
            std::string::npos)
      << answer.err;
}

TEST_F(NodeProcess, stop_ends_the_process_of_the_pid_file_and_no_other) {
  std::error_code error;
  std::filesystem::copy_file("/bin/sleep", home.file("blockd"), error);
  ASSERT_FALSE(error);
  pid_t pid = 0;
  std::string program = home.file("blockd"), seconds = "1000";
  char* argv[] = {program.data(), seconds.data(), nullptr};
  ASSERT_EQ(::posix_spawn(&pid, program.c_str(), nullptr, nullptr, argv, nullptr), 0);
  ASSERT_TRUE(make_directories(home.file("data")).ok());
  ASSERT_TRUE(write_file_atomic(home.file("data/node.pid"), std::to_string(pid) + "\n").ok());
  EXPECT_EQ(node_verb("start").code, 1) << "one node a data directory";
  const Answer answer = run({"node", "stop", "--data-dir", home.file("data")});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.out, "stopped pid=" + std::to_string(pid) + "\n");
  int state = 0;
  ASSERT_EQ(::waitpid(pid, &state, 0), pid);
  EXPECT_EQ(WTERMSIG(state), SIGTERM);
  // The number of this very process, which is no node.
  ASSERT_TRUE(write_file_atomic(home.file("data/node.pid"), std::to_string(::getpid())).ok());
  EXPECT_EQ(run({"node", "stop", "--data-dir", home.file("data")}).code, 1);
}

}  // namespace
}  // namespace blockd::cli
