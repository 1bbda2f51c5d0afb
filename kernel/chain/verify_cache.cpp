#include "kernel/chain/verify_cache.hpp"

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"

namespace blockd {

bool VerifyCache::check(BytesView key, BytesView message, BytesView signature) {
  PublicKey public_key{};
  Signature sig{};
  if (key.size() != public_key.size() || signature.size() != sig.size()) return false;
  std::memcpy(public_key.data(), key.data(), key.size());
  std::memcpy(sig.data(), signature.data(), signature.size());
  return ed25519_verify(public_key, message, sig);
}

namespace {

// Lengths are looked at first: the name of an entry says nothing of where one part ends.
bool has_lengths(BytesView key, BytesView signature) {
  return key.size() == sizeof(PublicKey) && signature.size() == sizeof(Signature);
}

}  // namespace

std::optional<bool> VerifyCache::recall(const Hash& id) {
  Shard& shard = shard_of(id);
  std::lock_guard lock(shard.mutex);
  if (auto it = shard.young.find(id); it != shard.young.end()) return it->second;
  if (auto it = shard.old.find(id); it != shard.old.end()) return it->second;
  return std::nullopt;
}

bool VerifyCache::verify_once(BytesView key, BytesView message, BytesView signature) {
  if (!has_lengths(key, signature)) return false;
  const std::optional<bool> known = recall(blake3({key, signature, message}));
  return known ? *known : check(key, message, signature);
}

bool VerifyCache::verify(BytesView key, BytesView message, BytesView signature) {
  if (!has_lengths(key, signature)) return false;
  const Hash id = blake3({key, signature, message});
  if (const std::optional<bool> known = recall(id)) return *known;
  const bool good = check(key, message, signature);
  Shard& shard = shard_of(id);
  std::lock_guard lock(shard.mutex);
  if (shard.young.size() >= per_shard_) {
    shard.old = std::move(shard.young);
    shard.young.clear();
  }
  shard.young.emplace(id, good);
  return good;
}

}  // namespace blockd
