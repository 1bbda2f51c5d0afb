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

bool VerifyCache::verify(BytesView key, BytesView message, BytesView signature) {
  // Lengths first: the name of an entry says nothing of where one part ends.
  if (key.size() != sizeof(PublicKey) || signature.size() != sizeof(Signature)) return false;
  Hash id = blake3({key, signature, message});
  Shard& shard = shards_[id[31] % kShards];
  {
    std::lock_guard lock(shard.mutex);
    if (auto it = shard.young.find(id); it != shard.young.end()) return it->second;
    if (auto it = shard.old.find(id); it != shard.old.end()) return it->second;
  }
  const bool good = check(key, message, signature);
  std::lock_guard lock(shard.mutex);
  if (shard.young.size() >= per_shard_) {
    shard.old = std::move(shard.young);
    shard.young.clear();
  }
  shard.young.emplace(id, good);
  return good;
}

}  // namespace blockd
