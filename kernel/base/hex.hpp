// Hexadecimal text of byte strings. Output is always lower case.
#pragma once

#include <string>
#include <string_view>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

std::string to_hex(BytesView data);
void append_hex(std::string& out, BytesView data);
template <std::size_t N>
std::string to_hex(const std::array<std::uint8_t, N>& a) {
  return to_hex(view(a));
}

// Accepts both cases and an optional "0x". Errors: kInvalid (odd length, another character).
Result<Bytes> from_hex(std::string_view text);

// As from_hex, and exactly N bytes. Errors: kInvalid.
template <std::size_t N>
Result<std::array<std::uint8_t, N>> array_from_hex(std::string_view text) {
  Result<Bytes> raw = from_hex(text);
  if (!raw.ok()) return raw.status();
  if (raw->size() != N) {
    return Status(Code::kInvalid, "expected " + std::to_string(N) + " bytes of hex, found " +
                                      std::to_string(raw->size()));
  }
  std::array<std::uint8_t, N> out{};
  std::memcpy(out.data(), raw->data(), N);
  return out;
}

}  // namespace blockd
