// One picture of `contract-cli top`: text made of two readings of the node.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/json.hpp"

namespace blockd::cli {

// What the node said at one moment.
struct TopReading {
  std::uint64_t at_ms = 0;                            // monotonic
  json::object status;                                // node.status
  json::array plugins;                                // plugin.list
  std::map<std::string, double, std::less<>> series;  // "name{labels}" -> value
};

// Series of an exposition text. Lines that are none are passed over.
std::map<std::string, double, std::less<>> read_series(std::string_view text);

// `events` are the newest, newest first. Lines are at most `width` columns, and there are at most
// `height` of them; colours only if `colours`.
std::string top_frame(const TopReading& before, const TopReading& now,
                      const std::vector<std::string>& events, const std::string& endpoint,
                      std::size_t width, std::size_t height, bool colours);

}  // namespace blockd::cli
