// Merkle mountain range over block hashes (moloch spec 6.4 to 6.6): an append-only list of 32-byte
// leaves whose root at every earlier size stays provable, because nodes never change once they are
// stored.
//
// A leaf is taken as it is, node(l, r) = BLAKE3(l || r), the root of nothing is 32 zero bytes.
// Nodes have positions in the order in which they came to be. These are functions over a store of
// nodes that the caller owns; they keep nothing. Sizes are leaf counts, at most kMmrMaxLeaves.
// [any]
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::uint64_t kMmrMaxLeaves = 1ull << 62;

// Where nodes are read from: a key-value store, or memory.
class MmrNodes {
 public:
  virtual ~MmrNodes() = default;
  // Errors: kNotFound, and those of the store.
  virtual Result<Hash> node(std::uint64_t position) const = 0;
};

struct MmrNode {
  std::uint64_t position;
  Hash hash;
  bool operator==(const MmrNode&) const = default;
};

struct MmrMountain {
  std::uint64_t first_leaf;
  unsigned height;  // it holds 2^height leaves
  std::uint64_t peak_position;
};

struct MmrSibling {
  Hash hash;
  bool right;  // it stands right of the node on the path
  bool operator==(const MmrSibling&) const = default;
};

struct MmrInclusionProof {
  std::uint64_t leaf_index = 0;
  std::uint64_t position = 0;
  Hash leaf{};
  std::vector<MmrSibling> siblings;  // from below
  std::uint64_t peak_position = 0;
  std::vector<Hash> peaks;     // all, from the left
  std::uint64_t mmr_size = 0;  // number of nodes
  std::uint64_t leaf_count = 0;
};

Hash mmr_node(const Hash& left, const Hash& right);
std::uint64_t mmr_leaf_position(std::uint64_t leaf_index);
// Nodes of a range of `leaf_count` leaves; also the position of the next leaf.
std::uint64_t mmr_size(std::uint64_t leaf_count);
// From the left. Empty for no leaves.
std::vector<MmrMountain> mmr_mountains(std::uint64_t leaf_count);
Hash mmr_bag(std::span<const Hash> peaks);

// The nodes that the next leaf brings, itself first, in the order of their positions: the caller
// stores them. Errors: those of `nodes`; kLimit.
Result<std::vector<MmrNode>> mmr_append(const MmrNodes& nodes, std::uint64_t leaf_count,
                                        const Hash& leaf);

// Errors of the next four: those of `nodes`; kInvalid when a size or index is out of range.
Result<std::vector<Hash>> mmr_peaks(const MmrNodes& nodes, std::uint64_t leaf_count);
Result<Hash> mmr_root(const MmrNodes& nodes, std::uint64_t leaf_count);
Result<MmrInclusionProof> mmr_prove_inclusion(const MmrNodes& nodes, std::uint64_t leaf_index,
                                              std::uint64_t leaf_count);
// That the range of `old_count` leaves is the beginning of that of `new_count`.
Result<std::vector<Hash>> mmr_prove_consistency(const MmrNodes& nodes, std::uint64_t old_count,
                                                std::uint64_t new_count);

// `root` comes from a trusted header, never from the proof. Every field of the proof must be what
// leaf index and leaf count dictate.
bool mmr_verify_inclusion(const MmrInclusionProof& proof, const Hash& root);
bool mmr_verify_consistency(std::uint64_t old_count, std::uint64_t new_count, const Hash& old_root,
                            const Hash& new_root, std::span<const Hash> proof);

// All nodes in memory: for tests, tools and light clients.
class MmrMemory final : public MmrNodes {
 public:
  void append(const Hash& leaf);
  std::uint64_t leaf_count() const { return leaf_count_; }
  std::span<const Hash> nodes() const { return nodes_; }
  Result<Hash> node(std::uint64_t position) const override;

 private:
  std::vector<Hash> nodes_;
  std::uint64_t leaf_count_ = 0;
};

}  // namespace blockd
