// How stored things are shown. [face]
#pragma once

#include <span>

#include "plugins/economics/state.hpp"

namespace economics {

// The members of a snapshot's canonical JSON into the record at hand.
void put_json(tb::Out& out, std::string_view snapshot_json);
void put_metric(tb::Out& out, const StoredMetric& metric);

// A line of column names and one a snapshot; columns are the flat names of the members.
std::string csv_of(std::span<const Snap> snapshots);

}  // namespace economics
