// Whether those whom a command moves money between have what it takes, by what admission has seen.
// Only mempool.cpp includes this.
#pragma once

#include <string>

#include "kernel/base/json.hpp"
#include "kernel/chain/flow/pool_entry.hpp"

namespace blockd::internal {

inline json::value number_json(std::uint64_t number) {
  if (number <= kMaxSafeInteger) return number;
  return json::value(std::to_string(number));
}

// Row 15.
inline std::optional<Refusal> check_receiver(const PoolEntry& entry) {
  if (entry.total_debit - entry.command->fee <= entry.funds->receiver_room) return std::nullopt;
  return admission_refusal(admission::kBalanceOverflow, "balance_overflow",
                           "the receiver's balance has room for " +
                               std::to_string(entry.funds->receiver_room) +
                               " more below 2^64; send less");
}

// Row 14: what the sender's waiting commands take, and this one, out of what it has.
inline std::optional<Refusal> check_funds(const PoolEntry& entry, const Account* account) {
  __extension__ typedef unsigned __int128 Wide;
  Wide waiting = 0;
  if (account != nullptr) {
    for (auto at = account->by_nonce.upper_bound(entry.funds->nonce); at != account->by_nonce.end();
         ++at) {
      waiting += at->second->what.total_debit;
    }
  }
  if (waiting + entry.total_debit <= entry.funds->balance) return check_receiver(entry);
  const std::uint64_t held =
      waiting > UINT64_MAX ? UINT64_MAX : static_cast<std::uint64_t>(waiting);
  Refusal refusal = admission_refusal(
      admission::kInsufficientBalance, "insufficient_balance",
      "account " + entry.command->from + " holds " + std::to_string(entry.funds->balance) +
          ", its waiting commands take " + std::to_string(held) +
          " of it, amount and fee of this one are " + std::to_string(entry.total_debit));
  refusal.hint = "send less, or wait until somebody has paid the account";
  refusal.data["balance"] = number_json(entry.funds->balance);
  refusal.data["pending"] = number_json(held);
  refusal.data["needed"] = number_json(entry.total_debit);
  return refusal;
}

}  // namespace blockd::internal
