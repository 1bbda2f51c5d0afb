#include "kernel/chain/verify_cache.hpp"

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/chain/row_cache.hpp"

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

std::optional<VerifyCache::Entry> VerifyCache::find(Tag tag) {
  Shard& shard = shard_of(tag);
  std::lock_guard lock(shard.mutex);
  if (auto it = shard.young.find(tag); it != shard.young.end()) return it->second;
  if (auto it = shard.old.find(tag); it != shard.old.end()) return it->second;
  return std::nullopt;
}

std::optional<bool> VerifyCache::recall(Tag tag, BytesView key, BytesView message,
                                        BytesView signature, std::optional<Hash>* name) {
  const std::optional<Entry> known = find(tag);
  if (!known) return std::nullopt;
  *name = blake3({key, signature, message});
  return known->name == **name ? std::optional<bool>(known->good) : std::nullopt;
}

bool VerifyCache::verify_once(BytesView key, BytesView message, BytesView signature) {
  if (!has_lengths(key, signature)) return false;
  std::optional<Hash> name;
  const std::optional<bool> known = recall(key_hash(signature), key, message, signature, &name);
  return known ? *known : check(key, message, signature);
}

bool VerifyCache::verify(BytesView key, BytesView message, BytesView signature) {
  if (!has_lengths(key, signature)) return false;
  const Tag tag = key_hash(signature);
  std::optional<Hash> name;
  if (const std::optional<bool> known = recall(tag, key, message, signature, &name)) return *known;
  const bool good = check(key, message, signature);
  if (!name) name = blake3({key, signature, message});
  Shard& shard = shard_of(tag);
  std::lock_guard lock(shard.mutex);
  if (shard.young.size() >= per_shard_) {
    shard.old = std::move(shard.young);
    shard.young.clear();
  }
  shard.young.insert_or_assign(tag, Entry{*name, good});
  return good;
}

}  // namespace blockd
