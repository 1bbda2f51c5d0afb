// Intake: the submitters' half of the producer. It admits a command, puts it into the pool,
// journals it, and signs for the node's own accounts. Its functions run on the callers' threads,
// several at once; only `fill_gaps` and `recover` are the executor's and the starter's.
//
// Locks, in order: OwnAccount::sequence, then the pool's, then whatever Chain::view takes. Those of
// Waiters, OwnAccounts and Journal are leaves: nothing else is taken under them. No lock is held
// while a signature is verified or a dry run of a foreign account runs.
#pragma once

#include <functional>
#include <memory>

#include "kernel/chain/flow/admission.hpp"
#include "kernel/chain/flow/journal.hpp"
#include "kernel/chain/flow/own_accounts.hpp"
#include "kernel/chain/flow/waiters.hpp"

namespace blockd {

class Intake {
 public:
  Intake(Chain& chain, Clock& clock, const AdmissionOptions& options, std::function<void()> wake);

  // Opens the journal and brings back what it holds. [start]
  Status recover(const AdmissionOptions& options,
                 const std::function<void(std::string_view)>& note);

  std::optional<Refusal> submit(const CommandPtr& command, bool journal, CommandDone done);
  std::optional<Refusal> submit_own(const SigningKey& key, std::string_view method,
                                    const json::value& params, std::string_view memo,
                                    CommandDone done);
  std::optional<Refusal> check(const CommandPtr& command, DryRun* dry);
  void set_limits(const MempoolLimits& limits);

  // Puts a chain.noop where a lost command of an own account holds others. [executor]
  void fill_gaps();
  // What left the pool without a block: forgotten by the journal, its waiters refused.
  void lost(const std::vector<Hash>& ids, const Refusal& refusal);
  void forget(const Hash& id);

  LanePrice price(Lane lane) const { return admission_.price(chain_.view(), lane); }
  std::uint64_t comfort_threshold() const { return admission_.comfort_threshold(chain_.view()); }

  PoolView head() const;
  PoolView priced_head() const;  // with the base fee of the next block when somebody pays
  Mempool& pool() { return *pool_; }
  const Mempool& pool() const { return *pool_; }
  Waiters& waiters() { return waiters_; }

 private:
  std::optional<Refusal> enter(const PoolEntry& entry, CommandDone done);
  std::optional<Refusal> journal(const CommandPtr& command, std::uint64_t entered_ms);
  std::optional<Refusal> dry_run_if_first(const PoolEntry& entry);
  bool bring_back(const JournalRecord& record, std::vector<Hash>* orphans);
  // `orphans`: whose sender the chain does not know, so that nobody could pay. It was there when
  // they were admitted, on a state that has been replaced since.
  void sweep(const std::vector<Hash>& orphans);
  Result<CommandPtr> sign_own(const OwnAccount& account, std::uint64_t nonce,
                              std::string_view method, const json::value& params,
                              std::string_view memo, const StateViewPtr& view) const;
  std::optional<Refusal> enter_own(OwnAccount& account, std::string_view method,
                                   const json::value& params, std::string_view memo,
                                   const CommandDone& done, PoolEntry* entry);

  Chain& chain_;
  Clock& clock_;
  std::unique_ptr<Mempool> pool_;
  Admission admission_;
  std::unique_ptr<Journal> journal_;  // null: none
  OwnAccounts own_;
  Waiters waiters_;
  std::function<void()> wake_;  // the executor: there is work, or somebody to tell
};

Refusal evicted_refusal();
Refusal expired_refusal();

}  // namespace blockd
