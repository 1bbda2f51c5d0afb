// The one Merkle tree of blocks and snapshots (moloch spec 6.16): leaf(x) = H(00 || x), node(l, r)
// = H(01 || l || r), the last node of an odd level moves up unchanged, and the root of nothing is
// 32 zero bytes. [any]
//
// A path lists the siblings of a leaf from below; a level on which the node moves up has no
// element. Length and directions follow from index and count, so a verifier takes them from nowhere
// else.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "kernel/base/bytes.hpp"

namespace blockd {

Hash merkle_leaf(BytesView data);
Hash merkle_node(const Hash& left, const Hash& right);

// The root over leaves that come one after another, in the memory of 64 hashes.
class MerkleBuilder {
 public:
  void add(BytesView data) { add_leaf(merkle_leaf(data)); }
  // `leaf` is the result of merkle_leaf().
  void add_leaf(const Hash& leaf);
  std::uint64_t count() const { return count_; }
  // Of what was added so far; adding may go on.
  Hash root() const;

 private:
  // Subtree h is complete and waiting when bit h of count_ is set.
  Hash waiting_[64];
  std::uint64_t count_ = 0;
};

// The same tree for leaves that are wanted at the end only, as in a block: leaves and nodes are
// hashed sixteen at once where the processor can. Memory: 32 bytes a leaf.
class MerkleBatch {
 public:
  static constexpr std::size_t kWaiting = 16;  // leaves that are not hashed yet, at most
  void add(BytesView data) { add({data}); }
  // The parts of one leaf, one after another.
  void add(std::initializer_list<BytesView> parts);
  // A leaf that is not copied. REQUIRES: `data` stays until kWaiting leaves have been added, itself
  // one of them, or until root(), take_leaves() or clear().
  void add_borrowed(BytesView data);
  // `leaf` is the result of merkle_leaf().
  void add_leaf(const Hash& leaf);
  // Another leaf in the place of one that add_leaf() has put.
  void set_leaf(std::size_t index, const Hash& leaf) { leaves_.at(index) = leaf; }
  std::size_t count() const { return leaves_.size() + waiting_; }
  // Hashes what was added and forgets it.
  Hash root();
  // The leaves in place of their root; forgets them too.
  std::vector<Hash> take_leaves();
  void clear();

 private:
  // A leaf that is not hashed yet: somebody's bytes, or the next ones in room_.
  struct Waiting {
    BytesView borrowed;
    std::size_t copied = 0;
  };
  void wait(const Waiting& leaf);
  void hash_waiting();
  std::vector<Hash> leaves_;
  std::array<Waiting, kWaiting> leaf_;
  std::size_t waiting_ = 0;
  std::vector<char> room_;  // its first copied_ bytes are those of leaves that wait
  std::size_t copied_ = 0;
};

// The same tree for a run of any length, in the memory of a thousand leaves: full groups are hashed
// as batches, and a root of such a group is a node of the whole tree.
class MerkleStream {
 public:
  void add(BytesView data) { add({data}); }
  void add(std::initializer_list<BytesView> parts);
  // Hashes what was added and forgets it.
  Hash root();

 private:
  static constexpr std::size_t kGroup = 1024;  // a power of two
  MerkleBatch group_;
  MerkleBuilder groups_;  // over the roots of full groups
};

Hash merkle_root(std::span<const Hash> leaves);
// REQUIRES: index < leaves.size().
std::vector<Hash> merkle_path(std::span<const Hash> leaves, std::uint64_t index);
// False for an index that is not below `count`, a path of another length, or another root.
bool verify_merkle_path(const Hash& leaf, std::uint64_t index, std::uint64_t count,
                        std::span<const Hash> path, const Hash& root);

}  // namespace blockd
