#include "kernel/programs/cli/output.hpp"

#include <gtest/gtest.h>

namespace blockd::cli {
namespace {

json::value value(const char* text) { return *parse_json(text); }

TEST(Output, json_keeps_order_and_plain_numbers) {
  const json::value v = value(R"({"b":1,"a":[0.95,true,null,{}],"n":9007199254740993,"e":[]})");
  EXPECT_EQ(json_text(v, false), R"({"b":1,"a":[0.95,true,null,{}],"n":9007199254740993,"e":[]})");
  EXPECT_EQ(json_text(value(R"({"a":[1,{"b":2}]})"), true),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": 2\n    }\n  ]\n}");
}

TEST(Output, yaml_quotes_what_would_read_as_something_else) {
  EXPECT_EQ(
      yaml_text(value(
          R"({"name":"apples","no":"no","number":"12","count":12,"list":[{"a":1,"b":[2]},"x: y"],"empty":{}})")),
      "name: apples\n\"no\": \"no\"\nnumber: \"12\"\ncount: 12\nlist:\n  - a: 1\n    b:\n      - "
      "2\n  - \"x: y\"\nempty: {}\n");
  EXPECT_EQ(yaml_text(value("[]")), "[]\n");
}

TEST(Output, tables_align_numbers_right_and_leave_holes_visible) {
  const Shape shape{"rows", {"name", "stake_total", "inner.x"}, "name", true};
  EXPECT_EQ(
      table_text(
          value(
              R"({"rows":[{"name":"a","stake_total":5,"inner":{"x":"q"}},{"name":"bcd","stake_total":1000}]})"),
          shape),
      "NAME  STAKE TOTAL  INNER.X\na               5  q\nbcd          1000  -\n");
  EXPECT_EQ(table_text(value(R"({"height":5,"hash":"ab"})"), Shape{}), "height  5\nhash    ab\n");
  EXPECT_EQ(table_text(value(R"(["x","y"])"), Shape{}), "x\ny\n");
}

TEST(Output, a_single_text_is_printed_line_by_line) {
  EXPECT_EQ(bare_text("5d0c"), "5d0c\n");
  EXPECT_EQ(bare_text("a,b\n1,\x1b[2J\n"), "a,b\n1,\\x1b[2J\n");
}

TEST(Output, control_characters_do_not_reach_the_terminal) {
  EXPECT_EQ(cell_text(value(R"("a\u001b[2J\u009bz\u007f\n")")), "a\\x1b[2J\\xc2\\x9bz\\x7f\\x0a");
  EXPECT_EQ(cell_text(value(R"("grün")")), "grün");
}

}  // namespace
}  // namespace blockd::cli
