// Which checkpoint files could not be written, and at which block to try again: after 1, 2, 4, …
// and at most kMaxPauseBlocks blocks. At most kKept are remembered, and none for more than kKept
// epochs: a block that cannot be read is no reason to try for ever. One thread at a time, but for
// due(). Pure.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace blockd {

class MissedCheckpoints {
 public:
  static constexpr std::size_t kKept = 8;
  static constexpr std::uint64_t kMaxPauseBlocks = 64;

  // Whether some are to be tried when block `head` is there. [any]
  bool due(std::uint64_t head) const;
  // Those, oldest first: each comes back by missed() or is done with.
  std::vector<std::uint64_t> take(std::uint64_t head);
  // `height` could not be written.
  void missed(std::uint64_t height);
  // All has been tried at `head` that was to be; `oldest` is the height below which none counts
  // any more.
  void tried(std::uint64_t head, std::uint64_t oldest);

 private:
  std::vector<std::uint64_t> heights_;
  std::uint64_t pause_ = 0;                 // in blocks; 0: nothing is missed
  std::atomic<std::uint64_t> retry_at_{0};  // 0: nothing is missed
};

}  // namespace blockd
