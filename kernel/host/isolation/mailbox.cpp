#include "kernel/host/isolation/mailbox.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "kernel/base/file.hpp"

namespace blockd::isolation {
namespace {

constexpr int kLeastSpins = 50;
constexpr int kMostSpins = 1600;
constexpr std::uint64_t kShortWaitUs = 60;            // that would better have been spun
constexpr std::uint64_t kLongestSleepUs = 1'000'000;  // a death wakes the sleeper at once

std::uint64_t now_us() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
}

std::uint32_t* address(std::atomic<std::uint32_t>& word) {
  static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
  return reinterpret_cast<std::uint32_t*>(&word);
}

void sleep_on(std::atomic<std::uint32_t>& word, std::uint32_t value, std::uint64_t us) {
  timespec t{static_cast<time_t>(us / 1'000'000), static_cast<long>(us % 1'000'000) * 1000};
  ::syscall(SYS_futex, address(word), FUTEX_WAIT, value, &t, nullptr, 0);
}

void wake_sleeper(LaneWord& word) {
  ::syscall(SYS_futex, address(word.turn), FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

}  // namespace

Result<SharedRegion> SharedRegion::create() {
  const int fd = ::memfd_create("blockd-plugin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return errno_status("shared memory for a plugin's process");
  // Sealed: a child that shrinks the memory would end the node with SIGBUS.
  if (::ftruncate(fd, sizeof(Region)) != 0 ||
      ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    const Status status = errno_status("shared memory for a plugin's process");
    ::close(fd);
    return status;
  }
  void* at = ::mmap(nullptr, sizeof(Region), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    const Status status = errno_status("mapping the memory of a plugin's process");
    ::close(fd);
    return status;
  }
  return SharedRegion(static_cast<Region*>(at), fd);  // a new file is all zeros
}

SharedRegion::SharedRegion(SharedRegion&& other) noexcept
    : region_(std::exchange(other.region_, nullptr)), fd_(std::exchange(other.fd_, -1)) {}

SharedRegion::~SharedRegion() {
  if (region_ != nullptr) ::munmap(region_, sizeof(Region));
  close_fd();
}

void SharedRegion::close_fd() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void wake(LaneWord& word) { wake_sleeper(word); }

void Mailbox::reset() { seen_ = mine().turn.load(std::memory_order_acquire); }

void Mailbox::hand_over(std::uint32_t bytes, bool more) {
  lane_.bytes = bytes;
  lane_.more = more ? 1 : 0;
  LaneWord& word = theirs();
  word.turn.fetch_add(1, std::memory_order_seq_cst);
  if (word.sleeping.load(std::memory_order_seq_cst) != 0) wake_sleeper(word);
}

Mailbox::Got Mailbox::wait(std::uint64_t* budget_us) {
  LaneWord& word = mine();
  auto arrived = [&] {
    const std::uint32_t turn = word.turn.load(std::memory_order_acquire);
    if (turn == seen_) return false;
    seen_ = turn;
    return true;
  };
  for (int i = 0; i < *spins_; ++i) {
    if (arrived()) return Got::kMessage;
    relax();
  }
  const bool limited = *budget_us != UINT64_MAX;
  const std::uint64_t began = now_us(), budget = *budget_us;
  word.sleeping.store(1, std::memory_order_seq_cst);
  Got got = Got::kMessage;
  while (!arrived()) {
    const std::uint64_t used = limited ? now_us() - began : 0;
    if (gone_ != nullptr && gone_->load(std::memory_order_acquire)) {
      got = arrived() ? Got::kMessage : Got::kGone;
      break;
    }
    if (limited && used >= budget) {
      got = Got::kLate;
      break;
    }
    sleep_on(word.turn, seen_,
             limited ? std::min(budget - used, kLongestSleepUs) : 3600 * kLongestSleepUs);
  }
  word.sleeping.store(0, std::memory_order_relaxed);
  const std::uint64_t used = now_us() - began;
  *spins_ =
      used <= kShortWaitUs ? std::min(2 * *spins_, kMostSpins) : std::max(*spins_ / 2, kLeastSpins);
  if (limited) *budget_us = budget - std::min(budget, used);
  return got;
}

Mailbox::Got Mailbox::send(BytesView message, std::uint64_t* budget_us) {
  for (;;) {
    const std::size_t part = std::min(message.size(), kLaneBytes);
    std::memcpy(lane_.data, message.data(), part);
    message.remove_prefix(part);
    hand_over(static_cast<std::uint32_t>(part), !message.empty());
    if (message.empty()) return Got::kMessage;
    if (const Got got = wait(budget_us); got != Got::kMessage) return got;
  }
}

Mailbox::Got Mailbox::receive(Bytes* message, std::uint64_t* budget_us) {
  message->clear();
  for (;;) {
    if (const Got got = wait(budget_us); got != Got::kMessage) return got;
    // Read once: the other side may change them at any time.
    const std::uint32_t bytes = *static_cast<volatile std::uint32_t*>(&lane_.bytes);
    const std::uint32_t more = *static_cast<volatile std::uint32_t*>(&lane_.more);
    if (bytes > kLaneBytes || message->size() + bytes > kMaxMessage) return Got::kDamage;
    message->append(lane_.data, bytes);
    if (more == 0) return Got::kMessage;
    hand_over(0, false);
  }
}

}  // namespace blockd::isolation
