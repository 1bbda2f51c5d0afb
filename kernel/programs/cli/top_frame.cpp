#include "kernel/programs/cli/top_frame.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace blockd::cli {
namespace {

constexpr std::size_t kMinEvents = 3;

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* found = object.if_contains(name);
  if (!found) return {};
  if (found->is_string()) return std::string(found->get_string());
  if (found->is_uint64()) return std::to_string(found->get_uint64());
  if (found->is_int64()) return std::to_string(found->get_int64());
  return {};
}

double number_of(const json::object& object, std::string_view name) {
  return std::strtod(text_of(object, name).c_str(), nullptr);
}

std::string print(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string rate_text(double value) { return print(value < 10 ? "%.1f" : "%.0f", value); }

// Sum of the series of one family whose text has `with` in its labels.
double sum(const TopReading& reading, std::string_view name, std::string_view with = {}) {
  double out = 0;
  for (auto at = reading.series.lower_bound(name); at != reading.series.end(); ++at) {
    const std::string_view key = at->first;
    if (!key.starts_with(name)) break;
    if (key.size() > name.size() && key[name.size()] != '{') continue;
    if (with.empty() || key.find(with) != std::string_view::npos) out += at->second;
  }
  return out;
}

// What happened between the readings, as a histogram's quantile.
std::optional<double> quantile(const TopReading& before, const TopReading& now,
                               const std::string& name, double q) {
  std::map<double, double> buckets;
  const std::string family = name + "_bucket{";
  for (auto at = now.series.lower_bound(family); at != now.series.end(); ++at) {
    if (!at->first.starts_with(family)) break;
    std::size_t le =
        at->first.find(",le=\"");  // not the end of another label's name, as in module="
    if (le == std::string::npos) le = at->first.find("{le=\"");
    if (le == std::string::npos) continue;
    const double bound = std::strtod(at->first.c_str() + le + 5, nullptr);  // "+Inf" is understood
    const auto old = before.series.find(at->first);
    buckets[bound] += at->second - (old == before.series.end() ? 0 : old->second);
  }
  if (buckets.empty() || buckets.rbegin()->second <= 0) return std::nullopt;
  const double wanted = q * buckets.rbegin()->second;
  double lower = 0;
  for (const auto& [bound, count] : buckets) {
    if (count >= wanted) return std::isinf(bound) ? lower : bound;
    lower = bound;
  }
  return lower;
}

class Page {
 public:
  Page(std::size_t width, std::size_t height, bool colours)
      : width_(width), height_(height), colours_(colours) {}
  std::size_t left() const { return height_ - std::min(height_, lines_); }
  // `style` is an ANSI number, such as 1 for bold; 0 for none.
  void line(std::string text, int style = 0) {
    if (left() == 0) return;
    ++lines_;
    if (text.size() > width_) {
      text.resize(width_);
      while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80)
        text.pop_back();  // no half of a character
      if (!text.empty() && (static_cast<unsigned char>(text.back()) & 0x80)) text.pop_back();
    }
    if (colours_ && style) text = "\x1b[" + std::to_string(style) + "m" + text + "\x1b[0m";
    out_ += text + "\n";
  }
  std::string take() { return std::move(out_); }

 private:
  std::size_t width_, height_, lines_ = 0;
  bool colours_;
  std::string out_;
};

std::string cell(std::string text, std::size_t width) {
  if (text.size() > width) text.resize(width);
  return text + std::string(width - text.size() + 1, ' ');
}

std::string plugin_line(const json::object& row, const TopReading& before, const TopReading& now,
                        double seconds) {
  const std::string id = text_of(row, "id"), label = "plugin=\"" + id + "\"";
  const double commands =
      sum(now, "plugin_commands_total", label) - sum(before, "plugin_commands_total", label);
  return cell(id, 16) + cell(text_of(row, "version"), 9) + cell(text_of(row, "state"), 10) +
         cell(text_of(row, "isolation"), 9) + cell(rate_text(commands / seconds), 11) +
         cell(text_of(row, "calls_in_flight"), 6) + text_of(row, "error");
}

}  // namespace

std::map<std::string, double, std::less<>> read_series(std::string_view text) {
  std::map<std::string, double, std::less<>> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t space = line.rfind(' ');
    if (line.empty() || line.front() == '#' || space == std::string_view::npos) continue;
    const std::string value(line.substr(space + 1));
    char* stop = nullptr;
    const double number = std::strtod(value.c_str(), &stop);
    if (stop != value.c_str()) out.emplace(line.substr(0, space), number);
  }
  return out;
}

std::string top_frame(const TopReading& before, const TopReading& now,
                      const std::vector<std::string>& events, const std::string& endpoint,
                      std::size_t width, std::size_t height, bool colours) {
  Page page(width, height, colours);
  const double seconds =
      std::max(0.001, static_cast<double>(now.at_ms - std::min(before.at_ms, now.at_ms)) / 1000);
  const double blocks = number_of(now.status, "current_block_height") -
                        number_of(before.status, "current_block_height");
  const double commands = sum(now, "plugin_commands_total") - sum(before, "plugin_commands_total");
  const double calls =
      sum(now, "rpc_latency_seconds_count") - sum(before, "rpc_latency_seconds_count");
  const auto p95 = quantile(before, now, "rpc_latency_seconds", 0.95);
  page.line("the-block " + text_of(now.status, "chain_id") + "  " + endpoint + "  version " +
                text_of(now.status, "version") + "  up " + text_of(now.status, "uptime_secs") +
                " s",
            1);
  page.line("height " + text_of(now.status, "current_block_height") + "  epoch " +
            text_of(now.status, "epoch") + "  blocks/s " + rate_text(blocks / seconds) +
            "  commands/s " + rate_text(commands / seconds) + "  pool " +
            text_of(now.status, "mempool_size"));
  page.line("calls/s " + rate_text(calls / seconds) + "  rpc p95 " +
            (p95 ? "<= " + print("%.3g", *p95 * 1000) + " ms" : "-") + "  refused/s " +
            rate_text((sum(now, "rpc_client_error_total") - sum(before, "rpc_client_error_total")) /
                      seconds));
  page.line("");
  page.line(cell("PLUGIN", 16) + cell("VERSION", 9) + cell("STATE", 10) + cell("ISOLATION", 9) +
                cell("COMMANDS/S", 11) + cell("CALLS", 6) + "ERROR",
            7);
  const std::size_t room = page.left() > kMinEvents + 2 ? page.left() - kMinEvents - 2 : 1;
  std::size_t shown = 0;
  for (const json::value& row : now.plugins) {
    if (!row.is_object()) continue;
    if (++shown > room) {
      page.line("… and " + std::to_string(now.plugins.size() - room) + " more");
      break;
    }
    const bool bad = !text_of(row.get_object(), "error").empty();
    page.line(plugin_line(row.get_object(), before, now, seconds), bad ? 31 : 0);
  }
  page.line("");
  page.line("NEWEST EVENTS", 7);
  if (events.empty()) page.line("none yet");
  for (const std::string& event : events) {
    if (page.left() == 0) break;
    page.line(event);
  }
  return page.take();
}

}  // namespace blockd::cli
