// The node's side of a sandbox: files that are opened for a child which loads a library.
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernel/base/file.hpp"
#include "kernel/host/isolation/sandbox.hpp"

namespace blockd::isolation {
namespace {

// Where the dynamic linker finds what a library needs.
constexpr std::string_view kSystemFolders[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/",
                                               "/usr/local/lib/"};
constexpr std::string_view kLinkerCache = "/etc/ld.so.cache";

std::string path_in(int pid, std::uint64_t address) {
  char text[PATH_MAX] = {};
  std::size_t known = 0;
  // In steps that end at a page, since the next one may not be there.
  while (known < sizeof text - 1) {
    const std::uint64_t at = address + known;
    const std::size_t step = std::min<std::size_t>(4096 - at % 4096, sizeof text - 1 - known);
    iovec here{text + known, step}, there{reinterpret_cast<void*>(at), step};
    const ssize_t n = ::process_vm_readv(pid, &here, 1, &there, 1, 0);
    if (n <= 0) return {};
    for (ssize_t i = 0; i < n; ++i) {
      if (text[known + static_cast<std::size_t>(i)] == '\0') return text;
    }
    known += static_cast<std::size_t>(n);
  }
  return {};
}

bool may_open(const std::string& path, const std::string& library) {
  char real[PATH_MAX];
  if (path.empty() || path[0] != '/' || ::realpath(path.c_str(), real) == nullptr) return false;
  const std::string_view found = real;
  if (found == library || found == kLinkerCache) return true;
  for (std::string_view folder : kSystemFolders) {
    if (found.starts_with(folder)) return true;
  }
  return false;
}

}  // namespace

Result<int> receive_descriptor(int socket) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* header = n == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int)))
    return Status(Code::kUnavailable, "the plugin's process ended before it said a word");
  int descriptor = -1;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return descriptor;
}

void answer_open(int listener, int pid, const std::string& library) {
  seccomp_notif request{};
  if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) return;  // it has ended
  const bool at = request.data.nr == SYS_openat;
  const std::uint64_t flags = request.data.args[at ? 2 : 1];
  std::string path = path_in(pid, request.data.args[at ? 1 : 0]);
  // Still the same call of a living thread: the text was its own.
  const bool asks = ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &request.id) == 0;
  const bool reads = (flags & O_ACCMODE) == O_RDONLY && (flags & (O_CREAT | O_TRUNC)) == 0;
  const int fd =
      asks && reads && may_open(path, library) ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC) : -1;
  if (fd >= 0) {
    seccomp_notif_addfd add{};
    add.id = request.id;
    add.srcfd = static_cast<std::uint32_t>(fd);
    add.flags = SECCOMP_ADDFD_FLAG_SEND;
    add.newfd_flags = O_CLOEXEC;
    const bool sent = ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
    ::close(fd);
    if (sent) return;
  }
  seccomp_notif_resp answer{};
  answer.id = request.id;
  answer.error = path.empty() || ::access(path.c_str(), F_OK) == 0 ? -EACCES : -ENOENT;
  ::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

std::string system_call_name(std::uint32_t number) {
  static constexpr std::pair<long, const char*> kNames[] = {
#if defined(__x86_64__)
    {SYS_open, "open"},
    {SYS_fork, "fork"},
    {SYS_vfork, "vfork"},
    {SYS_unlink, "unlink"},
    {SYS_poll, "poll"},
#endif
    {SYS_openat, "openat"},
    {SYS_socket, "socket"},
    {SYS_connect, "connect"},
    {SYS_clone, "clone"},
    {SYS_clone3, "clone3"},
    {SYS_execve, "execve"},
    {SYS_ptrace, "ptrace"},
    {SYS_kill, "kill"},
    {SYS_tgkill, "tgkill"},
    {SYS_mmap, "mmap"},
    {SYS_mprotect, "mprotect"},
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_unlinkat, "unlinkat"},
    {SYS_ioctl, "ioctl"},
    {SYS_rt_sigaction, "rt_sigaction"},
    {SYS_prctl, "prctl"},
    {SYS_newfstatat, "stat"}
  };
  for (const auto& [call, name] : kNames) {
    if (static_cast<std::uint32_t>(call) == number) return name;
  }
  return "number " + std::to_string(number);
}

}  // namespace blockd::isolation
