// Command: a signed, canonical JSON object that asks one plugin to change replicated state.
// (node-and-cli spec 3.2, 6.11, 6.12.)
//
// A Command is immutable and may be shared between threads. Parsing checks form and canonical
// bytes; whether the signatures hold is asked separately, because replay trusts them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

enum class Lane : std::uint8_t { kConsumer = 0, kIndustrial = 1, kService = 2 };
std::string_view lane_name(Lane lane);

struct CommandSignature {
  PublicKey key;
  Signature sig;
};

struct Command {
  Bytes envelope;  // canonical bytes of {"command":…,"signatures":[…]}, as sent and as logged
  BytesView signed_bytes;  // the command's canonical bytes, inside `envelope`
  Hash id{};               // BLAKE3("tb/command/v1" || signed_bytes)
  std::string chain, from, method, memo, session;
  std::uint64_t nonce = 0;
  std::uint64_t fee = 0;
  std::uint8_t pct = 100;
  std::optional<Lane> lane;  // as given
  std::optional<std::uint64_t> expires_at_ms;
  std::uint8_t threshold = 0;  // 0: a single key
  std::vector<PublicKey> signers;
  std::vector<CommandSignature> signatures;
  std::vector<std::string> cosigners;  // addresses of signatures that were not needed
  json::value params;                  // an object; null in a command that was parsed without trees
                                       // and has `params_text`
  BytesView params_text;  // canonical bytes of `params` inside `envelope`; empty when they are not
                          // plain

  Command() = default;
  // Adopts `value` with its memory resource (an assignment would copy).
  explicit Command(json::value value) : params(std::move(value)) {}
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
};
using CommandPtr = std::shared_ptr<const Command>;

// What parse_envelope holds every envelope to; methods have tighter limits of their own (manifest
// `max_bytes`).
inline constexpr std::size_t kMaxEnvelopeBytes = 8ull << 20;
inline constexpr std::size_t kMaxMemoBytes = 1024;
inline constexpr std::size_t kMaxSignatures = 16;
inline constexpr std::uint64_t kMaxFee =
    (1ull << 63) - 1;                         // above: refused by admission, not by the parser
inline constexpr std::uint8_t kMaxPct = 100;  // above: refused by admission; `pct` is cut to 255

// Codes of JSON-RPC errors that refusals of commands bear (node-and-cli spec 5.2.2).
inline constexpr std::int32_t kRpcParseError = -32700, kRpcInvalidParams = -32602,
                              kRpcInternal = -32603, kRpcDiskFull = -34002, kRpcNotReady = -34004,
                              kRpcAdmission = -34010, kRpcPluginError = -34014;

// Words and numbers of the admission list (node-and-cli spec 5.6.1).
namespace admission {
inline constexpr int kUnknownSender = 1, kInsufficientBalance = 2, kNonceGap = 3,
                     kInvalidSelector = 4, kBadSignature = 5, kDuplicate = 6, kBalanceOverflow = 8,
                     kFeeOverflow = 9, kFeeTooLow = 10, kMempoolFull = 11, kPendingLimit = 13,
                     kFeeTooLarge = 14, kPendingSignatures = 17, kSessionExpired = 18,
                     kUnknownCommand = 19, kExpired = 20, kWrongChain = 21;
}  // namespace admission

// A refusal of a command before it is in a block: what a client gets as error code, data.name and,
// for the pool's own words, data.admission_code (node-and-cli spec 5.6.1).
struct Refusal {
  std::int32_t code = 0;   // -32602, -34010, or the plugin's own
  int admission_code = 0;  // 0: none
  std::string name, message, field, nearest, hint;
  std::optional<std::uint64_t> expected;  // data.expected
  json::object data;                      // members of the plugin's own error data
  std::string outcome;                    // "rejected" when a dry run said so
};
// A refusal whose message is "<name>: <text>".
Refusal make_refusal(std::int32_t code, std::string name, std::string_view text);
// -34010 with the number of the admission list.
Refusal admission_refusal(int admission_code, std::string name, std::string_view text);

// Parses the canonical bytes of an envelope (from the log, a peer, or re-printed from a request).
// REQUIRES: nothing; any input. A refusal is -32602 "not_canonical", "invalid_params" with the
// field, or -32700. `with_tree` false: `params` may be left null, for those who only submit.
struct ParsedCommand {
  CommandPtr command;  // null when refused
  std::optional<Refusal> refusal;
};
ParsedCommand parse_envelope(Bytes envelope_bytes, bool with_tree = true);

// Parses the envelopes of a batch of our own log in order into `*out`; their ids are hashed several
// at once. That the bytes are canonical is trusted: they were checked before they were written, and
// the log's checksum holds. `with_trees` false leaves `params` to those who execute the command,
// who need no tree of plain ones. At the first refusal `*out` holds the commands before it.
std::optional<Refusal> parse_envelopes(std::vector<Bytes> envelopes, std::vector<CommandPtr>* out,
                                       bool with_trees = true);

// Parses a request's envelope value. `body` is the text of the request as it was received: a
// command whose canonical bytes do not stand in it is refused "not_canonical".
ParsedCommand parse_envelope(const json::value& envelope, BytesView body, bool with_tree = true);

// Checks every signature, and that the needed ones are there: the key of `from`, `threshold` of
// `signers`, or the session key. Costs 41 us a signature. nullopt: all good.
std::optional<Refusal> verify_signatures(const Command& command);

// Builds and signs a command: what the node does for unsigned calls and contract-cli for a wallet.
struct CommandDraft {
  std::string chain, method, memo;
  std::uint64_t nonce = 0, fee = 0;
  std::optional<Lane> lane;
  std::optional<std::uint64_t> expires_at_ms;
  json::value params;
};
Result<CommandPtr> sign_command(const CommandDraft& draft, const SigningKey& key);

}  // namespace blockd
