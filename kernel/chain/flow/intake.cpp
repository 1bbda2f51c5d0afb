#include "kernel/chain/flow/intake.hpp"

namespace blockd {
namespace {

constexpr int kNonceTries = 8;  // a block may take the nonce between asking for it and using it
constexpr int kFeeTries = 4;    // digits of the fee lengthen the envelope, which raises the fee
constexpr std::string_view kNoop = "chain.noop";

Refusal journal_refusal(const Status& status) {
  if (status.code() == Code::kNoSpace) {
    Refusal out =
        make_refusal(kRpcDiskFull, "disk_full", "the pool's journal: " + status.message());
    out.hint = "free space on the disk of the data directory";
    return out;
  }
  Refusal out = make_refusal(kRpcNotReady, "not_ready", "the pool's journal: " + status.message());
  out.hint = status.hint();
  return out;
}

Refusal internal_refusal(const Status& status) {
  Refusal out = make_refusal(kRpcInternal, "internal", status.message());
  out.hint = status.hint();
  return out;
}

}  // namespace

Refusal evicted_refusal() {
  return admission_refusal(admission::kMempoolFull, "mempool_full",
                           "the command left the pool for a better paying one, or for want of its "
                           "predecessor; send it again");
}

Refusal expired_refusal() {
  return admission_refusal(admission::kExpired, "expired",
                           "the command waited for too long; its nonce is not used up");
}

Intake::Intake(Chain& chain, Clock& clock, const AdmissionOptions& options,
               std::function<void()> wake)
    : chain_(chain),
      clock_(clock),
      pool_(Mempool::create(options.limits, clock)),
      admission_(chain, clock, options.policy),
      own_(options.own_accounts),
      wake_(std::move(wake)) {
  admission_.set_limits(options.limits);
  admission_.set_consumer_p90([this] { return pool_->figures(Lane::kConsumer).fee_p90; });
}

PoolView Intake::head() const {
  PoolView out;
  out.height = chain_.view()->height;
  out.nonce = [this](std::string_view account) {
    Result<std::uint64_t> nonce = chain_.nonce(chain_.view(), account);
    // Without an answer no nonce is in the window, so nothing is admitted on a guess.
    return nonce.ok() ? *nonce : UINT64_MAX - 1;
  };
  return out;
}

PoolView Intake::priced_head() const {
  PoolView out = head();
  if (pool_->holds_payers()) out.base_fee = price(Lane::kConsumer).base_fee;
  return out;
}

Status Intake::recover(const AdmissionOptions& options,
                       const std::function<void(std::string_view)>& note) {
  if (options.journal_dir.empty()) return {};
  std::vector<JournalRecord> found;
  std::vector<std::string> notes;
  Disk& disk = options.disk != nullptr ? *options.disk : system_disk();
  Result<std::unique_ptr<Journal>> opened =
      Journal::open(disk, options.journal_dir, &found, &notes);
  if (!opened.ok()) return opened.status();
  journal_ = std::move(*opened);
  std::size_t back = 0;
  std::vector<Hash> orphans;
  for (const JournalRecord& record : found) {
    if (bring_back(record, &orphans)) {
      ++back;
    } else {
      journal_->forget(record.command->id);
    }
  }
  sweep(orphans);
  if (!found.empty()) {
    notes.push_back(
        "pool: " + std::to_string(back) + " of " + std::to_string(found.size()) +
        " journalled commands wait again; the others are committed, expired or not valid any more");
  }
  if (note) {
    for (const std::string& line : notes) note(line);
  }
  return {};
}

bool Intake::bring_back(const JournalRecord& record, std::vector<Hash>* orphans) {
  PoolEntry entry;
  entry.own_account = own_.contains(record.command->from);
  if (auto refusal = admission_.check(chain_.view(), record.command, true, &entry)) {
    if (refusal->name == "expired") pool_->count_expired_at_start();
    return false;
  }
  entry.entered_ms = record.entered_ms;
  const bool orphan = entry.lane != Lane::kService && !entry.sender_known;
  entry.funds.reset();  // it was let in when it could be paid, and its sender has been told so
  if (pool_->add(std::move(entry), head(), nullptr)) return false;
  if (orphan) orphans->push_back(record.command->id);
  return true;
}

// A few may become payable again (somebody pays them before their time ends); a pool that is mostly
// orphans is that of another state.
void Intake::sweep(const std::vector<Hash>& orphans) {
  const Mempool::Stats held = pool_->stats();
  if (2 * orphans.size() <= held.size[0] + held.size[1] + held.size[2]) return;
  for (const Hash& id : pool_->sweep_orphans(orphans)) journal_->forget(id);
}

std::optional<Refusal> Intake::submit(const CommandPtr& command, bool journalled,
                                      CommandDone done) {
  PoolEntry entry;
  entry.own_account = own_.contains(command->from);
  if (auto refusal = admission_.check(chain_.view(), command, true, &entry)) return refusal;
  if (auto refusal = admission_.ask_policy(entry)) return refusal;
  if (auto refusal = enter(entry, std::move(done))) return refusal;
  return journalled ? journal(command, entry.entered_ms) : std::nullopt;
}

std::optional<Refusal> Intake::check(const CommandPtr& command, DryRun* dry) {
  PoolEntry entry;
  entry.own_account = own_.contains(command->from);
  StateViewPtr view = chain_.view();
  if (auto refusal = admission_.check(view, command, true, &entry)) return refusal;
  if (auto refusal = admission_.check_sender(entry)) return refusal;
  if (auto refusal = pool_->precheck(entry, head())) return refusal;
  return admission_.dry_run(view, *command, dry);
}

// An earlier command of the account may change the verdict, so only the first one is tried.
std::optional<Refusal> Intake::dry_run_if_first(const PoolEntry& entry) {
  const Command& command = *entry.command;
  if (pool_->pending(command.from) != 0) return std::nullopt;
  StateViewPtr view = chain_.view();
  Result<std::uint64_t> nonce = chain_.nonce(view, command.from);
  if (!nonce.ok()) return internal_refusal(nonce.status());
  if (command.nonce != *nonce + 1) return std::nullopt;
  DryRun dry;
  auto refusal = admission_.dry_run(view, command, &dry);
  if (refusal) chain_.report_refusal(dry);
  return refusal;
}

std::optional<Refusal> Intake::enter(const PoolEntry& entry, CommandDone done) {
  const Hash id = entry.command->id;
  if (auto refusal = admission_.check_sender(entry)) return refusal;
  if (auto refusal = pool_->precheck(entry, head())) return refusal;
  if (auto refusal = dry_run_if_first(entry)) return refusal;
  // The waiter is there before the command is: its block may be made before add() returns.
  const bool waits = done != nullptr;
  if (waits && !waiters_.put(id, std::move(done))) {
    return admission_refusal(admission::kDuplicate, "duplicate",
                             "this very command is being submitted by another caller");
  }
  Mempool::Added added;
  if (auto refusal = pool_->add(entry, head(), &added)) {
    if (waits) waiters_.take(id);
    return refusal;
  }
  if (!added.evicted.empty()) lost(added.evicted, evicted_refusal());
  wake_();
  return std::nullopt;
}

// Makes an admitted command durable. When that fails it leaves the pool again, unless a block has
// it already.
std::optional<Refusal> Intake::journal(const CommandPtr& command, std::uint64_t entered_ms) {
  if (journal_ == nullptr) return std::nullopt;
  Status written = journal_->append(command, entered_ms);
  if (written.ok()) {
    const std::string state = pool_->state(command->id);
    if (state != "pending" && state != "parked")
      journal_->forget(command->id);  // it left before the record was there
    return std::nullopt;
  }
  std::vector<Hash> gone;
  if (!pool_->withdraw(command->id, &gone)) return std::nullopt;
  waiters_.take(command->id);
  lost(gone, evicted_refusal());
  return journal_refusal(written);
}

Result<CommandPtr> Intake::sign_own(const OwnAccount& account, std::uint64_t nonce,
                                    std::string_view method, const json::value& params,
                                    std::string_view memo, const StateViewPtr& view) const {
  CommandDraft draft;
  draft.chain = chain_.genesis().chain_id;
  draft.method = method;
  draft.memo = memo;
  draft.nonce = nonce;
  draft.params = params;
  for (int i = 0;; ++i) {
    Result<CommandPtr> made = sign_command(draft, account.key);
    if (!made.ok()) return made;
    const std::uint64_t least = admission_.least_fee_of(view, method, (*made)->envelope.size());
    if (draft.fee >= least || i == kFeeTries) return made;
    draft.fee = least;
  }
}

std::optional<Refusal> Intake::enter_own(OwnAccount& account, std::string_view method,
                                         const json::value& params, std::string_view memo,
                                         const CommandDone& done, PoolEntry* entry) {
  std::lock_guard lock(account.sequence);
  for (int i = 1;; ++i) {
    StateViewPtr view = chain_.view();
    Result<std::uint64_t> nonce = chain_.nonce(view, account.address);
    if (!nonce.ok()) return internal_refusal(nonce.status());
    Result<CommandPtr> made =
        sign_own(account, pool_->next_nonce(account.address, *nonce), method, params, memo, view);
    if (!made.ok())
      return make_refusal(kRpcInvalidParams, "invalid_params", made.status().message());
    entry->own_account = true;
    if (auto refusal = admission_.check(view, *made, false, entry)) return refusal;
    if (i == 1) {
      if (auto refusal = admission_.ask_policy(*entry)) return refusal;
    }
    std::optional<Refusal> refusal = enter(*entry, done);
    // The same key may sign elsewhere, as the treasury's executor does with the operator's.
    const bool taken = refusal && (refusal->name == "duplicate" || refusal->name == "nonce_gap");
    if (!taken || i == kNonceTries) return refusal;
  }
}

std::optional<Refusal> Intake::submit_own(const SigningKey& key, std::string_view method,
                                          const json::value& params, std::string_view memo,
                                          CommandDone done) {
  OwnAccount* account = own_.get(key);
  if (account == nullptr) {
    return make_refusal(kRpcInternal, "internal", "more than 64 keys sign for this node");
  }
  PoolEntry entry;
  if (auto refusal = enter_own(*account, method, params, memo, done, &entry)) return refusal;
  // Nobody waits for it: it must outlive a crash.
  return done == nullptr ? journal(entry.command, entry.entered_ms) : std::nullopt;
}

void Intake::fill_gaps() {
  if (pool_->stats().parked == 0) return;
  for (OwnAccount* account : own_.all()) {
    std::lock_guard lock(account->sequence);
    while (std::optional<std::uint64_t> nonce = pool_->gap(account->address)) {
      Result<CommandPtr> made = sign_own(*account, *nonce, kNoop, nullptr, "gap", chain_.view());
      if (!made.ok()) break;
      PoolEntry entry;
      entry.command = std::move(*made);
      entry.entered_ms = clock_.unix_ms();
      entry.own_account = entry.fills_gap = true;
      if (pool_->add(std::move(entry), head(), nullptr)) break;
    }
  }
}

void Intake::lost(const std::vector<Hash>& ids, const Refusal& refusal) {
  if (ids.empty()) return;
  for (const Hash& id : ids) {
    forget(id);
    waiters_.refuse(id, refusal);
  }
  wake_();
}

void Intake::forget(const Hash& id) {
  if (journal_ != nullptr) journal_->forget(id);
}

void Intake::set_limits(const MempoolLimits& limits) {
  pool_->set_limits(limits);
  admission_.set_limits(limits);
}

}  // namespace blockd
