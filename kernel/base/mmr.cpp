#include "kernel/base/mmr.hpp"

#include "kernel/base/blake3.hpp"

namespace blockd {
namespace {

unsigned ones(std::uint64_t n) { return static_cast<unsigned>(std::popcount(n)); }
bool bit(std::uint64_t n, unsigned i) { return (n >> i & 1) != 0; }

// The root of the perfect subtree over 2^height leaves from `first_leaf` on comes right after its
// last leaf and the inner nodes that this leaf completes.
std::uint64_t subtree_position(std::uint64_t first_leaf, unsigned height) {
  return mmr_leaf_position(first_leaf + (1ull << height) - 1) + height;
}

Status check_count(std::uint64_t leaf_count) {
  if (leaf_count <= kMmrMaxLeaves) return {};
  return Status(Code::kInvalid,
                "MMR: " + std::to_string(leaf_count) + " leaves are more than 2^62");
}

// Which mountain of `mountains` holds the leaf. REQUIRES: one does.
std::size_t mountain_of(const std::vector<MmrMountain>& mountains, std::uint64_t leaf_index) {
  std::size_t i = 0;
  while (leaf_index >= mountains[i].first_leaf + (1ull << mountains[i].height)) ++i;
  return i;
}

// How the mountains of `m` leaves become those of `n` (spec 6.6). REQUIRES: 0 < m < n.
struct Growth {
  unsigned b;           // the first bit from above in which m and n differ: the mountain that grew
  std::uint64_t base;   // first leaf of that mountain = leaves in common mountains
  unsigned common;      // old mountains above bit b
  std::uint64_t rest;   // the bits of m below b: old mountains inside the one that grew
  std::uint64_t right;  // the bits of n below b: mountains to its right
  unsigned path_length;
};

Growth growth(std::uint64_t m, std::uint64_t n) {
  Growth g{};
  g.b = static_cast<unsigned>(std::bit_width(m ^ n)) - 1;
  const std::uint64_t below = (1ull << g.b) - 1;
  g.base = m & ~below & ~(1ull << g.b);
  g.common = ones(g.base);
  g.rest = m & below;
  g.right = n & below;
  if (g.rest != 0) {
    auto low = static_cast<unsigned>(std::countr_zero(m));
    // One, and a zero bit of m strictly between low and b each.
    g.path_length = 1 + (g.b - low) - ones(g.rest);
  }
  return g;
}

}  // namespace

Hash mmr_node(const Hash& left, const Hash& right) { return blake3({view(left), view(right)}); }

std::uint64_t mmr_leaf_position(std::uint64_t leaf_index) {
  return 2 * leaf_index - ones(leaf_index);
}

std::uint64_t mmr_size(std::uint64_t leaf_count) { return 2 * leaf_count - ones(leaf_count); }

std::vector<MmrMountain> mmr_mountains(std::uint64_t leaf_count) {
  std::vector<MmrMountain> out;
  std::uint64_t first = 0;
  for (auto height = static_cast<unsigned>(std::bit_width(leaf_count)); height-- > 0;) {
    if (!bit(leaf_count, height)) continue;
    out.push_back({first, height, subtree_position(first, height)});
    first += 1ull << height;
  }
  return out;
}

Hash mmr_bag(std::span<const Hash> peaks) {
  if (peaks.empty()) return kZeroHash;
  Hash merged = peaks.back();
  for (std::size_t i = peaks.size() - 1; i-- > 0;) merged = mmr_node(peaks[i], merged);
  return merged;
}

Result<std::vector<MmrNode>> mmr_append(const MmrNodes& nodes, std::uint64_t leaf_count,
                                        const Hash& leaf) {
  if (leaf_count >= kMmrMaxLeaves) return Status(Code::kLimit, "MMR: it holds 2^62 leaves");
  std::vector<MmrNode> out = {{mmr_leaf_position(leaf_count), leaf}};
  auto parents = static_cast<unsigned>(std::countr_zero(leaf_count + 1));
  for (unsigned height = 0; height < parents; ++height) {
    const MmrNode right = out.back();
    Result<Hash> left = nodes.node(right.position - ((2ull << height) - 1));
    if (!left.ok()) return left.status();
    out.push_back({right.position + 1, mmr_node(*left, right.hash)});
  }
  return out;
}

Result<std::vector<Hash>> mmr_peaks(const MmrNodes& nodes, std::uint64_t leaf_count) {
  TB_TRY(check_count(leaf_count));
  std::vector<Hash> out;
  for (const MmrMountain& mountain : mmr_mountains(leaf_count)) {
    Result<Hash> peak = nodes.node(mountain.peak_position);
    if (!peak.ok()) return peak.status();
    out.push_back(*peak);
  }
  return out;
}

Result<Hash> mmr_root(const MmrNodes& nodes, std::uint64_t leaf_count) {
  Result<std::vector<Hash>> peaks = mmr_peaks(nodes, leaf_count);
  if (!peaks.ok()) return peaks.status();
  return mmr_bag(*peaks);
}

Result<MmrInclusionProof> mmr_prove_inclusion(const MmrNodes& nodes, std::uint64_t leaf_index,
                                              std::uint64_t leaf_count) {
  TB_TRY(check_count(leaf_count));
  if (leaf_index >= leaf_count) {
    return Status(Code::kInvalid, "MMR: no leaf " + std::to_string(leaf_index) + " among " +
                                      std::to_string(leaf_count));
  }
  const std::vector<MmrMountain> mountains = mmr_mountains(leaf_count);
  const MmrMountain& mountain = mountains[mountain_of(mountains, leaf_index)];
  MmrInclusionProof proof;
  proof.leaf_index = leaf_index;
  proof.position = mmr_leaf_position(leaf_index);
  proof.peak_position = mountain.peak_position;
  proof.mmr_size = mmr_size(leaf_count);
  proof.leaf_count = leaf_count;
  Result<Hash> leaf = nodes.node(proof.position);
  if (!leaf.ok()) return leaf.status();
  proof.leaf = *leaf;
  for (unsigned level = 0; level < mountain.height; ++level) {
    const std::uint64_t block = (leaf_index - mountain.first_leaf) >> level;
    const std::uint64_t first = mountain.first_leaf + ((block ^ 1) << level);
    Result<Hash> sibling = nodes.node(subtree_position(first, level));
    if (!sibling.ok()) return sibling.status();
    proof.siblings.push_back({*sibling, block % 2 == 0});
  }
  Result<std::vector<Hash>> peaks = mmr_peaks(nodes, leaf_count);
  if (!peaks.ok()) return peaks.status();
  proof.peaks = std::move(*peaks);
  return proof;
}

bool mmr_verify_inclusion(const MmrInclusionProof& proof, const Hash& root) {
  const std::uint64_t n = proof.leaf_count;
  if (n > kMmrMaxLeaves || proof.leaf_index >= n) return false;
  if (proof.mmr_size != mmr_size(n) || proof.position != mmr_leaf_position(proof.leaf_index))
    return false;
  const std::vector<MmrMountain> mountains = mmr_mountains(n);
  const std::size_t place = mountain_of(mountains, proof.leaf_index);
  const MmrMountain& mountain = mountains[place];
  if (proof.siblings.size() != mountain.height || proof.peaks.size() != mountains.size() ||
      proof.peak_position != mountain.peak_position) {
    return false;
  }
  Hash merged = proof.leaf;
  std::uint64_t block = proof.leaf_index - mountain.first_leaf;
  for (const MmrSibling& sibling : proof.siblings) {
    if (sibling.right != (block % 2 == 0)) return false;
    merged = sibling.right ? mmr_node(merged, sibling.hash) : mmr_node(sibling.hash, merged);
    block /= 2;
  }
  return merged == proof.peaks[place] && mmr_bag(proof.peaks) == root;
}

Result<std::vector<Hash>> mmr_prove_consistency(const MmrNodes& nodes, std::uint64_t old_count,
                                                std::uint64_t new_count) {
  TB_TRY(check_count(new_count));
  if (old_count > new_count) {
    return Status(Code::kInvalid, "MMR: the old size " + std::to_string(old_count) +
                                      " is above the new size " + std::to_string(new_count));
  }
  if (old_count == 0 || old_count == new_count) return std::vector<Hash>();
  const Growth g = growth(old_count, new_count);
  Result<std::vector<Hash>> proof = mmr_peaks(nodes, old_count);
  if (!proof.ok()) return proof.status();
  auto add = [&](std::uint64_t first_leaf, unsigned height) -> Status {
    Result<Hash> hash = nodes.node(subtree_position(first_leaf, height));
    if (!hash.ok()) return hash.status();
    proof->push_back(*hash);
    return {};
  };
  if (g.rest != 0) {
    auto low = static_cast<unsigned>(std::countr_zero(old_count));
    const std::uint64_t last =
        old_count - g.base - (1ull << low);  // the lowest old peak inside the mountain
    for (unsigned height = low; height < g.b; ++height) {
      const std::uint64_t block = last >> height;
      if (block % 2 == 0) TB_TRY(add(g.base + ((block + 1) << height), height));
    }
  } else {
    TB_TRY(add(g.base, g.b));
  }
  std::uint64_t first = g.base + (1ull << g.b);
  for (unsigned height = g.b; height-- > 0;) {
    if (!bit(g.right, height)) continue;
    TB_TRY(add(first, height));
    first += 1ull << height;
  }
  return proof;
}

bool mmr_verify_consistency(std::uint64_t old_count, std::uint64_t new_count, const Hash& old_root,
                            const Hash& new_root, std::span<const Hash> proof) {
  if (old_count > new_count || new_count > kMmrMaxLeaves) return false;
  if (old_count == 0) return old_root == kZeroHash && proof.empty();
  if (old_count == new_count) return old_root == new_root && proof.empty();
  const Growth g = growth(old_count, new_count);
  const std::size_t expected =
      ones(old_count) + g.path_length + (g.rest == 0 ? 1u : 0u) + ones(g.right);
  if (proof.size() != expected) return false;
  const std::span<const Hash> old_peaks = proof.first(ones(old_count));
  if (mmr_bag(old_peaks) != old_root) return false;
  std::span<const Hash> next = proof.subspan(old_peaks.size());
  auto take = [&next] {
    Hash hash = next[0];
    next = next.subspan(1);
    return hash;
  };
  Hash merged;
  if (g.rest == 0) {
    merged = take();
  } else {
    auto low = static_cast<unsigned>(std::countr_zero(old_count));
    std::size_t left = old_peaks.size() - 1;  // the lowest old peak, then the others from the right
    merged = mmr_node(old_peaks[left], take());
    for (unsigned height = low + 1; height < g.b; ++height) {
      merged = bit(g.rest, height) ? mmr_node(old_peaks[--left], merged) : mmr_node(merged, take());
    }
  }
  std::vector<Hash> peaks(old_peaks.begin(), old_peaks.begin() + g.common);
  peaks.push_back(merged);
  peaks.insert(peaks.end(), next.begin(), next.end());
  return mmr_bag(peaks) == new_root;
}

void MmrMemory::append(const Hash& leaf) {
  Result<std::vector<MmrNode>> added = mmr_append(*this, leaf_count_, leaf);
  TB_ASSERT(added.ok());
  for (const MmrNode& node : *added) {
    TB_ASSERT(node.position == nodes_.size());
    nodes_.push_back(node.hash);
  }
  ++leaf_count_;
}

Result<Hash> MmrMemory::node(std::uint64_t position) const {
  if (position < nodes_.size()) return nodes_[position];
  return Status(Code::kNotFound, "MMR: no node at position " + std::to_string(position));
}

}  // namespace blockd
