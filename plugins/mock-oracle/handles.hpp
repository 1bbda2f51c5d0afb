// Places of the plugin's config keys and metrics in its manifest, in the order of plugin.cpp.
#pragma once

#include <tb/sdk.hpp>

namespace mock_oracle {

namespace keys {
inline constexpr tb::Config<bool> kDemo{0};
inline constexpr tb::Config<std::uint32_t> kProviders{1};
inline constexpr tb::Config<std::uint64_t> kStepMs{2};
inline constexpr tb::Config<std::string> kDataFile{3};
inline constexpr tb::Config<std::uint64_t> kKwhPerMwPpm{4};
inline constexpr tb::Config<std::uint64_t> kPricePerKwh{5};
inline constexpr tb::Config<std::uint32_t> kSettleSharePct{6};
inline constexpr tb::Config<std::string> kListen{7};
inline constexpr tb::Config<bool> kAllowRemote{8};
inline constexpr tb::Config<std::optional<std::string>> kKeyHex{9};
inline constexpr tb::Config<std::optional<std::string>> kSigningKey{10};
inline constexpr tb::Config<std::optional<std::vector<std::string>>> kMap{11};
inline constexpr tb::Config<std::uint64_t> kStepKwh{12};
inline constexpr tb::Config<std::int64_t> kSkewSecs{13};
inline constexpr tb::Config<std::uint32_t> kDropPpm{14};
inline constexpr tb::Config<std::uint32_t> kBadSignaturePpm{15};
inline constexpr tb::Config<std::uint32_t> kRegressPpm{16};
}  // namespace keys

inline constexpr tb::Counter kReadings{0};     // label result
inline constexpr tb::Counter kSettlements{1};  // label result
inline constexpr tb::Gauge kStep{2};

}  // namespace mock_oracle
