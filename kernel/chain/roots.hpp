// MmrPeaks: the mountains of the MMR over headers (moloch spec 6.4), enough for the root that the
// next header carries. One hash a mountain; proofs need the nodes, see kernel/base/mmr.hpp. [one
// thread at a time]
#pragma once

#include <array>
#include <cstdint>

#include "kernel/base/bytes.hpp"
#include "kernel/base/merkle.hpp"

namespace blockd {

class MmrPeaks {
 public:
  void append(const Hash& leaf);
  Hash root() const;
  std::uint64_t size() const { return count_; }

  // u64 LE size, then the peaks of the mountains that are there, the lowest first.
  void append_to(Bytes& out) const;
  // False when the bytes end before the last peak.
  static bool read(Reader& in, MmrPeaks* peaks);

 private:
  std::array<Hash, 64> peak_{};  // peak_[k] is there when bit k of count_ is set
  std::uint64_t count_ = 0;
};

}  // namespace blockd
