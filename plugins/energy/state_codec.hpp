// The bytes of the energy rows. Pure, callable from any thread.
//
// A row is one byte of layout version (Row::kLayout), then its fields in order: numbers as minimal
// base-128 varints (the least significant 7 bits first), signed ones zigzag, flags and kinds as one
// byte, hashes, keys and signatures raw, texts with their length in front, an absent optional as 0
// and a present one behind a 1. There is one encoding of a value: decoding refuses anything that
// encoding would not have written, and bytes left over.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "plugins/energy/state.hpp"

namespace energy {

enum class RowError : std::uint8_t {
  kNone,
  kUnknownLayout,  // written by another version of the plugin
  kDamaged,        // not what this layout writes
};

// The bytes of a row, without memory from the heap for one of ordinary size. Row is any of the
// structs with a kLayout in state.hpp.
class RowBytes {
 public:
  template <class Row>
  explicit RowBytes(const Row& row);
  RowBytes(const RowBytes&) = delete;
  RowBytes& operator=(const RowBytes&) = delete;
  std::string_view view() const { return {begin_, size_}; }

 private:
  class Writer;
  std::array<char, 512> small_;  // written up to size_ only
  std::unique_ptr<char[]> large_;
  char* begin_ = small_.data();
  std::size_t size_ = 0, capacity_ = small_.size();
};

template <class Row>
std::string encode_row(const Row& row) {
  return std::string(RowBytes(row).view());
}

// On an error `row` is unspecified.
template <class Row>
[[nodiscard]] RowError decode_row(std::string_view bytes, Row& row);

// What is wrong with a row, for the log: which row, what was found, what to do.
std::string describe_row_error(RowError error, std::string_view row_name, std::string_view bytes,
                               std::uint8_t known_layout);

}  // namespace energy
