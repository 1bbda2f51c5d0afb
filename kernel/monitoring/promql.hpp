// Which series a PromQL expression reads, and in which surroundings: enough to hold dashboards and
// rules to what plugins declare, and to put a selector into an expression. It is no evaluator, and
// Prometheus itself remains the judge of the rest.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxExpressionBytes = 8192;

// One use of a series by name: `rate(a_total{x="1"}[5m])` reads a_total, selector `x="1"`, range
// "5m", function "rate".
struct SeriesUse {
  std::string name;
  std::size_t begin = 0, end = 0;  // of the name in the expression
  std::string selector, range;     // inside {} and [], empty without
  std::string function;            // the innermost function around it, in lower case
};

// In the order of the text. Errors: kInvalid with the position, for brackets and strings that do
// not end or match, an empty expression, and a character that PromQL does not know.
Result<std::vector<SeriesUse>> series_of(std::string_view expr);

// Seconds of "90s", "5m", "1h30m"; nothing for what is no duration.
std::optional<std::uint64_t> promql_seconds(std::string_view text);

}  // namespace blockd
