#include "plugins/economics/store.hpp"

#include <charconv>
#include <limits>

#include "plugins/economics/rules/snapshot.hpp"

namespace economics {

Params load_params(tb::View& view) {
  Params params;
  for (std::uint32_t i = 0; i < kParamCount; ++i) {
    const ParamId id = static_cast<ParamId>(i);
    params.set(id, param(view, id));
  }
  return params;
}

LawState laws_of(const Laws& row) {
  LawState out;
  out.baselines = {row.baseline_tx_count_micro, row.baseline_tx_volume_micro,
                   row.baseline_miners_micro};
  out.block_reward = row.block_reward_per_block;
  out.shares_bps = per_market(row.subsidies);
  out.multipliers_ppm = per_market(row.multipliers_ppm);
  out.ad = {row.ad_platform_nano, row.ad_user_nano};
  out.tariff_micro_bps = row.tariff_micro_bps;
  out.fairness = {row.fairness_nano, row.fairness_last_n_milli, row.fairness_lock_until_height};
  out.prev_hash = row.prev_hash;
  return out;
}

void put_laws(const LawState& laws, Laws& row) {
  row.baseline_tx_count_micro = laws.baselines.tx_count_micro;
  row.baseline_tx_volume_micro = laws.baselines.tx_volume_micro;
  row.baseline_miners_micro = laws.baselines.miners_micro;
  row.block_reward_per_block = laws.block_reward;
  row.subsidies = four(laws.shares_bps);
  row.multipliers_ppm = four(laws.multipliers_ppm);
  row.ad_platform_nano = laws.ad.platform_nano;
  row.ad_user_nano = laws.ad.user_nano;
  row.tariff_micro_bps = laws.tariff_micro_bps;
  row.fairness_nano = laws.fairness.nano;
  row.fairness_last_n_milli = laws.fairness.last_n_milli;
  row.fairness_lock_until_height = laws.fairness.lock_until_height;
  row.prev_hash = laws.prev_hash;
}

InForce in_force_of(const LawState& laws) {
  const AdSplit split = split_of(laws.ad);
  InForce out;
  out.block_reward_per_block = laws.block_reward;
  out.subsidies = four(laws.shares_bps);
  out.multipliers_ppm = four(laws.multipliers_ppm);
  out.platform_take_bps = split.platform_bps;
  out.user_share_bps = split.user_bps;
  out.publisher_share_bps = split.publisher_bps;
  out.tariff_bps = kept_tariff(laws.tariff_micro_bps).bps;
  return out;
}

EpochInputs inputs_of(std::uint64_t epoch, const Closed& row) {
  EpochInputs out;
  out.epoch = epoch;
  out.emission = row.emission;
  out.tx_count = row.tx_count;
  out.tx_volume = row.tx_volume;
  out.unique_miners = row.unique_miners;
  out.effective_miners_milli = row.effective_miners_milli;
  out.ad_spend = row.ad_spend;
  out.non_kyc_volume = row.non_kyc_volume;
  out.treasury_inflow = row.treasury_inflow;
  for (std::size_t i = 0; i < std::min(kMarkets, row.markets.size()); ++i) {
    const StoredMetric& m = row.markets[i];
    out.markets[i] = {m.utilization_ppm, m.margin_ppm, m.cost_micro, m.payout_micro};
  }
  return out;
}

Closed closed_of(const EpochInputs& in, const PerMarket<bool>& rehearsal) {
  Closed row;
  row.emission = in.emission;
  row.tx_count = in.tx_count;
  row.tx_volume = in.tx_volume;
  row.unique_miners = in.unique_miners;
  row.effective_miners_milli = in.effective_miners_milli;
  row.ad_spend = in.ad_spend;
  row.non_kyc_volume = in.non_kyc_volume;
  row.treasury_inflow = in.treasury_inflow;
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const Metric& m = in.markets[i];
    row.markets.push_back(
        {m.utilization_ppm, m.margin_ppm, m.cost_micro, m.payout_micro, rehearsal[i]});
  }
  return row;
}

std::optional<Snap> load_snapshot(tb::View& view, std::uint64_t epoch) {
  return view.load<Snap>(snap_key(epoch));
}

std::uint64_t newest_epoch(tb::View& view) {
  std::uint64_t epoch = 0;
  view.scan_back(kSnapPrefix, {}, 1, [&](std::string_view key, std::string_view) {
    epoch = tb::Key::read_u64(key, kSnapPrefix.size());
  });
  return epoch;
}

std::optional<Params> load_param_set(tb::View& view, const std::string& hash) {
  const std::optional<std::string> text = view.get(params_key(hash));
  Params params = load_params(view);
  if (!text || !params.read_canonical(*text)) return std::nullopt;
  return params;
}

std::optional<std::int64_t> figure(std::string_view snapshot_json, std::string_view name) {
  const std::string ending = "." + std::string(name);
  for (const auto& [member, text] : flat_members(snapshot_json)) {
    if (member != name && !member.ends_with(ending)) continue;
    std::uint64_t number = 0;
    const bool negative = text.starts_with('-');
    const char* end = text.data() + text.size();
    if (std::from_chars(text.data() + (negative ? 1 : 0), end, number).ptr != end)
      return std::nullopt;  // a hash
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    const std::int64_t size = static_cast<std::int64_t>(std::min(number, kMost));
    return negative ? -size : size;
  }
  return std::nullopt;
}

}  // namespace economics
