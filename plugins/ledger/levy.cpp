#include "plugins/ledger/levy.hpp"

#include <tb/address.hpp>

#include <algorithm>

#include "plugins/ledger/outside.hpp"
#include "plugins/ledger/transfer.hpp"

namespace ledger {
namespace {

constexpr std::uint64_t kWhole = 10'000'000'000;  // micro basis points

void add_to(Credit& credit, std::uint64_t amount) {
  // The account's balance holds the sum, so this bound is never met.
  credit.amount = credit.amount > ~amount ? ~std::uint64_t{0} : credit.amount + amount;
}

}  // namespace

std::uint64_t levy_on(std::uint64_t amount, std::uint64_t bps_micro) {
  const std::uint64_t share = std::min(bps_micro, kWhole);
  return static_cast<std::uint64_t>(static_cast<tb::U128>(amount) * share / kWhole);
}

tb::Status levy_due(tb::Ctx& ctx, std::uint64_t amount, LevyDue* due) {
  const std::optional<Levy> levy = ctx.load<Levy>(kLevyKey);
  if (!levy) return tb::ok();
  const std::uint64_t wanted = levy_on(amount, levy->bps_micro);
  if (wanted == 0) return tb::ok();
  bool verified = false;
  if (auto s = ask_verified(ctx, ctx.account(), &verified); !s || verified) return s;
  *due = {wanted, levy->to};
  return tb::ok();
}

tb::Status pay_levy(tb::Ctx& ctx, const LevyDue& due) {
  if (due.amount == 0) return tb::ok();
  if (auto s = move(ctx, {"levy", ctx.account(), due.to, due.amount, kTariff}); !s) return s;
  note_credit(ctx, due.to, {std::string(ctx.account()), due.amount, std::string(kTariff)});
  // The transfer itself was counted before, so the row is of this block.
  BlockStats stats = ctx.load<BlockStats>(kStatsKey).value_or(BlockStats{});
  stats.levy = stats.levy > ~due.amount ? ~std::uint64_t{0} : stats.levy + due.amount;
  ctx.store(kStatsKey, stats);
  return tb::ok();
}

void note_credit(tb::Ctx& ctx, std::string_view account, const Credit& credit) {
  if (credit.amount == 0 || tb::is_address(account)) return;
  const tb::Key key = watch_key(account);
  std::optional<Watched> watched = ctx.load<Watched>(key);
  if (!watched) return;
  std::vector<Credit>& credits = watched->credits;
  if (credits.size() < kMaxCredits) {
    credits.push_back(credit);
  } else {
    const auto sum =
        std::find_if(credits.begin() + static_cast<std::ptrdiff_t>(kMaxCredits), credits.end(),
                     [&](const Credit& c) { return c.source == credit.source; });
    if (sum == credits.end()) {
      credits.push_back({"", credit.amount, credit.source});
    } else {
      add_to(*sum, credit.amount);
    }
  }
  ctx.store(key, *watched);
}

tb::Status set_levy(tb::Ctx& ctx, std::string_view plugin, const SetLevyArgs& in, tb::Out&) {
  if (plugin != "economics")
    return ctx.fail(kNotAllowed, "only the plugin economics sets the levy on transfers");
  if (in.bps_micro == 0) {
    ctx.erase(kLevyKey);
    return tb::ok();
  }
  const std::optional<std::string> address = tb::stored_address(in.to);
  if (!address && !is_system_account(in.to))
    return ctx.fail(kUnknownAccount, "the levy needs an account that receives it");
  ctx.store(kLevyKey, Levy{in.bps_micro, address.value_or(std::string(in.to))});
  return tb::ok();
}

namespace {

tb::Status check_own_account(tb::Ctx& ctx, std::string_view plugin, std::string_view account) {
  if (account == plugin) return tb::ok();
  return ctx.fail(kNotAllowed,
                  tb::cat("plugin ", plugin, " may watch the account '", plugin, "' only; ",
                          account, " is not its own, or takes no transfers"));
}

}  // namespace

tb::Status watch(tb::Ctx& ctx, std::string_view plugin, const WatchArgs& in, tb::Out&) {
  if (auto s = check_own_account(ctx, plugin, in.account); !s) return s;
  const tb::Key key = watch_key(in.account);
  if (!ctx.has(key)) ctx.store(key, Watched{});
  return tb::ok();
}

tb::Status take_credits(tb::Ctx& ctx, std::string_view plugin, const WatchArgs& in, tb::Out& out) {
  if (auto s = check_own_account(ctx, plugin, in.account); !s) return s;
  const tb::Key key = watch_key(in.account);
  const Watched watched = ctx.load<Watched>(key).value_or(Watched{});
  out.list("credits", [&](tb::Out& list) {
    for (const Credit& credit : watched.credits) {
      list.record({}, [&](tb::Out& item) { item.write(credit); });
    }
  });
  if (!watched.credits.empty()) ctx.store(key, Watched{});
  return tb::ok();
}

}  // namespace ledger
