// Names of the energy market: provider ids, hashes and signatures in hex, and which texts it
// accepts. Pure functions, callable from any thread; what they return owns its memory.
//
// A provider is known by a counter; its name is "energy-0x" and the counter as 8 lower-case hex
// digits. Short forms ("energy-0x00") name the same provider on input, output is always the padded
// form.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace energy {

using ProviderId = std::uint32_t;  // the counter behind the name
using Hash = std::array<std::uint8_t, 32>;
using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

inline constexpr std::string_view kProviderPrefix = "energy-0x";
inline constexpr std::size_t kMaxNameBytes = 128;   // owner, jurisdiction, meter address
inline constexpr std::size_t kMaxTextBytes = 1024;  // reason, note

// The name of a provider, without memory from the heap.
class ProviderIdText {
 public:
  explicit ProviderIdText(ProviderId id);
  std::string_view view() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, kProviderPrefix.size() + 8> text_;
};
inline std::string format_provider_id(ProviderId id) {
  return std::string(ProviderIdText(id).view());
}

// Accepts the prefix and 1 to 8 hex digits of either case. nullopt for any other text.
std::optional<ProviderId> parse_provider_id(std::string_view text);

std::string format_hex(const std::uint8_t* data, std::size_t size);
template <std::size_t N>
std::string format_hex(const std::array<std::uint8_t, N>& bytes) {
  return format_hex(bytes.data(), N);
}

// Exactly `size` bytes of hex in either case, after an optional "0x"; false otherwise (then `out`
// is undefined).
bool parse_hex(std::string_view text, std::uint8_t* out, std::size_t size);
template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> parse_hex(std::string_view text) {
  std::array<std::uint8_t, N> out{};
  if (!parse_hex(text, out.data(), N)) return std::nullopt;
  return out;
}

inline std::optional<Hash> parse_meter_hash(std::string_view text) { return parse_hex<32>(text); }
inline std::optional<Signature> parse_signature(std::string_view text) {
  return parse_hex<64>(text);
}

// A key as an operator pastes it: blanks around the hex are trimmed.
std::optional<PublicKey> parse_public_key(std::string_view text);

// True if `text` is 1 to `max_bytes` bytes of valid UTF-8 (no surrogates, no overlong forms)
// without control characters (U+0000..001F, U+007F..009F).
bool is_plain_text(std::string_view text, std::size_t max_bytes);

}  // namespace energy
