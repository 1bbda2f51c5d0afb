#include "plugins/economics/block.hpp"

#include "plugins/economics/metrics.hpp"
#include "plugins/economics/outside.hpp"
#include "plugins/economics/store.hpp"
#include "plugins/economics/usage.hpp"

namespace economics {
namespace {

std::int64_t shown(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min(value, kMaxU64 >> 1));
}

void count_producer(tb::Ctx& ctx, const std::string& producer, OpenEpoch& epoch) {
  const tb::Key key = producer_key(producer);
  ProducerBlocks row = ctx.load<ProducerBlocks>(key).value_or(ProducerBlocks{});
  if (row.epoch != ctx.epoch()) row = {ctx.epoch(), 0};
  if (row.blocks == 0) epoch.producers += 1;
  epoch.squares += 2 * U128{row.blocks} + 1;  // (n + 1)^2 - n^2
  row.blocks += 1;
  ctx.store(key, row);
}

tb::Status count_block(tb::Ctx& ctx, const std::string& producer, OpenEpoch& epoch) {
  BlockStats stats;
  if (auto s = ask_block_stats(ctx, &stats); !s) return s;
  epoch.tx_count = saturating_add(epoch.tx_count, stats.tx_count);
  epoch.tx_volume_block = saturating_add(epoch.tx_volume_block, stats.tx_volume);
  epoch.non_kyc_volume_block = saturating_add(epoch.non_kyc_volume_block, stats.non_kyc_volume);
  if (stats.levy.value_or(0) > 0) ctx.add(kTariffCollected, shown(*stats.levy));
  if (epoch.blocks == 0) epoch.first_ms = ctx.time_ms();
  epoch.last_ms = ctx.time_ms();
  epoch.blocks += 1;
  if (!producer.empty()) count_producer(ctx, producer, epoch);
  return tb::ok();
}

void count_minted(tb::Ctx& ctx, std::uint64_t reward, const PerMarket<std::uint64_t>& subsidies) {
  std::uint64_t sum = reward;
  for (std::uint64_t subsidy : subsidies) sum += subsidy;
  if (sum == 0) return;
  Minted row = ctx.load<Minted>(kMintedKey).value_or(Minted{});
  PerMarket<std::uint64_t> totals = per_market(row.subsidies);
  row.reward += reward;
  if (reward > 0) ctx.add(kMintedTotal, shown(reward), {"reward"});
  for (std::size_t i = 0; i < kMarkets; ++i) {
    totals[i] += subsidies[i];
    if (subsidies[i] > 0) ctx.add(kMintedTotal, shown(subsidies[i]), {kMarketNames[i]});
  }
  row.subsidies = four(totals);
  ctx.store(kMintedKey, row);
}

// The order of 6.8: the market's claims first, then what they leave of the supply to the reward.
tb::Status mint_block(tb::Ctx& ctx, const std::string& producer, OpenEpoch& epoch) {
  const InForce in_force = ctx.load<InForce>(kInForceKey).value_or(InForce{});
  const Laws laws = ctx.load<Laws>(kStateKey).value_or(Laws{});
  Supply supply;
  if (auto s = ask_supply(ctx, &supply); !s) return s;
  CoinbaseInput in;
  in.max_supply = supply.cap;
  in.emission = supply.issued;
  in.block_reward = in_force.block_reward_per_block;
  in.fairness_nano = laws.fairness_nano;
  in.treasury_percent = param(ctx, kTreasuryPercent);
  PerMarket<Claims> claims;
  for (std::size_t i = 0; i < kMarkets; ++i)
    claims[i] = take_claims(ctx, static_cast<Market>(i), in_force, epoch, &in.subsidies[i]);
  if (!producer.empty()) {
    if (auto s = take_fees(ctx, producer, &in.fees); !s) return s;
  } else {
    in.block_reward = 0;  // no proposer is named: nobody is paid, the fees wait
  }
  const Coinbase out = coinbase(in);
  PerMarket<std::uint64_t> paid{};
  for (std::size_t i = 0; i < kMarkets; ++i)
    paid[i] = pay_claims(ctx, static_cast<Market>(i), claims[i], out.subsidies[i]);
  if (auto s = mint(ctx, producer, out.reward, "reward"); !s) return s;
  if (auto s = accrue(ctx, producer, out.treasury_cut); !s) return s;
  count_minted(ctx, out.reward, paid);
  return tb::ok();
}

}  // namespace

tb::Status begin_block(tb::Ctx& ctx) {
  if (ctx.has(kStateKey)) return tb::ok();
  Supply supply;
  if (auto s = ask_supply(ctx, &supply); !s) return s;
  const Params params = load_params(ctx);
  const LawState laws =
      genesis_state({supply.cap, ctx.block().epoch_length}, params, supply.issued);
  Laws row;
  row.epoch = ctx.epoch();
  row.emission = supply.issued;
  row.industrial_milli = Industrial{}.milli;
  row.industrial_multiplier = Industrial{}.multiplier;
  row.legacy_annual_issuance = params[kMinAnnualIssuance];
  put_laws(laws, row);
  ctx.store(kStateKey, row);
  ctx.store(kGenesisKey, row);
  ctx.store(kInForceKey, in_force_of(laws));
  OpenEpoch epoch;
  epoch.budget_left =
      four(subsidy_budgets(laws.block_reward, ctx.block().epoch_length, laws.shares_bps));
  ctx.store(kEpochKey, epoch);
  ctx.store(kYearKey, YearMark{ctx.epoch(), supply.issued});
  return tb::ok();
}

tb::Status end_block(tb::Ctx& ctx) {
  std::string producer;
  if (auto s = ask_producer(ctx, &producer); !s) return s;
  OpenEpoch epoch = ctx.load<OpenEpoch>(kEpochKey).value_or(OpenEpoch{});
  if (auto s = count_block(ctx, producer, epoch); !s) return s;
  if (auto s = mint_block(ctx, producer, epoch); !s) return s;
  ctx.store(kEpochKey, epoch);
  return tb::ok();
}

}  // namespace economics
