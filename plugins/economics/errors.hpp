// The errors of this plugin, by name.
#pragma once

#include <tb/status.hpp>

namespace economics {

inline constexpr tb::Error kUnknownEpoch{-32001, "unknown_epoch"};
inline constexpr tb::Error kBlocksMissing{-32001, "blocks_missing"};
inline constexpr tb::Error kUnknownParam{-32060, "unknown_param"};
inline constexpr tb::Error kOutOfBounds{-32061, "out_of_bounds"};
inline constexpr tb::Error kGroupRule{-32061, "group_rule"};
inline constexpr tb::Error kGenesisValue{-32061, "genesis_value"};
inline constexpr tb::Error kInvalidParams{-32602, "invalid_params"};

}  // namespace economics
