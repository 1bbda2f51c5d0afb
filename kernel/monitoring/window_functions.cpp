// Functions over the samples of a window, and quantiles of histograms.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel/monitoring/evaluate.hpp"

namespace blockd {
namespace {

using Points = std::vector<SamplePoint>;

constexpr double kMsPerSecond = 1000;

// How far the growth seen between the first and the last sample stands for the whole window: to its
// edges when they are near, else half the usual distance beyond. A counter does not begin below 0.
// In the order of operations of Prometheus, so that the last digit is the same.
double stretch(const Points& points, std::int64_t range_ms, std::int64_t end_ms, double grown,
               bool counter) {
  const auto seconds = [](std::int64_t ms) { return static_cast<double>(ms) / kMsPerSecond; };
  double before = seconds(points.front().ms - (end_ms - range_ms));
  const double behind = seconds(end_ms - points.back().ms);
  const double sampled = seconds(points.back().ms - points.front().ms);
  const double usual = sampled / static_cast<double>(points.size() - 1);
  if (counter && grown > 0 && points.front().value >= 0)
    before = std::min(before, sampled * (points.front().value / grown));
  const double near = usual * 1.1;
  double covered = sampled;
  covered += before < near ? before : usual / 2;
  covered += behind < near ? behind : usual / 2;
  return covered / sampled;
}

// `divisor`: 1, or the seconds of the window for a rate.
std::optional<double> grown(const Points& points, std::int64_t range_ms, std::int64_t end_ms,
                            bool counter, double divisor) {
  if (points.size() < 2) return std::nullopt;
  double sum = points.back().value - points.front().value;
  for (std::size_t i = 1; counter && i < points.size(); ++i) {
    if (points[i].value < points[i - 1].value) sum += points[i - 1].value;  // began again
  }
  return sum * (stretch(points, range_ms, end_ms, sum, counter) / divisor);
}

std::optional<double> increase(const Points& p, std::int64_t range_ms, std::int64_t end_ms) {
  return grown(p, range_ms, end_ms, true, 1);
}
std::optional<double> delta(const Points& p, std::int64_t range_ms, std::int64_t end_ms) {
  return grown(p, range_ms, end_ms, false, 1);
}
std::optional<double> rate(const Points& p, std::int64_t range_ms, std::int64_t end_ms) {
  return grown(p, range_ms, end_ms, true, static_cast<double>(range_ms) / kMsPerSecond);
}

template <class F>
std::optional<double> folded(const Points& points, double from, F fold) {
  if (points.empty()) return std::nullopt;
  for (const SamplePoint& point : points) from = fold(from, point.value);
  return from;
}
std::optional<double> sum_over(const Points& p, std::int64_t, std::int64_t) {
  return folded(p, 0, [](double a, double b) { return a + b; });
}
std::optional<double> max_over(const Points& p, std::int64_t, std::int64_t) {
  return folded(p, std::nan(""), [](double a, double b) { return b > a || std::isnan(a) ? b : a; });
}
std::optional<double> min_over(const Points& p, std::int64_t, std::int64_t) {
  return folded(p, std::nan(""), [](double a, double b) { return b < a || std::isnan(a) ? b : a; });
}
std::optional<double> count_over(const Points& p, std::int64_t, std::int64_t) {
  return folded(p, 0, [](double a, double) { return a + 1; });
}
std::optional<double> last_over(const Points& p, std::int64_t, std::int64_t) {
  return folded(p, 0, [](double, double b) { return b; });
}
std::optional<double> avg_over(const Points& p, std::int64_t, std::int64_t) {
  double mean = 0, count = 0;
  for (const SamplePoint& point : p) mean += (point.value - mean) / ++count;
  return p.empty() ? std::nullopt : std::optional(mean);
}
std::optional<double> stddev_over(const Points& p, std::int64_t, std::int64_t) {
  double mean = 0, count = 0, squares = 0;
  for (const SamplePoint& point : p) {
    const double off = point.value - mean;
    mean += off / ++count;
    squares += off * (point.value - mean);
  }
  return p.empty() ? std::nullopt : std::optional(std::sqrt(squares / count));
}
std::optional<double> changes(const Points& p, std::int64_t, std::int64_t) {
  double n = 0;
  for (std::size_t i = 1; i < p.size(); ++i)
    n += std::not_equal_to<>()(p[i].value, p[i - 1].value) ? 1 : 0;
  return p.empty() ? std::nullopt : std::optional(n);
}
std::optional<double> resets(const Points& p, std::int64_t, std::int64_t) {
  double n = 0;
  for (std::size_t i = 1; i < p.size(); ++i) n += p[i].value < p[i - 1].value ? 1 : 0;
  return p.empty() ? std::nullopt : std::optional(n);
}

constexpr WindowFunction kWindowFunctions[] = {{"rate", rate},
                                               {"increase", increase},
                                               {"delta", delta},
                                               {"changes", changes},
                                               {"resets", resets},
                                               {"sum_over_time", sum_over},
                                               {"avg_over_time", avg_over},
                                               {"max_over_time", max_over},
                                               {"min_over_time", min_over},
                                               {"count_over_time", count_over},
                                               {"last_over_time", last_over},
                                               {"stddev_over_time", stddev_over}};

}  // namespace

const WindowFunction* window_function(std::string_view name) {
  for (const WindowFunction& one : kWindowFunctions) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

double quantile_of_buckets(double q, std::vector<std::pair<double, double>> buckets) {
  std::sort(buckets.begin(), buckets.end());
  if (buckets.size() < 2 || !std::isinf(buckets.back().first)) return std::nan("");
  for (std::size_t i = 1; i < buckets.size(); ++i)  // as scrapes of a busy histogram may disturb it
    buckets[i].second = std::max(buckets[i].second, buckets[i - 1].second);
  const double all = buckets.back().second;
  if (!(all > 0) || std::isnan(q)) return std::nan("");
  if (q < 0) return -std::numeric_limits<double>::infinity();
  if (q > 1) return std::numeric_limits<double>::infinity();
  const double rank = q * all;
  std::size_t at = 0;
  while (at + 1 < buckets.size() && buckets[at].second < rank) ++at;
  if (at + 1 == buckets.size()) return buckets[at - 1].first;
  if (at == 0 && buckets[0].first <= 0) return buckets[0].first;
  const double begin = at == 0 ? 0 : buckets[at - 1].first;
  const double below = at == 0 ? 0 : buckets[at - 1].second;
  return begin + (buckets[at].first - begin) * ((rank - below) / (buckets[at].second - below));
}

}  // namespace blockd
