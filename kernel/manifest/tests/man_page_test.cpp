#include "kernel/manifest/man_page.hpp"

#include <gtest/gtest.h>

namespace blockd {
namespace {

TEST(ManPage, text_of_a_manifest_never_becomes_a_request) {
  EXPECT_EQ(roff_text(".so /etc/shadow"), "\\&.so /etc/shadow");
  EXPECT_EQ(roff_text("'br"), "\\(aqbr");
  EXPECT_EQ(roff_text("a\\fBb --flag \"x\" `y` ~/.z ^"),
            "a\\efBb \\-\\-flag \\(dqx\\(dq \\(gay\\(ga \\(ti/.z \\(ha");
  ManPage page("x", 1, "1", "2026-01-31", "s");
  page.paragraph("first\n.sy touch /tmp/x");
  page.entry("tag\n.ec", "text");
  EXPECT_NE(page.text().find("first\n.br\n\\&.sy touch"), std::string::npos) << page.text();
  EXPECT_NE(page.text().find(".B \"tag .ec\""), std::string::npos) << page.text();
}

TEST(ManPage, text_beyond_ascii_is_named_by_code_point) {
  EXPECT_EQ(roff_text("…"), "\\[u2026]");
  EXPECT_EQ(roff_text("\xF0\x9F\x94\x8B"), "\\[u1F50B]");
  EXPECT_EQ(roff_text("a\xFFz"), "a\\[uFFFD]z");
  EXPECT_EQ(roff_text("\xE2\x80"), "\\[uFFFD]");
}

TEST(ManPage, a_heading_begins_a_paragraph_by_itself) {
  ManPage page("x", 1, "1", "2026-01-31", "s");
  page.section("ONE");
  page.paragraph("a");
  page.paragraph("b");
  EXPECT_NE(page.text().find(".SH \"ONE\"\na\n.PP\nb\n"), std::string::npos) << page.text();
}

}  // namespace
}  // namespace blockd
