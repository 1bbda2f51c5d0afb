#include "kernel/monitoring/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace blockd {
namespace {

using Value = PromValue;

struct WindowSeries {
  LabelSet labels;
  std::vector<SamplePoint> points;
};

Status not_computed(const std::string& what) {
  return Status(Code::kInvalid, what + " is not computed here",
                "ask a Prometheus, which knows all of the language");
}
Value scalar(double number) { return {true, number, {}}; }
Value vector_of(SampleVector samples) { return {false, 0, std::move(samples)}; }

LabelSet without(const LabelSet& labels, const std::vector<std::string>& names) {
  LabelSet out = labels;
  for (const std::string& name : names) out.erase(name);
  return out;
}
LabelSet only(const LabelSet& labels, const std::vector<std::string>& names) {
  LabelSet out;
  for (const std::string& name : names) {
    if (const auto at = labels.find(name); at != labels.end()) out.insert(*at);
  }
  return out;
}
LabelSet grouped(const Expr& expr, const LabelSet& labels) {
  return expr.keeps ? only(labels, expr.labels) : without(labels, expr.labels);
}

bool selected(const Expr& expr, const SampledSeries& series) {
  return std::all_of(expr.matchers.begin(), expr.matchers.end(), [&](const LabelMatcher& matcher) {
    if (matcher.label == "__name__") return matcher.matches(series.name);
    const auto at = series.labels.find(matcher.label);
    return matcher.matches(at == series.labels.end() ? "" : at->second);
  });
}

// The last sample at or before `ms`.
const SamplePoint* newest(const std::deque<SamplePoint>& points, std::int64_t ms) {
  const auto behind =
      std::upper_bound(points.begin(), points.end(), ms,
                       [](std::int64_t t, const SamplePoint& point) { return t < point.ms; });
  return behind == points.begin() ? nullptr : &*std::prev(behind);
}

constexpr struct {
  std::string_view name;
  double (*run)(double, double);
} kArithmeticOps[] = {{"+", [](double a, double b) { return a + b; }},
                      {"-", [](double a, double b) { return a - b; }},
                      {"*", [](double a, double b) { return a * b; }},
                      {"/", [](double a, double b) { return a / b; }},
                      {"%", [](double a, double b) { return std::fmod(a, b); }},
                      {"^", [](double a, double b) { return std::pow(a, b); }}};
constexpr struct {
  std::string_view name;
  bool (*run)(double, double);
} kComparisonOps[] = {{"==", [](double a, double b) { return a == b; }},
                      {"!=", [](double a, double b) { return a != b; }},
                      {">", [](double a, double b) { return a > b; }},
                      {"<", [](double a, double b) { return a < b; }},
                      {">=", [](double a, double b) { return a >= b; }},
                      {"<=", [](double a, double b) { return a <= b; }}};

template <class Table>
auto named(const Table& table, std::string_view name) -> decltype(&*std::begin(table)) {
  for (const auto& one : table) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

// Functions of one number, and of a number and bounds that are scalars.
constexpr struct {
  std::string_view name;
  std::size_t bounds;
  double (*run)(double, double, double);
} kOfNumber[] = {{"abs", 0, [](double x, double, double) { return std::abs(x); }},
                 {"ceil", 0, [](double x, double, double) { return std::ceil(x); }},
                 {"floor", 0, [](double x, double, double) { return std::floor(x); }},
                 {"sqrt", 0, [](double x, double, double) { return std::sqrt(x); }},
                 {"round", 0, [](double x, double, double) { return std::floor(x + 0.5); }},
                 {"clamp_min", 1, [](double x, double low, double) { return std::max(x, low); }},
                 {"clamp_max", 1, [](double x, double high, double) { return std::min(x, high); }},
                 {"clamp", 2, [](double x, double low, double high) {
                    return std::max(low, std::min(x, high));
                  }}};

class Evaluator {
 public:
  Evaluator(const SampleStore& samples, const EvaluateOptions& options)
      : samples_(samples), options_(options) {}

  Result<Value> at(const Expr& expr, std::int64_t ms) const {
    switch (expr.kind) {
      case ExprKind::kNumber:
        return scalar(expr.number);
      case ExprKind::kSelect:
        return select(expr, ms);
      case ExprKind::kOffset:
        return at(*expr.parts[0], ms - expr.offset_ms);
      case ExprKind::kCall:
        return call(expr, ms);
      case ExprKind::kAggregate:
        return aggregate(expr, ms);
      case ExprKind::kBinary:
        return binary(expr, ms);
      case ExprKind::kString:
        return not_computed("a text as a value");
      case ExprKind::kRange:
      case ExprKind::kSubquery:
        break;
    }
    return Status(Code::kInvalid, "a window stands where a value is needed");
  }

 private:
  Value select(const Expr& expr, std::int64_t ms) const {
    SampleVector out;
    for (const SampledSeries* series : samples_.find(expr.name)) {
      const SamplePoint* point = newest(series->points, ms);
      if (point == nullptr || point->stale || point->ms < ms - kLookbackMs) continue;
      if (selected(expr, *series)) out.push_back({series->name, series->labels, point->value});
    }
    return vector_of(std::move(out));
  }

  Result<SampleVector> vector_at(const Expr& expr, std::int64_t ms) const {
    Result<Value> value = at(expr, ms);
    if (!value.ok()) return value.status();
    if (value->scalar) return Status(Code::kInvalid, "a number stands where series are needed");
    return std::move(value->vector);
  }
  Result<double> number_at(const Expr& expr, std::int64_t ms) const {
    Result<Value> value = at(expr, ms);
    if (!value.ok()) return value.status();
    if (!value->scalar) return Status(Code::kInvalid, "series stand where a number is needed");
    return value->number;
  }

  std::vector<WindowSeries> raw_window(const Expr& expr, std::int64_t range_ms,
                                       std::int64_t ms) const {
    std::vector<WindowSeries> out;
    for (const SampledSeries* series : samples_.find(expr.name)) {
      if (!selected(expr, *series)) continue;
      WindowSeries one{series->labels, {}};
      for (const SamplePoint& point : series->points) {
        if (point.ms >= ms - range_ms && point.ms <= ms && !point.stale)
          one.points.push_back(point);
      }
      if (!one.points.empty()) out.push_back(std::move(one));
    }
    return out;
  }

  // At multiples of the step, as Prometheus does, so that it is the same whenever it is asked.
  Result<std::vector<WindowSeries>> computed_window(const Expr& expr, std::int64_t ms) const {
    const std::int64_t step = expr.step_ms > 0 ? expr.step_ms : options_.default_step_ms;
    const std::int64_t begin = ms - expr.range_ms;
    if (expr.range_ms / step > kMaxSubquerySteps)
      return Status(Code::kLimit, "a subquery of more than 11000 steps", "give it a longer step");
    std::int64_t t = step * (begin / step);
    if (t < begin) t += step;
    std::map<std::string, WindowSeries> found;
    for (; t <= ms; t += step) {
      Result<Value> value = at(*expr.parts[0], t);
      if (!value.ok()) return value.status();
      if (value->scalar) value->vector.push_back({"", {}, value->number});
      for (const VectorSample& sample : value->vector) {
        WindowSeries& one = found[label_text(sample.labels)];
        one.labels = sample.labels;
        one.points.push_back({t, sample.value, false});
      }
    }
    std::vector<WindowSeries> out;
    for (auto& [key, series] : found) out.push_back(std::move(series));
    return out;
  }

  Result<Value> over_window(const WindowFunction& function, const Expr& expr,
                            std::int64_t ms) const {
    const Expr* window = expr.parts.size() == 1 ? expr.parts[0].get() : nullptr;
    while (window != nullptr && window->kind == ExprKind::kOffset) {
      ms -= window->offset_ms;
      window = window->parts[0].get();
    }
    const bool raw = window != nullptr && window->kind == ExprKind::kRange;
    if (!raw && (window == nullptr || window->kind != ExprKind::kSubquery))
      return Status(Code::kInvalid, expr.name + " needs a window, such as [5m]");
    Result<std::vector<WindowSeries>> series =
        raw ? raw_window(*window->parts[0], window->range_ms, ms) : computed_window(*window, ms);
    if (!series.ok()) return series.status();
    SampleVector out;
    for (WindowSeries& one : *series) {
      if (const auto value = function.run(one.points, window->range_ms, ms))
        out.push_back({"", std::move(one.labels), *value});
    }
    return vector_of(std::move(out));
  }

  Result<Value> call(const Expr& expr, std::int64_t ms) const {
    if (const WindowFunction* function = window_function(expr.name))
      return over_window(*function, expr, ms);
    const std::size_t n = expr.parts.size();
    if (expr.name == "time" && n == 0) return scalar(static_cast<double>(ms) / 1000);
    if (const auto* function = named(kOfNumber, expr.name); function && n == 1 + function->bounds)
      return of_number(expr, ms, function->run);
    if (expr.name == "vector" && n == 1) {
      Result<double> number = number_at(*expr.parts[0], ms);
      if (!number.ok()) return number.status();
      return vector_of({{"", {}, *number}});
    }
    if (expr.name == "scalar" && n == 1) {
      Result<SampleVector> of = vector_at(*expr.parts[0], ms);
      if (!of.ok()) return of.status();
      return scalar(of->size() == 1 ? of->front().value : std::nan(""));
    }
    if (expr.name == "absent" && n == 1) return absent(*expr.parts[0], ms);
    if (expr.name == "histogram_quantile" && n == 2) return quantile(expr, ms);
    return not_computed("the function " + expr.name + " of " + std::to_string(n) + " arguments");
  }

  Result<Value> of_number(const Expr& expr, std::int64_t ms,
                          double (*run)(double, double, double)) const {
    double bounds[2] = {0, 0};
    for (std::size_t i = 1; i < expr.parts.size(); ++i) {
      Result<double> bound = number_at(*expr.parts[i], ms);
      if (!bound.ok()) return bound.status();
      bounds[i - 1] = *bound;
    }
    Result<Value> of = at(*expr.parts[0], ms);
    if (!of.ok()) return of;
    if (of->scalar) return scalar(run(of->number, bounds[0], bounds[1]));
    for (VectorSample& sample : of->vector) {
      sample.name.clear();
      sample.value = run(sample.value, bounds[0], bounds[1]);
    }
    return of;
  }

  // With the labels that the selector demands, when there is nothing.
  Result<Value> absent(const Expr& of, std::int64_t ms) const {
    Result<SampleVector> found = vector_at(of, ms);
    if (!found.ok()) return found.status();
    if (!found->empty()) return vector_of({});
    VectorSample one{"", {}, 1};
    for (const LabelMatcher& matcher : of.matchers) {
      if (!matcher.pattern && !matcher.negative) one.labels[matcher.label] = matcher.value;
    }
    return vector_of({std::move(one)});
  }

  Result<Value> quantile(const Expr& expr, std::int64_t ms) const {
    Result<double> q = number_at(*expr.parts[0], ms);
    if (!q.ok()) return q.status();
    Result<SampleVector> buckets = vector_at(*expr.parts[1], ms);
    if (!buckets.ok()) return buckets.status();
    std::map<LabelSet, std::vector<std::pair<double, double>>> groups;
    for (const VectorSample& sample : *buckets) {
      const auto bound = sample.labels.find("le");
      if (bound == sample.labels.end()) continue;
      const double upper = bound->second == "+Inf" ? std::numeric_limits<double>::infinity()
                                                   : std::strtod(bound->second.c_str(), nullptr);
      groups[without(sample.labels, {"le"})].push_back({upper, sample.value});
    }
    SampleVector out;
    for (auto& [labels, list] : groups)
      out.push_back({"", labels, quantile_of_buckets(*q, std::move(list))});
    return vector_of(std::move(out));
  }

  Result<Value> aggregate(const Expr& expr, std::int64_t ms) const {
    Result<SampleVector> of = vector_at(*expr.parts[0], ms);
    if (!of.ok()) return of.status();
    std::map<LabelSet, std::vector<SamplePoint>> groups;
    for (const VectorSample& sample : *of)
      groups[grouped(expr, sample.labels)].push_back({0, sample.value, false});
    const WindowFunction* fold = window_function(expr.name + "_over_time");
    SampleVector out;
    for (const auto& [labels, list] : groups) out.push_back({"", labels, *fold->run(list, 0, 0)});
    return vector_of(std::move(out));
  }

  Result<Value> binary(const Expr& expr, std::int64_t ms) const {
    Result<Value> left = at(*expr.parts[0], ms);
    if (!left.ok()) return left;
    Result<Value> right = at(*expr.parts[1], ms);
    if (!right.ok()) return right;
    if (expr.name == "and" || expr.name == "or" || expr.name == "unless")
      return set_of(expr, *std::move(left), *std::move(right));
    if (left->scalar && right->scalar) return of_scalars(expr, left->number, right->number);
    if (left->scalar || right->scalar) return with_scalar(expr, *left, *right);
    return matched(expr, left->vector, right->vector);
  }

  static std::optional<double> computed(const Expr& expr, double a, double b) {
    if (const auto* sum = named(kArithmeticOps, expr.name)) return sum->run(a, b);
    const bool holds = named(kComparisonOps, expr.name)->run(a, b);
    if (expr.is_bool) return holds ? 1 : 0;
    return holds ? std::optional(a) : std::nullopt;
  }
  // Whether the result is another value, and no longer that series.
  static bool renames(const Expr& expr) {
    return expr.is_bool || named(kArithmeticOps, expr.name) != nullptr;
  }

  static Result<Value> of_scalars(const Expr& expr, double a, double b) {
    if (!renames(expr))
      return Status(Code::kInvalid, "a comparison of numbers needs the word bool");
    return scalar(*computed(expr, a, b));
  }

  static Value with_scalar(const Expr& expr, const Value& left, const Value& right) {
    SampleVector out;
    for (const VectorSample& sample : left.scalar ? right.vector : left.vector) {
      const auto value = left.scalar ? computed(expr, left.number, sample.value)
                                     : computed(expr, sample.value, right.number);
      if (!value) continue;
      out.push_back(sample);
      if (renames(expr)) out.back().name.clear();
      // A comparison that is no value keeps the series', on whichever side it stands.
      out.back().value = renames(expr) ? *value : sample.value;
    }
    return vector_of(std::move(out));
  }

  static LabelSet matching(const Expr& expr, const LabelSet& labels) {
    return expr.is_matching ? grouped(expr, labels) : labels;
  }

  static Result<Value> set_of(const Expr& expr, Value left, Value right) {
    if (left.scalar || right.scalar)
      return Status(Code::kInvalid, "'" + expr.name + "' stands between series, not numbers");
    std::set<LabelSet> mine, others;
    for (const VectorSample& one : left.vector) mine.insert(matching(expr, one.labels));
    for (const VectorSample& one : right.vector) others.insert(matching(expr, one.labels));
    if (expr.name == "or") {
      for (VectorSample& one : right.vector) {
        if (!mine.contains(matching(expr, one.labels))) left.vector.push_back(std::move(one));
      }
      return left;
    }
    const bool wanted = expr.name == "and";
    std::erase_if(left.vector, [&](const VectorSample& one) {
      return others.contains(matching(expr, one.labels)) != wanted;
    });
    return left;
  }

  static Result<Value> matched(const Expr& expr, const SampleVector& left,
                               const SampleVector& right) {
    std::map<LabelSet, const VectorSample*> others;
    for (const VectorSample& one : right) {
      if (!others.emplace(matching(expr, one.labels), &one).second)
        return Status(Code::kInvalid, "several series on the right of '" + expr.name +
                                          "' have the labels {" +
                                          label_text(matching(expr, one.labels)) + "}");
    }
    std::set<LabelSet> seen;
    SampleVector out;
    for (const VectorSample& one : left) {
      LabelSet labels = matching(expr, one.labels);
      const auto other = others.find(labels);
      if (other == others.end()) continue;
      const auto value = computed(expr, one.value, other->second->value);
      if (!value) continue;
      if (!seen.insert(labels).second)
        return Status(Code::kInvalid, "several series on the left of '" + expr.name +
                                          "' have the labels {" + label_text(labels) + "}");
      const bool renamed = renames(expr) || (expr.is_matching && expr.keeps);
      out.push_back({renamed ? "" : one.name, std::move(labels), *value});
    }
    return vector_of(std::move(out));
  }

  const SampleStore& samples_;
  const EvaluateOptions& options_;
};

}  // namespace

Result<PromValue> evaluate(const Expr& expr, const SampleStore& samples, std::int64_t ms,
                           const EvaluateOptions& options) {
  return Evaluator(samples, options).at(expr, ms);
}

}  // namespace blockd
