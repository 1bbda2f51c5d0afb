#include "kernel/monitoring/samples.hpp"

#include <algorithm>

#include "kernel/monitoring/preview.hpp"

namespace blockd {
namespace {

bool has_labels(const LabelSet& all, const LabelSet& some) {
  return std::all_of(some.begin(), some.end(), [&](const auto& one) {
    const auto found = all.find(one.first);
    return found != all.end() && found->second == one.second;
  });
}

}  // namespace

LabelSet read_labels(std::string_view text) {
  LabelSet out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t equals = text.find("=\"", at);
    if (equals == std::string_view::npos) return out;
    const std::string name(text.substr(at, equals - at));
    std::string value;
    for (at = equals + 2; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) {
        ++at;
        value.push_back(text[at] == 'n' ? '\n' : text[at]);
      } else {
        value.push_back(text[at]);
      }
    }
    out[name] = std::move(value);
    at = std::min(text.size(), at + 1);
    while (at < text.size() && (text[at] == ',' || text[at] == ' ')) ++at;
  }
  return out;
}

std::string label_text(const LabelSet& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (!out.empty()) out += ",";
    out += name + "=\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out += c == '\n' ? std::string("\\n") : std::string(1, c);
    }
    out += "\"";
  }
  return out;
}

bool SampleStore::add(const std::string& name, const LabelSet& labels, SamplePoint point) {
  auto& family = series_[name];
  const std::string key = label_text(labels);
  auto at = family.find(key);
  if (at == family.end()) {
    if (size_ >= kMaxKeptSeries) {
      ++dropped_;
      if (family.empty()) series_.erase(name);
      return false;
    }
    at = family.emplace(key, SampledSeries{name, labels, {}}).first;
    ++size_;
  }
  std::deque<SamplePoint>& points = at->second.points;
  if (points.size() >= kMaxKeptSamples) points.pop_front();
  points.push_back(point);
  return true;
}

void SampleStore::scrape(std::string_view text, const LabelSet& labels, std::int64_t ms) {
  for (const auto& [name, samples] : read_exposition(text)) {
    for (const Sample& sample : samples) {
      LabelSet all = read_labels(sample.labels);
      all.insert(labels.begin(), labels.end());
      add(name, all, {ms, sample.value, false});
    }
  }
  end_missing(labels, ms);
}

void SampleStore::end(const LabelSet& labels, std::int64_t ms) { end_missing(labels, ms); }

void SampleStore::end_missing(const LabelSet& labels, std::int64_t ms) {
  for (auto& [name, family] : series_) {
    for (auto& [key, series] : family) {
      const SamplePoint& last = series.points.back();
      if (last.ms < ms && !last.stale && has_labels(series.labels, labels))
        series.points.push_back({ms, 0, true});
    }
  }
}

void SampleStore::end_family(const std::string& name, std::int64_t ms) {
  const auto family = series_.find(name);
  if (family == series_.end()) return;
  for (auto& [key, series] : family->second) {
    const SamplePoint& last = series.points.back();
    if (last.ms < ms && !last.stale) series.points.push_back({ms, 0, true});
  }
}

void SampleStore::forget(std::int64_t ms) {
  for (auto family = series_.begin(); family != series_.end();) {
    for (auto one = family->second.begin(); one != family->second.end();) {
      std::deque<SamplePoint>& points = one->second.points;
      while (!points.empty() && points.front().ms < ms) points.pop_front();
      if (points.empty()) --size_;
      one = points.empty() ? family->second.erase(one) : std::next(one);
    }
    family = family->second.empty() ? series_.erase(family) : std::next(family);
  }
}

std::vector<const SampledSeries*> SampleStore::find(const std::string& name) const {
  std::vector<const SampledSeries*> out;
  for (auto family = name.empty() ? series_.begin() : series_.find(name); family != series_.end();
       ++family) {
    for (const auto& [key, series] : family->second) out.push_back(&series);
    if (!name.empty()) break;
  }
  return out;
}

}  // namespace blockd
