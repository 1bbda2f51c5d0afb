// KeyTable: multiples of one Ed25519 public key, prepared so that checking a signature of it takes
// a quarter of the work. Only known_keys.cpp and the tests include this.
//
// A comb: row r of the scalar's bits stands for 2^(64 r) times the point, the table holds the sums
// of every choice of rows, and one column of bits picks one of them. So 64 doublings and at most as
// many additions do what otherwise takes 253 doublings. The base point has a wider comb, made once.
// Not in constant time: a signature that is checked holds no secret. Memory: 1,800 bytes a key.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "kernel/base/bytes.hpp"

namespace blockd::internal {

// A field element below 2^255 - 19 as five limbs of 51 bits; a limb may run over, up to 2^54.
struct FieldElement {
  std::uint64_t limb[5];
};

// An affine point in the form that an addition takes: y + x, y - x, 2 d x y.
struct TableEntry {
  FieldElement sum, difference, product;
};

class KeyTable {
 public:
  using Scalar = std::array<std::uint8_t, 32>;  // little-endian, below 2^256

  // Null if `key` is not the encoding of a point.
  static std::unique_ptr<const KeyTable> make(const PublicKey& key);

  // Whether s B - h A, for this key's A, has the encoding `r`, and is not one of the eight points
  // whose order divides eight.
  bool holds(const Scalar& s, const Scalar& h, const std::array<std::uint8_t, 32>& r) const;

  // Has the processor fetch the table: a hint.
  void fetch() const;

 private:
  static constexpr unsigned kRows = 4;
  KeyTable() = default;
  std::array<TableEntry, (1u << kRows) - 1> entries_;
};

}  // namespace blockd::internal
