// Region and Mailbox: the memory that a node and a plugin's process share, and how messages cross.
//
// A lane has one buffer and two words, one that each side waits on. The sides strictly take turns,
// so whoever has the turn owns the buffer. A message longer than the buffer goes in parts, each
// acknowledged by a turn without bytes. Waiting spins for a moment, because an answer mostly comes
// within a few microseconds and a sleep costs more than that, and then sleeps on the word (futex).
// How long it spins follows what the waits before it were: a side that sleeps and is woken at once
// spins longer the next time, one that sleeps long spins less. A sender wakes the other side only
// if it says that it sleeps.
//
// The node's side copies every byte out before it looks at it, and believes no length: a part that
// is longer than the buffer, or a message longer than kMaxMessage, is damage.
#pragma once

#include <atomic>
#include <functional>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"
#include "kernel/host/isolation/protocol.hpp"

namespace blockd::isolation {

struct alignas(64) LaneWord {
  std::atomic<std::uint32_t> turn;      // grows by one with every part that is for this side
  std::atomic<std::uint32_t> sleeping;  // this side sleeps on `turn`
};

struct Lane {
  LaneWord to_child, to_node;
  alignas(64) std::uint32_t bytes, more;  // of the part in the buffer
  std::atomic<std::uint32_t> fault;       // signal by which the call in this lane ended the child
  std::atomic<std::uint32_t> fault_call;  // system call that was refused, with fault == SIGSYS
  std::atomic<std::uint32_t> guessed;     // the call in this lane went on without an answer
  char data[kLaneBytes];
};

// What the child tells while it starts; then `state` is final.
enum class Boot : std::uint32_t { kStarting, kReady, kRefused };
inline constexpr std::size_t kBootBytes = 8u << 20;  // a manifest of 4 MiB and its frame

struct Region {
  std::atomic<std::uint32_t> state;  // Boot
  std::uint32_t bytes;
  std::atomic<std::uint32_t> stop;  // the node is gone or wants no more
  Lane lanes[kLanes];
  char boot[kBootBytes];
};

// The node's mapping and descriptor; pages that nobody touches cost nothing.
class SharedRegion {
 public:
  static Result<SharedRegion> create();
  SharedRegion(SharedRegion&& other) noexcept;
  SharedRegion& operator=(SharedRegion&&) = delete;
  ~SharedRegion();
  Region& get() const { return *region_; }
  int fd() const { return fd_; }
  void close_fd();  // once the child has it

 private:
  SharedRegion(Region* region, int fd) : region_(region), fd_(fd) {}
  Region* region_;
  int fd_;
};

// One side of a lane. One thread at a time.
class Mailbox {
 public:
  enum class Side : std::uint8_t { kNode, kChild };
  enum class Got : std::uint8_t { kMessage, kLate, kGone, kDamage };
  // `gone` ends a wait early (may be null): the other side is dead. `spins` (may be null) outlives
  // this object and keeps what was learnt of waits.
  Mailbox(Lane& lane, Side side, const std::atomic<bool>* gone, int* spins)
      : lane_(lane), side_(side), gone_(gone), spins_(spins != nullptr ? spins : &own_spins_) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  static constexpr int kFirstSpins = 400;  // some 10 to 20 microseconds

  // Both wait at most `budget_us` microseconds for the other side, and take off what they used.
  // UINT64_MAX: for ever.
  Got send(BytesView message, std::uint64_t* budget_us);
  Got receive(Bytes* message, std::uint64_t* budget_us);
  // The turns that were seen; to be called when the lane begins anew.
  void reset();

 private:
  LaneWord& mine() { return side_ == Side::kNode ? lane_.to_node : lane_.to_child; }
  LaneWord& theirs() { return side_ == Side::kNode ? lane_.to_child : lane_.to_node; }
  void hand_over(std::uint32_t bytes, bool more);
  Got wait(std::uint64_t* budget_us);

  Lane& lane_;
  Side side_;
  const std::atomic<bool>* gone_;
  int own_spins_ = kFirstSpins;
  int* spins_;
  std::uint32_t seen_ = 0;
};

// Wakes whoever sleeps on the word, whatever it says.
void wake(LaneWord& word);

}  // namespace blockd::isolation
