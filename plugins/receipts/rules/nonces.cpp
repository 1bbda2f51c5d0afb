#include "plugins/receipts/rules/nonces.hpp"

#include <algorithm>

namespace receipts {
namespace {

void forget(NonceRows& rows, std::string_view provider, std::uint64_t nonce) {
  NonceFloor floor = rows.floor(provider);
  rows.erase(provider, nonce);
  floor.tracked -= 1;
  floor.next_min = std::max(floor.next_min, nonce + 1);
  rows.set_floor(provider, floor);
}

}  // namespace

bool nonce_fresh(NonceRows& rows, std::string_view provider, std::uint64_t nonce) {
  return nonce >= rows.floor(provider).next_min && !rows.tracked(provider, nonce);
}

void accept_nonce(NonceRows& rows, std::string_view provider, std::uint64_t nonce,
                  std::uint64_t block, std::uint64_t cap) {
  NonceFloor floor = rows.floor(provider);
  rows.put(provider, nonce, block);
  floor.tracked += 1;
  rows.set_floor(provider, floor);
  while (rows.floor(provider).tracked > cap) {
    const std::optional<std::uint64_t> smallest = rows.smallest(provider);
    if (!smallest) return;
    forget(rows, provider, *smallest);
  }
}

std::uint64_t prune_nonces(NonceRows& rows, std::uint64_t block, std::uint64_t window,
                           std::uint64_t limit) {
  const std::uint64_t cutoff = block > window ? block - window : 0;
  std::uint64_t pruned = 0;
  while (pruned < limit) {
    const std::optional<OldNonce> old = rows.oldest_before(cutoff);
    if (!old) break;
    forget(rows, old->provider, old->nonce);
    ++pruned;
  }
  return pruned;
}

}  // namespace receipts
