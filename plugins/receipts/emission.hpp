// Emission: a draft becomes a pending receipt (receipts spec 5.1 to 5.3). [machine]
#pragma once

#include "plugins/receipts/store.hpp"

namespace receipts {

// The checks of 5.2 without recording anything. On refusal the metrics are counted and the step
// fails with the reason.
tb::Status check_draft(tb::Ctx& ctx, const Receipt& receipt, Auth auth, tb::Hash* queue_id);
// Checks, records the nonce of auth `provider`, and queues.
tb::Status emit(tb::Ctx& ctx, Receipt receipt, Auth auth, tb::Out& out);
// Counts a receipt of a market in rehearsal; it is never queued.
tb::Status tally(tb::Ctx& ctx, const Receipt& receipt);
// The draft of a caller, with block_height 0.
tb::Status read_draft(tb::Ctx& ctx, const tb::Value& tree, std::optional<Receipt>& out);

// Adds a receipt to the totals of the epoch of this block.
void add_to_epoch(tb::Ctx& ctx, bool rehearsal, const Receipt& receipt);

struct SubmitParams {
  tb::Value receipt;
};
BOOST_DESCRIBE_STRUCT(SubmitParams, (), (receipt))
// Command receipts.submit.
tb::Status submit(tb::Ctx& ctx, const SubmitParams& in, tb::Out& out);

}  // namespace receipts
