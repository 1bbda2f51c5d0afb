#include "kernel/storage/key_filter.hpp"

namespace blockd::internal {
namespace {

constexpr std::size_t kBitsPerRow = 16;
constexpr std::size_t kLineBits = 512;
constexpr unsigned kProbes = 5;
constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15ull;

}  // namespace

KeyFilter::Bits KeyFilter::bits_of(std::uint64_t hash) {
  Bits out{};
  std::uint64_t rest = hash * kOdd;
  for (unsigned i = 0; i < kProbes; ++i, rest >>= 9) out[rest >> 6 & 7] |= 1ull << (rest & 63);
  return out;
}

// The upper half of the hash scaled to the number of lines.
std::size_t KeyFilter::line_of(std::size_t part, std::uint64_t hash) const {
  const std::uint64_t lines = rows_of(part) * kBitsPerRow / kLineBits;
  return static_cast<std::size_t>((hash >> 32) * lines >> 32);
}

bool KeyFilter::may_hold(std::uint64_t hash) const {
  const Bits bits = bits_of(hash);
  const std::size_t count = count_.load(std::memory_order_acquire);
  for (std::size_t part = count; part-- > 0;) {
    const Line& line = parts_[part][line_of(part, hash)];
    bool all = true;
    for (std::size_t i = 0; i < bits.size() && all; ++i)
      all = (line.words[i].load(std::memory_order_relaxed) & bits[i]) == bits[i];
    if (all) return true;
  }
  return false;
}

bool KeyFilter::add(std::uint64_t hash) {
  if (may_hold(hash)) return true;
  std::size_t part = count_.load(std::memory_order_relaxed) - 1;
  if (rows_ == rows_of(part)) {
    if (part + 1 == kParts) return false;
    grow();
    ++part;
  }
  const Bits bits = bits_of(hash);
  Line& line = parts_[part][line_of(part, hash)];
  for (std::size_t i = 0; i < bits.size(); ++i) {
    if (bits[i] != 0) line.words[i].fetch_or(bits[i], std::memory_order_relaxed);
  }
  ++rows_;
  return true;
}

void KeyFilter::grow() {
  const std::size_t part = count_.load(std::memory_order_relaxed);
  parts_[part] = std::make_unique<Line[]>(rows_of(part) * kBitsPerRow / kLineBits);
  rows_ = 0;
  count_.store(part + 1, std::memory_order_release);
}

}  // namespace blockd::internal
