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

constexpr std::size_t kMaxProbeOutput = 32u << 20;  // a manifest of 4 MiB, every byte escaped
constexpr rlim_t kProbeCpuSeconds = 10 * kSanitizerSlowdown;
constexpr rlim_t kProbeMemory = 2ull << 30;
constexpr std::string_view kMarker = "\x1etb-probe ";

std::string how_it_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    const char* name = strsignal(WTERMSIG(wait_status));
    return std::string("it crashed while loading (signal ") +
           std::to_string(WTERMSIG(wait_status)) + ", " + (name ? name : "?") + ")";
  }
  return "it ended its process while loading (exit code " +
         std::to_string(WEXITSTATUS(wait_status)) + ")";
}

Status too_late(std::uint64_t timeout_ms) {
  return Status(Code::kTimeout, "its constructors or entry did not return within " +
                                    std::to_string(timeout_ms) + " ms");
}

// Reads the child's stdout until it closes; kills the child at the deadline. Sets *wait_status.
Status read_child(pid_t child, int fd, std::uint64_t timeout_ms, std::string* out,
                  int* wait_status) {
  const std::uint64_t deadline = system_clock().monotonic_us() + timeout_ms * 1000;
  Status trouble;
  char buffer[65536];
  for (;;) {
    const std::uint64_t now = system_clock().monotonic_us();
    if (now >= deadline) {
      trouble = too_late(timeout_ms);
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
      trouble = Status(Code::kInvalid, "it printed more than 32 MiB");
      break;
    }
  }
  // The pipe is closed, or the child is to be killed. A child that closed its output and hangs is
  // killed at the deadline too.
  for (;;) {
    if (!trouble.ok()) ::kill(-child, SIGKILL);  // the group: what the library forked too
    const pid_t done = ::waitpid(child, wait_status, WNOHANG);
    if (done == child || (done < 0 && errno != EINTR)) break;
    if (trouble.ok() && system_clock().monotonic_us() >= deadline) trouble = too_late(timeout_ms);
    ::usleep(1000);
  }
  return trouble;
}

// Starts `<program> --probe-plugin <path>` in a process group of its own with its stdout on `out`.
Result<pid_t> start_probe(std::string program, std::string path, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);  // our threads may block what the child must hear
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::string flag = "--probe-plugin";
  char* argv[] = {program.data(), flag.data(), path.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, program.c_str(), &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return child;
  errno = error;
  return errno_status("starting the probe " + program);
}

// What our side of the child printed. The library's own output is not to be trusted: anything
// missing is a refusal.
Result<ProbeResult> read_answer(std::string_view text, int wait_status) {
  // What a library prints by itself stands before our line; ours is the last one.
  const std::size_t marker = text.rfind(kMarker);
  if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0 || marker == std::string::npos) {
    return Status(Code::kInvalid, how_it_ended(wait_status));
  }
  Result<json::value> parsed = parse_json(text.substr(marker + kMarker.size()));
  const json::object* o = parsed.ok() ? parsed->if_object() : nullptr;
  if (!o)
    return Status(Code::kInvalid, "the probe's answer cannot be read: the library printed into it");
  auto text_of = [&](const char* name) {
    const json::value* v = o->if_contains(name);
    return v && v->is_string() ? std::string(v->get_string()) : std::string();
  };
  auto number_of = [&](const char* name) {
    const json::value* v = o->if_contains(name);
    return v && v->is_int64() ? static_cast<std::uint32_t>(v->get_int64()) : 0u;
  };
  if (o->contains("error")) return Status(Code::kInvalid, text_of("error"), text_of("hint"));
  ProbeResult result;
  result.manifest = text_of("manifest");
  result.abi_major = number_of("abi_major");
  result.abi_minor = number_of("abi_minor");
  result.has_machine = number_of("machine") != 0;
  result.has_face = number_of("face") != 0;
  return result;
}

// What the library prints to stderr while it loads: a plugin of the SDK says there what is wrong
// with its declaration. What a pipe does not hold is dropped.
class PrintedErrors {
 public:
  PrintedErrors() {
    if (::pipe2(fds_, O_NONBLOCK | O_CLOEXEC) == 0) ::dup2(fds_[1], STDERR_FILENO);
  }
  // One line of at most kMaxPrinted bytes, printable ASCII: it goes into JSON and on terminals.
  std::string take() const {
    char buffer[kMaxPrinted];
    const ssize_t n = fds_[0] < 0 ? 0 : ::read(fds_[0], buffer, sizeof buffer);
    std::string text(buffer, n > 0 ? static_cast<std::size_t>(n) : 0);
    for (char& c : text) c = c == '\n' ? ' ' : c < ' ' || c > '~' ? '?' : c;
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return text;
  }

 private:
  static constexpr std::size_t kMaxPrinted = 2048;
  int fds_[2] = {-1, -1};
};

// A refusal with what the library itself said about it.
void explain(std::string printed, json::object* answer) {
  constexpr std::string_view kDeclaration = "error[plugin_declaration]: ";
  if (printed.empty()) return;
  if (printed.starts_with(kDeclaration)) {
    (*answer)["error"] = "its declaration is wrong: " + printed.substr(kDeclaration.size());
    (*answer)["hint"] = "describe() of the plugin says this; correct it and build again";
  } else {
    (*answer)["hint"] = "it printed: " + printed;
  }
}

// What the library is, seen from inside the child. It is closed before the answer is printed, so
// that one which cannot be closed is refused too.
json::object examine(const std::string& path) {
  boost::dll::shared_library library;
  json::object answer;
  const PrintedErrors printed;
  Result<const tb_plugin*> plugin = open_plugin(path, &library);
  Status status = plugin.ok() ? Status() : plugin.status();
  if (status.ok()) {
    Result<std::shared_ptr<const Manifest>> manifest = Manifest::parse(to_view_of(**plugin));
    status = manifest.ok() ? check_entries(**manifest, **plugin) : manifest.status();
  }
  if (!status.ok()) {
    answer["error"] = status.message();
    answer["hint"] = status.hint();
    if (!plugin.ok()) explain(printed.take(), &answer);
    return answer;
  }
  answer["manifest"] = json::string(to_view_of(**plugin));
  answer["abi_major"] = (*plugin)->abi_major;
  answer["abi_minor"] = (*plugin)->abi_minor;
  answer["machine"] = (*plugin)->machine ? 1 : 0;
  answer["face"] = (*plugin)->face ? 1 : 0;
  return answer;
}

}  // namespace

Result<ProbeResult> probe_plugin(const LoadRules& rules, const std::string& path) {
  if (::access(rules.probe_program.c_str(), X_OK) != 0) {
    return Status(Code::kUnavailable,
                  "no program to probe plugins with at '" + rules.probe_program + "'");
  }
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return errno_status("pipe for the probe");
  Result<pid_t> child = start_probe(rules.probe_program, path, fds[1]);
  ::close(fds[1]);
  if (!child.ok()) {
    ::close(fds[0]);
    return child.status();
  }
  std::string text;
  int wait_status = 0;
  Status trouble = read_child(*child, fds[0], rules.probe_timeout_ms, &text, &wait_status);
  ::close(fds[0]);
  if (!trouble.ok()) return trouble;
  return read_answer(text, wait_status);
}

int probe_main(const std::string& path) {
  // A probe that goes wild costs little: seconds of CPU and a bounded heap.
  rlimit cpu{kProbeCpuSeconds, kProbeCpuSeconds}, memory{kProbeMemory, kProbeMemory}, core{0, 0};
  ::setrlimit(RLIMIT_CPU, &cpu);
  ::setrlimit(RLIMIT_CORE, &core);
  // A sanitizer reserves more memory than any limit.
  if constexpr (!kSanitized) ::setrlimit(RLIMIT_AS, &memory);
  try {
    const std::string line = "\n" + std::string(kMarker) + json::serialize(examine(path));
    std::fwrite(line.data(), 1, line.size(), stdout);
    std::fflush(stdout);
    // _exit: no handler that the library left behind may change the verdict.
    ::_exit(0);
  } catch (...) {
    ::_exit(3);
  }
}

}  // namespace blockd
