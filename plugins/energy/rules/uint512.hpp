// An unsigned integer of 512 bits that can do what the exact 20th root of the reputation needs and
// nothing else: start from one word, be multiplied by a word, be compared. Pure, no allocation.
//
// Cost: a multiplication touches only the words in use, about a nanosecond each.
#pragma once

#include <array>
#include <cstdint>

#include "plugins/energy/rules/wide.hpp"

namespace energy {

class Uint512 {
 public:
  static constexpr unsigned kWords = 8;

  explicit constexpr Uint512(std::uint64_t value) : words_{value} {}

  // REQUIRES: the product is below 2^512; the caller's bound on its factors guarantees it.
  constexpr Uint512& multiply(std::uint64_t factor) {
    std::uint64_t carry = 0;
    for (unsigned i = 0; i < used_; ++i) {
      const U128 product = U128{words_[i]} * factor + carry;
      words_[i] = static_cast<std::uint64_t>(product);
      carry = static_cast<std::uint64_t>(product >> 64);
    }
    if (carry != 0 && used_ < kWords) words_[used_++] = carry;
    return *this;
  }

  friend constexpr bool operator<=(const Uint512& a, const Uint512& b) {
    for (unsigned i = kWords; i-- > 0;) {
      if (a.words_[i] != b.words_[i]) return a.words_[i] < b.words_[i];
    }
    return true;
  }

  // Words from the least significant one.
  constexpr const std::array<std::uint64_t, kWords>& words() const { return words_; }

 private:
  std::array<std::uint64_t, kWords> words_;
  unsigned used_ = 1;  // words at and above this index are zero
};

}  // namespace energy
