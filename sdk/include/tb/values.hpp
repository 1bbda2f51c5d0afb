// The vocabulary of handlers: the types that the members of described structs may have, and Value,
// a reader of trees whose shape is not declared. [any]
//
//   bool, std::uint8_t .. std::uint64_t, std::int64_t, tb::U128   numbers
//   std::string_view / std::string                               text (UTF-8)
//   tb::Bytes / tb::Blob                                          raw bytes, borrowed / owned
//   tb::Hash                                                      32 bytes
//   tb::Address                                                   an account address, borrowed
//   tb::Value                                                     anything ("any"), borrowed
//   std::optional<T>, std::vector<T>                              of any of these
//   a struct of BOOST_DESCRIBE_STRUCT                             a record of any of these
//
// Borrowed members point into what the host passed in and live as long as the handler's call.
#pragma once

#include <array>
#include <compare>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "tb/text.hpp"
#include "tb/types.h"

namespace tb {

__extension__ typedef unsigned __int128 U128;

inline tb_str to_str(std::string_view text) { return tb_str{text.data(), text.size()}; }
inline std::string_view to_view(tb_str text) {
  return text.ptr == nullptr ? std::string_view()
                             : std::string_view(text.ptr, static_cast<std::size_t>(text.len));
}

struct Bytes {
  std::string_view data;
  friend auto operator<=>(const Bytes&, const Bytes&) = default;
};

struct Blob {
  std::string data;
  friend auto operator<=>(const Blob&, const Blob&) = default;
};

struct Address {
  std::string_view text;
  friend auto operator<=>(const Address&, const Address&) = default;
};

struct Hash {
  std::array<std::uint8_t, 32> bytes{};

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  // REQUIRES: data has 32 bytes.
  static Hash from(std::string_view data) {
    Hash hash;
    std::memcpy(hash.bytes.data(), data.data(), hash.bytes.size());
    return hash;
  }
  std::string hex() const { return to_hex(view()); }
  friend auto operator<=>(const Hash&, const Hash&) = default;
};

// A borrowed tree: replies of post() and call(), events of other plugins, request bodies, fields of
// type "any". Every reader is total: what is absent or of another type reads as the fallback.
class Value {
 public:
  Value() = default;
  explicit Value(const tb_value* raw) : raw_(raw) {}

  const tb_value* raw() const { return raw_; }
  std::uint32_t type() const { return raw_ == nullptr ? TB_TYPE_NONE : raw_->type; }
  bool absent() const { return type() == TB_TYPE_NONE; }
  std::string_view name() const {
    return raw_ == nullptr ? std::string_view() : to_view(raw_->name);
  }

  // Number of members of a record or elements of a list, else 0.
  std::uint32_t size() const {
    return type() == TB_TYPE_LIST || type() == TB_TYPE_RECORD ? raw_->count : 0;
  }
  Value operator[](std::uint32_t place) const {
    return place < size() ? Value(raw_->items + place) : Value();
  }
  // The member of a record.
  Value operator[](std::string_view name) const {
    if (type() != TB_TYPE_RECORD) return Value();
    for (std::uint32_t i = 0; i < raw_->count; ++i) {
      if (to_view(raw_->items[i].name) == name) return Value(raw_->items + i);
    }
    return Value();
  }
  std::span<const tb_value> items() const {
    return size() == 0 ? std::span<const tb_value>()
                       : std::span<const tb_value>(raw_->items, raw_->count);
  }

  std::uint64_t u64(std::uint64_t fallback = 0) const {
    if (type() == TB_TYPE_I64) return (raw_->num >> 63) != 0 ? fallback : raw_->num;
    return type() == TB_TYPE_U64 || type() == TB_TYPE_BOOL ? raw_->num : fallback;
  }
  std::int64_t i64(std::int64_t fallback = 0) const {
    if (type() == TB_TYPE_U64 && (raw_->num >> 63) != 0) return fallback;
    return type() == TB_TYPE_U64 || type() == TB_TYPE_I64 ? static_cast<std::int64_t>(raw_->num)
                                                          : fallback;
  }
  U128 u128(U128 fallback = 0) const {
    return type() == TB_TYPE_U128 ? (U128(raw_->num_hi) << 64) | raw_->num
                                  : (type() == TB_TYPE_U64 ? U128(raw_->num) : fallback);
  }
  bool boolean(bool fallback = false) const {
    return type() == TB_TYPE_BOOL ? raw_->num != 0 : fallback;
  }
  std::string_view text(std::string_view fallback = {}) const {
    return type() == TB_TYPE_STR || type() == TB_TYPE_BYTES ? to_view(raw_->str) : fallback;
  }

 private:
  const tb_value* raw_ = nullptr;
};

}  // namespace tb
