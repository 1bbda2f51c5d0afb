// Places of the plugin's config keys and metrics in its manifest, in the order of plugin.cpp.
#pragma once

#include <tb/sdk.hpp>

namespace oracle_adapter {

struct MeterEntry {
  std::string url, provider_id;
  std::optional<std::uint64_t> interval_ms;
};
BOOST_DESCRIBE_STRUCT(MeterEntry, (), (url, provider_id, interval_ms))

struct KeyEntry {
  std::string provider_id, public_key_hex;
};
BOOST_DESCRIBE_STRUCT(KeyEntry, (), (provider_id, public_key_hex))

namespace keys {
inline constexpr tb::Config<std::optional<std::vector<MeterEntry>>> kMeters{0};
inline constexpr tb::Config<std::optional<std::vector<KeyEntry>>> kKeys{1};
inline constexpr tb::Config<std::string> kNodeUrl{2};
inline constexpr tb::Config<std::optional<std::string>> kToken{3};
inline constexpr tb::Config<std::uint64_t> kIntervalMs{4};
inline constexpr tb::Config<std::uint64_t> kMaxAgeSecs{5};
inline constexpr tb::Config<std::uint64_t> kMaxFutureSkewSecs{6};
inline constexpr tb::Config<std::string> kSpoolDir{7};
}  // namespace keys

inline constexpr tb::Counter kReadings{0};  // label result
inline constexpr tb::Counter kErrors{1};    // label error
inline constexpr tb::Histogram kLatency{2};
inline constexpr tb::Gauge kQueueDepth{3};
inline constexpr tb::Gauge kPendingVerifications{4};
inline constexpr tb::Gauge kMetersStopped{5};

}  // namespace oracle_adapter
