// Signed meter readings and the keys that they are checked with. [machine]
//
// A reading is the hot path: it reads its provider, the provider's key and the place of the new
// credit, and writes three rows at most (provider, credit, credit's place), one for a heartbeat. It
// never touches the totals.
#pragma once

#include "plugins/energy/market.hpp"

namespace energy {

struct ReadingParams {
  std::string_view provider_id, meter_address;
  std::uint64_t kwh_reading = 0, timestamp = 0, nonce = 0;
  std::string_view signature;
};
BOOST_DESCRIBE_STRUCT(ReadingParams, (),
                      (provider_id, meter_address, kwh_reading, timestamp, nonce, signature))

struct KeyEntry {
  std::string provider_id, public_key_hex;
};
BOOST_DESCRIBE_STRUCT(KeyEntry, (), (provider_id, public_key_hex))

struct KeysParams {
  std::vector<KeyEntry> keys;
};
BOOST_DESCRIBE_STRUCT(KeysParams, (), (keys))

// Keys that the registry holds at most.
inline constexpr std::size_t kMaxTrustRoots = 10'000;

// What a reading minted; amount 0 is a heartbeat, which leaves no credit. Its texts are those of
// the params.
struct Minted {
  CreditView credit;
  Hash meter_hash{};
};
Result<Minted> submit_reading(Market& market, const ReadingParams& in);

using KeyList = std::vector<std::pair<ProviderId, PublicKey>>;  // ascending by id, each id once
// The list as it is checked: a later duplicate wins. The error names the first bad entry.
Result<KeyList> parse_keys(const std::vector<KeyEntry>& entries);
// BLAKE3 of the sorted entries: id text, then key, one after the other.
Hash digest_of(const KeyList& keys);

struct KeysReplaced {
  std::uint64_t registered = 0, version = 0;
  Hash digest{};
};
// Replaces the registry; nothing changes unless every entry is good.
Result<KeysReplaced> set_provider_keys(Market& market, const KeysParams& in);

// The name of a refused reading in energy_reading_reject_total.
std::string_view reject_reason(std::string_view error_name);

}  // namespace energy
