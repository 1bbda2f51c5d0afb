// RowCache: rows of the head state that the executor has read lately, also that a key is absent.
// Rows that are only written do not come in: most are not read again soon, and a small cache is a
// quick one.
//
// Belongs to the executor thread. It mirrors the store exactly: whoever writes the store calls
// written() for each row it writes, or clear(). Bounded by rows and bytes; eviction (second chance)
// happens in trim() only, so that views stay valid in between.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "kernel/base/bytes.hpp"

namespace blockd {

// Hash of keys in the tables of this folder; seeded anew in each process, so that nobody can
// prepare collisions.
std::uint64_t key_hash(BytesView key);

class RowCache {
 public:
  explicit RowCache(std::size_t max_rows) : max_rows_(max_rows) {}

  // True and the row (nullopt: known to be absent) when it is cached; valid until trim() or a put
  // or written() of that key.
  bool find(BytesView key, std::uint64_t hash, std::optional<BytesView>* value);
  // A row of the store was written: what is known of it is brought up to date. A row that is new
  // leaves with its absence, until it is read.
  void written(BytesView key, std::uint64_t hash, std::optional<BytesView> value);
  // Remembers a row. Large values and rows beyond twice the bound are not kept.
  void put(BytesView key, std::uint64_t hash, std::optional<BytesView> value);
  void trim();
  void clear();
  std::size_t rows() const { return count_; }

 private:
  static constexpr std::size_t kMaxValue = 4096;
  static constexpr std::size_t kBytesPerRow = 512;
  struct Row {
    std::uint32_t key_size, value_size, capacity;
    bool present, used;
    char* data() { return reinterpret_cast<char*>(this + 1); }
    BytesView key() { return {data(), key_size}; }
  };
  struct Free {
    void operator()(Row* row) const { ::operator delete(row); }
  };
  using RowPtr = std::unique_ptr<Row, Free>;
  // The hash stands beside the pointer: a probe that meets another row does not touch it.
  struct Slot {
    std::uint64_t hash = 0;
    RowPtr row;  // null: empty
  };

  std::size_t slot_of(BytesView key, std::uint64_t hash) const;
  void erase_slot(std::size_t slot);
  void grow();
  static RowPtr make_row(BytesView key, std::optional<BytesView> value);

  std::size_t max_rows_;
  std::vector<Slot> table_;  // a power of two, half full at most
  std::size_t count_ = 0, bytes_ = 0, hand_ = 0;
};

}  // namespace blockd
