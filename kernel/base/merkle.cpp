#include "kernel/base/merkle.hpp"

#include "kernel/base/assert.hpp"
#include "kernel/base/blake3.hpp"

namespace blockd {

namespace {

constexpr BytesView kLeafPrefix("\0", 1), kNodePrefix("\1", 1);

BytesView view_of_pair(const Hash* left) {
  static_assert(sizeof(Hash[2]) == 2 * sizeof(Hash));
  return {reinterpret_cast<const char*>(left), 2 * sizeof(Hash)};
}

}  // namespace

Hash merkle_leaf(BytesView data) { return blake3({kLeafPrefix, data}); }

Hash merkle_node(const Hash& left, const Hash& right) {
  return blake3({kNodePrefix, view(left), view(right)});
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

void MerkleBatch::add(std::initializer_list<BytesView> parts) {
  std::size_t size = 0;
  for (const BytesView part : parts) size += part.size();
  if (room_.size() - copied_ < size) room_.resize(2 * (copied_ + size));
  char* at = room_.data() + copied_;
  for (const BytesView part : parts) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  }
  copied_ += size;
  wait({{}, size});
}

void MerkleBatch::add_borrowed(BytesView data) { wait({data, 0}); }

void MerkleBatch::add_leaf(const Hash& leaf) {
  hash_waiting();
  leaves_.push_back(leaf);
}

void MerkleBatch::wait(const Waiting& leaf) {
  leaf_[waiting_++] = leaf;
  if (waiting_ == kWaiting) hash_waiting();
}

void MerkleBatch::hash_waiting() {
  BytesView inputs[kWaiting];
  const char* next = room_.data();
  for (std::size_t i = 0; i < waiting_; ++i) {
    inputs[i] = leaf_[i].borrowed;
    if (inputs[i].data() != nullptr) continue;
    inputs[i] = BytesView(next, leaf_[i].copied);
    next += leaf_[i].copied;
  }
  const std::size_t done = leaves_.size();
  leaves_.resize(done + waiting_);
  blake3_many(kLeafPrefix, std::span(inputs, waiting_), leaves_.data() + done);
  waiting_ = 0;
  copied_ = 0;
}

std::vector<Hash> MerkleBatch::take_leaves() {
  hash_waiting();
  return std::exchange(leaves_, {});
}

void MerkleBatch::clear() {
  leaves_.clear();
  waiting_ = 0;
  copied_ = 0;
}

// Level by level: a node takes the place of the left one of its two, which lie side by side.
Hash MerkleBatch::root() {
  hash_waiting();
  if (leaves_.empty()) return kZeroHash;
  for (std::size_t n = leaves_.size(); n > 1; n = n / 2 + n % 2) {
    for (std::size_t done = 0; done < n / 2;) {
      BytesView pairs[kWaiting];
      std::size_t count = 0;
      for (; count < kWaiting && done + count < n / 2; ++count)
        pairs[count] = view_of_pair(&leaves_[2 * (done + count)]);
      blake3_many(kNodePrefix, std::span(pairs, count), leaves_.data() + done);
      done += count;
    }
    if (n % 2 != 0) leaves_[n / 2] = leaves_[n - 1];
  }
  const Hash root = leaves_[0];
  leaves_.clear();
  return root;
}

void MerkleStream::add(std::initializer_list<BytesView> parts) {
  group_.add(parts);
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
