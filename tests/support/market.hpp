// Who acts on the energy market in benchmarks and in the simulator: accounts that sign commands,
// and meters that sign readings.
//
// Everything is derived from numbers, so that the same numbers give the same keys, addresses and
// bytes. The signed bytes of a reading are built here once more from the specification (energy
// spec, signed readings), not with the plugin's own code.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "kernel/base/crypto.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/command.hpp"

namespace blockd::support {

inline constexpr std::string_view kChainId = "dev";

SigningKey key_of(std::string_view kind, std::uint64_t number);

// An account with the nonce of its last command. Move it when that command was not committed.
class Account {
 public:
  explicit Account(std::uint64_t number);
  const std::string& address() const { return address_; }
  const SigningKey& key() const { return key_; }
  std::uint64_t nonce = 0;

  // Signs the account's next command.
  CommandPtr sign(std::string_view method, json::object params, std::uint64_t fee = 0);

 private:
  SigningKey key_;
  std::string address_;
};

// A provider's meter; copies share its key. `provider` is the provider's number in the order of
// registration.
class Meter {
 public:
  explicit Meter(std::uint64_t provider);
  std::string provider_id() const;
  std::string meter_address() const;
  std::string public_key_hex() const;

  // Params of energy.submit_reading, signed by the meter.
  json::object reading(std::uint64_t kwh, std::uint64_t timestamp, std::uint64_t nonce) const;
  // The key of the credit that such a reading mints, as hex: the name it is settled under.
  static std::string meter_hash(const json::object& reading);

 private:
  std::uint64_t provider_;
  std::shared_ptr<const SigningKey> key_;
};

json::object register_params(std::uint64_t provider, std::string_view owner, std::uint64_t stake);

}  // namespace blockd::support
