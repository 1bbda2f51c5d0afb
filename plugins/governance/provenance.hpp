// The provenance log: one hash chain over what was decided (spec 6.5). [machine] [face]
//
// State keeps the tip only; each entry is an event, which the face keeps in its index and in
// provenance.json.
#pragma once

#include "plugins/gov-core/provenance.hpp"
#include "plugins/governance/common.hpp"

namespace governance {

// Canonical JSON of a tree: keys sorted, no spaces, integers beyond 2^53 - 1 as text, bytes as hex.
std::string canonical(const tb::Value& value);

gov::Digest digest_of(std::string_view bytes);

// Fills in seq, prev_hash and the block, moves the tip, emits the event.
ProvenanceTip add_provenance(tb::Ctx& ctx, gov::ProvenanceEntry entry,
                             std::optional<std::string> snapshot = {});

// An entry of a proposal that changed its status.
void note_proposal(tb::Ctx& ctx, const Proposal& proposal, std::string_view reason);

}  // namespace governance
