// BatchWindow: the commands of a logged batch while they are executed again, parsed a few in front
// of the executor and let go a few behind it. All commands of a large block at once would push what
// the executor needs out of the memory that is near to the processor. [one thread at a time]
#pragma once

#include "kernel/chain/block.hpp"

namespace blockd {

class BatchWindow {
 public:
  // `bytes` must stay until the next begin(). Errors: kCorrupt.
  Status begin(BytesView bytes);
  std::uint64_t time_ms() const { return reader_.time_ms(); }
  // A slot for each command; null but for those around the one that before() told last: of those
  // before it kCommandsBehind - 1 (executor.hpp).
  const std::vector<CommandPtr>& commands() const { return commands_; }
  // To be called in front of command 0, 1, 2...; 0 may come again, and begins anew.
  // Errors: kCorrupt.
  Status before(std::size_t command);

 private:
  static constexpr std::uint32_t kParsed = 16;  // as many as are hashed at once
  BytesView bytes_;
  BatchReader reader_;
  std::vector<CommandPtr> commands_, parsed_;
};

}  // namespace blockd
