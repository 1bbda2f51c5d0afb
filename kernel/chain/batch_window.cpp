#include "kernel/chain/batch_window.hpp"

#include "kernel/chain/executor.hpp"

namespace blockd {

Status BatchWindow::begin(BytesView bytes) {
  bytes_ = bytes;
  TB_TRY(reader_.begin(bytes));
  commands_.assign(reader_.count(), nullptr);
  return {};
}

Status BatchWindow::before(std::size_t command) {
  if (command == 0 && reader_.parsed() != 0) TB_TRY(begin(bytes_));
  if (command >= kCommandsBehind) commands_[command - kCommandsBehind].reset();
  if (command < reader_.parsed()) return {};
  TB_ASSERT(command == reader_.parsed());
  parsed_.clear();
  TB_TRY(reader_.parse(kParsed, false, &parsed_));
  std::move(parsed_.begin(), parsed_.end(),
            commands_.begin() + static_cast<std::ptrdiff_t>(command));
  return {};
}

}  // namespace blockd
