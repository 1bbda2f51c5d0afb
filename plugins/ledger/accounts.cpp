#include "plugins/ledger/accounts.hpp"

#include <algorithm>

namespace ledger {
namespace {

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

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
