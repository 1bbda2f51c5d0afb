// Key: builds state keys without allocation. [any]
//
// Integers are big-endian, so that a scan walks them in order; texts of variable length are
// prefixed with their length (one byte), so that no key is a prefix of another by accident.
//
//   ctx.get(tb::Key("account/").text(owner));
//   ctx.scan(tb::Key("due/").u64(height), ...);
//
// A key has at most 1,024 bytes and a text in it 255: beyond, std::length_error (which fails the
// step).
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace tb {

class Key {
 public:
  static constexpr std::size_t kMaxBytes = 1024;

  Key() = default;
  explicit Key(std::string_view prefix) { raw(prefix); }

  Key& raw(std::string_view bytes) {
    if (bytes.size() > kMaxBytes - size_)
      throw std::length_error("a state key has at most 1024 bytes");
    if (!bytes.empty()) std::memcpy(bytes_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
    return *this;
  }
  Key& text(std::string_view bytes) {
    if (bytes.size() > 255) throw std::length_error("a text in a state key has at most 255 bytes");
    return u8(static_cast<std::uint8_t>(bytes.size())).raw(bytes);
  }
  Key& u8(std::uint8_t value) { return big_endian(value, 1); }
  Key& u16(std::uint16_t value) { return big_endian(value, 2); }
  Key& u32(std::uint32_t value) { return big_endian(value, 4); }
  Key& u64(std::uint64_t value) { return big_endian(value, 8); }

  std::string_view view() const { return {bytes_, size_}; }
  operator std::string_view() const { return view(); }  // a key is used where bytes are wanted

  // Reads what u8() .. u64() wrote at `offset` of a key. REQUIRES: the bytes are there.
  static std::uint64_t read_u64(std::string_view key, std::size_t offset, std::size_t bytes = 8) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i)
      value = (value << 8) | static_cast<std::uint8_t>(key[offset + i]);
    return value;
  }

 private:
  Key& big_endian(std::uint64_t value, std::size_t bytes) {
    char buffer[8];
    for (std::size_t i = 0; i < bytes; ++i)
      buffer[i] = static_cast<char>(value >> (8 * (bytes - 1 - i)));
    return raw({buffer, bytes});
  }

  std::size_t size_ = 0;
  char bytes_[kMaxBytes];  // written up to size_ only
};

}  // namespace tb
