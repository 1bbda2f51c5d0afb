// Metrics of the node: families declared once, series that belong to an owner, hot handles.
//
// A Family is declared from a MetricDecl by an owner ("kernel" or a plugin id). All texts are
// copied, so families, series and handles outlive the library image that declared them; nothing is
// ever removed while the Registry lives. A handle (Counter, Gauge, Histogram) is asked for once per
// label value and kept by the caller; using it is lock-free and takes some nanoseconds. Every
// family has a bound on its series: beyond it all label values become "other" and
// `metrics_label_overflow_total{metric}` counts.
//
// Threads: every function may be called from any thread. `render()` takes no lock that a handle
// needs, so a scrape never stops a writer. The Registry must outlive all handles and every thread
// that uses them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/base/metric_type.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxMetricFamilies = 10'000;
inline constexpr std::size_t kMaxMetricLabels = 16;
inline constexpr std::size_t kMaxMetricBuckets = 64;
inline constexpr std::size_t kMaxMetricAliases = 8;
inline constexpr std::size_t kDefaultLabelLimit = 1000;
inline constexpr std::size_t kMaxLabelValueBytes = 128;  // a longer value is counted as "other"

// What a family is. Names follow Prometheus: [a-zA-Z_:][a-zA-Z0-9_:]*, labels without the colon.
struct MetricDecl {
  std::string name;
  MetricType type = MetricType::kCounter;
  std::vector<std::string> labels = {};
  std::string help = {};                  // required: promtool complains without
  std::string unit = {};                  // for dashboards and the reference; not exported
  std::vector<double> buckets = {};       // histograms: ascending upper bounds, without +Inf
  std::vector<std::string> aliases = {};  // the same values are also exported under these names
  std::size_t label_limit = kDefaultLabelLimit;
  std::vector<std::vector<std::string>> presets =
      {};  // label values that exist with 0 from the start
};

// A count that only grows.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A value that goes up and down.
class Gauge {
 public:
  void set(double v) { value_.store(v, std::memory_order_relaxed); }
  void add(double v) { value_.fetch_add(v, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Observations in buckets. A scrape that races with observations sees each of them whole or not at
// all in the count; the sum may run ahead by those in flight.
class Histogram {
 public:
  explicit Histogram(const std::vector<double>& bounds);
  void observe(double v);
  double sum() const { return sum_.load(std::memory_order_relaxed); }
  std::uint64_t count() const;
  // Observations in bucket `i`, not cumulative; i == bounds().size() is the one up to +Inf.
  std::uint64_t bucket(std::size_t i) const { return counts_[i].load(std::memory_order_relaxed); }
  const std::vector<double>& bounds() const { return bounds_; }

 private:
  const std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

// One label combination of a family; exactly one of the three is in use.
struct MetricSeries {
  MetricSeries(std::vector<std::string> values, const MetricDecl& decl);
  const std::vector<std::string> label_values;
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
};

class MetricFamily {
 public:
  using Labels = std::span<const std::string_view>;

  // The series with these label values, made on first use. nullptr when the family has another type
  // or another number of labels. Keep what you get: the look-up hashes and locks, the handle does
  // not.
  Counter* counter(Labels values);
  Gauge* gauge(Labels values);
  Histogram* histogram(Labels values);
  Counter* counter(std::initializer_list<std::string_view> v = {}) { return counter(Labels(v)); }
  Gauge* gauge(std::initializer_list<std::string_view> v = {}) { return gauge(Labels(v)); }
  Histogram* histogram(std::initializer_list<std::string_view> v = {}) {
    return histogram(Labels(v));
  }

  const MetricDecl& decl() const { return decl_; }
  const std::string& owner() const { return owner_; }
  // All series at this moment; the pointers stay valid as long as the registry.
  std::vector<const MetricSeries*> series() const;

 private:
  friend class MetricRegistry;
  MetricFamily(std::string owner, MetricDecl decl, MetricFamily* overflow);
  MetricSeries* find_or_make(MetricType type, Labels values);
  MetricSeries* make_locked(std::string key, std::vector<std::string> values);
  bool fits_same_shape(const MetricDecl& other) const;

  const std::string owner_;
  const MetricDecl decl_;
  MetricFamily* const overflow_;  // metrics_label_overflow_total; null in that family itself
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<MetricSeries>> index_;
  std::vector<MetricSeries*> ordered_;
  MetricSeries* other_ = nullptr;
};

class MetricRegistry {
 public:
  MetricRegistry();
  ~MetricRegistry();
  MetricRegistry(const MetricRegistry&) = delete;
  MetricRegistry& operator=(const MetricRegistry&) = delete;

  // Declares a family, or finds it again: the same name, type, labels and buckets give the family
  // that is there, with its values (a reloaded plugin goes on counting). The same owner may come
  // back with another shape (an upgrade): the new family starts at zero and old handles stay usable
  // but are no longer exported. Errors: kInvalid (names, help, buckets), kExists (another owner has
  // that name with another shape), kLimit.
  Result<MetricFamily*> declare(std::string_view owner, const MetricDecl& decl);

  // The family that exports `name` (or an alias); nullptr if there is none.
  MetricFamily* find(std::string_view name) const;
  // What render() prints: every name and alias with its family, sorted by name.
  std::vector<std::pair<std::string, MetricFamily*>> exported() const;

  // `update` runs at the beginning of every render(), on its thread, to set gauges that are cheaper
  // to read then. It must not call render() or on_render(). It stays for the registry's life.
  void on_render(std::function<void()> update);

  // Exposition text 0.0.4, families sorted by name, series in order of their making.
  std::string render() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  class Exporter;
  Result<MetricFamily*> add_locked(std::string_view owner, const MetricDecl& decl);

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string, MetricFamily*> by_name_;  // also by alias
  std::vector<std::unique_ptr<MetricFamily>> all_;  // also families that an upgrade replaced
  MetricFamily* overflow_ = nullptr;
  mutable std::mutex update_mutex_;
  std::vector<std::function<void()>> updates_;
};

}  // namespace blockd
