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

void MerkleBatch::add(BytesView data) {
  constexpr std::size_t kWaiting = 8;
  waiting_.push_back('\0');
  waiting_.append(data);
  ends_.push_back(waiting_.size());
  if (ends_.size() == kWaiting) hash_waiting();
}

void MerkleBatch::add_leaf(const Hash& leaf) {
  hash_waiting();
  leaves_.push_back(leaf);
}

void MerkleBatch::hash_waiting() {
  BytesView inputs[8];
  std::size_t begin = 0;
  for (std::size_t i = 0; i < ends_.size(); ++i) {
    inputs[i] = BytesView(waiting_).substr(begin, ends_[i] - begin);
    begin = ends_[i];
  }
  leaves_.resize(leaves_.size() + ends_.size());
  blake3_many(std::span(inputs, ends_.size()), leaves_.data() + leaves_.size() - ends_.size());
  waiting_.clear();
  ends_.clear();
}

std::vector<Hash> MerkleBatch::take_leaves() {
  hash_waiting();
  return std::exchange(leaves_, {});
}

void MerkleBatch::clear() {
  leaves_.clear();
  waiting_.clear();
  ends_.clear();
}

// Level by level: a node takes the place of the left one of its two.
Hash MerkleBatch::root() {
  constexpr std::size_t kNode = 1 + 2 * sizeof(Hash);
  hash_waiting();
  if (leaves_.empty()) return kZeroHash;
  for (std::size_t n = leaves_.size(); n > 1; n = n / 2 + n % 2) {
    for (std::size_t done = 0; done < n / 2;) {
      char nodes[8][kNode];
      BytesView inputs[8];
      std::size_t count = 0;
      for (; count < 8 && done + count < n / 2; ++count) {
        nodes[count][0] = '\1';
        std::memcpy(nodes[count] + 1, &leaves_[2 * (done + count)], 2 * sizeof(Hash));
        inputs[count] = BytesView(nodes[count], kNode);
      }
      blake3_many(std::span(inputs, count), leaves_.data() + done);
      done += count;
    }
    if (n % 2 != 0) leaves_[n / 2] = leaves_[n - 1];
  }
  const Hash root = leaves_[0];
  leaves_.clear();
  return root;
}

void MerkleStream::add(BytesView data) {
  group_.add(data);
  if (group_.count() == kGroup) groups_.add_leaf(group_.root());
}

Hash MerkleStream::root() {
  if (group_.count() != 0) groups_.add_leaf(group_.root());
  const Hash root = groups_.root();
  groups_ = MerkleBuilder();
  return root;
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
