// KeyFilter: what keys a store may hold, in sixteen bits each (a Bloom filter whose bits for one
// key lie in one line of the processor's cache). "No" is certain, "yes" is wrong for about one key
// of 400. It grows in parts, each four times as large as the one before, and is never larger than
// kMaxBytes; keys are never taken out. Only this folder includes this.
//
// add() from one thread at a time; may_hold() from any, also meanwhile: it knows of every add()
// that happened before.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace blockd::internal {

class KeyFilter {
 public:
  static constexpr std::size_t kFirstRows = 1u << 18;
  static constexpr std::size_t kParts = 4;  // 22 million rows in 42 MiB
  static constexpr std::size_t kMaxBytes = (kFirstRows * 2) * (1 + 4 + 16 + 64);

  // Of hashes that are spread over all 64 bits; `first_rows` a multiple of 32.
  explicit KeyFilter(std::size_t first_rows = kFirstRows) : first_rows_(first_rows) { grow(); }

  // False when there is no room: it was not taken in, and the filter says nothing any more of keys
  // that come.
  bool add(std::uint64_t hash);
  bool may_hold(std::uint64_t hash) const;

 private:
  struct alignas(64) Line {
    std::array<std::atomic<std::uint64_t>, 8> words{};
  };
  using Bits = std::array<std::uint64_t, 8>;
  static Bits bits_of(std::uint64_t hash);
  std::size_t rows_of(std::size_t part) const { return first_rows_ << (2 * part); }
  std::size_t line_of(std::size_t part, std::uint64_t hash) const;
  void grow();

  const std::size_t first_rows_;
  std::array<std::unique_ptr<Line[]>, kParts> parts_;
  std::atomic<std::size_t> count_{0};  // of parts
  std::size_t rows_ = 0;               // in the last part
};

}  // namespace blockd::internal
