#include "plugins/economics/queries.hpp"

#include <charconv>

#include "plugins/economics/errors.hpp"
#include "plugins/economics/outside.hpp"
#include "plugins/economics/shapes.hpp"
#include "plugins/economics/store.hpp"

namespace economics {
namespace {

constexpr std::uint32_t kMaxHistory = 500;

// `latest`, or a number as such or as text. False: it is neither.
bool read_epoch(tb::View& view, const tb::Value& value, std::uint64_t* out) {
  if (value.absent() || value.text() == "latest") {
    *out = newest_epoch(view);
    return true;
  }
  if (value.type() == TB_TYPE_U64) {
    *out = value.u64();
    return true;
  }
  const std::string_view text = value.text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

struct SnapshotParams {
  std::optional<tb::Value> epoch;
  bool hash = false;
};
BOOST_DESCRIBE_STRUCT(SnapshotParams, (), (epoch, hash))

tb::Status snapshot(tb::View& view, const SnapshotParams& in, tb::Out& out) {
  std::uint64_t epoch = 0;
  if (!read_epoch(view, in.epoch.value_or(tb::Value()), &epoch))
    return view.fail(kInvalidParams, "epoch is a number or `latest`");
  const auto snap = load_snapshot(view, epoch);
  if (!snap) {
    const std::uint64_t newest = newest_epoch(view);
    return view.fail(
        kUnknownEpoch,
        newest == 0 ? std::string("no epoch is closed yet: the first snapshot comes with the last "
                                  "block of the first epoch")
                    : tb::cat("there is no snapshot ", epoch, "; the newest is ", newest));
  }
  if (in.hash) {
    out.value(snap->hash);
    return tb::ok();
  }
  out.record("snapshot", [&](tb::Out& o) { put_json(o, snap->json); });
  out.put("snapshot_hash", snap->hash);
  return tb::ok();
}

struct HistoryParams {
  std::uint64_t from = 1;
  std::optional<std::uint64_t> to;
  std::uint32_t limit = kMaxHistory;
  bool csv = false;
};
BOOST_DESCRIBE_STRUCT(HistoryParams, (), (from, to, limit, csv))

tb::Status history(tb::View& view, const HistoryParams& in, tb::Out& out) {
  std::vector<Snap> found;
  const std::uint64_t last = in.to.value_or(kMaxU64);
  const tb::Key after = snap_key(in.from == 0 ? 0 : in.from - 1);
  view.scan(kSnapPrefix, after, in.limit, [&](std::string_view key, std::string_view value) {
    if (tb::Key::read_u64(key, kSnapPrefix.size()) > last) return false;
    found.push_back(tb::row_as<Snap>(value));
    return true;
  });
  if (in.csv) {
    out.value(csv_of(found));
    return tb::ok();
  }
  out.list("snapshots", [&](tb::Out& list) {
    for (const Snap& snap : found) {
      list.record({}, [&](tb::Out& item) {
        put_json(item, snap.json);
        item.put("snapshot_hash", snap.hash);
      });
    }
  });
  return tb::ok();
}

tb::Status sample(tb::View& view, tb::Out& out) {
  const std::uint64_t newest = newest_epoch(view);
  const auto closed = view.load<Closed>(closed_key(newest));
  const auto snap = load_snapshot(view, newest);
  if (!closed || !snap) return view.fail(kUnknownEpoch, "no epoch is closed yet");
  out.put("epoch", newest - 1);
  out.put("epoch_tx_count", closed->tx_count);
  out.put("epoch_tx_volume_block", closed->tx_volume);
  out.put("epoch_treasury_inflow_block", closed->treasury_inflow);
  out.put("block_reward_per_block",
          view.load<Laws>(kStateKey).value_or(Laws{}).block_reward_per_block);
  out.record("market_metrics", [&](tb::Out& markets) {
    for (std::size_t i = 0; i < closed->markets.size(); ++i)
      markets.record(kMarketNames[i], [&](tb::Out& o) { put_metric(o, closed->markets[i]); });
  });
  out.list("rehearsal", [&](tb::Out& list) {
    for (std::size_t i = 0; i < closed->markets.size(); ++i) {
      if (closed->markets[i].rehearsal) list.element(kMarketNames[i]);
    }
  });
  out.put("snapshot_hash", snap->hash);
  return tb::ok();
}

tb::Status state(tb::View& view, tb::Out& out) {
  Supply supply;
  if (auto s = ask_supply(view, &supply); !s) return s;
  out.put("height", view.height());
  out.put("open_epoch", view.epoch());
  out.put("emission", supply.issued);
  out.record("state", [&](tb::Out& o) { o.write(view.load<Laws>(kStateKey).value_or(Laws{})); });
  out.record("in_force",
             [&](tb::Out& o) { o.write(view.load<InForce>(kInForceKey).value_or(InForce{})); });
  out.record("counters",
             [&](tb::Out& o) { o.write(view.load<OpenEpoch>(kEpochKey).value_or(OpenEpoch{})); });
  out.record("carry_nblock", [&](tb::Out& o) {
    for (std::size_t i = 0; i < kMarkets; ++i) {
      o.put(kMarketNames[i],
            view.load<Carry>(carry_key(static_cast<Market>(i))).value_or(Carry{}).nblock);
    }
  });
  return tb::ok();
}

tb::Status supply(tb::View& view, tb::Out& out) {
  Supply now;
  if (auto s = ask_supply(view, &now); !s) return s;
  const Minted minted = view.load<Minted>(kMintedKey).value_or(Minted{});
  const Four& s = minted.subsidies;
  const std::uint64_t subsidies = s.storage + s.compute + s.energy + s.ad;
  const std::uint64_t before = view.load<Laws>(kGenesisKey).value_or(Laws{}).emission;
  const std::uint64_t ever = before + minted.reward + subsidies;
  const YearMark year = view.load<YearMark>(kYearKey).value_or(YearMark{});
  out.put("max_supply_block", now.cap);
  out.put("emission", now.issued);
  out.put("remaining", now.cap - now.issued);
  out.put("minted_reward", minted.reward);
  out.put("minted_subsidy", subsidies);
  out.put("burned", ever > now.issued ? ever - now.issued : std::uint64_t{0});
  out.put("inflation_ppm_year", inflation_ppm(now.issued, year.emission));
  return tb::ok();
}

tb::Status rates(tb::View& view, tb::Out& out) {
  for (ParamId id : {kBetaStorage, kGammaRead, kKappaCpu, kLambdaBytesOut})
    out.put(param_table()[id].key, param(view, id));
  std::optional<std::uint64_t> rent;
  if (auto s = ask_param(view, "rent_rate_per_byte", &rent); !s) return s;
  out.put("rent_rate_per_byte", rent.value_or(0));
  return tb::ok();
}

tb::Status industrial(tb::View& view, tb::Out& out) {
  const IndustrialLoad load = view.load<IndustrialLoad>(kIndustrialKey).value_or(IndustrialLoad{});
  const U128 all = U128{load.backlog} + load.matched;
  out.put("backlog", load.backlog);
  out.put("utilization_ppm", all == 0
                                 ? std::uint64_t{0}
                                 : static_cast<std::uint64_t>(U128{load.matched} * kPpm / all));
  out.put("multiplier", view.load<Laws>(kStateKey).value_or(Laws{}).industrial_multiplier);
  return tb::ok();
}

struct QuoteParams {
  std::string_view from;
  std::uint64_t amount = 0;
};
BOOST_DESCRIBE_STRUCT(QuoteParams, (), (from, amount))

tb::Status tariff_quote(tb::View& view, const QuoteParams& in, tb::Out& out) {
  const std::uint64_t bps = view.load<InForce>(kInForceKey).value_or(InForce{}).tariff_bps;
  std::uint64_t tariff = 0;
  if (auto s = ask_tariff(view, in.from, in.amount, bps, &tariff); !s) return s;
  out.put("tariff_bps", bps);
  out.put("tariff", tariff);
  return tb::ok();
}

void describe_snapshots(tb::Plugin& p) {
  p.query("economics.snapshot", &snapshot)
      .role("open")
      .summary("The snapshot of a boundary and its hash")
      .error(kUnknownEpoch)
      .field("epoch")
      .help("number of the boundary, or latest; snapshot k closes epoch k - 1")
      .field("hash")
      .defaulted()
      .help("answer with the hash only")
      .cli("economics snapshot")
      .example("contract-cli economics snapshot --epoch latest", "which values are in force")
      .example("contract-cli economics snapshot --epoch 42 --hash", "its hash only");
  p.query("economics.history", &history)
      .role("open")
      .summary("Snapshots of a range of epochs, ascending")
      .field("from")
      .defaulted()
      .help("first number")
      .field("to")
      .help("last number; the newest if left out")
      .field("limit")
      .defaulted()
      .min(1)
      .max(kMaxHistory)
      .field("csv")
      .defaulted()
      .help("answer with one text of comma-separated lines")
      .cli("economics history")
      .list("snapshots")
      .id_field("epoch")
      .example("contract-cli economics history --from 10 --to 20 --csv",
               "eleven epochs as a sheet");
  p.query("economics.sample", &sample)
      .role("open")
      .summary("What the launch governor reads of the last closed epoch")
      .error(kUnknownEpoch)
      .cli("economics sample");
}

}  // namespace

void describe_queries(tb::Plugin& p) {
  p.method_prefix("inflation").method_prefix("industrial");
  describe_snapshots(p);
  p.query("economics.state", &state)
      .role("open")
      .summary("Counters of the open epoch, budgets left, carries, and what is in force")
      .cli("economics state");
  p.query("economics.supply", &supply)
      .role("open")
      .summary("Supply, what was minted and burned, and inflation since the mark of the year")
      .cli("economics supply");
  p.query("inflation.params", &rates)
      .role("open")
      .summary("Usage subsidy rates and storage rent in force")
      .cli("economics params");
  p.query("industrial", &industrial)
      .role("open")
      .summary("Load of the industrial lane and its multiplier, in percent")
      .cli("economics industrial");
  p.query("economics.tariff_quote", &tariff_quote)
      .role("open")
      .summary("What a transfer of this account would pay on top")
      .field("from")
      .min(1)
      .max(128)
      .field("amount")
      .unit("BLOCK")
      .cli("economics tariff-quote")
      .positional("from")
      .positional("amount");
}

}  // namespace economics
