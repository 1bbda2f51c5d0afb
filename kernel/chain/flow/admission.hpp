// Admission: the checks of node-and-cli spec 5.6.1 that need neither the pool nor a thread: form
// against the manifest, selector, fee, expiry, signatures, session key, fee floor. It also asks the
// ledger what sender and receiver hold; with that the pool answers rows 11 to 15, and 17. The
// machine's own rules (row 16) a dry run on the head answers.
//
// Thread safe; holds no lock while it verifies or runs.
#pragma once

#include <functional>
#include <mutex>
#include <optional>

#include "kernel/base/clock.hpp"
#include "kernel/chain/admission_policy.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/chain/flow/ledger_facts.hpp"
#include "kernel/chain/mempool.hpp"

namespace blockd {

class Admission {
 public:
  // `policy` may be null.
  Admission(Chain& chain, Clock& clock, AdmissionPolicy* policy)
      : chain_(chain), clock_(clock), policy_(policy) {}

  void set_limits(const MempoolLimits& limits);
  // The 90th percentile of the fees that wait in the consumer lane, for the comfort guard.
  void set_consumer_p90(std::function<std::uint64_t()> p90) { consumer_p90_ = std::move(p90); }

  // What a fee lane asks in the block behind `view`; nothing of the service lane.
  LanePrice price(const StateViewPtr& view, Lane lane) const;
  // Above it the consumer lane's fees hold the industrial lane back; 0: never.
  std::uint64_t comfort_threshold(const StateViewPtr& view) const;

  // Rows 1 to 9. On success `*entry` has command, lane, entry time, debit, base fee, funds, and
  // whether the sender is known. `verify` false: the signatures are this node's own of just now.
  std::optional<Refusal> check(const StateViewPtr& view, const CommandPtr& command, bool verify,
                               PoolEntry* entry) const;

  // Row 10, of what check() has let pass. Not asked of commands that were admitted before a
  // restart: their sender may have been lost with its state, which is for the sweep of orphans to
  // judge.
  std::optional<Refusal> check_sender(const PoolEntry& entry) const;

  // What the operator of this node wants of a command that check() has let pass. Asked once for
  // each command that is submitted here, and for nothing else: no dry run, no block, nothing
  // recovered.
  std::optional<Refusal> ask_policy(const PoolEntry& entry) const {
    return policy_ == nullptr ? std::nullopt : policy_->admit(*entry.command, entry.lane);
  }

  // Row 16: what the machine says on `view`. `*dry` may be null.
  std::optional<Refusal> dry_run(const StateViewPtr& view, const Command& command,
                                 DryRun* dry) const;

  // The least fee that is admitted now for an envelope of this size.
  std::uint64_t least_fee_of(const StateViewPtr& view, std::string_view method,
                             std::uint64_t envelope_bytes) const;

 private:
  // Asked once for each block that somebody pays a fee in.
  LedgerFacts::Fees ledger_fees(const StateViewPtr& view) const;
  std::optional<Refusal> check_session(const StateViewPtr& view, const PoolEntry& entry) const;
  void find_funds(const StateViewPtr& view, std::string_view receiver, PoolEntry* entry) const;
  MempoolLimits limits() const;
  // Tells `*entry` the base fee that it saw.
  std::optional<Refusal> check_fee(const StateViewPtr& view, PoolEntry* entry) const;
  std::optional<Refusal> check_comfort(const StateViewPtr& view) const;

  Chain& chain_;
  Clock& clock_;
  AdmissionPolicy* const policy_;
  std::function<std::uint64_t()> consumer_p90_;
  mutable std::mutex mutex_;  // a leaf
  MempoolLimits limits_;
  mutable LedgerFacts::Fees fees_;
  mutable std::uint64_t fees_height_ = UINT64_MAX;  // of their view; none yet
};

}  // namespace blockd
