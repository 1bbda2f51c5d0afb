// VerifyCache: answers of signature checks that somebody has made before, so that apply does not
// repeat what admission did. It saves time and never decides: an answer is a pure function of key,
// message and signature. Bounded; thread safe.
#pragma once

#include <array>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "kernel/base/bytes.hpp"

namespace blockd {

class VerifyCache {
 public:
  explicit VerifyCache(std::size_t max_entries = 1u << 17)
      : per_shard_(max_entries / (2 * kShards) + 1) {}

  // True if `signature` over `message` verifies under `key`; looks it up or computes and remembers
  // it.
  bool verify(BytesView key, BytesView message, BytesView signature);
  // The same for a check that nobody will ask for again: the answer is not remembered.
  bool verify_once(BytesView key, BytesView message, BytesView signature);
  // Computes it, always.
  static bool check(BytesView key, BytesView message, BytesView signature);

 private:
  static constexpr std::size_t kShards = 16;
  struct HashOf {
    std::size_t operator()(const Hash& h) const {
      std::size_t v = 0;
      std::memcpy(&v, h.data(), sizeof v);
      return v;
    }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Hash, bool, HashOf> young, old;  // when `young` is full it becomes `old`
  };
  std::optional<bool> recall(const Hash& id);
  Shard& shard_of(const Hash& id) { return shards_[id[31] % kShards]; }
  std::size_t per_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace blockd
