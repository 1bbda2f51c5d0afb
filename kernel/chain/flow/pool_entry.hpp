// An entry of the pool, and the orders in which entries stand: who goes next, who leaves first, who
// expires first. Not thread safe; under the pool's lock. Only mempool.cpp includes this.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory_resource>
#include <set>

#include "kernel/chain/mempool.hpp"

namespace blockd::internal {

inline std::size_t place(Lane lane) { return static_cast<std::size_t>(lane); }
inline bool pays_fee(Lane lane) { return lane != Lane::kService; }

struct Entry;

struct SoonerEnds {
  inline bool operator()(const Entry* a, const Entry* b) const;
};
using Deadlines = std::pmr::set<Entry*, SoonerEnds>;

struct Entry {
  PoolEntry what;
  std::uint64_t order = 0;            // of arrival
  std::uint64_t deadline = 0;         // first millisecond at which it has expired
  bool payable = true;                // its fee reaches the base fee
  std::uint64_t tip_per_byte = 0;     // at that base fee
  Deadlines::iterator by_deadline{};  // unless it is taken
  bool taken = false;

  const Command& command() const { return *what.command; }
  std::uint64_t size() const { return command().envelope.size(); }
  void price(std::uint64_t base_fee) {
    payable = !pays_fee(what.lane) || command().fee >= base_fee;
    tip_per_byte = payable && pays_fee(what.lane) ? (command().fee - base_fee) / size() : 0;
  }
};

// Best first: fee lanes by tip per byte, then age, then id, and what cannot pay the base fee last;
// the service lane by arrival.
struct Better {
  bool operator()(const Entry* a, const Entry* b) const {
    if (!pays_fee(a->what.lane)) return a->order < b->order;
    if (a->payable != b->payable) return a->payable;
    if (a->tip_per_byte != b->tip_per_byte) return a->tip_per_byte > b->tip_per_byte;
    if (a->what.entered_ms != b->what.entered_ms) return a->what.entered_ms < b->what.entered_ms;
    return a->command().id < b->command().id;
  }
};

inline bool SoonerEnds::operator()(const Entry* a, const Entry* b) const {
  return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

struct Account {
  explicit Account(std::pmr::memory_resource* memory) : by_nonce(memory) {}
  std::uint64_t committed = 0;  // nonce in the last block
  std::uint64_t run_end = 0;    // last nonce that is reached without a gap
  std::uint64_t next = 0;       // no entry of the run below it could go next
  std::pmr::map<std::uint64_t, Entry*> by_nonce;
  std::array<std::uint64_t, 2> count{};  // fee lanes together, service
};

inline std::size_t group(Lane lane) { return pays_fee(lane) ? 0 : 1; }

}  // namespace blockd::internal
