#include "plugins/ledger/accounts.hpp"

#include <algorithm>

namespace ledger {
namespace {

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::uint32_t kBech32m = 0x2bc830a3;
constexpr std::size_t kAddressBytes = 61;  // "tb1", 52 symbols of payload, 6 of checksum
constexpr std::size_t kPayloadSymbols = 52;

std::uint32_t step(std::uint32_t state, std::uint32_t symbol) {
  constexpr std::uint32_t kGenerator[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                          0x2a1462b3};
  const std::uint32_t top = state >> 25;
  state = ((state & 0x1ffffff) << 5) ^ symbol;
  for (std::uint32_t bit = 0; bit < 5; ++bit) {
    if (((top >> bit) & 1) != 0) state ^= kGenerator[bit];
  }
  return state;
}

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_address(std::string_view text) {
  if (text.size() != kAddressBytes) return false;
  if (std::any_of(text.begin(), text.end(), lower) && std::any_of(text.begin(), text.end(), upper))
    return false;
  const auto folded = [&](std::size_t i) {
    return upper(text[i]) ? static_cast<char>(text[i] + ('a' - 'A')) : text[i];
  };
  if (folded(0) != 't' || folded(1) != 'b' || folded(2) != '1') return false;
  std::uint32_t state = 1;  // the prefix "tb": its high bits, zero, its low bits
  for (char c : {'t', 'b'}) state = step(state, static_cast<std::uint32_t>(c) >> 5);
  state = step(state, 0);
  for (char c : {'t', 'b'}) state = step(state, static_cast<std::uint32_t>(c) & 31);
  for (std::size_t i = 3; i < text.size(); ++i) {
    const std::size_t symbol = kAlphabet.find(folded(i));
    if (symbol == std::string_view::npos) return false;
    // 256 bits leave four zero bits in the last symbol of the payload.
    if (i == 3 + kPayloadSymbols - 1 && (symbol & 15) != 0) return false;
    state = step(state, static_cast<std::uint32_t>(symbol));
  }
  return state == kBech32m;
}

bool is_system_account(std::string_view text) {
  if (text.empty() || text.size() > kMaxAccountBytes || text.starts_with("tb1")) return false;
  const std::size_t end = std::min(text.find_first_of("/:"), text.size());
  const auto head = text.substr(0, end);
  if (head.empty() || !std::all_of(head.begin(), head.end(),
                                   [](char c) { return lower(c) || digit(c) || c == '-'; })) {
    return false;
  }
  const auto inner = [](char c) {
    return lower(c) || upper(c) || digit(c) || c == '.' || c == '_' || c == ':' || c == '-';
  };
  for (std::size_t i = end; i < text.size();) {
    if (text[i] != '/' && text[i] != ':') return false;
    const std::size_t start = ++i;
    while (i < text.size() && inner(text[i])) ++i;
    if (i == start) return false;
  }
  return true;
}

std::string stored_form(std::string_view address) {
  std::string out(address);
  for (char& c : out) {
    if (upper(c)) c = static_cast<char>(c + ('a' - 'A'));
  }
  return out;
}

bool is_account_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxAccountBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7f;
         });
}

std::string_view prefix_of(std::string_view account) {
  if (account == kTreasury) return kTreasury;
  const std::size_t end = account.find_first_of("/:");
  return end == std::string_view::npos ? std::string_view() : account.substr(0, end);
}

bool may_debit(const Debit& debit) {
  if (!debit.owner.empty()) return debit.owner == debit.plugin;
  return debit.from == debit.plugin || debit.consented ||
         (!debit.account.empty() && debit.from == debit.account);
}

}  // namespace ledger
