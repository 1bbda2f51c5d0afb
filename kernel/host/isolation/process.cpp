#include "kernel/host/isolation/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/file.hpp"
#include "kernel/host/isolation/child.hpp"
#include "kernel/host/isolation/sandbox.hpp"

namespace blockd::isolation {
namespace {

constexpr int kFirstFreeFd = 10;  // above every number that the child's descriptors get
constexpr int kPollMs = 2;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

// The child inherits no variable but the one that finds its own libraries: secrets may stand there.
std::vector<std::string> child_environment() {
  std::vector<std::string> out;
  if (const char* path = ::getenv("LD_LIBRARY_PATH"))
    out.push_back(std::string("LD_LIBRARY_PATH=") + path);
  return out;
}

Result<pid_t> spawn_child(const ChildOptions& options, std::uint64_t memory_bytes, int region,
                          int socket) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, region, kRegionFd);
  posix_spawn_file_actions_adddup2(&actions, socket, kControlFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);  // a terminal's interrupt is for the node
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words = {options.program, kPluginChildFlag, options.library,
                                    std::to_string(memory_bytes)};
  std::vector<std::string> variables = child_environment();
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& variable : variables) envp.push_back(variable.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, options.program.c_str(), &actions, &attributes,
                                  argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return child;
  errno = error;
  return errno_status("starting a plugin's process, " + options.program);
}

std::string signal_text(int signal) {
  const char* name = ::strsignal(signal);
  return "signal " + std::to_string(signal) + ", " + (name ? name : "?");
}

}  // namespace

Result<std::shared_ptr<ChildProcess>> ChildProcess::start(const ChildOptions& options,
                                                          const ProcessLimits& limits) {
  Result<SharedRegion> region = SharedRegion::create();
  if (!region.ok()) return region.status();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return errno_status("a socket for a plugin's process");
  Descriptor here(ends[0]), there(ends[1]);
  Descriptor high_region(::fcntl(region->fd(), F_DUPFD_CLOEXEC, kFirstFreeFd));
  Descriptor high_socket(::fcntl(there.get(), F_DUPFD_CLOEXEC, kFirstFreeFd));
  if (high_region.get() < 0 || high_socket.get() < 0)
    return errno_status("descriptors of a plugin's process");
  Result<pid_t> child =
      spawn_child(options, limits.memory_mb << 20, high_region.get(), high_socket.get());
  if (!child.ok()) return child.status();
  auto process = std::shared_ptr<ChildProcess>(new ChildProcess(*std::move(region)));
  process->pid_ = *child;
  process->limits_ = limits;
  there.close();
  high_socket.close();
  process->region_.close_fd();
  if (Status status = process->boot(options, here.get()); !status.ok()) return status;
  if (Status status = process->watch_cpu(); !status.ok()) return status;
  return process;
}

ChildProcess::~ChildProcess() {
  if (pid_fd_ >= 0) ::close(pid_fd_);
  if (reaped_ || pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  int ignored = 0;
  while (::waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
  }
}

Status ChildProcess::boot(const ChildOptions& options, int socket) {
  pollfd p{socket, POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&p, 1, static_cast<int>(options.start_ms));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return Status(Code::kTimeout, "the plugin's process did not begin in time");
  Result<int> listener = receive_descriptor(socket);
  if (!listener.ok()) {
    const auto state = static_cast<Boot>(region_.get().state.load());
    if (state != Boot::kRefused) return listener.status();
    return Status(
        Code::kUnavailable,
        "no process for a plugin can be lowered here: " +
            std::string(region_.get().boot, std::min<std::size_t>(region_.get().bytes, kBootBytes)),
        "isolation needs seccomp with user notification (Linux 5.14 or newer)");
  }
  const Descriptor owned(*listener);
  return serve_boot(options, owned.get());
}

// Opens files for the child until it says what it is.
Status ChildProcess::serve_boot(const ChildOptions& options, int listener) {
  const std::uint64_t deadline = system_clock().monotonic_us() + options.start_ms * 1000;
  for (;;) {
    const auto state = static_cast<Boot>(region_.get().state.load(std::memory_order_acquire));
    if (state != Boot::kStarting) {
      const std::size_t size = std::min<std::size_t>(region_.get().bytes, kBootBytes);
      const Bytes text(region_.get().boot, size);
      if (state == Boot::kRefused) return Status(Code::kInvalid, text);
      Result<Description> description = read_description(text);
      if (!description.ok()) return description.status();
      description_ = *std::move(description);
      return {};
    }
    if (Status status = ended_while_loading(); !status.ok()) return status;
    if (system_clock().monotonic_us() >= deadline)
      return Status(Code::kTimeout, "its constructors or entry did not return within " +
                                        std::to_string(options.start_ms) + " ms");
    pollfd p{listener, POLLIN, 0};
    if (::poll(&p, 1, kPollMs) > 0 && (p.revents & POLLIN) != 0)
      answer_open(listener, pid_, options.library);
  }
}

Status ChildProcess::ended_while_loading() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return {};
  reaped_ = true;
  if (static_cast<Boot>(region_.get().state.load()) != Boot::kStarting) return {};
  note_death(status);
  return Status(Code::kInvalid, "while it was loaded " + death().text);
}

void ChildProcess::end(std::size_t lane, std::string reason, std::string text) {
  {
    std::lock_guard lock(mutex_);
    if (!death_.reason.empty() || gone_) return;
    death_ = {std::move(reason), std::move(text)};
    ended_by_ = lane;
    somebody_ = lane < kLanes;
    nobody_ = lane == kLanes;
  }
  ::kill(pid_, SIGKILL);
}

Status ChildProcess::watch_cpu() {
  if (limits_.cpu_percent == 0) return {};
  pid_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (pid_fd_ < 0) return errno_status("watching the CPU of a plugin's process");
  if (const int error = ::clock_getcpuclockid(pid_, &cpu_clock_); error != 0) {
    errno = error;
    return errno_status("the CPU clock of a plugin's process");
  }
  return {};
}

// Until it has ended. A window in which it took more than its share is its last one.
void ChildProcess::hold_to_cpu() {
  const auto used_us = [this] {
    timespec t{};
    ::clock_gettime(cpu_clock_, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(t.tv_nsec) / 1000;
  };
  std::uint64_t began = system_clock().monotonic_us(), used = used_us();
  pollfd p{pid_fd_, POLLIN, 0};
  while (::poll(&p, 1, static_cast<int>(kCpuLookMs)) <= 0) {
    const std::uint64_t now = system_clock().monotonic_us();
    if (now - began < kCpuWindowMs * 1000) continue;
    const std::uint64_t used_now = used_us();
    const std::uint64_t percent = (used_now - used) * 100 / (now - began);
    if (percent > limits_.cpu_percent) {
      end(kSomeLane, "cpu",
          "it used " + std::to_string(percent) + " % of a core, more than the " +
              std::to_string(limits_.cpu_percent) +
              " % it may (cpu_percent in plugins.load, or plugins.child_cpu_percent)");
    }
    began = now;
    used = used_now;
  }
}

void ChildProcess::wait() {
  if (pid_fd_ >= 0) hold_to_cpu();
  int status = 0;
  while (!reaped_) {
    const pid_t done = ::waitpid(pid_, &status, 0);
    if (done == pid_ || (done < 0 && errno != EINTR)) reaped_ = true;
  }
  note_death(status);
  gone_.store(true, std::memory_order_release);
  for (Lane& lane : region_.get().lanes) wake(lane.to_node);
}

void ChildProcess::note_death(int wait_status) {
  std::lock_guard lock(mutex_);
  const Lane* faulty = nullptr;
  for (const Lane& lane : region_.get().lanes) {
    if (lane.fault.load() != 0 && faulty == nullptr) faulty = &lane;
  }
  somebody_ = somebody_ || faulty != nullptr;
  if (!death_.reason.empty()) return;
  if (faulty != nullptr && faulty->fault.load() == SIGSYS) {
    death_ = {"forbidden_call", "it asked the system for '" +
                                    system_call_name(faulty->fault_call.load()) +
                                    "', which no isolated plugin may"};
  } else if (faulty != nullptr) {
    death_ = {"crash",
              "it crashed (" + signal_text(static_cast<int>(faulty->fault.load() % 64)) + ")"};
  } else if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) != SIGKILL) {
    death_ = {"crash", "it crashed (" + signal_text(WTERMSIG(wait_status)) + ")"};
  } else if (WIFSIGNALED(wait_status)) {
    nobody_ = true;
    death_ = {"killed", "its process was killed from outside"};
  } else {
    death_ = {"exit",
              "it ended its process (exit code " + std::to_string(WEXITSTATUS(wait_status)) + ")"};
  }
}

Death ChildProcess::death() const {
  std::lock_guard lock(mutex_);
  return death_;
}

bool ChildProcess::caused(std::size_t lane) const {
  std::lock_guard lock(mutex_);
  if (nobody_) return false;
  if (!somebody_) return true;  // nobody knows which
  return lane == ended_by_ || region_.get().lanes[lane].fault.load() != 0;
}

}  // namespace blockd::isolation
