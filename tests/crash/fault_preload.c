/* fault_preload: a disk that fails where a test says so, for a program that does not know it.
 *
 * Preloaded (LD_PRELOAD) it stands before the calls that change or map files, looks only at paths
 * below one directory, counts them, and at the N-th one that the plan names it does what the plan
 * says: the process kills itself before or after the call, or in the middle of a write; the call
 * fails with ENOSPC or EIO; or it takes its time. The plan lies in a small file that the test maps
 * too, so that it can be changed while the program runs (tests/crash/faults.py writes it):
 *
 *   FAULT_CONTROL   path of that file, sizeof(struct control) bytes. Without it nothing happens.
 *
 * The first process that finds no owner in the file is the one that suffers; its children (probes
 * of plugins) and other programs with the same environment are left alone. Thread safe. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind { kWrite, kSync, kRename, kMap, kAllocate, kCreate, kRemove, kTruncate };
enum action {
  kNone,
  kKill,      /* before the call */
  kKillAfter, /* it has happened, nobody was told */
  kShortKill, /* `argument` thousandths of a write, then death; of other calls: before them */
  kNoSpace,   /* the first write is cut short, then ENOSPC */
  kError,     /* EIO */
  kDelay,     /* `argument` milliseconds, then the call */
  kDrop       /* a disk that lies: the write is told to have happened, and has not */
};

enum { kMagic = 0x46434254, kPathBytes = 256 };

struct control {
  uint32_t magic;
  _Atomic uint32_t owner; /* process id; 0: the next one that starts */
  _Atomic uint32_t armed;
  uint32_t kinds; /* bit 1 << kind */
  uint32_t action;
  uint32_t reserved;
  uint64_t at;   /* 1: the first call that fits */
  uint64_t hits; /* how many calls from then on; 0: all */
  uint64_t argument;
  _Atomic uint64_t calls; /* that fitted the plan since it was armed */
  _Atomic uint64_t fired;
  _Atomic uint64_t seen[8]; /* calls by kind since the start */
  char below[kPathBytes];   /* the directory */
  char part[kPathBytes];    /* text that the path must contain */
  uint32_t fired_kind;
  char fired_path[kPathBytes]; /* of the first call that was hit */
};

static struct control* control;

#define REAL(type, name, ...)                                    \
  static type (*real)(__VA_ARGS__);                              \
  if (!real) {                                                   \
    void* found = dlsym(RTLD_NEXT, name);                        \
    memcpy(&real, &found, sizeof found); /* ISO C has no cast */ \
  }

__attribute__((constructor)) static void open_control(void) {
  const char* path = getenv("FAULT_CONTROL");
  if (!path) return;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
  if (fd < 0) {
    perror(path);
    _exit(97); /* a test without its faults would pass for nothing */
  }
  void* mapped =
      (void*)syscall(SYS_mmap, NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  syscall(SYS_close, fd);
  if (mapped == MAP_FAILED || ((struct control*)mapped)->magic != kMagic) {
    fprintf(stderr, "%s: no plan of faults\n", path);
    _exit(97);
  }
  control = mapped;
  uint32_t nobody = 0;
  atomic_compare_exchange_strong(&control->owner, &nobody, (uint32_t)getpid());
}

static void die(void) {
  for (;;) syscall(SYS_kill, getpid(), 9);
}

static const char* path_of(int fd, char* buffer) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, buffer, PATH_MAX - 1);
  buffer[n < 0 ? 0 : n] = '\0';
  return buffer;
}

/* What is to be done at this call. Counts it. */
static enum action decide(enum kind kind, const char* path) {
  if (!control || atomic_load(&control->owner) != (uint32_t)getpid()) return kNone;
  if (strncmp(path, control->below, strlen(control->below)) != 0) return kNone;
  atomic_fetch_add(&control->seen[kind], 1);
  if (!atomic_load(&control->armed) || !(control->kinds & (1u << kind))) return kNone;
  if (!strstr(path, control->part)) return kNone;
  const uint64_t n = atomic_fetch_add(&control->calls, 1) + 1;
  if (n < control->at || (control->hits && n >= control->at + control->hits)) return kNone;
  if (atomic_fetch_add(&control->fired, 1) == 0) {
    control->fired_kind = kind;
    snprintf(control->fired_path, sizeof control->fired_path, "%s", path);
  }
  return (enum action)control->action;
}

/* Before the call: dies, waits, or returns the errno with which the call fails; 0: go on. */
static int before(enum action action) {
  switch (action) {
    case kKill:
    case kShortKill:
      die();
      return 0;
    case kNoSpace:
      return ENOSPC;
    case kError:
      return EIO;
    case kDelay: {
      const struct timespec wait = {(time_t)(control->argument / 1000),
                                    (long)(control->argument % 1000) * 1000000};
      nanosleep(&wait, NULL);
      return 0;
    }
    default:
      return 0;
  }
}

/* A call that returns 0 or more, or -1 with errno. */
#define GUARDED(kind, path, call)                   \
  do {                                              \
    const enum action guarded = decide(kind, path); \
    const int error = before(guarded);              \
    if (error) {                                    \
      errno = error;                                \
      return -1;                                    \
    }                                               \
    const __typeof__(call) done = (call);           \
    if (guarded == kKillAfter) die();               \
    return done;                                    \
  } while (0)

/* How much of a write of `n` bytes happens; sets what comes after it. */
static size_t part_of(enum action action, size_t n) {
  if (action == kShortKill) return (size_t)((uint64_t)n * control->argument / 1000);
  return action == kNoSpace && atomic_load(&control->fired) == 1 ? n / 2 : 0;
}

static ssize_t guarded_write(int fd, const void* data, size_t n, off_t at) {
  REAL(ssize_t, "pwrite64", int, const void*, size_t, off_t)
  static ssize_t (*real_write)(int, const void*, size_t);
  if (!real_write) {
    void* found = dlsym(RTLD_NEXT, "write");
    memcpy(&real_write, &found, sizeof found);
  }
  char buffer[PATH_MAX];
  const enum action action = control ? decide(kWrite, path_of(fd, buffer)) : kNone;
  if (action == kShortKill || action == kNoSpace) {
    const size_t part = part_of(action, n);
    const ssize_t done = part == 0 ? 0
                         : at < 0  ? real_write(fd, data, part)
                                   : real(fd, data, part, at);
    if (action == kShortKill) die();
    if (done > 0) return done;
  }
  if (action == kDrop) return (ssize_t)n;
  const int error = before(action);
  if (error) {
    errno = error;
    return -1;
  }
  const ssize_t done = at < 0 ? real_write(fd, data, n) : real(fd, data, n, at);
  if (action == kKillAfter) die();
  return done;
}

ssize_t write(int fd, const void* data, size_t n) { return guarded_write(fd, data, n, -1); }
ssize_t pwrite(int fd, const void* data, size_t n, off_t at) {
  return guarded_write(fd, data, n, at);
}
ssize_t pwrite64(int fd, const void* data, size_t n, off64_t at) {
  return guarded_write(fd, data, n, at);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec*, int)
  char buffer[PATH_MAX];
  GUARDED(kWrite, control ? path_of(fd, buffer) : "", real(fd, parts, count));
}

int fsync(int fd) {
  REAL(int, "fsync", int)
  char buffer[PATH_MAX];
  GUARDED(kSync, control ? path_of(fd, buffer) : "", real(fd));
}
int fdatasync(int fd) {
  REAL(int, "fdatasync", int)
  char buffer[PATH_MAX];
  GUARDED(kSync, control ? path_of(fd, buffer) : "", real(fd));
}

int rename(const char* from, const char* to) {
  REAL(int, "rename", const char*, const char*)
  GUARDED(kRename, to, real(from, to));
}
int unlink(const char* path) {
  REAL(int, "unlink", const char*)
  GUARDED(kRemove, path, real(path));
}
int remove(const char* path) {
  REAL(int, "remove", const char*)
  GUARDED(kRemove, path, real(path));
}

int ftruncate(int fd, off_t size) {
  REAL(int, "ftruncate", int, off_t)
  char buffer[PATH_MAX];
  GUARDED(kTruncate, control ? path_of(fd, buffer) : "", real(fd, size));
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

/* Answers the error itself, and leaves errno alone. */
int posix_fallocate(int fd, off_t at, off_t size) {
  REAL(int, "posix_fallocate", int, off_t, off_t)
  char buffer[PATH_MAX];
  const enum action action = control ? decide(kAllocate, path_of(fd, buffer)) : kNone;
  const int error = before(action);
  if (error) return error;
  const int done = real(fd, at, size);
  if (action == kKillAfter) die();
  return done;
}
int posix_fallocate64(int fd, off64_t at, off64_t size) { return posix_fallocate(fd, at, size); }

static int guarded_open(const char* path, int flags, mode_t mode) {
  REAL(int, "open", const char*, int, ...)
  if (!(flags & O_CREAT)) return real(path, flags);
  GUARDED(kCreate, path, real(path, flags, mode));
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return guarded_open(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list more;
    va_start(more, flags);
    mode = va_arg(more, mode_t);
    va_end(more);
  }
  return guarded_open(path, flags, mode);
}

static void* guarded_map(void* where, size_t n, int protection, int flags, int fd, off_t at) {
  char buffer[PATH_MAX];
  const enum action action =
      control && fd >= 0 && !(flags & MAP_ANONYMOUS) ? decide(kMap, path_of(fd, buffer)) : kNone;
  const int error = before(action);
  if (error) {
    errno = error;
    return MAP_FAILED;
  }
  void* done = (void*)syscall(SYS_mmap, where, n, protection, flags, fd, at);
  if (action == kKillAfter) die();
  return done;
}
void* mmap(void* where, size_t n, int protection, int flags, int fd, off_t at) {
  return guarded_map(where, n, protection, flags, fd, at);
}
void* mmap64(void* where, size_t n, int protection, int flags, int fd, off64_t at) {
  return guarded_map(where, n, protection, flags, fd, at);
}

/* A library is mapped by the loader, whose own mmap nobody can stand before. */
void* dlopen(const char* path, int flags) {
  REAL(void*, "dlopen", const char*, int)
  const enum action action = path ? decide(kMap, path) : kNone;
  if (before(action)) return NULL;
  void* done = real(path, flags);
  if (action == kKillAfter) die();
  return done;
}
