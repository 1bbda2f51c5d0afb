#include "plugins/economics/boundary.hpp"

#include "plugins/economics/errors.hpp"
#include "plugins/economics/metrics.hpp"
#include "plugins/economics/outside.hpp"
#include "plugins/economics/rules/snapshot.hpp"
#include "plugins/economics/store.hpp"

namespace economics {
namespace {

// One boundary, from the counters of the epoch to the first state of the next.
class Boundary {
 public:
  explicit Boundary(tb::Ctx& ctx)
      : ctx_(ctx),
        params_(load_params(ctx)),
        open_(ctx.load<OpenEpoch>(kEpochKey).value_or(OpenEpoch{})),
        laws_(ctx.load<Laws>(kStateKey).value_or(Laws{})) {}

  tb::Status run() {
    if (auto s = measure(); !s) return s;
    snapshot_ = run_laws({supply_.cap, blocks()}, params_, laws_of(laws_), inputs_);
    ctx_.add(kLawUpdates);
    put_laws(snapshot_.state, laws_);
    monitor();
    keep_snapshot();
    if (auto s = tune(); !s) return s;
    if (auto s = bring_into_force(); !s) return s;
    open_next();
    return tb::ok();
  }

 private:
  std::uint64_t number() const { return ctx_.epoch() + 1; }
  std::uint64_t blocks() const { return ctx_.block().epoch_length; }

  tb::Status measure() {
    if (auto s = ask_supply(ctx_, &supply_); !s) return s;
    if (auto s = measure_markets(ctx_, ctx_.epoch(), &measured_); !s) return s;
    inputs_.epoch = number();
    inputs_.emission = supply_.issued;
    inputs_.tx_count = open_.tx_count;
    inputs_.tx_volume = open_.tx_volume_block;
    inputs_.unique_miners = open_.producers;
    inputs_.effective_miners_milli = effective_producers(open_.blocks, open_.squares);
    inputs_.markets = measured_.metrics;
    inputs_.ad_spend = open_.ad_spend_block;
    inputs_.non_kyc_volume = open_.non_kyc_volume_block;
    return ask_inflow(ctx_, ctx_.epoch(), &inputs_.treasury_inflow);
  }

  // What is watched only, or read by other plugins.
  void monitor() {
    laws_.legacy_annual_issuance =
        legacy_inflation(params_, laws_.legacy_annual_issuance, inputs_.emission).annual_issuance;
    const auto load = ctx_.load<IndustrialLoad>(kIndustrialKey);
    if (load && load->epoch == ctx_.epoch()) {
      const Industrial next = next_industrial({laws_.industrial_milli, laws_.industrial_multiplier},
                                              load->backlog, load->matched);
      laws_.industrial_milli = next.milli;
      laws_.industrial_multiplier = next.multiplier;
    }
    if (params_[kKillSwitch] > 0) ctx_.add(kKillSwitchTriggers);
  }

  void keep_snapshot() {
    const std::string json = canonical_json(snapshot_);
    const std::string hash = hash_of(json);
    ctx_.store(closed_key(number()), closed_of(inputs_, measured_.rehearsal));
    ctx_.store(snap_key(number()), Snap{hash, json});
    const tb::Key set = params_key(snapshot_.params_hash);
    if (!ctx_.has(set)) ctx_.put(set, params_.canonical_json());
    laws_.epoch = number();
    laws_.emission = inputs_.emission;
    laws_.prev_hash = hash;
    ctx_.store(kStateKey, laws_);
    ctx_.emit(kSnapshotEvent, {number(), hash});
    ctx_.log(TB_LOG_INFO, tb::cat("economics epoch=", number(), " hash=", hash));
  }

  tb::Status tune() {
    YearMark year = ctx_.load<YearMark>(kYearKey).value_or(YearMark{});
    const std::uint64_t inflation = inflation_ppm(inputs_.emission, year.emission);
    if (number() - year.epoch >= epochs_per_year(blocks()))
      ctx_.store(kYearKey, YearMark{number(), inputs_.emission});
    if (params_[kAutoTune] == 0) return tb::ok();
    const std::uint64_t secs = std::max<std::uint64_t>(1, (open_.last_ms - open_.first_ms) / 1000);
    const std::array<std::uint64_t, kUsageClasses> units = {open_.storage_bytes, open_.read_bytes,
                                                            open_.cpu_ms, open_.bytes_out};
    bool reduced = false;
    for (std::size_t i = 0; i < kUsageClasses; ++i) {
      const UsageClass usage = static_cast<UsageClass>(i);
      const std::uint64_t rate = params_[rate_of(usage)];
      const TunedRate tuned = tuned_rate(usage, rate, units[i], inputs_.emission, secs, inflation);
      reduced = reduced || tuned.reduced;
      ctx_.set(kRateRaw, static_cast<std::int64_t>(std::min(tuned.target, kMaxU64 >> 1)),
               {kUsageNames[i]});
      if (tuned.rate == rate) continue;
      if (auto s = write_rate(usage, tuned.rate); s.aborted()) return s;
    }
    if (reduced) ctx_.add(kAutoReduced);
    return tb::ok();
  }

  // A refused rate stays as it was: the laws go on.
  tb::Status write_rate(UsageClass usage, std::uint64_t rate) {
    const std::string_view key = param_table()[rate_of(usage)].key;
    const tb::Status done = ctx_.attempt([&] { return write_param(ctx_, key, rate); });
    if (done.failed())
      ctx_.log(TB_LOG_WARN, tb::cat("economics rate refused key=", key, " value=", rate));
    return done;
  }

  tb::Status bring_into_force() {
    if (params_[kAutopilot] == 0) return tb::ok();
    const InForce before = ctx_.load<InForce>(kInForceKey).value_or(InForce{});
    const InForce next = in_force_of(snapshot_.state);
    ctx_.store(kInForceKey, next);
    return next.tariff_bps == before.tariff_bps ? tb::ok() : set_levy(ctx_, next.tariff_bps);
  }

  void open_next() {
    const InForce in_force = ctx_.load<InForce>(kInForceKey).value_or(InForce{});
    OpenEpoch next;
    next.budget_left = four(
        subsidy_budgets(in_force.block_reward_per_block, blocks(), per_market(in_force.subsidies)));
    ctx_.store(kEpochKey, next);
    for (std::size_t i = 0; i < kMarkets; ++i) {
      const tb::Key key = carry_key(static_cast<Market>(i));
      const auto carry = ctx_.load<Carry>(key);
      if (carry && carry->nblock != carry_of_epoch(carry->nblock))
        ctx_.store(key, Carry{carry_of_epoch(carry->nblock)});
    }
  }

  tb::Ctx& ctx_;
  const Params params_;
  const OpenEpoch open_;
  Laws laws_;
  Supply supply_;
  Measured measured_;
  EpochInputs inputs_;
  Snapshot snapshot_;
};

}  // namespace

tb::Status close_epoch(tb::Ctx& ctx) { return Boundary(ctx).run(); }

tb::Status check_params(tb::Ctx& ctx, const tb::ParamChanges& changes) {
  Params next;
  for (std::uint32_t i = 0; i < kParamCount; ++i) {
    const tb_param_change* change = changes.find(tb::Param{i});
    const ParamSpec& spec = param_table()[i];
    if (change != nullptr && i >= kFirstGenesisParam && change->new_value != change->old_value) {
      return ctx.fail(kGenesisValue, tb::cat(spec.key, " is a value of the genesis and never ",
                                             "changes; start a new network with another one"));
    }
    next.set(static_cast<ParamId>(i), changes.value(ctx, tb::Param{i}));
  }
  const std::string problem = check_groups(next);
  return problem.empty() ? tb::ok() : ctx.fail(kGroupRule, problem);
}

}  // namespace economics
