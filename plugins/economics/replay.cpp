#include "plugins/economics/replay.hpp"

#include "plugins/economics/outside.hpp"
#include "plugins/economics/rules/snapshot.hpp"

namespace economics {
namespace {

// The state in front of a boundary.
std::optional<LawState> state_before(tb::View& view, std::uint64_t epoch) {
  const auto genesis = view.load<Laws>(kGenesisKey);
  if (!genesis) return std::nullopt;
  if (epoch <= genesis->epoch + 1) return laws_of(*genesis);
  const auto before = load_snapshot(view, epoch - 1);
  const auto snapshot = before ? read_snapshot(before->json) : std::nullopt;
  if (!snapshot) return std::nullopt;
  LawState state = snapshot->state;
  state.prev_hash = before->hash;
  return state;
}

std::optional<Genesis> genesis_values(tb::View& view) {
  Supply supply;
  if (!ask_supply(view, &supply)) return std::nullopt;
  return Genesis{supply.cap, view.block().epoch_length};
}

Replayed unreadable(std::uint64_t epoch, const Snap& stored, std::string what) {
  return {epoch, stored.hash, {}, std::move(what), {}};
}

}  // namespace

Replayed replay_epoch(tb::View& view, std::uint64_t epoch) {
  const Snap stored = load_snapshot(view, epoch).value_or(Snap{});
  const auto closed = view.load<Closed>(closed_key(epoch));
  const auto state = state_before(view, epoch);
  const auto genesis = genesis_values(view);
  const auto members = flat_members(stored.json);
  const auto set = members.find("params_hash");
  if (set == members.end()) return unreadable(epoch, stored, "(form)");
  const auto params = load_param_set(view, set->second);
  if (!closed || closed->markets.size() != kMarkets) return unreadable(epoch, stored, "inputs");
  if (!state || !genesis) return unreadable(epoch, stored, "state");
  if (!params) return unreadable(epoch, stored, "params_hash");
  Replayed out;
  out.epoch = epoch;
  out.stored_hash = stored.hash;
  out.json = canonical_json(run_laws(*genesis, *params, *state, inputs_of(epoch, *closed)));
  out.replayed_hash = hash_of(out.json);
  out.differs = first_difference(stored.json, out.json);
  if (out.differs.empty() && out.replayed_hash != stored.hash) out.differs = "snapshot_hash";
  return out;
}

std::optional<std::uint64_t> emission_before(tb::View& view, std::uint64_t epoch) {
  if (const auto before = view.load<Closed>(closed_key(epoch - 1))) return before->emission;
  const auto genesis = view.load<Laws>(kGenesisKey);
  // Where the plugin joined a running chain, its first epoch began before it.
  if (!genesis || genesis->epoch != 0 || epoch != 1) return std::nullopt;
  return genesis->emission;
}

std::optional<Range> stored_range(tb::View& view, std::uint64_t from, std::uint64_t to,
                                  std::uint64_t limit) {
  Range out;
  const tb::Key after = snap_key(from == 0 ? 0 : from - 1);
  view.scan(kSnapPrefix, after, 1, [&](std::string_view key, std::string_view) {
    out.first = tb::Key::read_u64(key, kSnapPrefix.size());
  });
  out.last = std::min(to, newest_epoch(view));
  if (out.first == 0 || out.last < out.first) return std::nullopt;
  out.last = std::min(out.last, out.first + (limit - 1));
  return out;
}

std::vector<SimulatedEpoch> simulate(tb::View& view, const Range& range,
                                     std::span<const Override> overrides) {
  std::vector<SimulatedEpoch> out;
  const auto genesis = genesis_values(view);
  std::optional<LawState> state = state_before(view, range.first);
  for (std::uint64_t epoch = range.first; epoch <= range.last; ++epoch) {
    const auto stored = load_snapshot(view, epoch);
    const auto recorded = stored ? read_snapshot(stored->json) : std::nullopt;
    const auto closed = view.load<Closed>(closed_key(epoch));
    auto params = recorded ? load_param_set(view, recorded->params_hash) : std::nullopt;
    if (!genesis || !state || !closed || !params) return {};
    for (const Override& change : overrides) params->set(change.id, change.value);
    const Snapshot again = run_laws(*genesis, *params, *state, inputs_of(epoch, *closed));
    state = again.state;
    state->prev_hash = hash_of(canonical_json(again));
    out.push_back({*recorded, again});
  }
  return out;
}

}  // namespace economics
