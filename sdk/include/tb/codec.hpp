// Codec: the compact binary form of rows. [any]
//
// A row begins with its layout version, T::kLayout (1 if the struct names none), and holds the
// members in declared order: integers little-endian at their width, bool one byte, text and bytes
// with a u32 length, std::optional with one byte 0 or 1, std::vector with a u32 count, nested
// structs inline. Decoding checks every bound, refuses trailing bytes and another layout; a plugin
// that migrates looks at row_layout() first.
//
// Borrowed members (std::string_view, Bytes) point into the decoded bytes.
#pragma once

#include <stdexcept>
#include <string>

#include "tb/detail/check.hpp"

namespace tb {

namespace detail {

template <class T>
constexpr std::uint8_t layout_of() {
  if constexpr (requires { T::kLayout; }) {
    return T::kLayout;
  } else {
    return 1;
  }
}

template <class T>
std::string_view text_of(const T& value) {
  if constexpr (Text<T>) {
    return value;
  } else if constexpr (std::is_same_v<T, Address>) {
    return value.text;
  } else {
    return value.data;
  }
}

template <class T>
concept TextLike =
    Text<T> || std::is_same_v<T, Address> || std::is_same_v<T, Bytes> || std::is_same_v<T, Blob>;
template <class T>
concept Fixed = std::is_same_v<T, bool> || Unsigned<T> || Signed<T> || std::is_same_v<T, U128>;

template <class T>
std::size_t row_size(const T& value) {
  if constexpr (Fixed<T>) {
    return sizeof(T);
  } else if constexpr (TextLike<T>) {
    return 4 + text_of(value).size();
  } else if constexpr (std::is_same_v<T, Hash>) {
    return 32;
  } else if constexpr (IsOptional<T>::value) {
    return 1 + (value.has_value() ? row_size(*value) : 0);
  } else if constexpr (IsVector<T>::value) {
    std::size_t size = 4;
    for (const auto& element : value)
      size += row_size(static_cast<const typename T::value_type&>(element));
    return size;
  } else if constexpr (Described<T>) {
    std::size_t size = 0;
    for_each_member(value, [&](std::string_view, const auto& member) { size += row_size(member); });
    return size;
  } else {
    static_assert(kUnsupported<T>, "a type that rows do not hold");
  }
}

template <class T>
char* write_fixed(char* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<char>(value >> (8 * i));
  return at + sizeof(T);
}

inline char* write_bytes(char* at, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

// Writes row_size(value) bytes and returns their end.
template <class T>
char* write_row(char* at, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    *at = value ? 1 : 0;
    return at + 1;
  } else if constexpr (Fixed<T>) {
    return write_fixed(at, value);
  } else if constexpr (TextLike<T>) {
    const std::string_view text = text_of(value);
    return write_bytes(write_fixed(at, static_cast<std::uint32_t>(text.size())), text);
  } else if constexpr (std::is_same_v<T, Hash>) {
    return write_bytes(at, value.view());
  } else if constexpr (IsOptional<T>::value) {
    *at++ = value.has_value() ? 1 : 0;
    return value.has_value() ? write_row(at, *value) : at;
  } else if constexpr (IsVector<T>::value) {
    at = write_fixed(at, static_cast<std::uint32_t>(value.size()));
    for (const auto& element : value)
      at = write_row(at, static_cast<const typename T::value_type&>(element));
    return at;
  } else {
    for_each_member(value,
                    [&](std::string_view, const auto& member) { at = write_row(at, member); });
    return at;
  }
}

// A cursor over the bytes of a row; `good` is false once something did not fit.
class RowReader {
 public:
  explicit RowReader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return good_ && rest_.empty(); }
  bool good() const { return good_; }

  std::string_view take(std::size_t count) {
    if (!good_ || count > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  template <class T>
  T fixed() {
    using Wide = std::conditional_t<(sizeof(T) > 8), U128, std::uint64_t>;
    const std::string_view bytes = take(sizeof(T));
    if (!good_) return T{};
    Wide value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= static_cast<Wide>(static_cast<std::uint8_t>(bytes[i])) << (8 * i);
    }
    return static_cast<T>(value);
  }
  bool flag() {
    const std::uint8_t value = fixed<std::uint8_t>();
    good_ = good_ && value <= 1;
    return good_ && value == 1;
  }
  template <class T>
  void read(T& out);

 private:
  // Every element takes a byte at least, so a count beyond the rest is refused before memory is
  // reserved.
  std::uint32_t count() {
    const std::uint32_t value = fixed<std::uint32_t>();
    good_ = good_ && value <= rest_.size();
    return good_ ? value : 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

template <class T>
void RowReader::read(T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    out = flag();
  } else if constexpr (std::is_same_v<T, U128> || Unsigned<T> || Signed<T>) {
    out = fixed<T>();
  } else if constexpr (Text<T>) {
    out = take(fixed<std::uint32_t>());
  } else if constexpr (std::is_same_v<T, Address>) {
    out.text = take(fixed<std::uint32_t>());
  } else if constexpr (std::is_same_v<T, Bytes> || std::is_same_v<T, Blob>) {
    out.data = take(fixed<std::uint32_t>());
  } else if constexpr (std::is_same_v<T, Hash>) {
    const std::string_view bytes = take(32);
    if (good_) out = Hash::from(bytes);
  } else if constexpr (IsOptional<T>::value) {
    out.reset();
    if (flag()) read(out.emplace());
  } else if constexpr (IsVector<T>::value) {
    const std::uint32_t elements = count();
    out.clear();
    out.reserve(elements);
    for (std::uint32_t i = 0; i < elements && good_; ++i) {
      typename T::value_type element{};
      read(element);
      out.push_back(std::move(element));
    }
  } else {
    static_assert(Described<T> && kMemberCount<T> > 0, "a type that rows do not hold");
    for_each_member(out, [&](std::string_view, auto& member) { read(member); });
  }
}

}  // namespace detail

// Appends the row form of `value` to `out`; nothing is allocated beyond it.
template <class T>
void encode_row(const T& value, std::string& out) {
  if constexpr (detail::checked<T>()) {
    const std::size_t start = out.size();
    out.resize(start + 1 + detail::row_size(value));
    out[start] = static_cast<char>(detail::layout_of<T>());
    detail::write_row(out.data() + start + 1, value);
  }
}
template <class T>
std::string encode_row(const T& value) {
  std::string out;
  tb::encode_row(value, out);
  return out;
}

// The layout version of a row; 0 for an empty one.
inline std::uint8_t row_layout(std::string_view row) {
  return row.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(row[0]);
}

// False if the bytes are not a row of T's layout.
template <class T>
[[nodiscard]] bool decode_row(std::string_view row, T& out) {
  if constexpr (detail::checked<T>()) {
    if (row_layout(row) != detail::layout_of<T>()) return false;
    detail::RowReader reader(row.substr(1));
    reader.read(out);
    return reader.done();
  } else {
    return false;
  }
}

namespace detail {
// Why a row is not a T, behind "the row ..." in an error.
template <class T>
std::string why_not(std::string_view row) {
  const std::string of = std::to_string(row_layout(row)), wanted = std::to_string(layout_of<T>());
  if (row.empty()) return "is empty, and a struct is read from it";
  if (of == wanted) return "does not decode, although its layout " + of + " is the right one";
  return "does not decode: it has layout " + of + " and is read as layout " + wanted +
         "; rows that no migration has reached yet must be read too (row_layout)";
}
}  // namespace detail

// The same for rows that a scan delivers: throws (which fails the step) when the row does not
// decode.
template <class T>
T row_as(std::string_view row) {
  T value{};
  if (!tb::decode_row(row, value)) throw std::runtime_error("a row " + detail::why_not<T>(row));
  return value;
}

}  // namespace tb
