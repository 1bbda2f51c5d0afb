// PreviewComparison: gathers what a preview did in another way than the log says.
//
// One thread. Everything it keeps is bounded by the limits of preview.hpp or by what plugins
// declare.
#pragma once

#include "kernel/chain/block.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/chain/preview.hpp"

namespace blockd {

class PreviewComparison {
 public:
  explicit PreviewComparison(const PreviewRequest& request) : request_(request) {}

  // The commands of a block, whether it differs or not.
  void add_commands(const std::vector<CommandPtr>& commands);
  // A block whose receipts differ. REQUIRES: both hold the same commands, those of add_commands().
  void add_block(std::uint64_t height, const std::vector<CommandPtr>& commands,
                 const std::vector<Step>& logged, const std::vector<Step>& previewed);
  // Rows that differ behind the last block.
  void add_rows(const std::vector<Overlay::Change>& changes);
  // The report; its heights and its speed are left to the caller.
  PreviewReport finish();

 private:
  void compare_commands(std::uint64_t height, const std::vector<CommandPtr>& commands,
                        const std::vector<Step>& logged, const std::vector<Step>& previewed);
  void observe(std::string_view topic, std::string_view data, bool previewed);
  void add_sum(std::string_view account, std::int64_t amount, bool previewed);

  const PreviewRequest& request_;
  PreviewReport report_;
};

}  // namespace blockd
