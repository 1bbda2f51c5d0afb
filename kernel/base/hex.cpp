#include "kernel/base/hex.hpp"

#include "kernel/base/hex_wide.hpp"

namespace blockd {
namespace {

// 0..15, or -1 for another character.
int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(BytesView data) {
  std::string out;
  append_hex(out, data);
  return out;
}

void append_hex(std::string& out, BytesView data) {
  const std::size_t begin = out.size();
  out.resize(begin + data.size() * 2);
  write_hex_digits(data, out.data() + begin);
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  if (text.size() % 2 != 0) {
    return Status(Code::kInvalid,
                  "hex text has an odd number of digits (" + std::to_string(text.size()) + ")");
  }
  Bytes out(text.size() / 2, '\0');
  for (std::size_t i = 0; i < out.size(); ++i) {
    int high = nibble(text[2 * i]);
    int low = nibble(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return Status(Code::kInvalid,
                    "not a hex digit at character " + std::to_string(2 * i + (high < 0 ? 0 : 1)));
    }
    out[i] = static_cast<char>(high << 4 | low);
  }
  return out;
}

}  // namespace blockd
