// Account ids: what is one, and who may take money out of it (node-and-cli spec 3.1,
// governance-treasury spec 5.18). Pure functions. [any]
//
// An account is an address (tb/address.hpp) or a system account (`treasury`, `energy:stakes`,
// `storage/contracts`). The part of a system account before the first '/' or ':' is its prefix; the
// plugin whose manifest declares that prefix owns the account, no key signs for it. Which plugin
// that is, the kernel knows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ledger {

inline constexpr std::size_t kMaxAccountBytes = 128;
inline constexpr std::string_view kTreasury = "treasury";
inline constexpr std::string_view kTreasuryPending = "treasury/pending";
inline constexpr std::string_view kConsumerFees = "ledger:consumer_fees";
inline constexpr std::string_view kIndustrialFees = "ledger:industrial_fees";

// `[a-z0-9-]+([/:][A-Za-z0-9._:-]+)*`, 1 to 128 bytes, not beginning with "tb1".
bool is_system_account(std::string_view text);
// 1 to 128 printable bytes without blanks: what services take, so that short names pass too.
bool is_account_id(std::string_view text);

// The prefix of an escrow, or empty: an account of another kind. `treasury` is an escrow too.
std::string_view prefix_of(std::string_view account);

// Who asks for money to leave an account.
struct Debit {
  std::string_view from;
  std::string_view owner;    // the plugin whose escrow `from` is; empty: no escrow
  std::string_view plugin;   // that calls the service
  std::string_view account;  // that sent the command; empty in a hook
  bool consented = false;    // the plugin says that its own rule has checked the owner's consent
};
bool may_debit(const Debit& debit);

}  // namespace ledger
