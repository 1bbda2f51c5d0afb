#include "plugins/economics/usage.hpp"

#include "plugins/economics/metrics.hpp"
#include "plugins/economics/outside.hpp"
#include "plugins/economics/store.hpp"

namespace economics {
namespace {

// Rows that one claimant costs: its report is read, scanned and erased, its account and the supply
// are read and written.
constexpr std::uint64_t kRowsPerClaimant = 10;
constexpr std::uint64_t kMaxClaimants = 20'000;

tb::Key usage_key(Market market, std::string_view account) {
  return usage_prefix(market).raw(account);
}

std::uint64_t& units_of(Usage& row, UsageClass usage) {
  switch (usage) {
    case UsageClass::kStorage:
      return row.storage_bytes;
    case UsageClass::kRead:
      return row.read_bytes;
    case UsageClass::kCpu:
      return row.cpu_ms;
    case UsageClass::kBytesOut:
      break;
  }
  return row.bytes_out;
}

U128 weight_of(const std::array<std::uint64_t, kUsageClasses>& rates, Usage row) {
  U128 sum = std::min(row.claimed_nblock, kMaxUsage);
  for (std::size_t i = 0; i < kUsageClasses; ++i)
    sum += usage_nano(rates[i], units_of(row, static_cast<UsageClass>(i)));
  return std::min(sum, kMaxUsage);
}

void count_units(const Usage& row, OpenEpoch& epoch) {
  epoch.storage_bytes = saturating_add(epoch.storage_bytes, row.storage_bytes);
  epoch.read_bytes = saturating_add(epoch.read_bytes, row.read_bytes);
  epoch.cpu_ms = saturating_add(epoch.cpu_ms, row.cpu_ms);
  epoch.bytes_out = saturating_add(epoch.bytes_out, row.bytes_out);
}

Claims read_claims(tb::Ctx& ctx, Market market, OpenEpoch& epoch) {
  Claims claims;
  std::array<std::uint64_t, kUsageClasses> rates{};
  const std::uint64_t limit =
      std::min(kMaxClaimants, ctx.rows_left() / kRowsPerClaimant / kMarkets);
  std::vector<std::string> keys;
  ctx.scan(usage_prefix(market), {}, static_cast<std::uint32_t>(limit),
           [&](std::string_view key, std::string_view value) {
             if (keys.empty()) {
               for (std::size_t i = 0; i < kUsageClasses; ++i)
                 rates[i] = param(ctx, rate_of(static_cast<UsageClass>(i)));
             }
             const Usage row = tb::row_as<Usage>(value);
             count_units(row, epoch);
             claims.accounts.emplace_back(key.substr(kUsagePrefixBytes));
             claims.weights.push_back(weight_of(rates, row));
             claims.sum += claims.weights.back();
             keys.emplace_back(key);
           });
  for (const std::string& key : keys) ctx.erase(key);
  return claims;
}

std::uint64_t& budget_of(Four& budgets, Market market) {
  std::uint64_t* const all[kMarkets] = {&budgets.storage, &budgets.compute, &budgets.energy,
                                        &budgets.ad};
  return *all[static_cast<std::size_t>(market)];
}

}  // namespace

void add_usage(tb::Ctx& ctx, UsageClass usage, std::string_view recipient, std::uint64_t units) {
  const tb::Key key = usage_key(market_of(usage), recipient);
  Usage row = ctx.load<Usage>(key).value_or(Usage{});
  std::uint64_t& sum = units_of(row, usage);
  sum = saturating_add(sum, units);
  ctx.store(key, row);
  const std::int64_t shown = static_cast<std::int64_t>(std::min(units, kMaxU64 >> 1));
  if (usage == UsageClass::kCpu) {
    ctx.add(kUsageCpuMs, shown);
  } else {
    ctx.add(kUsageBytes, shown, {kUsageNames[static_cast<std::size_t>(usage)]});
  }
}

void add_claim(tb::Ctx& ctx, Market market, std::string_view recipient, tb::U128 nblock) {
  const tb::Key key = usage_key(market, recipient);
  Usage row = ctx.load<Usage>(key).value_or(Usage{});
  row.claimed_nblock = std::min(row.claimed_nblock + std::min<U128>(nblock, kMaxUsage), kMaxUsage);
  ctx.store(key, row);
}

Claims take_claims(tb::Ctx& ctx, Market market, const InForce& in_force, OpenEpoch& epoch,
                   std::uint64_t* mint) {
  *mint = 0;
  Claims claims = read_claims(ctx, market, epoch);
  if (claims.sum == 0) return claims;
  const tb::Key key = carry_key(market);
  std::uint64_t& budget = budget_of(epoch.budget_left, market);
  const UsageMint out =
      mint_usage(claims.sum, per_market(in_force.multipliers_ppm)[static_cast<std::size_t>(market)],
                 param(ctx, kKillSwitch), ctx.load<Carry>(key).value_or(Carry{}).nblock, budget);
  ctx.store(key, Carry{out.carry_nano});
  budget = out.budget_left;
  *mint = out.mint;
  return claims;
}

std::uint64_t pay_claims(tb::Ctx& ctx, Market market, const Claims& claims, std::uint64_t amount) {
  const std::string_view kind = kMarketNames[static_cast<std::size_t>(market)];
  const std::vector<std::uint64_t> parts = distribute(amount, claims.weights);
  std::uint64_t minted = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == 0) continue;
    const tb::Status paid =
        ctx.attempt([&] { return mint(ctx, claims.accounts[i], parts[i], kind); });
    if (paid.ok()) {
      minted += parts[i];
    } else {
      ctx.log(TB_LOG_WARN, tb::cat("economics subsidy refused market=", kind,
                                   " account=", claims.accounts[i], " amount=", parts[i]));
    }
  }
  return minted;
}

}  // namespace economics
