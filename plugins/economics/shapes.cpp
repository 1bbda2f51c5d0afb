#include "plugins/economics/shapes.hpp"

#include <charconv>

#include "plugins/economics/rules/snapshot.hpp"

namespace economics {
namespace {

// Integers print as integers, whatever their size; hashes as texts.
void put_text(tb::Out& out, std::string_view name, std::string_view text) {
  const char* const end = text.data() + text.size();
  std::int64_t number = 0;
  if (text.size() < 20 && std::from_chars(text.data(), end, number).ptr == end)
    return out.put(name, number);
  std::uint64_t large = 0;
  const auto [stop, error] = std::from_chars(text.data(), end, large);
  if (text.size() <= 20 && error == std::errc() && stop == end) return out.put(name, large);
  out.put(name, text);
}

using Members = std::map<std::string, std::string>;

// Members stand in ascending order, so those of one object are neighbours.
void put_members(tb::Out& out, Members::const_iterator first, Members::const_iterator last,
                 std::size_t depth) {
  while (first != last) {
    const std::string_view path = first->first;
    const std::size_t dot = path.find('.', depth);
    if (dot == std::string_view::npos) {
      put_text(out, path.substr(depth), first->second);
      ++first;
      continue;
    }
    const std::string_view inner = path.substr(0, dot + 1);
    auto end = first;
    while (end != last && end->first.starts_with(inner)) ++end;
    out.record(inner.substr(depth, dot - depth),
               [&](tb::Out& o) { put_members(o, first, end, dot + 1); });
    first = end;
  }
}

}  // namespace

void put_json(tb::Out& out, std::string_view snapshot_json) {
  const Members members = flat_members(snapshot_json);
  put_members(out, members.begin(), members.end(), 0);
}

void put_metric(tb::Out& out, const StoredMetric& metric) {
  out.put("utilization_ppm", metric.utilization_ppm);
  out.put("margin_ppm", metric.margin_ppm);
  out.put("cost_micro", metric.cost_micro);
  out.put("payout_micro", metric.payout_micro);
}

std::string csv_of(std::span<const Snap> snapshots) {
  std::string out;
  for (const Snap& snap : snapshots) {
    const Members members = flat_members(snap.json);
    if (out.empty()) {
      out = "epoch";
      for (const auto& [name, value] : members) {
        if (name != "epoch") out.append(",").append(name);
      }
      out += ",snapshot_hash\n";
    }
    out += members.contains("epoch") ? members.at("epoch") : "";
    for (const auto& [name, value] : members) {
      if (name != "epoch") out.append(",").append(value);
    }
    out.append(",").append(snap.hash).append("\n");
  }
  return out;
}

}  // namespace economics
