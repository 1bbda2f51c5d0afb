#include "plugins/economics/tools.hpp"

#include <charconv>

#include "plugins/economics/errors.hpp"
#include "plugins/economics/face.hpp"
#include "plugins/economics/recount.hpp"
#include "plugins/economics/replay.hpp"
#include "plugins/economics/rules/snapshot.hpp"

namespace economics {
namespace {

constexpr std::uint64_t kMaxReplayed = 20'000;
constexpr std::uint64_t kMaxSimulated = 2'000;

tb::Status nothing_stored(tb::LocalCall& call) {
  return call.fail(kUnknownEpoch,
                   "no epoch of this range is closed; `economics snapshot` tells "
                   "the newest");
}

// "key=value" into a parameter of the laws and a value in its range.
tb::Status read_override(tb::LocalCall& call, const std::string& text, Override* out) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos)
    return call.fail(kInvalidParams, tb::cat("'", text, "': write key=value"));
  const auto id = find_param(std::string_view(text).substr(0, equals));
  if (!id || !param_table()[*id].hashed) {
    return call.fail(kUnknownParam,
                     tb::cat("the laws know no parameter '", text.substr(0, equals),
                             "'; `contract-cli gov params --filter 'economics_*'` lists them"));
  }
  const ParamSpec& spec = param_table()[*id];
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + equals + 1, end, out->value);
  if (error != std::errc() || stop != end || out->value < spec.min || out->value > spec.max) {
    return call.fail(kOutOfBounds, tb::cat(spec.key, " is a number from ", spec.min, " to ",
                                           spec.max, " ", spec.unit));
  }
  out->id = *id;
  return tb::ok();
}

std::string joined(const PerMarket<std::uint64_t>& values) {
  std::string out;
  for (std::uint64_t value : values) out += (out.empty() ? "" : "/") + std::to_string(value);
  return out;
}

void put_pair(tb::Out& out, std::string_view name, const std::string& recorded,
              const std::string& simulated) {
  out.put(name, recorded);
  out.put(tb::cat(name, "_simulated"), simulated);
}

void put_simulated(tb::Out& out, const SimulatedEpoch& epoch) {
  const Snapshot &a = epoch.recorded, &b = epoch.simulated;
  out.put("epoch", a.inputs.epoch);
  out.put("reward", a.state.block_reward);
  out.put("reward_simulated", b.state.block_reward);
  put_pair(out, "shares_bps", joined(a.state.shares_bps), joined(b.state.shares_bps));
  put_pair(out, "multipliers_ppm", joined(a.state.multipliers_ppm),
           joined(b.state.multipliers_ppm));
  put_pair(out, "ad_split_bps",
           joined({a.ad_split.platform_bps, a.ad_split.user_bps, a.ad_split.publisher_bps, 0}),
           joined({b.ad_split.platform_bps, b.ad_split.user_bps, b.ad_split.publisher_bps, 0}));
  out.put("tariff_bps", a.tariff.bps);
  out.put("tariff_bps_simulated", b.tariff.bps);
}

bool differs(const SimulatedEpoch& epoch) {
  const LawState &a = epoch.recorded.state, &b = epoch.simulated.state;
  return a.block_reward != b.block_reward || a.shares_bps != b.shares_bps ||
         a.multipliers_ppm != b.multipliers_ppm ||
         !(epoch.recorded.ad_split == epoch.simulated.ad_split) ||
         epoch.recorded.tariff.bps != epoch.simulated.tariff.bps;
}

// The inputs of the newest boundaries of the range from their blocks, as many as the bound allows.
tb::Status recount_range(tb::LocalCall& call, const ReplayParams& in, Recounts* out) {
  std::optional<Range> range;
  std::uint64_t length = 1;
  const tb::Status status = call.host().with_view([&](tb::View& view) {
    range = stored_range(view, in.from, in.to.value_or(kMaxU64), kMaxReplayed);
    length = view.block().epoch_length;
    return tb::ok();
  });
  if (!status || !range) return status;
  const std::uint64_t most = std::max<std::uint64_t>(1, kMaxRecountedBlocks / length);
  if (range->last - range->first >= most) range->first = range->last - most + 1;
  return recount(call, range->first, range->last, length, out);
}

std::optional<std::uint64_t> tariff_set_at(tb::View& view, std::uint64_t boundary) {
  const auto snap = load_snapshot(view, boundary);
  const auto snapshot = snap ? read_snapshot(snap->json) : std::nullopt;
  return snapshot ? std::optional(snapshot->tariff.bps) : std::nullopt;
}

std::string contradicted_by_blocks(tb::View& view, std::uint64_t epoch, const Recounts& blocks,
                                   TariffRates& rates) {
  const auto counted = blocks.find(epoch);
  const auto row = view.load<Closed>(closed_key(epoch));
  if (counted == blocks.end() || !row) return {};
  const bool explained = rates.follow(tariff_set_at(view, epoch - 1), counted->second);
  std::string member = contradicted(counted->second, *row, emission_before(view, epoch));
  return member.empty() && !explained ? "blocks:tariff_rate" : member;
}

}  // namespace

tb::Status Face::replay(tb::LocalCall& call, const ReplayParams& in, tb::Out& out) {
  Recounts blocks;
  if (in.verify) {
    if (auto s = recount_range(call, in, &blocks); !s) return s;
  }
  return call.host().with_view([&](tb::View& view) {
    const auto range = stored_range(view, in.from, in.to.value_or(kMaxU64), kMaxReplayed);
    if (!range) return nothing_stored(call);
    bool match = true;
    TariffRates rates(blocks.empty() ? range->first : blocks.begin()->first);
    std::uint64_t epoch = range->first;
    out.list("epochs", [&](tb::Out& list) {
      for (; epoch <= range->last && match; ++epoch) {
        Replayed one = replay_epoch(view, epoch);
        if (one.match()) one.differs = contradicted_by_blocks(view, epoch, blocks, rates);
        if (one.match() && in.verify && !files_.agrees(host_, epoch, one.json))
          one.differs = "file";
        if (one.match() && in.write && !files_.write(host_, epoch, one.json)) one.differs = "file";
        match = one.match();
        list.record({}, [&](tb::Out& item) {
          item.put("epoch", one.epoch);
          item.put("stored_hash", one.stored_hash);
          item.put("replayed_hash", one.replayed_hash);
          item.put("result", match ? "match" : "MISMATCH");
          if (!match) item.put("differs", one.differs);
        });
      }
    });
    out.put("from", range->first);
    out.put("to", epoch - 1);
    if (!blocks.empty()) out.put("blocks_from", blocks.begin()->first);
    out.put("ok", match);
    return tb::ok();
  });
}

tb::Status Face::simulate(tb::LocalCall& call, const SimulateParams& in, tb::Out& out) {
  const std::vector<std::string> wanted = in.set.value_or(std::vector<std::string>());
  std::vector<Override> overrides(wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (auto s = read_override(call, wanted[i], &overrides[i]); !s) return s;
  }
  return call.host().with_view([&](tb::View& view) {
    const std::uint64_t newest = newest_epoch(view);
    const std::uint64_t from = newest >= in.epochs ? newest - in.epochs + 1 : 1;
    const auto range = stored_range(view, from, newest, kMaxSimulated);
    if (!range) return nothing_stored(call);
    Params params = load_params(view);
    for (const Override& change : overrides) params.set(change.id, change.value);
    if (const std::string problem = check_groups(params); !problem.empty())
      return call.fail(kGroupRule, problem);
    const std::vector<SimulatedEpoch> series = economics::simulate(view, *range, overrides);
    if (series.empty())
      return call.fail(kUnknownEpoch,
                       "a stored snapshot does not read back; run "
                       "`contract-cli economics replay --verify`");
    bool any = false;
    out.list("epochs", [&](tb::Out& list) {
      for (const SimulatedEpoch& epoch : series) {
        any = any || differs(epoch);
        list.record({}, [&](tb::Out& item) { put_simulated(item, epoch); });
      }
    });
    out.put("differs", any);
    return tb::ok();
  });
}

void describe_tools(tb::Plugin& p) {
  p.local("economics.replay", &Face::replay)
      .role("read")
      .summary("Compute the snapshots again and compare their hashes")
      .error(kUnknownEpoch)
      .error(kBlocksMissing, "with verify: blocks of the range are pruned")
      .field("from")
      .defaulted()
      .help("first number of a boundary")
      .field("to")
      .help("last number; the newest if left out")
      .field("verify")
      .defaulted()
      .help("count the inputs again from the blocks, and compare the snapshot files of this node")
      .field("write")
      .defaulted()
      .help("write the snapshot files again")
      .cli("economics replay")
      .list("epochs")
      .columns({"epoch", "stored_hash", "replayed_hash", "result"})
      .id_field("epoch")
      .ok_member("ok")
      .example("contract-cli economics replay --from 1 --verify",
               "ends with exit code 1 at the first mismatch and names the member");
  p.local("economics.simulate", &Face::simulate)
      .role("read")
      .summary("What the laws would have answered with other parameters; changes nothing")
      .error(kUnknownEpoch)
      .error(kUnknownParam)
      .error(kOutOfBounds)
      .error(kGroupRule)
      .error(kInvalidParams)
      .field("epochs")
      .defaulted()
      .min(1)
      .max(kMaxSimulated)
      .help("the newest so many epochs, with their recorded inputs")
      .field("set")
      .max(std::uint32_t{kParamCount})
      .help("key=value; repeat for more")
      .cli("economics simulate")
      .list("epochs")
      .example("contract-cli economics simulate --epochs 50 --set subsidy_allocator_drift_rate=20",
               "both series of the last 50 epochs");
}

}  // namespace economics
