#include "kernel/base/address.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>

#include "kernel/base/blake3.hpp"

namespace blockd {
namespace {

constexpr std::string_view kDomain = "tb/address/v1";
constexpr std::string_view kPrefix = "tb1";
constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::uint32_t kBech32m = 0x2bc830a3;
constexpr std::size_t kDataSymbols = 52;  // 256 bits in groups of five, zero-padded
constexpr std::size_t kChecksumSymbols = 6;
constexpr std::size_t kAddressSize = 3 + kDataSymbols + kChecksumSymbols;

// Capital letters are no symbols here: whoever takes them makes them small first.
constexpr std::array<std::int8_t, 256> make_symbol_values() {
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    out[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return out;
}
constexpr auto kSymbolValues = make_symbol_values();

// What the five bits that leave the state bring into it, for all their values.
constexpr std::array<std::uint32_t, 32> make_feedback() {
  constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
  std::array<std::uint32_t, 32> out{};
  for (unsigned top = 0; top < 32; ++top) {
    for (unsigned i = 0; i < 5; ++i) out[top] ^= (top >> i & 1) != 0 ? kGenerator[i] : 0;
  }
  return out;
}
constexpr auto kFeedback = make_feedback();

// One step of the BCH code of BIP-173.
constexpr std::uint32_t polymod_step(std::uint32_t state, std::uint8_t symbol) {
  return ((state & 0x1ffffff) << 5 ^ symbol) ^ kFeedback[state >> 25];
}

// The state after the expanded prefix "tb": high bits, zero, low bits.
constexpr std::uint32_t prefix_state() {
  std::uint32_t state = 1;
  for (char c : {'t', 'b'}) state = polymod_step(state, static_cast<std::uint8_t>(c >> 5));
  state = polymod_step(state, 0);
  for (char c : {'t', 'b'}) state = polymod_step(state, static_cast<std::uint8_t>(c & 31));
  return state;
}

std::string encode(const Hash& payload) {
  std::string out(kPrefix);
  out.reserve(kAddressSize);
  std::uint32_t state = prefix_state();
  auto put = [&](std::uint32_t symbol) {
    state = polymod_step(state, static_cast<std::uint8_t>(symbol & 31));
    out.push_back(kAlphabet[symbol & 31]);
  };
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (std::uint8_t byte : payload) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 5; held -= 5) put(bits >> (held - 5));
  }
  put(bits << (5 - held));
  for (std::size_t i = 0; i < kChecksumSymbols; ++i) state = polymod_step(state, 0);
  state ^= kBech32m;
  for (unsigned i = 0; i < kChecksumSymbols; ++i)
    out.push_back(kAlphabet[state >> 5 * (5 - i) & 31]);
  return out;
}

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// REQUIRES: kAddressSize characters.
bool has_right_checksum(std::string_view text) {
  const bool upper = text[0] == 'T';
  if (text.substr(0, 3) != (upper ? std::string_view("TB1") : kPrefix)) return false;
  std::uint32_t state = prefix_state();
  int seen = 0;  // all symbols together: below zero if one was none
  int padding = 0;
  for (std::size_t i = kPrefix.size(); i < text.size(); ++i) {
    char c = text[i];
    if (upper && is_lower(c)) return false;
    if (upper && is_upper(c)) c = static_cast<char>(c + ('a' - 'A'));
    const int symbol = kSymbolValues[static_cast<unsigned char>(c)];
    seen |= symbol;
    if (i == kPrefix.size() + kDataSymbols - 1) padding = symbol & 15;
    state = polymod_step(state, static_cast<std::uint8_t>(symbol & 31));
  }
  // 52 symbols hold 260 bits; the four of padding must be zero.
  return seen >= 0 && state == kBech32m && padding == 0;
}

// Addresses that were found good a moment ago, in this thread: who sends one command sends more.
class GoodAddresses {
 public:
  bool holds(std::string_view text) const {
    const char* known = texts_[place_of(text)].data();
    return known[0] != '\0' && std::string_view(known, kAddressSize) == text;
  }
  void put(std::string_view text) {
    std::memcpy(texts_[place_of(text)].data(), text.data(), kAddressSize);
  }

 private:
  static std::size_t place_of(std::string_view text) {
    return (static_cast<unsigned char>(text[kAddressSize - 1]) +
            static_cast<unsigned char>(text[kAddressSize - 2]) * 31u) %
           kPlaces;
  }
  static constexpr std::size_t kPlaces = 64;
  std::array<std::array<char, kAddressSize>, kPlaces> texts_{};
};

}  // namespace

std::string address_of(const PublicKey& key) {
  return encode(blake3({kDomain, BytesView("\0", 1), view(key)}));
}

std::string address_of_group(std::uint8_t threshold, std::span<const PublicKey> keys) {
  TB_ASSERT(keys.size() >= 2 && keys.size() <= 16);
  TB_ASSERT(threshold >= 1 && threshold <= keys.size());
  TB_ASSERT(std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>{}) == keys.end());
  Bytes text(kDomain);
  put_u8(text, 1);
  put_u8(text, threshold);
  put_u8(text, static_cast<std::uint8_t>(keys.size()));
  for (const PublicKey& key : keys) text.append(view(key));
  return encode(blake3(text));
}

bool is_address(std::string_view text) {
  static thread_local GoodAddresses known;
  if (text.size() != kAddressSize) return false;
  if (known.holds(text)) return true;
  if (!has_right_checksum(text)) return false;
  known.put(text);
  return true;
}

bool is_system_account(std::string_view text) {
  if (text.empty() || text.size() > 128 || text.starts_with(kPrefix)) return false;
  auto in_head = [](char c) { return is_lower(c) || is_digit(c) || c == '-'; };
  auto in_tail = [&](char c) { return in_head(c) || is_upper(c) || c == '.' || c == '_'; };
  std::size_t i = 0;
  while (i < text.size() && in_head(text[i])) ++i;
  if (i == 0) return false;
  if (i == text.size()) return true;
  if (text[i] != '/' && text[i] != ':') return false;
  // A part may hold ':' as well, so only '/' ends one.
  bool part_is_empty = true;
  for (++i; i < text.size(); ++i) {
    if (text[i] == '/') {
      if (part_is_empty) return false;
      part_is_empty = true;
    } else if (in_tail(text[i]) || text[i] == ':') {
      part_is_empty = false;
    } else {
      return false;
    }
  }
  return !part_is_empty;
}

}  // namespace blockd
