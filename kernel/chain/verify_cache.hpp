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
  // An entry stands under a keyed hash of its signature alone, which says quickly that a check is
  // new; only its full name, over all three parts, says that it is known. Of two with one tag the
  // later one stays.
  using Tag = std::uint64_t;
  struct Entry {
    Hash name;
    bool good;
  };
  struct TagItself {
    std::size_t operator()(Tag tag) const noexcept { return tag; }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Tag, Entry, TagItself> young, old;  // when `young` is full it becomes `old`
  };
  std::optional<Entry> find(Tag tag);
  // What is known of a check; `*name` is set if it had to be computed.
  std::optional<bool> recall(Tag tag, BytesView key, BytesView message, BytesView signature,
                             std::optional<Hash>* name);
  Shard& shard_of(Tag tag) { return shards_[(tag >> 56) % kShards]; }
  std::size_t per_shard_;
  std::array<Shard, kShards> shards_;
};

}  // namespace blockd
