// Computes an expression over kept samples, as Prometheus 2 does: windows include both ends, rates
// are stretched to the edges of their window, an instant value is at most five minutes old.
#pragma once

#include "kernel/monitoring/expression.hpp"
#include "kernel/monitoring/samples.hpp"

namespace blockd {

inline constexpr std::int64_t kLookbackMs = 5 * 60 * 1000;
inline constexpr std::int64_t kMaxSubquerySteps = 11'000;

struct VectorSample {
  std::string name;  // empty when what was done took it away
  LabelSet labels;
  double value = 0;
};
using SampleVector = std::vector<VectorSample>;

struct PromValue {
  bool scalar = false;
  double number = 0;    // of a scalar
  SampleVector vector;  // of no scalar
};

struct EvaluateOptions {
  std::int64_t default_step_ms = 60'000;  // of subqueries without one
};

// Errors: kInvalid naming the function or operator that is not computed, or that got something else
// than it takes; kInvalid too for two series of one side that match the same one of the other.
Result<PromValue> evaluate(const Expr& expr, const SampleStore& samples, std::int64_t ms,
                           const EvaluateOptions& options = {});

// Functions over a window, in window_functions.cpp; nullopt: no result, as for a rate of one
// sample. `end_ms` is where the window ends.
struct WindowFunction {
  std::string_view name;
  std::optional<double> (*run)(const std::vector<SamplePoint>& points, std::int64_t range_ms,
                               std::int64_t end_ms);
};
const WindowFunction* window_function(std::string_view name);
// φ-quantile of cumulative buckets, by upper bound. NaN without an infinite one or observations.
double quantile_of_buckets(double q, std::vector<std::pair<double, double>> buckets);

}  // namespace blockd
