// Reading: what a meter reports and signs. [any]
//
// The signed message is BLAKE3 of provider id, meter address, and then kWh, timestamp and nonce as
// little-endian u64, without lengths between them (energy specification 6.1).
#pragma once

#include <tb/sdk.hpp>

namespace mock_oracle {

struct Reading {
  std::string provider_id, meter_address;
  std::uint64_t kwh_reading = 0, timestamp = 0, nonce = 0;
  std::string signature;  // 128 hex digits
};
BOOST_DESCRIBE_STRUCT(Reading, (),
                      (provider_id, meter_address, kwh_reading, timestamp, nonce, signature))

std::string reading_preimage(const Reading& reading);

// The keys of the simulated meters, all made from one seed: a meter of the demo has a key of its
// own, BLAKE3(seed, meter); every other meter signs with the seed itself, whose public half GET
// /key shows.
class MeterKeys {
 public:
  MeterKeys(tb::Host host, const tb::Hash& seed) : host_(host), seed_(seed) {}

  // Ed25519 seed of the meter.
  tb::Hash secret_of(std::string_view meter) const;
  std::string public_hex(std::string_view meter) const;
  void sign(Reading& reading) const;

 private:
  tb::Host host_;
  tb::Hash seed_;
};

// "gb-17": the address of the demo's meter at place 17.
std::string demo_meter(std::uint32_t place);
// The place of a demo's meter; nullopt for any other text.
std::optional<std::uint32_t> demo_place(std::string_view meter);

// A reading as a client posts it. nullopt, with `problem`, when a member is missing, of another
// type, or names another meter.
std::optional<Reading> parse_reading(tb::Value body, std::string_view meter, std::string* problem);

}  // namespace mock_oracle
