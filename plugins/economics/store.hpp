// From rows to the values of the rules and back. [machine] [face]
#pragma once

#include "plugins/economics/state.hpp"

namespace economics {

// All parameters in force.
Params load_params(tb::View& view);
inline std::uint64_t param(tb::View& view, ParamId id) { return view.param(tb::Param{id}); }

// Of the laws only what rules/laws.hpp knows; the rest of the row stays.
LawState laws_of(const Laws& row);
void put_laws(const LawState& laws, Laws& row);

InForce in_force_of(const LawState& laws);
EpochInputs inputs_of(std::uint64_t epoch, const Closed& row);
Closed closed_of(const EpochInputs& inputs, const PerMarket<bool>& rehearsal);

std::optional<Snap> load_snapshot(tb::View& view, std::uint64_t epoch);
// Number of the newest boundary; 0: none yet.
std::uint64_t newest_epoch(tb::View& view);

// The parameter set of a snapshot on top of the genesis values in force; nullopt: it is not stored,
// or no set.
std::optional<Params> load_param_set(tb::View& view, const std::string& hash);

// A numeric member of a snapshot by its name or the end of its name ("tariff_bps",
// "markets.energy.utilization_ppm"), the first one in order.
std::optional<std::int64_t> figure(std::string_view snapshot_json, std::string_view name);

}  // namespace economics
