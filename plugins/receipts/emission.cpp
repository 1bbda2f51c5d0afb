#include "plugins/receipts/emission.hpp"

#include "plugins/receipts/emitters.hpp"
#include "plugins/receipts/rules/draft.hpp"

namespace receipts {
namespace {

tb::Status refuse(tb::Ctx& ctx, Reason reason, std::string_view text) {
  ctx.add(kValidationErrors, 1, {name_of(reason)});
  ctx.add(kValidationFailures);
  ctx.log(TB_LOG_WARN, tb::cat("receipts refused reason=", name_of(reason), " ", text));
  return ctx.fail(error_of(reason), text);
}

Questions questions(tb::Ctx& ctx) {
  Questions ask;
  ask.key_of = [&](std::string_view provider) { return key_at(ctx, provider, ctx.height()); };
  ask.nonce_fresh = [&](std::string_view provider, std::uint64_t nonce) {
    return nonce_fresh(ctx, provider, nonce);
  };
  ask.verify = [&](std::string_view key, std::string_view message, std::string_view signature) {
    return ctx.verify(key, message, signature);
  };
  return ask;
}

}  // namespace

tb::Status read_draft(tb::Ctx& ctx, const tb::Value& tree, std::optional<Receipt>& out) {
  std::string problem;
  out = read_receipt(tree, &problem);
  if (!out) return refuse(ctx, Reason::kSchemaMismatch, problem);
  out->set_number("block_height", 0);
  return tb::ok();
}

tb::Status check_draft(tb::Ctx& ctx, const Receipt& receipt, Auth auth, tb::Hash* queue_id) {
  if (const Checked refused = check_fields(receipt))
    return refuse(ctx, refused->reason, refused->text);
  const auto market = static_cast<std::size_t>(receipt.market());
  if (auth == Auth::kLedger && !receipt.slash() && market < std::size(kRequireSignature) &&
      ctx.param(kRequireSignature[market]) != 0) {
    return refuse(ctx, Reason::kSignatureInvalid,
                  tb::cat("receipt_require_signature_", name_of(receipt.market()),
                          " = 1: a settlement carries receipt_auth"));
  }
  if (auth == Auth::kProvider && !receipt.slash()) {
    if (const Checked refused = check_signature(receipt, questions(ctx)))
      return refuse(ctx, refused->reason, refused->text);
  }
  *queue_id = receipt_id(receipt);
  if (ctx.has(queued_key(*queue_id))) {
    return refuse(ctx, Reason::kDuplicate,
                  tb::cat("receipt ", queue_id->hex(), " is pending already"));
  }
  return tb::ok();
}

tb::Status emit(tb::Ctx& ctx, Receipt receipt, Auth auth, tb::Out& out) {
  tb::Hash id;
  if (auto s = check_draft(ctx, receipt, auth, &id); !s) return s;
  Queue queue = ctx.load<Queue>(kQueueKey).value_or(Queue{});
  if (queue.total() >= kMaxPending) {
    return ctx.fail(kBusy, tb::cat(kMaxPending,
                                   " receipts are pending; wait until blocks have "
                                   "taken some"));
  }
  if (auth == Auth::kProvider && !receipt.slash()) {
    NonceState nonces(ctx);
    accept_nonce(nonces, receipt.provider(), receipt.nonce(), ctx.height());
  }
  const std::uint64_t seq = queue.next++;
  queue.pending[static_cast<std::size_t>(receipt.market())] += 1;
  ctx.store(pending_key(seq),
            Pending{{encode(receipt)}, ctx.height(), static_cast<std::uint8_t>(auth), false});
  ctx.store(queued_key(id), QueuedAt{seq});
  ctx.store(kQueueKey, queue);
  out.put("status", "queued");
  out.put("seq", seq);
  out.put("receipt_id", id);
  return tb::ok();
}

void add_to_epoch(tb::Ctx& ctx, bool rehearsal, const Receipt& receipt) {
  const Market market = receipt.market();
  const tb::Key key = epoch_key(rehearsal, ctx.epoch(), market);
  EpochTotals row = ctx.load<EpochTotals>(key).value_or(EpochTotals{});
  Totals sum{row.receipts,  row.slash_receipts,      row.units,    row.settled,    row.slashed,
             row.providers, row.provider_escrow_sum, row.verified, row.conversions};
  add_to(sum, receipt);
  if (!receipt.slash()) {
    const tb::Key seen = seen_key(rehearsal, ctx.epoch(), market, receipt.provider());
    if (!ctx.has(seen)) {
      ctx.put(seen, "1");
      sum.providers += 1;
    }
  }
  ctx.store(key, EpochTotals{sum.receipts, sum.slash_receipts, sum.units, sum.settled, sum.slashed,
                             sum.payout_total(), sum.providers, sum.provider_escrow_sum,
                             sum.verified, sum.conversions, row.closed});
}

tb::Status tally(tb::Ctx& ctx, const Receipt& receipt) {
  if (const Checked refused = check_fields(receipt))
    return refuse(ctx, refused->reason, refused->text);
  add_to_epoch(ctx, true, receipt);
  return tb::ok();
}

tb::Status submit(tb::Ctx& ctx, const SubmitParams& in, tb::Out& out) {
  if (auto may = check_emitter(ctx, "receipts.submit"); !may) return may;
  std::optional<Receipt> receipt;
  if (auto s = read_draft(ctx, in.receipt, receipt); !s) return s;
  if (receipt->type() == Type::kRelay)
    return ctx.fail(kNotAuthorized, "only the relay's own plugin emits relay receipts");
  const Auth auth = receipt->slash() ? Auth::kLedger : Auth::kProvider;
  return emit(ctx, *std::move(receipt), auth, out);
}

}  // namespace receipts
