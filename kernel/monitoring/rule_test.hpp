// Unit tests of rules, in the file format of `promtool test rules`: series that are made up, and
// which alerts must fire and what expressions must give at a time.
#pragma once

#include <functional>

#include "kernel/monitoring/rule_engine.hpp"

namespace blockd {

inline constexpr std::int64_t kMaxTestSteps = 20'000;  // evaluations, and samples of a series

struct RuleTestReport {
  std::size_t tests = 0, checks = 0;
  std::vector<std::string> failures;  // "test 'name', 5m, Alert: have … want …"
};

// `read` gives the rule file of that name in `rule_files`, as JSON. Errors: kInvalid for a file
// that is no such thing; a check that fails is no error.
Result<RuleTestReport> run_rule_tests(
    const json::value& document,
    const std::function<Result<json::value>(const std::string&)>& read);

// "0+1x3 _x2 7 stale": values, nothing where a sample is missing.
struct SeriesStep {
  bool present = true, stale = false;
  double value = 0;
};
Result<std::vector<SeriesStep>> read_series_values(std::string_view text);

}  // namespace blockd
