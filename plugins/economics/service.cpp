#include "plugins/economics/service.hpp"

#include "plugins/economics/errors.hpp"
#include "plugins/economics/outside.hpp"
#include "plugins/economics/store.hpp"
#include "plugins/economics/usage.hpp"

namespace economics {
namespace {

constexpr std::size_t kMaxAccountBytes = 128;
constexpr std::size_t kMaxWeights = 10'000;

std::optional<Market> market_named(std::string_view name) {
  for (std::size_t i = 0; i < kMarkets; ++i) {
    if (kMarketNames[i] == name) return static_cast<Market>(i);
  }
  return std::nullopt;
}
std::optional<UsageClass> usage_named(std::string_view name) {
  for (std::size_t i = 0; i < kUsageClasses; ++i) {
    if (kUsageNames[i] == name) return static_cast<UsageClass>(i);
  }
  return std::nullopt;
}
tb::Status bad_market(tb::View& view) {
  return view.fail(kInvalidParams, "market is storage, compute, energy or ad");
}
tb::Status check_recipient(tb::Ctx& ctx, std::string_view recipient) {
  if (!recipient.empty() && recipient.size() <= kMaxAccountBytes) return tb::ok();
  return ctx.fail(kInvalidParams, "recipient is an account of 1 to 128 bytes");
}

struct UsageArgs {
  std::string_view usage_class;
  std::string_view recipient;
  std::uint64_t units = 0;
};
BOOST_DESCRIBE_STRUCT(UsageArgs, (), (usage_class, recipient, units))

tb::Status serve_usage(tb::Ctx& ctx, std::string_view, const UsageArgs& in, tb::Out&) {
  const auto usage = usage_named(in.usage_class);
  if (!usage) return ctx.fail(kInvalidParams, "usage_class is storage, read, cpu or bytes_out");
  if (auto s = check_recipient(ctx, in.recipient); !s) return s;
  if (in.units > 0) add_usage(ctx, *usage, in.recipient, in.units);
  return tb::ok();
}

struct ClaimArgs {
  std::string_view market;
  std::string_view recipient;
  tb::U128 nblock = 0;
};
BOOST_DESCRIBE_STRUCT(ClaimArgs, (), (market, recipient, nblock))

tb::Status serve_claim(tb::Ctx& ctx, std::string_view, const ClaimArgs& in, tb::Out&) {
  const auto market = market_named(in.market);
  if (!market) return bad_market(ctx);
  if (auto s = check_recipient(ctx, in.recipient); !s) return s;
  if (in.nblock > 0) add_claim(ctx, *market, in.recipient, in.nblock);
  return tb::ok();
}

struct AmountArgs {
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(AmountArgs, (), (amount))

tb::Status serve_ad_spent(tb::Ctx& ctx, std::string_view, const AmountArgs& in, tb::Out&) {
  OpenEpoch epoch = ctx.load<OpenEpoch>(kEpochKey).value_or(OpenEpoch{});
  epoch.ad_spend_block = saturating_add(epoch.ad_spend_block, in.amount);
  ctx.store(kEpochKey, epoch);
  return tb::ok();
}

struct LoadArgs {
  std::uint64_t backlog = 0, matched = 0;
};
BOOST_DESCRIBE_STRUCT(LoadArgs, (), (backlog, matched))

tb::Status serve_load(tb::Ctx& ctx, std::string_view plugin, const LoadArgs& in, tb::Out&) {
  if (!ctx.last_of_epoch())
    return ctx.fail(kInvalidParams,
                    tb::cat("plugin ", plugin, " hands in the industrial load at ", "block ",
                            ctx.height(), "; it belongs to the last block of an epoch"));
  ctx.store(kIndustrialKey, IndustrialLoad{ctx.epoch(), in.backlog, in.matched});
  return tb::ok();
}

InForce in_force(tb::View& view) { return view.load<InForce>(kInForceKey).value_or(InForce{}); }

struct MarketArgs {
  std::string_view market;
};
BOOST_DESCRIBE_STRUCT(MarketArgs, (), (market))

tb::Status serve_multiplier(tb::View& view, std::string_view, const MarketArgs& in, tb::Out& out) {
  const auto market = market_named(in.market);
  if (!market) return bad_market(view);
  out.put("multiplier_ppm",
          per_market(in_force(view).multipliers_ppm)[static_cast<std::size_t>(*market)]);
  return tb::ok();
}

tb::Status serve_split(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  const InForce now = in_force(view);
  out.put("platform_take_bps", now.platform_take_bps);
  out.put("user_share_bps", now.user_share_bps);
  out.put("publisher_share_bps", now.publisher_share_bps);
  return tb::ok();
}

struct TariffArgs {
  std::string_view from;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(TariffArgs, (), (from, amount))

tb::Status serve_tariff(tb::View& view, std::string_view, const TariffArgs& in, tb::Out& out) {
  const std::uint64_t bps = in_force(view).tariff_bps;
  std::uint64_t tariff = 0;
  if (auto s = ask_tariff(view, in.from, in.amount, bps, &tariff); !s) return s;
  out.put("tariff_bps", bps);
  out.put("tariff", tariff);
  return tb::ok();
}

struct DistributeArgs {
  std::uint64_t total = 0;
  std::vector<std::uint64_t> weights;
};
BOOST_DESCRIBE_STRUCT(DistributeArgs, (), (total, weights))

tb::Status serve_distribute(tb::View& view, std::string_view, const DistributeArgs& in,
                            tb::Out& out) {
  if (in.weights.size() > kMaxWeights)
    return view.fail(kInvalidParams, tb::cat("at most ", kMaxWeights, " weights"));
  const std::vector<U128> weights(in.weights.begin(), in.weights.end());
  out.put("allocations", distribute(in.total, weights));
  return tb::ok();
}

struct FigureArgs {
  std::string_view name;
};
BOOST_DESCRIBE_STRUCT(FigureArgs, (), (name))

tb::Status serve_figure(tb::View& view, std::string_view, const FigureArgs& in, tb::Out& out) {
  const auto snap = load_snapshot(view, newest_epoch(view));
  if (!snap) return view.fail(kUnknownEpoch, "no epoch is closed yet");
  const auto value = figure(snap->json, in.name);
  if (!value) return view.fail(kInvalidParams, tb::cat("a snapshot has no number '", in.name, "'"));
  out.put("value", *value);
  return tb::ok();
}

}  // namespace

void describe_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("economics/1");
  service.function("add_usage", &serve_usage)
      .help("Usage that a settlement receipt proves, for whom it is paid at the end of the block")
      .error(kInvalidParams);
  service.function("claim_subsidy", &serve_claim)
      .help("A subsidy that the market's own rule found, in nBLOCK")
      .error(kInvalidParams);
  service.function("ad_spent", &serve_ad_spent).help("Ad spend of the open epoch");
  service.function("industrial_load", &serve_load)
      .help("Units of open bids and units matched in the industrial lane, at the end of an epoch")
      .error(kInvalidParams);
  service.function("multiplier_ppm", &serve_multiplier)
      .help("Multiplier of a market that is in force")
      .error(kInvalidParams);
  service.function("ad_split", &serve_split).help("Split of ad spend that is in force");
  service.function("tariff_for", &serve_tariff).help("What a transfer of this account pays on top");
  service.function("distribute", &serve_distribute)
      .help("Shares an amount by weights, the rest to the largest remainders")
      .error(kInvalidParams);
  service.function("figure", &serve_figure)
      .help("A number of the newest snapshot by its name, such as tariff_bps")
      .error(kUnknownEpoch)
      .error(kInvalidParams);
}

}  // namespace economics
