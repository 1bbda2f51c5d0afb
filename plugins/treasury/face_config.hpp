// Config keys of the treasury, in the order in which describe_config() declares them.
#pragma once

#include "tb/sdk.hpp"

namespace treasury {

inline constexpr tb::Config<bool> kExecutorOn{0};
inline constexpr tb::Config<std::string> kExecutorId{1};
inline constexpr tb::Config<std::uint64_t> kPollSecs{2};
inline constexpr tb::Config<std::uint64_t> kLeaseSecs{3};
inline constexpr tb::Config<std::uint64_t> kSubmitTimeoutSecs{4};
inline constexpr tb::Config<std::uint64_t> kBreakerFailureLimit{5};
inline constexpr tb::Config<std::uint64_t> kBreakerWindowSecs{6};
inline constexpr tb::Config<std::uint64_t> kBreakerOpenSecs{7};
inline constexpr tb::Config<std::uint64_t> kBreakerSuccessLimit{8};
inline constexpr tb::Config<std::string> kExecutorKey{9};
inline constexpr tb::Config<std::string> kAccountName{10};
inline constexpr tb::Config<std::string> kExecutorFile{11};

void describe_config(tb::Plugin& p);

}  // namespace treasury
