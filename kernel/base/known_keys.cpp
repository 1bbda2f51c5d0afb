#include "kernel/base/known_keys.hpp"

#include <sodium.h>

#include <algorithm>

#include "kernel/base/crypto.hpp"
#include "kernel/base/ed25519_table.hpp"

namespace blockd {
namespace {

using internal::KeyTable;

// S, if it is below the group's order as RFC 8032 asks.
bool read_response(const Signature& signature, KeyTable::Scalar* s) {
  std::array<std::uint8_t, 64> wide{};
  std::copy(signature.begin() + 32, signature.end(), s->begin());
  std::copy(s->begin(), s->end(), wide.begin());
  KeyTable::Scalar reduced;
  crypto_core_ed25519_scalar_reduce(reduced.data(), wide.data());
  return reduced == *s;
}

KeyTable::Scalar challenge_of(const PublicKey& key, BytesView message, const Signature& signature) {
  std::array<std::uint8_t, 64> digest;
  crypto_hash_sha512_state state;
  crypto_hash_sha512_init(&state);
  crypto_hash_sha512_update(&state, signature.data(), 32);
  crypto_hash_sha512_update(&state, key.data(), key.size());
  crypto_hash_sha512_update(&state, reinterpret_cast<const unsigned char*>(message.data()),
                            message.size());
  crypto_hash_sha512_final(&state, digest.data());
  KeyTable::Scalar h;
  crypto_core_ed25519_scalar_reduce(h.data(), digest.data());
  return h;
}

bool confirms(const KeyTable& table, const PublicKey& key, BytesView message,
              const Signature& signature) {
  table.fetch();
  std::array<std::uint8_t, 32> r;
  std::copy_n(signature.begin(), r.size(), r.begin());
  KeyTable::Scalar s;
  return read_response(signature, &s) && table.holds(s, challenge_of(key, message, signature), r);
}

std::uint64_t random_seed() {
  std::uint64_t seed = 0;
  random_bytes(&seed, sizeof seed);
  return seed;
}

}  // namespace

// Keys are chosen by strangers, so which ones meet in a bucket is not theirs to know.
std::size_t KnownKeys::HashOf::operator()(const PublicKey& key) const {
  std::uint64_t w[4];
  std::memcpy(w, key.data(), sizeof w);
  const U128 mixed = U128{w[0] ^ seed} * (w[1] ^ ~seed) ^ U128 { w[2] ^ seed } * (w[3] ^ ~seed);
  return static_cast<std::size_t>(mixed >> 64) ^ static_cast<std::size_t>(mixed);
}

KnownKeys::KnownKeys(std::size_t max_keys)
    : per_shard_(std::max<std::size_t>(max_keys / kShards, 1)) {
  const HashOf hash{random_seed()};
  for (Shard& shard : shards_) shard.keys = decltype(shard.keys)(0, hash);
}

KnownKeys::~KnownKeys() = default;

bool KnownKeys::verify(const PublicKey& key, BytesView message, const Signature& signature) {
  Shard& shard = shards_[key[31] % kShards];
  if (const Table table = find(shard, key);
      table != nullptr && confirms(*table, key, message, signature)) {
    answered_.fetch_add(1, std::memory_order_relaxed);
    return true;
  }
  if (!ed25519_verify(key, message, signature)) return false;
  remember(shard, key);
  return true;
}

KnownKeys::Table KnownKeys::find(Shard& shard, const PublicKey& key) const {
  std::lock_guard lock(shard.mutex);
  const auto it = shard.keys.find(key);
  return it == shard.keys.end() ? nullptr : it->second;
}

// A key that was seen before gets its table, which is made outside of the lock: two threads may
// make the same one.
void KnownKeys::remember(Shard& shard, const PublicKey& key) {
  {
    std::lock_guard lock(shard.mutex);
    const auto [it, is_new] = shard.keys.try_emplace(key);
    if (is_new) {
      if (shard.order.size() < per_shard_) {
        shard.order.push_back(key);
      } else {
        shard.keys.erase(std::exchange(shard.order[shard.oldest], key));
        shard.oldest = (shard.oldest + 1) % per_shard_;
      }
      return;
    }
    if (it->second != nullptr) return;
  }
  Table table = KeyTable::make(key);
  std::lock_guard lock(shard.mutex);
  const auto it = shard.keys.find(key);
  if (it != shard.keys.end()) it->second = std::move(table);
}

std::size_t KnownKeys::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    std::lock_guard lock(shard.mutex);
    sum += shard.keys.size();
  }
  return sum;
}

}  // namespace blockd
