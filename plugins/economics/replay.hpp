// The laws once more, from what is stored: `economics replay` compares, `economics simulate` tries
// other parameters. Nothing here writes state. [face]
//
// Replay takes the inputs of each boundary from `closed`, the parameter set from `params` and the
// state before from the snapshot before (or the genesis row), computes the snapshot again and
// compares text and hash. An altered snapshot, input, parameter set or hash is found, and the
// first differing member named. recount.hpp holds the inputs against the blocks.
#pragma once

#include "plugins/economics/store.hpp"

namespace economics {

struct Replayed {
  std::uint64_t epoch = 0;
  std::string stored_hash, replayed_hash;
  std::string differs;  // the first differing member; empty: match
  std::string json;     // as computed again
  bool match() const { return differs.empty(); }
};

// One boundary. REQUIRES: load_snapshot(view, epoch).
Replayed replay_epoch(tb::View& view, std::uint64_t epoch);

// What was issued at the boundary before; nullopt: nobody knows it.
std::optional<std::uint64_t> emission_before(tb::View& view, std::uint64_t epoch);

// First and last boundary of a range, within those that are stored and at most `limit` long;
// nullopt: none.
struct Range {
  std::uint64_t first = 0, last = 0;
};
std::optional<Range> stored_range(tb::View& view, std::uint64_t from, std::uint64_t to,
                                  std::uint64_t limit);

// Parameters that a simulation sets.
struct Override {
  ParamId id{};
  std::uint64_t value = 0;
};

struct SimulatedEpoch {
  Snapshot recorded, simulated;
};
// The boundaries of `range` with the recorded inputs and other parameters: what the laws would have
// answered. Inputs stay as recorded: an emission that another reward would have made is not
// computed. Empty: a row of the range is missing or damaged.
std::vector<SimulatedEpoch> simulate(tb::View& view, const Range& range,
                                     std::span<const Override> overrides);

}  // namespace economics
