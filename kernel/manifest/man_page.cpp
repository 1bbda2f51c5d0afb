#include "kernel/manifest/man_page.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace blockd {
namespace {

// The code point that begins at text[*at], which moves behind it; bytes that are not UTF-8 become
// the replacement character.
std::uint32_t take_code_point(std::string_view text, std::size_t* at) {
  const auto first = static_cast<std::uint8_t>(text[(*at)++]);
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : -1;
  if (more < 0) return 0xFFFD;
  std::uint32_t point = first & (0x3Fu >> more);
  for (int i = 0; i < more; ++i) {
    if (*at == text.size() || (static_cast<std::uint8_t>(text[*at]) & 0xC0) != 0x80) return 0xFFFD;
    point = (point << 6) | (static_cast<std::uint8_t>(text[(*at)++]) & 0x3F);
  }
  return point;
}

const char* escape_of(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '"':
      return "\\(dq";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    default:
      return nullptr;
  }
}

}  // namespace

std::string roff_text(std::string_view text) {
  std::string out;
  // A dot in front would be a request.
  if (text.starts_with('.')) out = "\\&";
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (static_cast<std::uint8_t>(c) >= 0x80) {
      char name[16];
      std::snprintf(name, sizeof name, "\\[u%04X]", take_code_point(text, &at));
      out += name;
      continue;
    }
    ++at;
    if (const char* escape = escape_of(c)) {
      out += escape;
    } else {
      out.push_back(static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F ? ' ' : c);
    }
  }
  return out;
}

ManPage::ManPage(std::string_view name, int section, std::string_view version,
                 std::string_view date, std::string_view summary) {
  text_ = ".\\\" Made from the declarations of the program.\n.TH " + roff_text(name) + " " +
          std::to_string(section) + " " + std::string(date) + " \"" + roff_text(version) +
          "\" \"The Block\"\n.nh\n.ad l\n";
  this->section("NAME");
  // As whatis reads it: "name - what it is".
  text_ += roff_text(name) + " \\- " + roff_text(summary) + "\n";
}

void ManPage::request(std::string_view macro, std::string_view argument) {
  text_ += "." + std::string(macro) + " \"" + roff_text(argument) + "\"\n";
}

void ManPage::line(std::string_view text) {
  bool first = true;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view one = text.substr(begin, end - begin);
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (!one.empty()) {
      if (!first) text_ += ".br\n";
      text_ += roff_text(one) + "\n";
      first = false;
    }
    begin = end + 1;
  }
}

void ManPage::section(std::string_view heading) {
  request("SH", heading);
  begins_ = true;
}

void ManPage::subsection(std::string_view heading) {
  request("SS", heading);
  begins_ = true;
}

// A heading begins a paragraph by itself.
void ManPage::begin_paragraph() {
  if (!begins_) text_ += ".PP\n";
  begins_ = false;
}

void ManPage::paragraph(std::string_view text) {
  begin_paragraph();
  line(text);
}

void ManPage::command(std::string_view text) {
  begin_paragraph();
  request("B", text);
}

void ManPage::entry(std::string_view tag, std::string_view text) {
  text_ += ".TP\n";
  begins_ = false;
  request("B", tag);
  line(text);
}

void ManPage::more(std::string_view text) {
  text_ += ".IP\n";
  line(text);
}

void ManPage::indent() { text_ += ".RS\n"; }
void ManPage::outdent() { text_ += ".RE\n"; }

}  // namespace blockd
