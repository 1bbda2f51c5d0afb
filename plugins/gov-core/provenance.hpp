// The provenance log: a hash chain over everything that was decided about money, parameters,
// releases and scripts.
//
// An entry is hashed as canonical JSON (keys sorted, no spaces, integers above 2^53 - 1 as decimal
// strings), and names the hash of the one before it; the first names 64 zeros. The hash function is
// the caller's, so that this library needs none. Pure. Spec: 6.5.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gov {

inline constexpr std::string_view kFirstPrevHash =
    "0000000000000000000000000000000000000000000000000000000000000000";

struct ProvenanceEntry {
  std::uint64_t seq = 0;
  std::string prev_hash;  // 64 hex digits
  std::string kind;       // disbursement, param, release, script
  std::uint64_t epoch = 0, height = 0, time = 0;
  // Of kind disbursement.
  std::optional<std::uint64_t> disbursement_id, amount;
  std::optional<std::string> from_state, to_state, destination, reason, tx_hash;
  // Of the other kinds; `data_json` is canonical JSON already.
  std::optional<std::string> subject;
  std::string data_json = "null";
};

using Digest = std::array<std::uint8_t, 32>;
using HashFunction = Digest (*)(std::string_view bytes);

std::string canonical_json(const ProvenanceEntry& entry);
// Lowercase hex.
std::string entry_hash(const ProvenanceEntry& entry, HashFunction hash);

// A text as a JSON string, with the quotes, in canonical form.
std::string json_text(std::string_view text);
// A number in canonical form: decimal digits, in quotes beyond 2^53 - 1.
std::string json_number(std::uint64_t number);

// The place of the first entry whose seq or prev_hash does not follow from the one before it;
// nothing if the chain is whole.
std::optional<std::size_t> first_break(std::span<const ProvenanceEntry> entries, HashFunction hash);

}  // namespace gov
