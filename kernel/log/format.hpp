// How a log line looks. Pure functions; the logger calls them on the caller's thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "kernel/log/logger.hpp"

namespace blockd {

// `2026-01-31T12:00:00.123Z INFO mempool tx rejected reason=fee_low memo="two words"`, without
// newline. Control characters in msg and values are escaped, so that a line stays a line.
std::string format_plain(std::uint64_t unix_ms, LogLevel level, std::string_view target,
                         std::string_view msg, std::span<const LogField> fields);
// {"ts":"…","level":"info","target":"mempool","msg":"tx rejected","reason":"fee_low"}
std::string format_json(std::uint64_t unix_ms, LogLevel level, std::string_view target,
                        std::string_view msg, std::span<const LogField> fields);
// UTC, milliseconds.
std::string format_time(std::uint64_t unix_ms);

}  // namespace blockd
