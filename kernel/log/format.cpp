#include "kernel/log/format.hpp"

#include <charconv>
#include <ctime>

namespace blockd {
namespace {

void append_escaped(std::string& out, std::string_view text, bool quoted) {
  constexpr char kHex[] = "0123456789abcdef";
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (quoted && (c == '"' || c == '\\')) {
      out.push_back('\\');
      out.push_back(c);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (u < 0x20 || u == 0x7f) {
      out.append("\\u00");
      out.push_back(kHex[u >> 4]);
      out.push_back(kHex[u & 15]);
    } else {
      out.push_back(c);
    }
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  append_escaped(out, text, true);
  out.push_back('"');
}

template <class T>
void append_number(std::string& out, T v) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v).ptr;
  out.append(buffer, static_cast<std::size_t>(end - buffer));
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f)
      return true;
  }
  return false;
}

void append_value(std::string& out, const LogField::Value& value, bool json) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (json || needs_quotes(*text)) return append_quoted(out, *text);
    out.append(*text);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    out.append(*flag ? "true" : "false");
  } else if (const auto* i = std::get_if<std::int64_t>(&value)) {
    append_number(out, *i);
  } else if (const auto* u = std::get_if<std::uint64_t>(&value)) {
    append_number(out, *u);
  } else if (const auto* d = std::get_if<double>(&value)) {
    const bool finite = *d - *d == 0.0;
    if (json && !finite) return append_quoted(out, "not a number");  // JSON has no word for it
    append_number(out, *d);
  }
}

}  // namespace

std::string format_time(std::uint64_t unix_ms) {
  const auto seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char day[32];
  const std::size_t n = std::strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S.", &parts);
  std::string out(day, n);
  const std::string ms = std::to_string(unix_ms % 1000);
  return out.append(3 - ms.size(), '0').append(ms).append("Z");
}

std::string format_plain(std::uint64_t unix_ms, LogLevel level, std::string_view target,
                         std::string_view msg, std::span<const LogField> fields) {
  std::string out = format_time(unix_ms);
  out.push_back(' ');
  for (char c : log_level_name(level)) out.push_back(static_cast<char>(c - 'a' + 'A'));
  out.append(" ").append(target).append(" ");
  append_escaped(out, msg, false);
  for (const LogField& f : fields) {
    out.append(" ").append(f.key).append("=");
    append_value(out, f.value, false);
  }
  return out;
}

std::string format_json(std::uint64_t unix_ms, LogLevel level, std::string_view target,
                        std::string_view msg, std::span<const LogField> fields) {
  std::string out = "{\"ts\":\"" + format_time(unix_ms) + "\",\"level\":\"" +
                    std::string(log_level_name(level)) + "\",\"target\":";
  append_quoted(out, target);
  out.append(",\"msg\":");
  append_quoted(out, msg);
  for (const LogField& f : fields) {
    out.push_back(',');
    append_quoted(out, f.key);
    out.push_back(':');
    append_value(out, f.value, true);
  }
  out.push_back('}');
  return out;
}

}  // namespace blockd
