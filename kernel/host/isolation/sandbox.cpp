// The child's side: see sandbox.hpp.
#include "kernel/host/isolation/sandbox.hpp"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <initializer_list>
#include <memory>
#include <vector>

#include "kernel/base/file.hpp"
#include "kernel/base/sanitizer.hpp"
#include "kernel/host/isolation/counted_memory.hpp"

namespace blockd::isolation {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArch = AUDIT_ARCH_X86_64;
#else
constexpr std::uint32_t kArch = AUDIT_ARCH_AARCH64;
#endif
constexpr std::uint64_t kDescriptors = 16;
constexpr std::size_t kFaultStack = 64u << 10;
constexpr int kExitRefused = 159;

// A program of the kernel's packet filter. Every rule decides or falls through to the next.
class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    op(BPF_JMP | BPF_JEQ | BPF_K, kArch, 1, 0);
    verdict(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    op(BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1);  // the x32 table
    verdict(SECCOMP_RET_KILL_PROCESS);
#endif
  }
  void when(long call, std::uint32_t what) {
    op(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1);
    verdict(what);
  }
  void allow(std::initializer_list<long> calls) {
    for (long call : calls) when(call, SECCOMP_RET_ALLOW);
  }
  // Allowed if all bits of `set` and none of `clear` are set in the low half of argument `index`.
  void allow_bits(long call, unsigned index, std::uint32_t set, std::uint32_t clear) {
    op(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 5);
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * 8));
    op(BPF_ALU | BPF_AND | BPF_K, set | clear, 0, 0);
    op(BPF_JMP | BPF_JEQ | BPF_K, set, 0, 1);
    verdict(SECCOMP_RET_ALLOW);
    verdict(SECCOMP_RET_TRAP);
  }
  // Allowed if argument `index` is `value`.
  void allow_equal(long call, unsigned index, std::uint32_t value) {
    op(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 4);
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + index * 8));
    op(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    verdict(SECCOMP_RET_ALLOW);
    verdict(SECCOMP_RET_TRAP);
  }
  // Memory without a file behind it that nobody else shares and that is no code.
  void allow_plain_memory() {
    op(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(SYS_mmap), 0, 7);
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 2 * 8));
    op(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 4, 0);
    load(static_cast<std::uint32_t>(offsetof(seccomp_data, args) + 3 * 8));
    op(BPF_ALU | BPF_AND | BPF_K, MAP_ANONYMOUS | MAP_PRIVATE | MAP_SHARED, 0, 0);
    op(BPF_JMP | BPF_JEQ | BPF_K, MAP_ANONYMOUS | MAP_PRIVATE, 0, 1);
    verdict(SECCOMP_RET_ALLOW);
    verdict(SECCOMP_RET_TRAP);
  }
  Result<int> install(unsigned long flags, std::string_view what) {
    verdict(SECCOMP_RET_TRAP);
    sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    const long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (fd < 0) return errno_status("seccomp, " + std::string(what));
    if (flags == SECCOMP_FILTER_FLAG_TSYNC && fd != 0)
      return Status(Code::kInternal, "seccomp: a thread could not be brought under the filter");
    return static_cast<int>(fd);
  }

 private:
  void op(int code, std::uint32_t k, std::uint8_t yes, std::uint8_t no) {
    code_.push_back({static_cast<std::uint16_t>(code), yes, no, k});
  }
  void load(std::uint32_t offset) { op(BPF_LD | BPF_W | BPF_ABS, offset, 0, 0); }
  void verdict(std::uint32_t what) { op(BPF_RET | BPF_K, what, 0, 0); }
  std::vector<sock_filter> code_;
};

// Through a pipe to itself a sanitizer learns whether memory may be read, before it looks; and it
// asks whether a library that is opened is a link, and lets go of its stack at the end. To be
// called first: other rules refuse this.
void allow_sanitizer(Filter& f) {
  if constexpr (!kSanitized) return;
  f.allow({SYS_pipe2, SYS_read, SYS_write, SYS_close, SYS_readlinkat, SYS_sigaltstack});
#if defined(__x86_64__)
  f.allow({SYS_readlink});
#endif
}

// What both filters let through: the rest of a thread's life.
void allow_running(Filter& f) {
  f.allow({SYS_futex, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_clock_gettime,
           SYS_clock_nanosleep, SYS_nanosleep, SYS_sched_yield, SYS_gettid, SYS_getpid,
           SYS_rt_sigreturn, SYS_rt_sigprocmask, SYS_restart_syscall, SYS_exit, SYS_exit_group,
           SYS_getrandom, SYS_gettimeofday});
  // abort() signals its own process, and nobody else's.
  f.allow_equal(SYS_tgkill, 0, static_cast<std::uint32_t>(::getpid()));
}

Lane* (*lane_of_thread)() = nullptr;

void on_fault(int signal, siginfo_t* info, void*) {
  if (Lane* lane = lane_of_thread == nullptr ? nullptr : lane_of_thread()) {
    std::uint32_t none = 0;
    if (signal == SIGSYS) lane->fault_call = static_cast<std::uint32_t>(info->si_syscall);
    lane->fault.compare_exchange_strong(none, static_cast<std::uint32_t>(signal));
  }
  // A refused call ends here; after the other signals the fault happens again, without a handler.
  if (signal == SIGSYS) ::_exit(kExitRefused);
}

}  // namespace

Status lower_process() {
  const pid_t parent = ::getppid();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return errno_status("prctl PDEATHSIG");
  if (parent == 1 || ::getppid() != parent) return Status(Code::kAborted, "the node is gone");
  if (::syscall(SYS_close_range, kControlFd + 1, ~0u, 0) != 0) return errno_status("close_range");
  const rlimit none{0, 0}, few{kDescriptors, kDescriptors};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::setrlimit(RLIMIT_FSIZE, &none) != 0 ||
      ::setrlimit(RLIMIT_MEMLOCK, &none) != 0 || ::setrlimit(RLIMIT_NOFILE, &few) != 0)
    return errno_status("limits of a plugin's process");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_status("prctl NO_NEW_PRIVS");
  return {};
}

void note_faults(Lane* (*lane_of)()) {
  lane_of_thread = lane_of;
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  ::sigaction(SIGSYS, &action, nullptr);
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND);
  for (int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP})
    ::sigaction(signal, &action, nullptr);
}

void use_fault_stack() {
  // Lives as long as the thread, which ends with the process.
  static thread_local std::unique_ptr<char[]> memory;
  memory = std::make_unique<char[]>(kFaultStack);
  stack_t stack{};
  stack.ss_sp = memory.get();
  stack.ss_size = kFaultStack;
  ::sigaltstack(&stack, nullptr);
}

Result<int> filter_loading() {
  Filter f;
  allow_sanitizer(f);
  for (long call : {
#if defined(__x86_64__)
         SYS_open,
#endif
             SYS_openat
       })
    f.when(call, SECCOMP_RET_USER_NOTIF);
  f.when(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);  // its flags cannot be seen; clone's can
  f.allow_bits(SYS_clone, 0, CLONE_THREAD | CLONE_VM, 0);
  f.allow({
    SYS_mmap, SYS_mprotect, SYS_close, SYS_read, SYS_pread64, SYS_fstat, SYS_newfstatat,
        SYS_set_robust_list, SYS_sigaltstack, SYS_rt_sigaction, SYS_sched_getaffinity, SYS_lseek,
        SYS_seccomp,
#if defined(SYS_rseq)
        SYS_rseq
#else
        334
#endif
  });
  f.allow_equal(SYS_sendmsg, 0, kControlFd);
  f.allow_equal(SYS_prlimit64, 0, 0);  // its own limits
  allow_running(f);
  return f.install(SECCOMP_FILTER_FLAG_NEW_LISTENER, "filter for loading");
}

Status filter_running() {
  Filter f;
  allow_sanitizer(f);
  f.allow_plain_memory();
  f.allow_bits(SYS_mprotect, 2, 0, PROT_EXEC);
  // Texts that a library prints go to /dev/null.
  f.allow_equal(SYS_write, 0, STDOUT_FILENO);
  // A face that keeps files finds that it may not, as on a disk that it has no right to; there is
  // no reason to end it.
  for (long call : {
#if defined(__x86_64__)
         SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename,
             SYS_readlink, SYS_chmod, SYS_link, SYS_symlink,
#endif
             SYS_openat, SYS_openat2, SYS_newfstatat, SYS_statx, SYS_faccessat, SYS_faccessat2,
             SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_readlinkat, SYS_statfs, SYS_chdir,
             SYS_getcwd, SYS_fchmodat, SYS_truncate
       })
    f.when(call, SECCOMP_RET_ERRNO | EACCES);
  for (long call : {SYS_close, SYS_read, SYS_fstat, SYS_lseek, SYS_fsync, SYS_fdatasync,
                    SYS_getdents64, SYS_ftruncate})
    f.when(call, SECCOMP_RET_ERRNO | EBADF);
  allow_running(f);
  Result<int> done = f.install(SECCOMP_FILTER_FLAG_TSYNC, "filter for running");
  return done.ok() ? Status() : done.status();
}

Status send_descriptor(int socket, int descriptor) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
  return ::sendmsg(socket, &message, 0) == 1 ? Status() : errno_status("telling the node");
}

Result<int> open_sizes() {
  const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno_status("/proc/self/statm");
  return fd;
}

Status limit_memory(int sizes, std::uint64_t bytes) {
  char text[256] = {};
  const ssize_t n = ::pread(sizes, text, sizeof text - 1, 0);
  ::close(sizes);
  if constexpr (kSanitized) return count_memory(bytes);
  unsigned long long all = 0, data = 0;
  if (n <= 0 || std::sscanf(text, "%llu %*u %*u %*u %*u %llu", &all, &data) != 2)
    return Status(Code::kInternal, "/proc/self/statm cannot be read");
  const std::uint64_t page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const rlimit heap{data * page + bytes, data * page + bytes};
  // Address space that is reserved and never touched costs nothing; it has a bound all the same.
  const rlimit space{all * page + 2 * bytes + (1ull << 30), all * page + 2 * bytes + (1ull << 30)};
  if (::setrlimit(RLIMIT_DATA, &heap) != 0 || ::setrlimit(RLIMIT_AS, &space) != 0)
    return errno_status("memory limit of a plugin's process");
  return {};
}

}  // namespace blockd::isolation
