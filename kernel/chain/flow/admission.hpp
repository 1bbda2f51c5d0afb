// Admission: the checks of node-and-cli spec 5.6.1 that need neither the pool nor a thread: form
// against the manifest, selector, fee, expiry, signatures, fee floor. The pool answers rows 11 to
// 13 and 17; what only a machine knows (balances, sessions, its own rules: rows 8, 14, 15, 16) a
// dry run on the head answers.
//
// Thread safe; holds no lock while it verifies or runs.
#pragma once

#include <atomic>
#include <optional>

#include "kernel/base/clock.hpp"
#include "kernel/chain/admission_policy.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/chain/mempool.hpp"

namespace blockd {

// The base fee of every block, until a ledger that moves it says otherwise through its own
// refusals.
inline constexpr std::uint64_t kBaseFee = 1;

class Admission {
 public:
  // `policy` may be null.
  Admission(Chain& chain, Clock& clock, bool service_requires_account, AdmissionPolicy* policy)
      : chain_(chain),
        clock_(clock),
        service_requires_account_(service_requires_account),
        policy_(policy) {}

  void set_min_fee_per_byte(std::uint64_t value) { min_fee_per_byte_.store(value); }

  // Rows 1 to 10. On success `*entry` has command, lane, entry time and debit. `verify` false: the
  // signatures are this node's own of just now.
  std::optional<Refusal> check(const StateViewPtr& view, const CommandPtr& command, bool verify,
                               PoolEntry* entry) const;

  // What the operator of this node wants of a command that check() has let pass. Asked once for
  // each command that is submitted here, and for nothing else: no dry run, no block, nothing
  // recovered.
  std::optional<Refusal> ask_policy(const PoolEntry& entry) const {
    return policy_ == nullptr ? std::nullopt : policy_->admit(*entry.command, entry.lane);
  }

  // Rows 8, 14, 15 and 16: what the machine says on `view`. `*dry` may be null.
  std::optional<Refusal> dry_run(const StateViewPtr& view, const Command& command,
                                 DryRun* dry) const;

  // The least fee that is admitted now for an envelope of this size; 0 for a command that travels
  // in `service`.
  std::uint64_t least_fee(const StateViewPtr& view, std::string_view method,
                          std::uint64_t envelope_bytes) const;

 private:
  std::optional<Refusal> check_fee(const Command& command, const PoolEntry& entry) const;

  Chain& chain_;
  Clock& clock_;
  const bool service_requires_account_;
  AdmissionPolicy* const policy_;
  std::atomic<std::uint64_t> min_fee_per_byte_{1};
};

}  // namespace blockd
