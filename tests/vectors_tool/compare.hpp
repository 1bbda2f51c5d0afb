// Compares what a replay found with what a golden vector expects. [any]
#pragma once

#include <string>
#include <vector>

#include "kernel/base/json.hpp"

namespace blockd {

struct Difference {
  std::string path;      // "results[3].ok.status"
  std::string expected;  // as JSON, cut
  std::string got;       // as JSON, cut; "(absent)"
};

// The first `limit` differences. Only the members of `expected` are compared; a list has to have
// the same length. A number equals the same number as a decimal string. `result_any_of` at the top
// is a list of which one has to equal `result`.
std::vector<Difference> compare_expected(const json::value& expected, const json::value& got,
                                         std::size_t limit);

}  // namespace blockd
