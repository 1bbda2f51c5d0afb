// What was read from /metrics over the last hours, in memory: series with their samples, for the
// evaluator. Bounded: what does not fit is dropped and counted. Not thread safe.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace blockd {

using LabelSet = std::map<std::string, std::string>;  // without the name of the series

inline constexpr std::size_t kMaxKeptSeries = 20'000;
inline constexpr std::size_t kMaxKeptSamples = 1'500;  // of a series: 2 h at 5 s
inline constexpr std::int64_t kKeptMs = 2 * 3600 * 1000;

struct SamplePoint {
  std::int64_t ms = 0;
  double value = 0;
  bool stale = false;  // the series ended here
};

struct SampledSeries {
  std::string name;
  LabelSet labels;
  std::deque<SamplePoint> points;  // by time
};

class SampleStore {
 public:
  // Later than what the series has. False when there is no room for another series.
  bool add(const std::string& name, const LabelSet& labels, SamplePoint point);
  // The text of a scrape; each series gets `labels` as well. Series of an earlier scrape with
  // these labels that are missing now end.
  void scrape(std::string_view text, const LabelSet& labels, std::int64_t ms);
  // The series with these labels end: nothing answered.
  void end(const LabelSet& labels, std::int64_t ms);
  // Series of that name without a sample of now end: a record that found nothing.
  void end_family(const std::string& name, std::int64_t ms);
  // Drops samples of before `ms`, and series without any.
  void forget(std::int64_t ms);

  // All of that name, or of every name when it is empty.
  std::vector<const SampledSeries*> find(const std::string& name) const;
  std::size_t size() const { return size_; }
  std::uint64_t dropped() const { return dropped_; }  // samples without room

 private:
  void end_missing(const LabelSet& labels, std::int64_t ms);
  // name -> labels as text -> series
  std::unordered_map<std::string, std::map<std::string, SampledSeries>> series_;
  std::size_t size_ = 0;
  std::uint64_t dropped_ = 0;
};

// `a="1",b="x\"y"` as exposed.
LabelSet read_labels(std::string_view text);
// In one form for each set: to compare and to show.
std::string label_text(const LabelSet& labels);

}  // namespace blockd
