#include "kernel/rpc/missed_checkpoints.hpp"

#include <algorithm>
#include <utility>

namespace blockd {

bool MissedCheckpoints::due(std::uint64_t head) const {
  const std::uint64_t at = retry_at_;
  return at != 0 && head >= at;
}

std::vector<std::uint64_t> MissedCheckpoints::take(std::uint64_t head) {
  return due(head) ? std::exchange(heights_, {}) : std::vector<std::uint64_t>();
}

void MissedCheckpoints::missed(std::uint64_t height) { heights_.push_back(height); }

void MissedCheckpoints::tried(std::uint64_t head, std::uint64_t oldest) {
  std::sort(heights_.begin(), heights_.end());
  std::erase_if(heights_, [&](std::uint64_t height) { return height < oldest; });
  if (heights_.size() > kKept)
    heights_.erase(heights_.begin(), heights_.end() - static_cast<std::ptrdiff_t>(kKept));
  if (heights_.empty()) {
    pause_ = 0;
    retry_at_ = 0;
  } else if (retry_at_ <= head) {  // else the pause goes on, whatever was missed meanwhile
    pause_ = std::clamp<std::uint64_t>(2 * pause_, 1, kMaxPauseBlocks);
    retry_at_ = head + pause_;
  }
}

}  // namespace blockd
