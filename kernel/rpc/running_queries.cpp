#include "kernel/rpc/running_queries.hpp"

#include <algorithm>

#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {

bool RunningQueries::add(const CallPtr& call, std::uint32_t limit_ms) {
  const Moment until = std::chrono::steady_clock::now() + std::chrono::milliseconds(limit_ms);
  std::lock_guard lock(mutex_);
  if (free_.empty()) {
    if (slots_.size() >= kMaxRunning) return false;
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  slots_[slot] = {call, until, limit_ms};
  call->running_slot = slot;
  // Later than the sweep that is planned: it will see to this one. Earlier only after the limit was
  // lowered, or when two threads took their moments in another order than this lock.
  if (!set_for_ || until < *set_for_) set_timer(until);
  return true;
}

void RunningQueries::remove(Call& call) {
  CallPtr held;  // let go of outside of the lock
  std::lock_guard lock(mutex_);
  if (call.running_slot) held = give_back(*call.running_slot);
}

RunningQueries::CallPtr RunningQueries::give_back(std::uint32_t slot) {
  CallPtr call = std::move(slots_[slot].call);
  slots_[slot].call = nullptr;
  call->running_slot.reset();
  free_.push_back(slot);
  return call;
}

void RunningQueries::set_timer(Moment until) {
  if (set_for_) timer_.cancel();
  set_for_ = until;
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
      std::max(until - std::chrono::steady_clock::now(), Moment::duration::zero()));
  timer_ = io_.post_after(static_cast<std::uint32_t>(wait.count()), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->sweep();
  });
}

void RunningQueries::sweep() {
  std::vector<std::pair<CallPtr, std::uint32_t>> late;
  {
    std::lock_guard lock(mutex_);
    const Moment now = std::chrono::steady_clock::now();
    std::optional<Moment> next;
    for (std::uint32_t i = 0; i < slots_.size(); ++i) {
      const Slot& slot = slots_[i];
      if (slot.call == nullptr) continue;
      if (slot.until <= now) {
        const std::uint32_t limit_ms = slot.limit_ms;
        late.emplace_back(give_back(i), limit_ms);
      } else if (!next || slot.until < *next) {
        next = slot.until;
      }
    }
    timer_.cancel();  // one that was set while this sweep waited for the lock
    set_for_.reset();
    if (next) set_timer(*next);
  }
  for (const auto& [call, limit_ms] : late) late_(call, limit_ms);
}

}  // namespace blockd
