// Retention: the receipts of old blocks are dropped, on all nodes alike. [machine]
//
// While `receipt_retention_blocks` is above 0, each block drops bodies, oldest first: of blocks
// that are no longer promised to be available and are that many blocks old. Header, commitment, ids
// and totals stay. A block drops at most kDroppedPerBlock chunks of about 64 KiB, so a long history
// goes over many blocks.
#pragma once

#include "plugins/receipts/state.hpp"

namespace receipts {

inline constexpr std::uint64_t kDroppedPerBlock = 200;

void drop_old_bodies(tb::Ctx& ctx);
// Up to where bodies are gone.
Dropped dropped(tb::View& view);
// The refusal of a question for receipts of such a block.
tb::Status not_kept(tb::View& view, std::uint64_t height);

}  // namespace receipts
