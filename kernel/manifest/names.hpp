// The shapes of names in a manifest. Internal to kernel/manifest. [any]
#pragma once

#include <algorithm>
#include <string_view>

namespace blockd::names {

inline bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) { return is_lower(c) || is_upper(c); }

// 1..128 characters of letters, digits and `others`, the first a letter or one of `first`.
inline bool is_word(std::string_view text, std::string_view others, std::string_view first = "") {
  if (text.empty() || text.size() > 128) return false;
  if (!is_letter(text[0]) && first.find(text[0]) == std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_letter(c) || is_digit(c) || others.find(c) != std::string_view::npos;
  });
}

inline bool is_lower_word(std::string_view text, std::string_view others) {
  return is_word(text, others) && std::none_of(text.begin(), text.end(), is_upper);
}

inline bool is_plugin_id(std::string_view text) {
  return text.size() <= 64 && is_lower_word(text, "-");
}
inline bool is_field(std::string_view text) { return is_word(text, "_-.", "_"); }
inline bool is_method(std::string_view text) { return is_word(text, "_.-"); }
inline bool is_topic(std::string_view text) { return is_word(text, "_.-"); }
inline bool is_error(std::string_view text) { return is_word(text, "_.-"); }
inline bool is_metric(std::string_view text) { return is_word(text, "_:", "_:"); }
inline bool is_label(std::string_view text) {
  return is_word(text, "_", "_") && text != "le" && !text.starts_with("__");
}
inline bool is_key(std::string_view text) { return is_word(text, "_.-"); }
inline bool is_env(std::string_view text) {
  return is_word(text, "_", "_") && std::none_of(text.begin(), text.end(), is_lower);
}

// All of a version's part: "1", "20".
inline bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 9 && std::all_of(text.begin(), text.end(), is_digit);
}

// "ledger/1".
inline bool is_service(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != std::string_view::npos && is_lower_word(text.substr(0, slash), "-_.") &&
         is_number(text.substr(slash + 1));
}

// "1.4.0", "1.4.0-rc.1".
inline bool is_version(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos && !is_word(text.substr(dash + 1), ".-", "0123456789"))
    return false;
  std::string_view core = text.substr(0, dash);
  const std::size_t one = core.find('.'), two = core.rfind('.');
  return one != std::string_view::npos && one != two && is_number(core.substr(0, one)) &&
         is_number(core.substr(one + 1, two - one - 1)) && is_number(core.substr(two + 1));
}

// "receipts.sealed", "receipts.*".
inline bool is_followed(std::string_view text) {
  if (text.ends_with(".*")) text.remove_suffix(2);
  return is_topic(text);
}

// Words of lower-case letters, digits, hyphens and underscores, one blank apart.
inline bool is_cli_path(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  for (;;) {
    const std::size_t blank = text.find(' ');
    if (!is_lower_word(text.substr(0, blank), "-_")) return false;
    if (blank == std::string_view::npos) return true;
    text.remove_prefix(blank + 1);
  }
}

inline bool is_flag(std::string_view text) {
  return text.starts_with("--") && is_word(text.substr(2), "-_");
}

// "30s", "5m", "0m".
inline bool is_duration(std::string_view text) {
  constexpr std::string_view kUnits[] = {"ms", "s", "m", "h", "d"};
  return std::any_of(std::begin(kUnits), std::end(kUnits), [&](std::string_view unit) {
    return text.ends_with(unit) && is_number(text.substr(0, text.size() - unit.size()));
  });
}

// "10m", or "3ep": lengths of an epoch.
inline bool is_alert_duration(std::string_view text) {
  return is_duration(text) || (text.ends_with("ep") && is_number(text.substr(0, text.size() - 2)));
}

}  // namespace blockd::names
