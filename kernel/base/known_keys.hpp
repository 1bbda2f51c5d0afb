// KnownKeys: signature checks for keys that come again and again, as those of meters and oracles
// do.
//
// verify() answers exactly as ed25519_verify(). A key that libsodium has found good is remembered;
// when it comes again a table of its multiples is made, and from then on its good signatures cost
// a quarter. Such a check only ever says yes: whatever it does not confirm, and every key that has
// no table, is decided by libsodium. Bounded: kMaxKeys keys, 2 KiB each; the one that was added
// first goes first. Thread safe.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "kernel/base/bytes.hpp"

namespace blockd {

namespace internal {
class KeyTable;
}

class KnownKeys {
 public:
  static constexpr std::size_t kMaxKeys = 16 * 1024;

  explicit KnownKeys(std::size_t max_keys = kMaxKeys);
  ~KnownKeys();
  KnownKeys(const KnownKeys&) = delete;
  KnownKeys& operator=(const KnownKeys&) = delete;

  bool verify(const PublicKey& key, BytesView message, const Signature& signature);

  // How many checks a table has answered, and how many keys are remembered.
  std::uint64_t answered_by_table() const { return answered_.load(std::memory_order_relaxed); }
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 16;
  using Table = std::shared_ptr<const internal::KeyTable>;
  struct HashOf {
    std::uint64_t seed;
    std::size_t operator()(const PublicKey& key) const;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<PublicKey, Table, HashOf> keys;  // null: seen once
    std::vector<PublicKey> order;                       // a ring once it is full
    std::size_t oldest = 0;
  };
  Table find(Shard& shard, const PublicKey& key) const;
  void remember(Shard& shard, const PublicKey& key);
  const std::size_t per_shard_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> answered_{0};
};

}  // namespace blockd
