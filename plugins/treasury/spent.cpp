#include "plugins/treasury/spent.hpp"

namespace treasury {
namespace {

constexpr std::uint64_t kRowsKept = 256;  // of the hooks' budget, for what comes after

void lower(tb::Ctx& ctx, const tb::Key& key, std::uint64_t amount) {
  Spent row = ctx.load<Spent>(key).value_or(Spent{});
  row.amount -= std::min(row.amount, amount);
  ctx.store(key, row);
}

}  // namespace

std::uint64_t spent_in(tb::View& view, std::uint64_t epoch, std::string_view destination) {
  return view.load<Spent>(spent_key(epoch, destination)).value_or(Spent{}).amount;
}

void note_spent(tb::Ctx& ctx, std::string_view destination, std::uint64_t amount) {
  for (const std::string_view of : {std::string_view(), destination}) {
    const tb::Key key = spent_key(ctx.epoch(), of);
    Spent row = ctx.load<Spent>(key).value_or(Spent{});
    row.amount += amount;  // cannot wrap: all of it lies in escrow, or was taken off again
    ctx.store(key, row);
  }
}

void take_back_spent(tb::Ctx& ctx, std::uint64_t executed_epoch, std::string_view destination,
                     std::uint64_t amount) {
  if (executed_epoch != ctx.epoch()) return;
  lower(ctx, spent_key(executed_epoch), amount);
  lower(ctx, spent_key(executed_epoch, destination), amount);
}

void prune_spent(tb::Ctx& ctx, std::uint64_t open_epoch) {
  if (ctx.rows_left() < kRowsKept) return;
  const std::uint64_t room = std::min<std::uint64_t>(kMaxPruned, ctx.rows_left() - kRowsKept);
  std::vector<std::string> old;
  ctx.scan(kSpent, {}, static_cast<std::uint32_t>(room),
           [&](std::string_view key, std::string_view) {
             if (tb::Key::read_u64(key, kSpent.size()) >= open_epoch) return false;
             old.emplace_back(key);
             return true;
           });
  for (const std::string& key : old) ctx.erase(key);
}

}  // namespace treasury
