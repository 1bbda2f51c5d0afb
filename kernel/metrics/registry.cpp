#include "kernel/metrics/registry.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

namespace blockd {
namespace {

constexpr std::string_view kOther = "other";

bool is_name(std::string_view s, bool colon_allowed) {
  if (s.empty() || s.size() > 200 || (s[0] >= '0' && s[0] <= '9')) return false;
  return std::all_of(s.begin(), s.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (colon_allowed && c == ':');
  });
}

// Text that the exposition format can carry: UTF-8 by its structure, not too long.
bool is_label_value(std::string_view s) {
  if (s.size() > kMaxLabelValueBytes) return false;
  for (std::size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    const std::size_t tail = c < 0x80                ? 0
                             : c >= 0xC2 && c < 0xE0 ? 1
                             : c >= 0xE0 && c < 0xF0 ? 2
                             : c >= 0xF0 && c < 0xF5 ? 3
                                                     : 9;
    if (tail == 9 || i + tail >= s.size()) return false;
    for (std::size_t k = 1; k <= tail; ++k) {
      if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return false;
    }
    i += tail + 1;
  }
  return true;
}

std::string key_of(MetricFamily::Labels values) {
  std::string key;
  for (std::string_view v : values) key.append(std::to_string(v.size())).append(":").append(v);
  return key;
}

Status refuse(const MetricDecl& d, std::string_view why) {
  return Status(Code::kInvalid, "metric " + d.name + ": " + std::string(why));
}

Status check_decl(const MetricDecl& d) {
  if (!is_name(d.name, true)) {
    return Status(Code::kInvalid, "metric '" + d.name + "': not a metric name",
                  "use letters, digits and underscores, no digit first");
  }
  if (d.help.empty()) return refuse(d, "has no help text");
  if (d.labels.size() > kMaxMetricLabels) return refuse(d, "has more than 16 labels");
  for (std::size_t i = 0; i < d.labels.size(); ++i) {
    const std::string& l = d.labels[i];
    if (!is_name(l, false) || l.starts_with("__") ||
        (l == "le" && d.type == MetricType::kHistogram)) {
      return refuse(d, "'" + l + "' cannot be a label name");
    }
    if (std::count(d.labels.begin(), d.labels.end(), l) > 1)
      return refuse(d, "label '" + l + "' is repeated");
  }
  if (d.aliases.size() > kMaxMetricAliases) return refuse(d, "has more than 8 aliases");
  for (const std::string& a : d.aliases) {
    if (!is_name(a, true) || a == d.name) return refuse(d, "'" + a + "' cannot be an alias");
  }
  const bool histogram = d.type == MetricType::kHistogram;
  if (histogram == d.buckets.empty()) {
    return refuse(d,
                  histogram ? "is a histogram without buckets" : "has buckets but is no histogram");
  }
  if (d.buckets.size() > kMaxMetricBuckets) return refuse(d, "has more than 64 buckets");
  for (std::size_t i = 0; i < d.buckets.size(); ++i) {
    if (!std::isfinite(d.buckets[i]) || (i > 0 && d.buckets[i] <= d.buckets[i - 1])) {
      return refuse(d, "buckets must be finite and ascending");
    }
  }
  if (d.label_limit == 0) return refuse(d, "label_limit must be at least 1");
  if (d.presets.size() > d.label_limit)
    return refuse(d, "more preset label values than label_limit");
  for (const auto& p : d.presets) {
    if (p.size() != d.labels.size()) return refuse(d, "a preset has another number of labels");
  }
  return {};
}

}  // namespace

Histogram::Histogram(const std::vector<double>& bounds)
    : bounds_(bounds), counts_(std::make_unique<std::atomic<std::uint64_t>[]>(bounds.size() + 1)) {}

void Histogram::observe(double v) {
  if (std::isnan(v)) return;  // would poison the sum for ever
  const auto it = std::lower_bound(bounds_.begin(), bounds_.end(), v);
  counts_[static_cast<std::size_t>(it - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(v, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const {
  std::uint64_t n = 0;
  for (std::size_t i = 0; i <= bounds_.size(); ++i) n += bucket(i);
  return n;
}

MetricSeries::MetricSeries(std::vector<std::string> values, const MetricDecl& decl)
    : label_values(std::move(values)) {
  if (decl.type == MetricType::kHistogram) histogram = std::make_unique<Histogram>(decl.buckets);
}

MetricFamily::MetricFamily(std::string owner, MetricDecl decl, MetricFamily* overflow)
    : owner_(std::move(owner)), decl_(std::move(decl)), overflow_(overflow) {
  std::unique_lock lock(mutex_);
  auto preset = [this](const std::vector<std::string>& values) {
    std::string key = key_of(std::vector<std::string_view>(values.begin(), values.end()));
    if (!index_.contains(key)) make_locked(std::move(key), values);
  };
  if (decl_.labels.empty())
    preset({});  // without labels a family exists with 0 from the first scrape
  for (const auto& values : decl_.presets) preset(values);
}

MetricSeries* MetricFamily::make_locked(std::string key, std::vector<std::string> values) {
  auto made = std::make_unique<MetricSeries>(std::move(values), decl_);
  MetricSeries* series = made.get();
  index_.emplace(std::move(key), std::move(made));
  ordered_.push_back(series);
  return series;
}

MetricSeries* MetricFamily::find_or_make(MetricType type, Labels values) {
  if (type != decl_.type || values.size() != decl_.labels.size()) return nullptr;
  std::string key = key_of(values);
  {
    std::shared_lock lock(mutex_);
    if (auto it = index_.find(key); it != index_.end()) return it->second.get();
  }
  MetricSeries* other = nullptr;
  {
    std::unique_lock lock(mutex_);
    if (auto it = index_.find(key); it != index_.end()) return it->second.get();
    const std::size_t own = index_.size() - (other_ != nullptr ? 1 : 0);
    if (own < decl_.label_limit && std::all_of(values.begin(), values.end(), is_label_value)) {
      return make_locked(std::move(key), {values.begin(), values.end()});
    }
    if (other_ == nullptr) {
      const std::vector<std::string> others(values.size(), std::string(kOther));
      key = key_of(std::vector<std::string_view>(values.size(), kOther));
      auto it = index_.find(key);
      other_ = it != index_.end() ? it->second.get() : make_locked(std::move(key), others);
    }
    other = other_;
  }
  if (overflow_ != nullptr) {
    if (Counter* c = overflow_->counter({decl_.name})) c->add();
  }
  return other;
}

Counter* MetricFamily::counter(Labels values) {
  MetricSeries* s = find_or_make(MetricType::kCounter, values);
  return s ? &s->counter : nullptr;
}

Gauge* MetricFamily::gauge(Labels values) {
  MetricSeries* s = find_or_make(MetricType::kGauge, values);
  return s ? &s->gauge : nullptr;
}

Histogram* MetricFamily::histogram(Labels values) {
  MetricSeries* s = find_or_make(MetricType::kHistogram, values);
  return s ? s->histogram.get() : nullptr;
}

std::vector<const MetricSeries*> MetricFamily::series() const {
  std::shared_lock lock(mutex_);
  return {ordered_.begin(), ordered_.end()};
}

bool MetricFamily::fits_same_shape(const MetricDecl& other) const {
  return decl_.type == other.type && decl_.labels == other.labels && decl_.buckets == other.buckets;
}

MetricRegistry::MetricRegistry() {
  MetricDecl decl{
      .name = "metrics_label_overflow_total",
      .labels = {"metric"},
      .help = "Look-ups of label values that became \"other\" because the family was full",
      .label_limit = kMaxMetricFamilies};
  std::unique_lock lock(mutex_);
  Result<MetricFamily*> made = add_locked("kernel", decl);
  TB_ASSERT(made.ok());
  overflow_ = *made;
}

MetricRegistry::~MetricRegistry() = default;

Result<MetricFamily*> MetricRegistry::add_locked(std::string_view owner, const MetricDecl& decl) {
  if (all_.size() >= kMaxMetricFamilies) {
    return Status(Code::kLimit, "metric " + decl.name + ": the registry holds " +
                                    std::to_string(kMaxMetricFamilies) + " families already");
  }
  MetricDecl copy = decl;
  std::replace(copy.help.begin(), copy.help.end(), '\n', ' ');
  all_.push_back(std::unique_ptr<MetricFamily>(
      new MetricFamily(std::string(owner), std::move(copy), overflow_)));
  MetricFamily* family = all_.back().get();
  by_name_[decl.name] = family;
  for (const std::string& a : decl.aliases) by_name_[a] = family;
  return family;
}

Result<MetricFamily*> MetricRegistry::declare(std::string_view owner, const MetricDecl& decl) {
  TB_TRY(check_decl(decl));
  std::unique_lock lock(mutex_);
  auto it = by_name_.find(decl.name);
  MetricFamily* present = it == by_name_.end() ? nullptr : it->second;
  const bool same =
      present != nullptr && present->decl().name == decl.name && present->fits_same_shape(decl);
  if (same && present->owner() != owner) return present;
  auto taken = [&](const std::string& name) {
    auto other = by_name_.find(name);
    return other != by_name_.end() &&
           (other->second->owner() != owner || other->second->decl().name != decl.name);
  };
  std::vector<std::string> names = decl.aliases;
  names.push_back(decl.name);
  for (const std::string& name : names) {
    if (!taken(name)) continue;
    const MetricFamily& other = *by_name_.at(name);
    return Status(Code::kExists,
                  "metric " + decl.name + " of " + std::string(owner) + ": " + other.owner() +
                      " has declared '" + name +
                      "' with another type, other labels or as another metric's name",
                  "prefix the name with the plugin's id");
  }
  if (present != nullptr) {
    std::erase_if(by_name_, [&](const auto& entry) { return entry.second == present; });
  }
  if (same) {  // a newer build may bring other aliases; the values stay
    for (const std::string& name : names) by_name_[name] = present;
    return present;
  }
  return add_locked(owner, decl);
}

MetricFamily* MetricRegistry::find(std::string_view name) const {
  std::shared_lock lock(mutex_);
  auto it = by_name_.find(std::string(name));
  return it == by_name_.end() ? nullptr : it->second;
}

std::vector<std::pair<std::string, MetricFamily*>> MetricRegistry::exported() const {
  std::vector<std::pair<std::string, MetricFamily*>> out;
  {
    std::shared_lock lock(mutex_);
    out.assign(by_name_.begin(), by_name_.end());
  }
  std::sort(out.begin(), out.end());
  return out;
}

void MetricRegistry::on_render(std::function<void()> update) {
  std::lock_guard lock(update_mutex_);
  updates_.push_back(std::move(update));
}

}  // namespace blockd
