// The checks of a single receipt, in their order (receipts spec 5.2). [any]
//
// Pure over what the caller hands in: the key of the provider at the height, its nonces, and how a
// signature is verified.
#pragma once

#include <functional>

#include "plugins/receipts/rules/digests.hpp"

namespace receipts {

enum class Reason : std::uint8_t {
  kSchemaMismatch,
  kSignatureInvalid,
  kUnknownProvider,
  kReplayedNonce,
  kDuplicate,
  kBlockTorch,
  kBudgetExceeded,
  kHeaderMismatch,
  kAggregateMismatch,
  kDiversity,
  kDaExpired,
};
inline constexpr std::string_view kReasonNames[] = {
    "schema_mismatch",        "signature_invalid",   "unknown_provider", "replayed_nonce",
    "duplicate_detection",    "blocktorch_metadata", "budget_exceeded",  "header_mismatch",
    "aggregate_sig_mismatch", "diversity_violation", "da_expired"};
inline std::string_view name_of(Reason reason) {
  return kReasonNames[static_cast<std::size_t>(reason)];
}

enum class Auth : std::uint8_t { kLedger, kProvider, kPlugin };

struct Refused {
  Reason reason;
  std::string text;
};
using Checked = std::optional<Refused>;  // empty: it passed

// Steps 1 to 5: fields, lengths, zeros, BlockTorch data.
Checked check_fields(const Receipt& receipt);

// What steps 6 to 9 ask of the state.
struct Questions {
  // The key in force at the height, 32 bytes, or empty.
  std::function<std::string(std::string_view provider)> key_of;
  std::function<bool(std::string_view provider, std::uint64_t nonce)> nonce_fresh;
  std::function<bool(std::string_view key, std::string_view message, std::string_view signature)>
      verify;
};
// Steps 6 to 9, for auth `provider` and receipts that are no slash. Step 10 is the caller's: it
// knows the queue and the block.
Checked check_signature(const Receipt& receipt, const Questions& ask);

}  // namespace receipts
