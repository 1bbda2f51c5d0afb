#include "plugins/receipts/retention.hpp"

#include <algorithm>

namespace receipts {
namespace {

// A block's row is read, and one row of each chunk is erased; the cursor is written once.
constexpr std::uint64_t kRowsOfCursor = 2;

bool may_go(tb::Ctx& ctx, std::uint64_t height, const Block& block) {
  return block.available_until <= ctx.time_ms() &&
         ctx.height() - height >= ctx.param(kRetentionBlocks);
}

// The next block with receipts at or above `height`.
std::optional<std::pair<std::uint64_t, Block>> next_block(tb::Ctx& ctx, std::uint64_t height) {
  std::optional<std::pair<std::uint64_t, Block>> found;
  const std::string after = height == 0 ? "" : std::string(block_key(height - 1).view());
  ctx.scan(kBlockPrefix, after, 1, [&](std::string_view key, std::string_view value) {
    found.emplace(tb::Key::read_u64(key, kBlockPrefix.size()), tb::row_as<Block>(value));
  });
  return found;
}

}  // namespace

void drop_old_bodies(tb::Ctx& ctx) {
  if (ctx.param(kRetentionBlocks) == 0) return;
  const Dropped before = dropped(ctx);
  Dropped now = before;
  std::uint64_t left = std::min(kDroppedPerBlock, ctx.rows_left() / 8);
  while (left > kRowsOfCursor) {
    const auto oldest = next_block(ctx, now.height);
    if (!oldest || !may_go(ctx, oldest->first, oldest->second)) break;
    const auto& [height, block] = *oldest;
    if (height != now.height) now = {height, 0};
    for (; now.chunk < block.chunks && left > kRowsOfCursor; ++now.chunk, --left)
      ctx.erase(body_key(height, now.chunk));
    if (now.chunk < block.chunks) break;
    now = {height + 1, 0};
    --left;
  }
  if (now.height != before.height || now.chunk != before.chunk) ctx.store(kDroppedKey, now);
}

Dropped dropped(tb::View& view) { return view.load<Dropped>(kDroppedKey).value_or(Dropped{}); }

tb::Status not_kept(tb::View& view, std::uint64_t height) {
  return view.fail(kNotKept,
                   tb::cat("the receipts of block ", height,
                           " were dropped (parameter receipt_retention_blocks); its header and "
                           "commitment are kept: receipts header --height ",
                           height));
}

}  // namespace receipts
