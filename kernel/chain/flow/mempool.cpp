// One lock over three kinds of order: per account by nonce, per lane by who may go next, and over
// all by expiry. Every entry is in its account's map; it is in `ready_` of its lane while it is the
// next of its account, and in `ranked_` of its lane while it may be evicted. Each step costs O(log
// n), except that a removal drags the sender's later nonces (at most a nonce window) with it.
#include "kernel/chain/mempool.hpp"

#include <algorithm>
#include <memory_resource>
#include <mutex>
#include <unordered_map>

#include "kernel/chain/flow/fate.hpp"
#include "kernel/chain/flow/pool_entry.hpp"
#include "kernel/chain/flow/pool_funds.hpp"

namespace blockd {
namespace {

using internal::Account;
using internal::Better;
using internal::check_funds;
using internal::Deadlines;
using internal::Entry;
using internal::group;
using internal::pays_fee;
using internal::place;

constexpr std::size_t kLanes = 3;
constexpr std::uint64_t kWindowPerCap = 4;
constexpr std::size_t kMaxMisfits = 16;  // commands per lane that one batch may pass over because
                                         // they are too large for what is left

class Pool final : public Mempool {
 public:
  Pool(const MempoolLimits& limits, Clock& clock) : limits_(limits), clock_(clock) {}

  std::optional<Refusal> precheck(const PoolEntry& entry, const PoolView& head) const override {
    std::lock_guard lock(mutex_);
    return check(entry, committed_nonce(entry.command->from, head));
  }

  std::optional<Refusal> add(PoolEntry entry, const PoolView& head, Added* added) override {
    std::lock_guard lock(mutex_);
    const std::uint64_t committed = committed_nonce(entry.command->from, head);
    if (auto refusal = check(entry, committed)) return refusal;
    Entry held;
    held.what = std::move(entry);
    held.order = ++arrivals_;
    held.deadline = deadline_of(held);
    if (pays_fee(held.what.lane)) know_base_fee(held.what.base_fee);
    held.price(base_fee_);
    std::vector<Entry*> victims;
    if (!held.what.fills_gap && !make_plan(held, &victims)) return full(held);
    for (Entry* victim : victims) {
      if (added != nullptr) added->evicted.push_back(victim->command().id);
      remove(victim, "evicted");
    }
    const bool parked = insert(std::move(held), committed);
    if (added != nullptr) added->parked = parked;
    return std::nullopt;
  }

  std::vector<CommandPtr> take(std::uint32_t max_commands, std::uint64_t max_bytes,
                               const PoolView& head) override {
    std::lock_guard lock(mutex_);
    const bool priced = head.base_fee.has_value();
    if (priced) reprice(*head.base_fee);
    base_fee_known_ = priced || payers() > 0;
    std::vector<CommandPtr> out;
    std::array<std::uint64_t, kLanes> taken{}, weight{};
    std::array<std::vector<Entry*>, kLanes> misfits;
    for (std::size_t i = 0; i < kLanes; ++i) weight[i] = std::max<std::uint64_t>(1, size_[i]);
    while (out.size() < max_commands) {
      std::size_t lane = next_lane(taken, weight, misfits, priced);
      if (lane == kLanes) break;
      Entry* entry = *ready_[lane].begin();
      ready_[lane].erase(ready_[lane].begin());
      if (entry->size() > max_bytes) {
        misfits[lane].push_back(entry);
        continue;
      }
      max_bytes -= entry->size();
      ++taken[lane];
      take_one(entry);
      out.push_back(entry->what.command);
    }
    for (std::size_t i = 0; i < kLanes; ++i) ready_[i].insert(misfits[i].begin(), misfits[i].end());
    return out;
  }

  void put_back(const std::vector<CommandPtr>& commands) override {
    std::lock_guard lock(mutex_);
    for (const CommandPtr& command : commands) {
      auto at = by_id_.find(command->id);
      if (at == by_id_.end() || !at->second.taken) continue;
      Entry* entry = &at->second;
      Account& account = accounts_.at(command->from);
      unready_front(account);
      entry->taken = false;
      --taken_;
      account.next = std::min(account.next, command->nonce);
      entry->price(base_fee_);
      rank(entry);
      wait_for_deadline(entry);
      ready_front(account);
    }
  }

  void committed(const std::vector<CommandPtr>& commands, const PoolView&) override {
    std::lock_guard lock(mutex_);
    for (const CommandPtr& command : commands) {
      auto at = accounts_.find(command->from);
      if (at == accounts_.end() || command->nonce <= at->second.committed) continue;
      advance(at, command->nonce, command->id);
    }
  }

  std::vector<Hash> drop(const Hash& id, std::string_view why) override {
    std::lock_guard lock(mutex_);
    std::vector<Hash> gone;
    auto at = by_id_.find(id);
    if (at == by_id_.end()) {
      ++not_found_;
    } else {
      remove_with_later(&at->second, why, &gone);
    }
    return gone;
  }

  std::vector<Hash> sweep_orphans(const std::vector<Hash>& ids) override {
    std::lock_guard lock(mutex_);
    std::vector<Hash> gone;
    for (const Hash& id : ids) {
      auto at = by_id_.find(id);
      if (at != by_id_.end()) remove_with_later(&at->second, "evicted", &gone);
    }
    orphans_ += gone.size();
    return gone;
  }

  bool withdraw(const Hash& id, std::vector<Hash>* gone) override {
    std::lock_guard lock(mutex_);
    auto at = by_id_.find(id);
    if (at == by_id_.end()) ++not_found_;
    if (at == by_id_.end() || at->second.taken) return false;
    remove_with_later(&at->second, "evicted", gone);
    return true;
  }

  std::vector<Hash> expire() override {
    std::lock_guard lock(mutex_);
    const std::uint64_t now = clock_.unix_ms();
    std::vector<Hash> gone;
    while (!by_deadline_.empty() && (*by_deadline_.begin())->deadline <= now) {
      remove_with_later(*by_deadline_.begin(), "expired", &gone);
    }
    fates_.forget_old(now);
    return gone;
  }

  void set_limits(const MempoolLimits& limits) override {
    std::lock_guard lock(mutex_);
    limits_ = limits;
    by_deadline_.clear();
    for (auto& [id, entry] : by_id_) {
      entry.deadline = deadline_of(entry);
      if (!entry.taken) wait_for_deadline(&entry);
    }
  }

  MempoolLimits limits() const override {
    std::lock_guard lock(mutex_);
    return limits_;
  }

  bool ready() const override {
    std::lock_guard lock(mutex_);
    return std::any_of(ready_.begin(), ready_.end(),
                       [](const Ranks& lane) { return can_go(lane); });
  }

  bool holds_payers() const override {
    std::lock_guard lock(mutex_);
    return payers() > 0;
  }

  std::uint64_t waiting() const override {
    std::lock_guard lock(mutex_);
    const std::uint64_t all = by_id_.size(), away = parked_ + taken_;
    return all - std::min(all, away);  // one that is taken may be parked as well
  }

  Stats stats() const override {
    std::lock_guard lock(mutex_);
    Stats out;
    for (std::size_t i = 0; i < kLanes; ++i) out.size[i] = size_[i];
    out.parked = parked_;
    out.bytes = bytes_;
    out.expired = expired_;
    out.expired_at_start = expired_at_start_;
    out.evicted = evicted_;
    out.orphans = orphans_;
    out.not_found = not_found_;
    return out;
  }

  LaneFigures figures(Lane lane) const override {
    std::vector<std::uint64_t> ages, fees;
    {
      std::lock_guard lock(mutex_);
      const std::uint64_t now = clock_.unix_ms();
      for (const auto& [id, entry] : by_id_) {
        if (entry.what.lane != lane) continue;
        ages.push_back(now - std::min(now, entry.what.entered_ms));
        fees.push_back(entry.command().fee);
      }
    }
    LaneFigures out;
    out.size = ages.size();
    if (ages.empty()) return out;
    std::sort(ages.begin(), ages.end());
    std::sort(fees.begin(), fees.end());
    const auto at = [n = ages.size()](std::uint64_t percent) { return (n - 1) * percent / 100; };
    out.age_p50_ms = ages[at(50)];
    out.age_p95_ms = ages[at(95)];
    out.fee_p50 = fees[at(50)];
    out.fee_p90 = fees[at(90)];
    return out;
  }

  void count_expired_at_start() override {
    std::lock_guard lock(mutex_);
    ++expired_at_start_;
  }

  std::uint64_t next_nonce(std::string_view account, std::uint64_t committed_nonce) const override {
    std::lock_guard lock(mutex_);
    auto at = accounts_.find(std::string(account));
    return (at == accounts_.end() ? committed_nonce
                                  : std::max(at->second.run_end, committed_nonce)) +
           1;
  }

  std::uint64_t pending(std::string_view account) const override {
    std::lock_guard lock(mutex_);
    auto at = accounts_.find(std::string(account));
    return at == accounts_.end() ? 0 : at->second.by_nonce.size();
  }

  std::optional<std::uint64_t> gap(std::string_view account) const override {
    std::lock_guard lock(mutex_);
    auto at = accounts_.find(std::string(account));
    if (at == accounts_.end() || at->second.by_nonce.rbegin()->first <= at->second.run_end)
      return std::nullopt;
    return at->second.run_end + 1;
  }

  std::string state(const Hash& id) const override {
    std::lock_guard lock(mutex_);
    auto at = by_id_.find(id);
    if (at == by_id_.end()) return fates_.find(id);
    const Command& command = at->second.command();
    return command.nonce <= accounts_.at(command.from).run_end ? "pending" : "parked";
  }

 private:
  using ById = std::pmr::unordered_map<Hash, Entry, HashOfHash>;
  using Accounts = std::unordered_map<std::string, Account>;
  using Ranks = std::pmr::set<Entry*, Better>;

  // ---- admission

  std::uint64_t committed_nonce(const std::string& account, const PoolView& head) const {
    auto at = accounts_.find(account);
    return at == accounts_.end() ? head.nonce(account) : at->second.committed;
  }

  std::uint64_t cap_of(const PoolEntry& entry) const {
    if (pays_fee(entry.lane)) return limits_.fee_account_cap;
    return entry.own_account ? limits_.service_max : limits_.service_account_cap;
  }

  std::uint64_t lane_max(Lane lane) const {
    return pays_fee(lane) ? limits_.fee_lane_max : limits_.service_max;
  }

  std::optional<Refusal> check(const PoolEntry& entry, std::uint64_t committed) const {
    const Command& command = *entry.command;
    auto at = accounts_.find(command.from);
    const Account* account = at == accounts_.end() ? nullptr : &at->second;
    if (by_id_.contains(command.id) ||
        (account != nullptr && account->by_nonce.contains(command.nonce))) {
      return admission_refusal(admission::kDuplicate, "duplicate",
                               "a command of this account with nonce " +
                                   std::to_string(command.nonce) + " waits already");
    }
    const std::uint64_t window = kWindowPerCap * cap_of(entry);
    if (command.nonce <= committed || command.nonce - committed > window) {
      Refusal refusal = admission_refusal(admission::kNonceGap, "nonce_gap",
                                          "nonce " + std::to_string(command.nonce) +
                                              " is outside " + std::to_string(committed + 1) + "…" +
                                              std::to_string(committed + window));
      refusal.expected = committed + 1;
      return refusal;
    }
    if (!entry.fills_gap && account != nullptr &&
        account->count[group(entry.lane)] >= cap_of(entry)) {
      return admission_refusal(
          admission::kPendingLimit, "pending_limit",
          "the account has " + std::to_string(cap_of(entry)) +
              " commands waiting, as many as it may; wait until some are committed");
    }
    return entry.funds ? check_funds(entry, account) : std::nullopt;
  }

  Refusal full(const Entry& entry) const {
    return admission_refusal(admission::kMempoolFull, "mempool_full",
                             "lane " + std::string(lane_name(entry.what.lane)) + " holds " +
                                 std::to_string(size_[place(entry.what.lane)]) + " of " +
                                 std::to_string(lane_max(entry.what.lane)) +
                                 " commands, the pool " + std::to_string(bytes_) + " of " +
                                 std::to_string(limits_.max_bytes) + " bytes; try again later" +
                                 (pays_fee(entry.what.lane) ? ", or pay a higher fee" : ""));
  }

  // Who would have to leave for `entry`: the worst of its lane, and what waits behind them. False
  // when there is no room, or only better ones (or its own predecessors) could make it; nobody
  // leaves for a command that is then refused.
  bool make_plan(const Entry& entry, std::vector<Entry*>* victims) const {
    const std::size_t lane = place(entry.what.lane);
    std::uint64_t size = size_[lane] + 1, bytes = bytes_ + entry.size();
    auto fits = [&] { return size <= lane_max(entry.what.lane) && bytes <= limits_.max_bytes; };
    if (fits()) return true;
    if (!pays_fee(entry.what.lane)) return false;
    std::set<const Entry*> chosen;
    for (auto worst = ranked_[lane].rbegin(); !fits() && worst != ranked_[lane].rend(); ++worst) {
      if (!Better()(&entry, *worst)) return false;
      if (chosen.contains(*worst)) continue;
      for (Entry* lost : with_later(*worst)) {
        if (lost->command().from == entry.command().from &&
            lost->command().nonce < entry.command().nonce)
          return false;
        if (!chosen.insert(lost).second) continue;
        victims->push_back(lost);
        bytes -= lost->size();
        if (lost->what.lane == entry.what.lane) --size;
      }
    }
    return fits();
  }

  std::uint64_t deadline_of(const Entry& entry) const {
    const std::uint64_t ttl =
        pays_fee(entry.what.lane) ? limits_.fee_ttl_ms : limits_.service_ttl_ms;
    std::uint64_t deadline = 0;
    if (__builtin_add_overflow(entry.what.entered_ms, ttl, &deadline)) deadline = UINT64_MAX;
    const std::optional<std::uint64_t>& own = entry.command().expires_at_ms;
    return own && *own < deadline ? *own + 1 : deadline;
  }

  // ---- entering and leaving

  bool insert(Entry held, std::uint64_t committed) {
    const Hash id = held.command().id;
    Entry* entry = &by_id_.emplace(id, std::move(held)).first->second;
    const Command& command = entry->command();
    auto [at, fresh] = accounts_.try_emplace(command.from, &memory_);
    Account& account = at->second;
    if (fresh) {
      account.committed = account.run_end = committed;
      account.next = committed + 1;
    }
    account.by_nonce.emplace(command.nonce, entry);
    ++account.count[group(entry->what.lane)];
    ++size_[place(entry->what.lane)];
    bytes_ += entry->size();
    rank(entry);
    wait_for_deadline(entry);
    fates_.erase(command.id);
    ++parked_;
    extend_run(account);
    ready_front(account);
    return command.nonce > account.run_end;
  }

  // Nobody leaves the service lane for another, so none of it is ranked.
  void rank(Entry* entry) {
    if (pays_fee(entry->what.lane)) ranked_[place(entry->what.lane)].insert(entry);
  }
  // Most have the same time to live, so the newest ends last.
  void wait_for_deadline(Entry* entry) {
    entry->by_deadline = by_deadline_.insert(by_deadline_.end(), entry);
  }
  void unrank(Entry* entry) {
    if (pays_fee(entry->what.lane)) ranked_[place(entry->what.lane)].erase(entry);
    by_deadline_.erase(entry->by_deadline);
  }

  // Takes the entry out of every order. The caller mends the account's run and erases an account
  // that became empty.
  void unlink(Entry* entry, Account& account) {
    const std::size_t lane = place(entry->what.lane);
    ready_[lane].erase(entry);
    if (!entry->taken) {
      unrank(entry);
    } else {
      --taken_;
    }
    --size_[lane];
    bytes_ -= entry->size();
    --account.count[group(entry->what.lane)];
    account.by_nonce.erase(entry->command().nonce);
  }

  void remove(Entry* entry, std::string_view why) {
    const Hash id = entry->command().id;
    const std::uint64_t nonce = entry->command().nonce;
    auto at = accounts_.find(entry->command().from);
    Account& account = at->second;
    unready_front(account);
    unlink(entry, account);
    if (nonce > account.run_end) {
      --parked_;
    } else {
      parked_ += account.run_end - nonce;  // what is behind it waits from now on
      account.run_end = nonce - 1;
      account.next = std::min(account.next, nonce);
    }
    ready_front(account);
    fates_.put(id, why, clock_.unix_ms());
    ++(why == "expired" ? expired_ : evicted_);
    by_id_.erase(id);
    if (account.by_nonce.empty()) accounts_.erase(at);
  }

  // `entry` and, unless it is of this node's own account, the later ones of its sender; last first,
  // so that no step parks what goes next.
  std::vector<Entry*> with_later(Entry* entry) const {
    if (entry->what.own_account) return {entry};
    const Account& account = accounts_.at(entry->command().from);
    std::vector<Entry*> out;
    for (auto at = account.by_nonce.find(entry->command().nonce); at != account.by_nonce.end();
         ++at) {
      out.push_back(at->second);
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  void remove_with_later(Entry* entry, std::string_view why, std::vector<Hash>* gone) {
    for (Entry* lost : with_later(entry)) {
      if (gone != nullptr) gone->push_back(lost->command().id);
      remove(lost, lost == entry ? why : "evicted");
    }
  }

  // The account's nonce is `nonce` now: what it held up to there leaves. Only `committed_id` was in
  // the block.
  void advance(Accounts::iterator at, std::uint64_t nonce, const Hash& committed_id) {
    Account& account = at->second;
    unready_front(account);
    while (!account.by_nonce.empty() && account.by_nonce.begin()->first <= nonce) {
      Entry* entry = account.by_nonce.begin()->second;
      const Hash id = entry->command().id;
      if (entry->command().nonce > account.run_end) --parked_;
      unlink(entry, account);
      if (id != committed_id) fates_.put(id, "evicted", clock_.unix_ms());
      by_id_.erase(id);
    }
    account.committed = nonce;
    account.run_end = std::max(account.run_end, nonce);
    account.next = std::max(account.next, nonce + 1);
    if (account.by_nonce.empty()) {
      accounts_.erase(at);
      return;
    }
    extend_run(account);
    ready_front(account);
  }

  // ---- who may go next

  // What cannot pay stands last.
  static bool can_go(const Ranks& ready) { return !ready.empty() && (*ready.begin())->payable; }

  std::uint64_t payers() const {
    return size_[place(Lane::kConsumer)] + size_[place(Lane::kIndustrial)];
  }

  // The first who pays after a while in which nobody did brings the base fee along.
  void know_base_fee(std::uint64_t seen) {
    if (base_fee_known_) return;
    reprice(seen);
    base_fee_known_ = true;
  }

  // Orders the fee lanes anew when the base fee has moved, which it does slowly.
  void reprice(std::uint64_t base_fee) {
    if (base_fee == base_fee_) return;
    base_fee_ = base_fee;
    for (Lane lane : {Lane::kConsumer, Lane::kIndustrial}) {
      for (Ranks* ranks : {&ready_[place(lane)], &ranked_[place(lane)]}) {
        const std::vector<Entry*> held(ranks->begin(), ranks->end());
        ranks->clear();
        for (Entry* entry : held) entry->price(base_fee);
        ranks->insert(held.begin(), held.end());
      }
    }
  }

  void extend_run(Account& account) {
    for (auto at = account.by_nonce.find(account.run_end + 1);
         at != account.by_nonce.end() && at->first == account.run_end + 1; ++at) {
      ++account.run_end;
      --parked_;
    }
  }

  // The first entry of the run that is not taken.
  Entry* front(const Account& account) const {
    for (auto at = account.by_nonce.find(account.next); at != account.by_nonce.end(); ++at) {
      if (at->first > account.run_end) return nullptr;
      if (!at->second->taken) return at->second;
    }
    return nullptr;
  }

  void ready_front(Account& account) {
    if (Entry* entry = front(account)) ready_[place(entry->what.lane)].insert(entry);
  }
  void unready_front(Account& account) {
    if (Entry* entry = front(account)) ready_[place(entry->what.lane)].erase(entry);
  }
  void take_one(Entry* entry) {
    entry->taken = true;
    ++taken_;
    unrank(entry);
    Account& account = accounts_.at(entry->command().from);
    account.next = entry->command().nonce + 1;
    ready_front(account);
  }

  // The lane whose share is furthest behind its length; each gets one before any gets two. kLanes:
  // nothing left.
  std::size_t next_lane(const std::array<std::uint64_t, kLanes>& taken,
                        const std::array<std::uint64_t, kLanes>& weight,
                        const std::array<std::vector<Entry*>, kLanes>& misfits, bool priced) const {
    std::size_t best = kLanes;
    for (std::size_t i = 0; i < kLanes; ++i) {
      if (!priced && pays_fee(static_cast<Lane>(i))) continue;
      if (!can_go(ready_[i]) || misfits[i].size() >= kMaxMisfits) continue;
      if (best == kLanes || taken[i] * weight[best] < taken[best] * weight[i]) best = i;
    }
    return best;
  }

  mutable std::mutex mutex_;
  MempoolLimits limits_;
  Clock& clock_;
  std::uint64_t base_fee_ = 0;  // by which the fee lanes are in order
  // False: blocks were made since it was told; the fee lanes are empty.
  bool base_fee_known_ = false;
  std::uint64_t arrivals_ = 0, bytes_ = 0, parked_ = 0, taken_ = 0;
  std::uint64_t expired_ = 0, expired_at_start_ = 0, evicted_ = 0;
  std::uint64_t orphans_ = 0, not_found_ = 0;
  std::array<std::uint64_t, kLanes> size_{};
  // Of the nodes below: they are made by one thread and freed by another, which the allocator of
  // the process does not like.
  std::pmr::unsynchronized_pool_resource memory_;
  ById by_id_{&memory_};  // bounded by the lanes
  Accounts accounts_;     // only those with entries
  std::array<Ranks, kLanes> ready_{Ranks(&memory_), Ranks(&memory_), Ranks(&memory_)},
      ranked_{Ranks(&memory_), Ranks(&memory_), Ranks(&memory_)};
  Deadlines by_deadline_{&memory_};  // not the taken ones: their block decides
  Fates fates_;
};

}  // namespace

std::unique_ptr<Mempool> Mempool::create(const MempoolLimits& limits, Clock& clock) {
  return std::make_unique<Pool>(limits, clock);
}

}  // namespace blockd
