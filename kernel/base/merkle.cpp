#include "kernel/base/merkle.hpp"

#include "kernel/base/assert.hpp"
#include "kernel/base/blake3.hpp"

namespace blockd {

Hash merkle_leaf(BytesView data) { return blake3({BytesView("\0", 1), data}); }

Hash merkle_node(const Hash& left, const Hash& right) {
  return blake3({BytesView("\1", 1), view(left), view(right)});
}

void MerkleBuilder::add_leaf(const Hash& leaf) {
  Hash merged = leaf;
  std::size_t level = 0;
  for (std::uint64_t rest = count_; (rest & 1) != 0; rest >>= 1) {
    merged = merkle_node(waiting_[level++], merged);
  }
  TB_ASSERT(level < 64);
  waiting_[level] = merged;
  ++count_;
}

// What waits is folded from the right: a lone subtree has moved up to where it meets its left
// neighbour.
Hash MerkleBuilder::root() const {
  if (count_ == 0) return kZeroHash;
  auto level = static_cast<std::size_t>(std::countr_zero(count_));
  Hash merged = waiting_[level];
  for (++level; level < 64; ++level) {
    if (count_ >> level & 1) merged = merkle_node(waiting_[level], merged);
  }
  return merged;
}

Hash merkle_root(std::span<const Hash> leaves) {
  MerkleBuilder builder;
  for (const Hash& leaf : leaves) builder.add_leaf(leaf);
  return builder.root();
}

std::vector<Hash> merkle_path(std::span<const Hash> leaves, std::uint64_t index) {
  TB_ASSERT(index < leaves.size());
  std::vector<Hash> path;
  std::vector<Hash> level(leaves.begin(), leaves.end());
  for (; level.size() > 1; index /= 2) {
    if ((index ^ 1) < level.size()) path.push_back(level[index ^ 1]);
    std::size_t above = 0;
    for (std::size_t i = 0; i < level.size(); i += 2) {
      level[above++] = i + 1 < level.size() ? merkle_node(level[i], level[i + 1]) : level[i];
    }
    level.resize(above);
  }
  return path;
}

bool verify_merkle_path(const Hash& leaf, std::uint64_t index, std::uint64_t count,
                        std::span<const Hash> path, const Hash& root) {
  if (index >= count) return false;
  Hash merged = leaf;
  for (; count > 1; index /= 2, count = count / 2 + count % 2) {
    if ((index ^ 1) >= count) continue;
    if (path.empty()) return false;
    merged = index % 2 == 0 ? merkle_node(merged, path[0]) : merkle_node(path[0], merged);
    path = path.subspan(1);
  }
  return path.empty() && merged == root;
}

}  // namespace blockd
