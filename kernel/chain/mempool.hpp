// Mempool: accepted commands that wait for a block. Bounded, by lane, with a nonce window and
// parking (node-and-cli spec 5.6). Thread safe.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/status.hpp"
#include "kernel/chain/command.hpp"

namespace blockd {

struct MempoolLimits {
  std::uint32_t fee_lane_max = 1024, service_max = 100'000;
  std::uint32_t fee_account_cap = 16, service_account_cap = 1024;
  std::uint64_t fee_ttl_ms = 1'800'000, service_ttl_ms = 86'400'000;
  std::uint64_t min_fee_per_byte = 1;
  std::uint64_t min_fee_per_byte_consumer = 0, min_fee_per_byte_industrial = 0;  // 0: the one above
  std::uint64_t service_min_fee_per_byte = 0;
  bool service_requires_account = false;  // commands without a fee, too, need a sender who is known
  // Industrial commands are held back while the consumer lane's 90th percentile of fees is above
  // it; 0: never. Unset: the parameter consumer_fee_comfort_p90_microunits of governance.
  std::optional<std::uint64_t> comfort_p90 = 0;

  std::uint64_t least_per_byte(Lane lane) const {
    if (lane == Lane::kService) return service_min_fee_per_byte;
    const std::uint64_t own = lane == Lane::kConsumer     ? min_fee_per_byte_consumer
                              : lane == Lane::kIndustrial ? min_fee_per_byte_industrial
                                                          : 0;
    return own != 0 ? own : min_fee_per_byte;
  }
  std::uint64_t max_bytes = 256ull << 20;
};

// Fees of the next block in one lane.
struct LanePrice {
  std::uint64_t base_fee = 0;  // least fee of a command
  std::uint64_t floor = 0;     // least tip (what is above the base fee) per byte of its envelope
};

// What a sender has, on the head that admission looked at.
struct Funds {
  std::uint64_t balance = 0;
  std::uint64_t nonce = 0;                   // commands up to this one have paid already
  std::uint64_t receiver_room = UINT64_MAX;  // up to the largest balance
};

struct PoolEntry {
  CommandPtr command;
  Lane lane = Lane::kService;
  std::uint64_t entered_ms = 0;
  bool own_account = false;       // of this node: exempt from the account cap
  std::uint64_t total_debit = 0;  // amounts + fee, for fee lanes
  std::uint64_t base_fee = 0;     // that admission saw, for fee lanes
  std::optional<Funds> funds;     // of the sender, for fee lanes; unset: not asked
  bool sender_known = true;       // the sender has a balance or a nonce
  bool fills_gap =
      false;  // a chain.noop of this node in place of a lost command: needs no room and no cap
};

struct PoolView {  // what admission needs to know of the chain's head
  std::uint64_t height = 0;
  // Of the next block; only take() looks at it. Unset: nobody who pays was waiting when the head
  // was looked at, so nobody was asked. Who came since waits for the next take().
  std::optional<std::uint64_t> base_fee;
  // Asked under the pool's lock, and only for accounts that the pool does not hold: must look at
  // the head of that moment and not call the pool.
  std::function<std::uint64_t(std::string_view account)> nonce;
};

class Mempool {
 public:
  static std::unique_ptr<Mempool> create(const MempoolLimits& limits, Clock& clock);
  virtual ~Mempool() = default;

  struct Added {
    bool parked = false;
    std::vector<Hash> evicted;
  };
  // Checks 11 to 15 and 17 of the admission list. The caller has done the others.
  virtual std::optional<Refusal> precheck(const PoolEntry& entry,
                                          const PoolView& head) const = 0;  // 11 to 15 only
  virtual std::optional<Refusal> add(PoolEntry entry, const PoolView& head, Added* added) = 0;
  // What is taken stays in the pool, in nobody's way, until put_back, committed or drop; its
  // sender's next nonces may be taken meanwhile, its own is not given twice. Up to the
  // limits, in the order of spec 5.6.2: lanes in turn, weighted by length; within an account by
  // nonce without a gap. A fee below `head.base_fee` stays where it is; without a base fee the fee
  // lanes do.
  virtual std::vector<CommandPtr> take(std::uint32_t max_commands, std::uint64_t max_bytes,
                                       const PoolView& head) = 0;
  // Puts back what a produced block left out, and forgets what it holds.
  virtual void put_back(const std::vector<CommandPtr>& commands) = 0;
  virtual void committed(const std::vector<CommandPtr>& commands, const PoolView& head) = 0;
  // Removes a command, taken or not, and its sender's later nonces, whose place is lost with it
  // (not those of the node's own accounts: their gap gets filled). `why` is what state() says of
  // it, "evicted" of the others. Returns the ids that went.
  virtual std::vector<Hash> drop(const Hash& id, std::string_view why) = 0;
  // As drop "evicted" of commands whose sender is not on the chain; counts all that go. Returns
  // their ids.
  virtual std::vector<Hash> sweep_orphans(const std::vector<Hash>& ids) = 0;
  // As drop "evicted", but false, and nothing happens, when the command is taken or not here.
  virtual bool withdraw(const Hash& id, std::vector<Hash>* gone) = 0;
  // Removes what has expired, with the senders' later nonces; returns their ids.
  virtual std::vector<Hash> expire() = 0;
  virtual void set_limits(const MempoolLimits& limits) = 0;
  virtual MempoolLimits limits() const = 0;

  virtual bool ready() const = 0;             // at least one command could be taken
  virtual bool holds_payers() const = 0;      // somebody is in a fee lane: take() needs a base fee
  virtual std::uint64_t waiting() const = 0;  // neither taken nor parked
  struct Stats {
    std::uint64_t size[3] = {0, 0, 0};
    std::uint64_t parked = 0, bytes = 0;
    // Since the start: left because their time ended, had ended before the start, or were evicted.
    std::uint64_t expired = 0, expired_at_start = 0, evicted = 0;
    // Swept orphans, and drops of what was not here.
    std::uint64_t orphans = 0, not_found = 0;
  };
  virtual Stats stats() const = 0;
  // Of one lane; percentiles at index (n - 1) * p / 100 of the ascending values, 0 without any.
  // Sorts the whole lane: for statistics, not for hot paths.
  struct LaneFigures {
    std::uint64_t size = 0, age_p50_ms = 0, age_p95_ms = 0, fee_p50 = 0, fee_p90 = 0;
  };
  virtual LaneFigures figures(Lane lane) const = 0;
  // A journalled command was not taken back because its time had ended.
  virtual void count_expired_at_start() = 0;
  virtual std::uint64_t next_nonce(std::string_view account,
                                   std::uint64_t committed_nonce) const = 0;
  virtual std::uint64_t pending(std::string_view account) const = 0;
  // The first nonce that is missing while a later one of `account` waits.
  virtual std::optional<std::uint64_t> gap(std::string_view account) const = 0;
  // pending, parked, expired, evicted or unknown; the words of what is gone are kept for 24 h, at
  // most 100,000
  virtual std::string state(const Hash& id) const = 0;
};

}  // namespace blockd
