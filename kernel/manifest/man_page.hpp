// ManPage: a manual page in the macros of man(7), as man-db and mandoc show it.
//
// Takes plain text everywhere and escapes it, so that no word of a manifest becomes a request of
// the formatter. Text keeps its line breaks as new paragraphs. Not thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace blockd {

class ManPage {
 public:
  // `date` as 2026-01-31; `summary` follows the name under NAME.
  ManPage(std::string_view name, int section, std::string_view version, std::string_view date,
          std::string_view summary);

  void section(std::string_view heading);
  void subsection(std::string_view heading);
  void paragraph(std::string_view text);
  // A line of bold text, as a synopsis has it.
  void command(std::string_view line);
  // A bold tag, and the text that explains it indented below.
  void entry(std::string_view tag, std::string_view text);
  // One more paragraph below the entry before it.
  void more(std::string_view text);
  // Entries between these stand deeper.
  void indent();
  void outdent();

  const std::string& text() const { return text_; }

 private:
  void request(std::string_view macro, std::string_view argument);
  void line(std::string_view text);
  void begin_paragraph();
  std::string text_;
  bool begins_ = false;  // a heading is the last that was written
};

// What stands for `text` in the running text of a page.
std::string roff_text(std::string_view text);

}  // namespace blockd
