// Bytes: how the kernel names owned and borrowed byte strings, and integers inside them.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace blockd {

// Owned bytes are std::string, borrowed ones std::string_view: LevelDB, LMDB and JSON texts all
// speak them.
using Bytes = std::string;
using BytesView = std::string_view;

using Hash = std::array<std::uint8_t, 32>;       // BLAKE3-256, the only hash
using PublicKey = std::array<std::uint8_t, 32>;  // Ed25519
using Signature = std::array<std::uint8_t, 64>;  // Ed25519

inline constexpr Hash kZeroHash{};

__extension__ typedef unsigned __int128
    U128;  // spelled here once, because ISO C++ does not know it

template <std::size_t N>
BytesView view(const std::array<std::uint8_t, N>& a) {
  return {reinterpret_cast<const char*>(a.data()), N};
}

inline void put_u8(Bytes& out, std::uint8_t v) { out.push_back(static_cast<char>(v)); }
template <class T>
void put_le(Bytes& out, T v) {
  static_assert(std::endian::native == std::endian::little);
  char raw[sizeof v];
  std::memcpy(raw, &v, sizeof v);
  out.append(raw, sizeof v);
}
inline void put_u16(Bytes& out, std::uint16_t v) { put_le(out, v); }
inline void put_u32(Bytes& out, std::uint32_t v) { put_le(out, v); }
inline void put_u64(Bytes& out, std::uint64_t v) { put_le(out, v); }
// Big-endian, for keys that sort like their number.
inline void put_be64(Bytes& out, std::uint64_t v) { put_le(out, __builtin_bswap64(v)); }

// Reads little-endian fields from the front of a borrowed byte string; after the first read that
// does not fit `ok()` is false and every further read returns zero or empty.
class Reader {
 public:
  explicit Reader(BytesView data) : rest_(data) {}
  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  BytesView rest() const { return rest_; }

  template <class T>
  T le() {
    BytesView raw = take(sizeof(T));
    T v{};
    if (raw.size() == sizeof(T)) std::memcpy(&v, raw.data(), sizeof(T));
    return v;
  }
  std::uint8_t u8() { return le<std::uint8_t>(); }
  std::uint16_t u16() { return le<std::uint16_t>(); }
  std::uint32_t u32() { return le<std::uint32_t>(); }
  std::uint64_t u64() { return le<std::uint64_t>(); }
  // The next `n` bytes, borrowed from the input.
  BytesView take(std::uint64_t n) {
    if (!ok_ || n > rest_.size()) {
      ok_ = false;
      return {};
    }
    BytesView out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> array() {
    std::array<std::uint8_t, N> out{};
    BytesView raw = take(N);
    if (raw.size() == N) std::memcpy(out.data(), raw.data(), N);
    return out;
  }

 private:
  BytesView rest_;
  bool ok_ = true;
};

}  // namespace blockd
