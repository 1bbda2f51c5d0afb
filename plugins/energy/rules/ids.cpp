#include "plugins/energy/rules/ids.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace energy {
namespace {

constexpr char kDigits[] = "0123456789abcdef";

constexpr std::array<std::int8_t, 256> make_digit_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  for (std::size_t i = 0; i < 10; ++i) values['0' + i] = static_cast<std::int8_t>(i);
  for (std::size_t i = 0; i < 6; ++i)
    values['a' + i] = values['A' + i] = static_cast<std::int8_t>(10 + i);
  return values;
}
constexpr auto kDigitValues = make_digit_values();

// The value of a hex digit, or -1.
int digit_value(char c) { return kDigitValues[static_cast<std::uint8_t>(c)]; }

// Sixteen digits at once: their values where they are digits of either case, and the pairs of them
// joined to eight bytes. What was no digit is zero in `good` afterwards.
using Digits = std::uint8_t __attribute__((vector_size(16)));
void read_digits(const char* text, std::uint8_t* out, Digits& good) {
  static_assert(std::endian::native == std::endian::little);
  using Pairs = std::uint16_t __attribute__((vector_size(16)));
  using Bytes = std::uint8_t __attribute__((vector_size(8)));
  Digits c;
  std::memcpy(&c, text, sizeof c);
  const Digits digit = c - std::uint8_t{'0'};
  const Digits letter = (c | std::uint8_t{0x20}) - std::uint8_t{'a'};
  const Digits is_digit = reinterpret_cast<Digits>(digit <= std::uint8_t{9});
  const Digits is_letter = reinterpret_cast<Digits>(letter <= std::uint8_t{5});
  good &= is_digit | is_letter;
  const Digits values = (digit & is_digit) | ((letter + std::uint8_t{10}) & is_letter);
  const Pairs pairs = reinterpret_cast<Pairs>(values);
  const Pairs joined = (pairs << 4 | pairs >> 8) & std::uint16_t{0xff};
  const Bytes bytes = __builtin_convertvector(joined, Bytes);
  std::memcpy(out, &bytes, sizeof bytes);
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct CodePoint {
  std::uint32_t value;
  std::size_t length;  // 0: not valid UTF-8
};

// Decodes the first code point. REQUIRES: text is not empty.
CodePoint first_code_point(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return {0, 0};
  std::uint32_t value = lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {0, 0};
    value = value << 6 | (byte(i) & 0x3fu);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[length] || value > 0x10ffff || surrogate) return {0, 0};
  return {value, length};
}

}  // namespace

ProviderIdText::ProviderIdText(ProviderId id) {
  std::memcpy(text_.data(), kProviderPrefix.data(), kProviderPrefix.size());
  // A digit to each byte, the first one low.
  std::uint64_t digits = __builtin_bswap32(id);
  digits = (digits | digits << 16) & 0x0000ffff0000ffff;
  digits = (digits | digits << 8) & 0x00ff00ff00ff00ff;
  digits = (digits >> 4 | digits << 8) & 0x0f0f0f0f0f0f0f0f;
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  const std::uint64_t letters = (digits + 6 * kOnes) >> 4 & kOnes;
  digits += '0' * kOnes + letters * ('a' - '0' - 10);
  std::memcpy(text_.data() + kProviderPrefix.size(), &digits, sizeof digits);
}

std::optional<ProviderId> parse_provider_id(std::string_view text) {
  if (!text.starts_with(kProviderPrefix)) return std::nullopt;
  text.remove_prefix(kProviderPrefix.size());
  if (text.empty() || text.size() > 8) return std::nullopt;
  ProviderId id = 0;
  for (const char c : text) {
    const int digit = digit_value(c);
    if (digit < 0) return std::nullopt;
    id = id << 4 | static_cast<ProviderId>(digit);
  }
  return id;
}

std::string format_hex(const std::uint8_t* data, std::size_t size) {
  std::string out;
  out.reserve(2 * size);
  for (std::size_t i = 0; i < size; ++i) {
    out.push_back(kDigits[data[i] >> 4]);
    out.push_back(kDigits[data[i] & 0xf]);
  }
  return out;
}

bool parse_hex(std::string_view text, std::uint8_t* out, std::size_t size) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  if (text.size() != 2 * size) return false;
  Digits good = ~Digits{};
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8) read_digits(text.data() + 2 * i, out + i, good);
  int seen = 0;  // all other digits together: negative if one was none
  for (; i < size; ++i) {
    const int high = digit_value(text[2 * i]);
    const int low = digit_value(text[2 * i + 1]);
    seen |= high | low;
    out[i] = static_cast<std::uint8_t>((high & 0xf) << 4 | (low & 0xf));
  }
  std::uint64_t halves[2];
  std::memcpy(halves, &good, sizeof halves);
  return seen >= 0 && (halves[0] & halves[1]) == ~std::uint64_t{0};
}

std::optional<PublicKey> parse_public_key(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return parse_hex<32>(text);
}

bool is_plain_text(std::string_view text, std::size_t max_bytes) {
  if (text.empty() || text.size() > max_bytes) return false;
  while (!text.empty()) {
    const CodePoint point = first_code_point(text);
    const bool control = point.value < 0x20 || (point.value >= 0x7f && point.value <= 0x9f);
    if (point.length == 0 || control) return false;
    text.remove_prefix(point.length);
  }
  return true;
}

}  // namespace energy
