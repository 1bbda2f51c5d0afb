#include "plugins/economics/face.hpp"

#include "plugins/economics/metrics.hpp"
#include "plugins/economics/outside.hpp"
#include "plugins/economics/replay.hpp"
#include "plugins/economics/rules/snapshot.hpp"

namespace economics {
namespace {

constexpr tb::Config<bool> kVerify{0};
constexpr tb::Config<std::string> kSnapshotFolder{1};

std::int64_t shown(U128 value) {
  return static_cast<std::int64_t>(std::min<U128>(value, kMaxU64 >> 1));
}

void show_markets(const tb::Host& host, const Snapshot& s) {
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const Metric& m = s.inputs.markets[i];
    const std::string_view market = kMarketNames[i];
    host.set(kUtilizationPpm, shown(m.utilization_ppm), {market});
    host.set(kMarginPpm, m.margin_ppm, {market});
    host.set(kUtilization, shown(m.utilization_ppm), {market});
    host.set(kMargin, m.margin_ppm, {market});
    host.set(kShare, shown(s.state.shares_bps[i]), {market});
    host.set(kMultiplier, shown(s.state.multipliers_ppm[i]), {market});
  }
}

void show_split(const tb::Host& host, const AdSplit& split) {
  const std::pair<std::string_view, std::uint64_t> parts[] = {{"platform", split.platform_bps},
                                                              {"user", split.user_bps},
                                                              {"publisher", split.publisher_bps}};
  for (const auto& [who, bps] : parts) {
    host.set(kAdSplit, shown(bps), {who});
    host.set(kAdSplitRole, shown(bps), {who});
  }
}

void show_laws(const tb::Host& host, const Snapshot& s) {
  host.set(kBlockReward, shown(s.state.block_reward));
  host.set(kAnnualIssuance, shown(s.issuance.annual_issuance));
  host.set(kRealizedInflation, shown(s.issuance.realized_inflation_bps));
  host.set(kInflationError,
           shown(s.issuance.realized_inflation_bps) - shown(s.target_inflation_bps));
  host.set(kBaselineTxCount, shown(rounded_div(s.state.baselines.tx_count_micro, kPpm)));
  host.set(kBaselineTxVolume, shown(rounded_div(s.state.baselines.tx_volume_micro, kPpm)));
  host.set(kBaselineMiners, shown(rounded_div(s.state.baselines.miners_micro, kPpm)));
  host.set(kTariffBps, shown(s.tariff.bps));
  host.set(kContribution, shown(s.tariff.contribution_bps));
  host.set(kFairnessPpm, shown(s.state.fairness.nano / 1000));
}

void show_inputs(const tb::Host& host, const EpochInputs& in) {
  host.set(kEpochTxCount, shown(in.tx_count));
  host.set(kEpochTxVolume, shown(in.tx_volume));
  host.set(kEpochInflow, shown(in.treasury_inflow));
  host.set(kEffectiveMiners, shown(in.effective_miners_milli));
  host.set(kActiveMiners, shown(in.unique_miners));
}

// What a chain without a closed epoch shows: its genesis values.
Snapshot first_values(tb::View& view, const Laws& laws) {
  Snapshot out;
  out.state = laws_of(laws);
  out.issuance = issuance_of(laws.block_reward_per_block, laws.emission);
  out.target_inflation_bps = param(view, kInflationTarget);
  out.ad_split = split_of(out.state.ad);
  out.tariff = kept_tariff(laws.tariff_micro_bps);
  return out;
}

}  // namespace

Face::Face(tb::Host host) : host_(host) { on_config(); }

void Face::on_config() { files_.use(host_.config(kSnapshotFolder)); }

void Face::show_block(tb::View& view) {
  Supply supply;
  if (!ask_supply(view, &supply)) return;
  host_.set(kEmission, shown(supply.issued));
  host_.set(kSupplyRemaining, shown(supply.cap - supply.issued));
  const PerMarket<std::uint64_t> left =
      per_market(view.load<OpenEpoch>(kEpochKey).value_or(OpenEpoch{}).budget_left);
  for (std::size_t i = 0; i < kMarkets; ++i)
    host_.set(kBudgetLeft, shown(left[i]), {kMarketNames[i]});
}

void Face::show_snapshot(tb::View& view, std::uint64_t epoch) {
  const Laws laws = view.load<Laws>(kStateKey).value_or(Laws{});
  const auto stored = load_snapshot(view, epoch);
  const auto read = stored ? read_snapshot(stored->json) : std::nullopt;
  Snapshot snapshot = read ? *read : first_values(view, laws);
  const auto closed = view.load<Closed>(closed_key(epoch));
  if (closed) snapshot.inputs = inputs_of(epoch, *closed);
  show_laws(host_, snapshot);
  show_inputs(host_, snapshot.inputs);
  show_markets(host_, snapshot);
  show_split(host_, snapshot.ad_split);
  host_.set(kLegacyIssuance, shown(laws.legacy_annual_issuance));
  host_.set(kIndustrialMultiplier, shown(laws.industrial_multiplier));
  const std::uint64_t reward =
      view.load<InForce>(kInForceKey).value_or(InForce{}).block_reward_per_block;
  host_.set(kBaseReward, shown(rounded_div(U128{reward} * laws.fairness_nano, kNano)));
  const std::uint64_t mask = param(view, kFreezeMask);
  for (std::size_t i = 0; i < kLayerNames.size(); ++i)
    host_.set(kFrozen, static_cast<std::int64_t>((mask >> i) & 1), {kLayerNames[i]});
  for (std::size_t i = 0; i < kUsageClasses; ++i)
    host_.set(kRate, shown(param(view, rate_of(static_cast<UsageClass>(i)))), {kUsageNames[i]});
}

// Only the newest: `economics replay --write` writes the others.
void Face::write_file(tb::View& view, std::uint64_t epoch) {
  const auto snap = load_snapshot(view, epoch);
  if (!snap) return;
  if (files_.write(host_, epoch, snap->json)) {
    written_epoch_ = epoch;
  } else {
    host_.log(TB_LOG_WARN, tb::cat("economics: the file of snapshot ", epoch,
                                   " could not be written; tried again at the next block, or by "
                                   "contract-cli economics replay --write"));
  }
}

void Face::on_commit(tb::View& view) {
  if (!view.has(kStateKey)) return;
  show_block(view);
  const std::uint64_t newest = view.load<Laws>(kStateKey).value_or(Laws{}).epoch;
  if (!shown_ || newest != shown_epoch_) show_snapshot(view, newest);
  shown_ = true;
  shown_epoch_ = newest;
  if (newest != written_epoch_) write_file(view, newest);
}

void Face::verify_newest() {
  if (!host_.config(kVerify)) return;
  host_
      .with_view([&](tb::View& view) {
        const std::uint64_t newest = newest_epoch(view);
        if (newest == verified_epoch_) return tb::ok();
        const Replayed again = replay_epoch(view, newest);
        verified_epoch_ = newest;
        if (again.match()) return tb::ok();
        host_.add(kReplayMismatch);
        host_.log(TB_LOG_ERROR,
                  tb::cat("economics replay mismatch epoch=", newest, " member=", again.differs,
                          " stored=", again.stored_hash, " replayed=", again.replayed_hash,
                          "; run contract-cli economics replay --verify"));
        return tb::ok();
      })
      .ignore();
}

void describe_face(tb::Plugin& p) {
  p.face<Face>().on_commit(&Face::on_commit).on_config(&Face::on_config);
  p.timer("verify", 5000, &Face::verify_newest);
  p.config(kVerify, "verify", true)
      .env("TB_ECONOMICS_VERIFY")
      .help("compute the newest snapshot again and count a mismatch");
  p.config(kSnapshotFolder, "snapshot_dir", "${data}/economics/snapshots")
      .unit("folder")
      .help("where the snapshots are written as files; empty: nowhere");
}

}  // namespace economics
