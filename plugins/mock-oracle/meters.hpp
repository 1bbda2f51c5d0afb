// Meters: what each simulated meter shows, and the readings it makes. [any]
//
// A meter comes into being when it is first asked for. Its total never falls and its timestamps and
// nonces grow from reading to reading; learn() raises them to what the node knows, so that a meter
// goes on where it stood after a restart. The faults of a drill spoil readings here, for all users.
// At most kMaxMeters are kept.
#pragma once

#include <map>
#include <mutex>

#include "plugins/mock-oracle/reading.hpp"
#include "plugins/mock-oracle/settings.hpp"

namespace mock_oracle {

inline constexpr std::size_t kMaxMeters = 20'000;
inline constexpr std::size_t kMaxMeterNameBytes = 128;  // as long as the energy market takes them

struct MeterState {
  std::uint64_t total_kwh = 0, timestamp = 0, nonce = 0;
};

class Meters {
 public:
  explicit Meters(tb::Host host) : host_(host) {}

  void set_faults(const Faults& faults);

  // Raises what the meter shows to `seen`, where that is higher. False: the table is full.
  bool learn(std::string_view meter, const MeterState& seen);
  std::optional<MeterState> state(std::string_view meter) const;

  struct Made {
    Reading reading;
    bool dropped = false;  // a fault: the reading is lost on its way
  };
  // Counts `kwh` more and makes a signed reading of it; nullopt: the table is full.
  std::optional<Made> read(std::string_view meter, std::string_view provider, std::uint64_t kwh,
                           const MeterKeys& keys);

 private:
  MeterState* find_or_add(std::string_view meter);  // REQUIRES: mutex_ held
  bool strikes(std::uint32_t ppm) const;

  tb::Host host_;
  mutable std::mutex mutex_;
  Faults faults_;
  std::map<std::string, MeterState, std::less<>> meters_;
};

}  // namespace mock_oracle
