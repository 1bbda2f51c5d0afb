// Disbursements in state: how one is found, and how it enters another state. [machine]
//
// enter() is the only place where a record changes: it keeps the indexes, counts and archive, the
// timeline, the provenance log and the event together. A step that fails takes all of it back.
#pragma once

#include "plugins/treasury/shapes.hpp"

namespace treasury {

// A live record that a step works on.
struct Held {
  std::uint64_t id = 0;
  Record record;
  Progress progress;
};

// Absent: there is no such record, or it is archived and thus terminal; `exists` tells.
std::optional<Held> hold_record(tb::View& view, std::uint64_t id);
// The state of any record, archived ones too.
std::optional<gov::State> state_of(tb::View& view, std::uint64_t id);
std::vector<gov::Dependency> dependencies_of(tb::View& view, const Progress& progress);

// Why a record moves on.
struct Cause {
  std::string actor;  // an account, or `boundary`
  std::uint64_t epoch = 0;
  std::optional<std::string> reason, tx_hash, tx_ref;
  std::optional<std::uint64_t> nonce;
};

// A new record in state draft, with its rows; `held.progress.deps` is set.
tb::Status add_record(tb::Ctx& ctx, Held& held);

// Puts `held` into the state of `next`. The caller has moved the money and written the balance row.
tb::Status enter(tb::Ctx& ctx, Held& held, const gov::Progress& next, const Cause& cause);

// Writes a record whose state did not change.
void store_progress(tb::Ctx& ctx, const Held& held);
// Moves its row in the index of boundaries; kNever for none.
void set_due(tb::Ctx& ctx, Held& held, std::uint64_t epoch);

Counts load_counts(tb::View& view);
void show_gauges(tb::Ctx& ctx);

}  // namespace treasury
