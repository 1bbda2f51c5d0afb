// Reading: what a meter reports and has signed, on its way from the meter to the node. [any]
//
// The signed message is BLAKE3 of provider id, meter address, and then kWh, timestamp and nonce as
// little-endian u64, without lengths between them; a signature over that message itself counts too
// (energy specification 6.1).
#pragma once

#include <tb/outside.hpp>
#include <tb/sdk.hpp>

namespace oracle_adapter {

struct Reading {
  std::string provider_id, meter_address;
  std::uint64_t kwh_reading = 0, timestamp = 0, nonce = 0;
  std::string signature;  // hex
};
BOOST_DESCRIBE_STRUCT(Reading, (),
                      (provider_id, meter_address, kwh_reading, timestamp, nonce, signature))

// nullopt, with `problem`, when a member is missing or of another type.
std::optional<Reading> parse_reading(tb::Value body, std::string* problem);

std::string reading_preimage(const Reading& reading);
bool signature_holds(const tb::Host& host, std::string_view public_key, const Reading& reading);

// The JSON-RPC request that submits it; all numbers as decimal strings.
std::string submit_request(const Reading& reading);

}  // namespace oracle_adapter
