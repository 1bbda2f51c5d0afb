#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <cstring>

#include "kernel/base/clock.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/json.hpp"
#include "kernel/host/library.hpp"
#include "kernel/host/library_internal.hpp"

extern char** environ;

namespace blockd {
namespace {

constexpr std::size_t kMaxProbeOutput = 8u << 20;

std::string how_it_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const char* name = strsignal(WTERMSIG(wait_status));
    return std::string("it crashed while loading (signal ") + std::to_string(WTERMSIG(wait_status)) + ", " + (name ? name : "?") + ")";
  }
  return "it ended its process while loading (exit code " + std::to_string(WEXITSTATUS(wait_status)) + ")";
}

// Reads the child's stdout until it closes; kills the child at the deadline. Sets *wait_status.
Status read_child(pid_t child, int fd, std::uint64_t timeout_ms, std::string* out, int* wait_status) {
  const std::uint64_t deadline = system_clock().monotonic_us() + timeout_ms * 1000;
  Status trouble;
  char buffer[65536];
  for (;;) {
    const std::uint64_t now = system_clock().monotonic_us();
    if (now >= deadline) {
      trouble = Status(Code::kTimeout, "its constructors or entry did not return within " + std::to_string(timeout_ms) + " ms");
      break;
    }
    pollfd p{fd, POLLIN, 0};
    const int ready = ::poll(&p, 1, static_cast<int>((deadline - now) / 1000 + 1));
    if (ready <= 0) continue;
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out->append(buffer, static_cast<std::size_t>(n));
    if (out->size() > kMaxProbeOutput) {
      trouble = Status(Code::kInvalid, "it printed more than 8 MiB");
      break;
    }
  }
  if (!trouble.ok()) ::kill(child, SIGKILL);
  // The pipe is closed, or the child was killed. A child that closed its output and hangs is killed at the deadline too.
  for (;;) {
    const pid_t done = ::waitpid(child, wait_status, WNOHANG);
    if (done == child || (done < 0 && errno != EINTR)) break;
    if (system_clock().monotonic_us() >= deadline) ::kill(child, SIGKILL);
    ::usleep(1000);
  }
  return trouble;
}

}  // namespace

Result<ProbeResult> probe_plugin(const LoadRules& rules, const std::string& path) {
  if (::access(rules.probe_program.c_str(), X_OK) != 0) {
    return Status(Code::kUnavailable, "no program to probe plugins with at '" + rules.probe_program + "'");
  }
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return errno_status("pipe for the probe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string program = rules.probe_program, flag = "--probe-plugin", file = path;
  char* argv[] = {program.data(), flag.data(), file.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(fds[1]);
  if (error != 0) {
    ::close(fds[0]);
    errno = error;
    return errno_status("starting the probe " + program);
  }
  std::string text;
  int wait_status = 0;
  Status trouble = read_child(child, fds[0], rules.probe_timeout_ms, &text, &wait_status);
  ::close(fds[0]);
  if (!trouble.ok()) return trouble;
  // What a library prints by itself stands before our line; ours is the last one.
  const std::size_t marker = text.rfind("\x1etb-probe ");
  if (!WIFEXITED(wait_status) || marker == std::string::npos) return Status(Code::kInvalid, how_it_ended(wait_status));
  Result<json::value> parsed = parse_json(std::string_view(text).substr(marker + 10));
  if (!parsed.ok() || !parsed->is_object()) return Status(Code::kInvalid, how_it_ended(wait_status));
  const json::object& o = parsed->get_object();
  if (const json::value* why = o.if_contains("error")) return Status(Code::kInvalid, std::string(why->as_string()));
  ProbeResult result;
  result.manifest = std::string(o.at("manifest").as_string());
  result.abi_major = static_cast<std::uint32_t>(o.at("abi_major").to_number<std::uint64_t>());
  result.abi_minor = static_cast<std::uint32_t>(o.at("abi_minor").to_number<std::uint64_t>());
  result.has_machine = o.at("machine").as_bool();
  result.has_face = o.at("face").as_bool();
  return result;
}

int probe_main(const std::string& path) {
  // A probe that goes wild costs little: seconds of CPU and a bounded heap.
  rlimit cpu{10, 10}, memory{2ull << 30, 2ull << 30}, core{0, 0};
  ::setrlimit(RLIMIT_CPU, &cpu);
  ::setrlimit(RLIMIT_CORE, &core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  ::setrlimit(RLIMIT_AS, &memory);
#else
  (void)memory;
#endif
  json::object answer;
  try {
    boost::dll::shared_library library;
    Result<const tb_plugin*> plugin = open_plugin(path, &library);
    if (!plugin.ok()) {
      answer["error"] = plugin.status().message();
    } else {
      answer["manifest"] = json::string(to_view_of(**plugin));
      answer["abi_major"] = (*plugin)->abi_major;
      answer["abi_minor"] = (*plugin)->abi_minor;
      answer["machine"] = (*plugin)->machine != nullptr;
      answer["face"] = (*plugin)->face != nullptr;
    }
    std::string line = "\n\x1etb-probe " + json::serialize(answer);
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
    // _exit: a destructor of the library must not be able to change the verdict.
    ::_exit(0);
  } catch (...) {
    ::_exit(3);
  }
}

}  // namespace blockd
