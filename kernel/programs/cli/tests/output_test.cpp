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
  const Shape shape{"rows", {"name", "stake_total", "inner.x"}, "name"};
  EXPECT_EQ(
      table_text(
          value(
              R"({"rows":[{"name":"a","stake_total":5,"inner":{"x":"q"}},{"name":"bcd","stake_total":1000}]})"),
          shape),
      "NAME  STAKE TOTAL  INNER.X\na               5  q\nbcd          1000  -\n");
  EXPECT_EQ(table_text(value(R"({"height":5,"hash":"ab"})"), Shape{}), "height  5\nhash    ab\n");
  EXPECT_EQ(table_text(value(R"(["x","y"])"), Shape{}), "x\ny\n");
}

TEST(Output, records_show_what_they_hold_in_parts) {
  const json::value record = value(
      R"({"height":5,"pool":{"consumer":0,"service":2},"empty":[],"tags":["a","b"],"deep":{"list":[{"id":"x","n":1},{"id":"y","m":{"k":true}}],"on":true}})");
  EXPECT_EQ(table_text(record, Shape{}),
            "height  5\npool    consumer 0, service 2\nempty   (none)\ntags    a, b\ndeep:\n"
            "  list (2):\n    ID  N  M\n    x   1  -\n    y   -  k true\n  on  true\n");
}

TEST(Output, a_table_in_a_record_says_what_it_leaves_out) {
  json::array rows;
  for (int i = 0; i < 30; ++i)
    rows.push_back({{"id", i}, {"text", std::string(30, 'x')}, {"more", std::string(30, 'y')}});
  const std::string narrow = table_text(json::object{{"rows", rows}}, Shape{}, 40);
  EXPECT_NE(narrow.find("  not shown, for lack of room: more\n"), std::string::npos) << narrow;
  EXPECT_NE(narrow.find("  … and 10 more: --format json\n"), std::string::npos) << narrow;
  EXPECT_NE(narrow.find("xxxxxxxxxxxx…xxxxxx\n"), std::string::npos) << narrow;
  EXPECT_EQ(narrow.find('y'), std::string::npos) << narrow;
  const std::string wide = table_text(json::object{{"rows", rows}}, Shape{});
  EXPECT_NE(wide.find('y'), std::string::npos) << wide;
}

TEST(Output, a_list_that_is_too_wide_is_shortened_but_for_its_ids_and_says_so) {
  const Shape shape{"", {"id", "hash", "ts", "note"}, "id"};
  const std::string id(64, 'a'), hash = std::string(32, 'b') + std::string(32, 'c');
  json::array rows;
  rows.push_back({{"id", id},
                  {"hash", hash},
                  {"ts", 1795387409659},
                  {"note", {{"text", "ü" + std::string(100, 'n') + " end"}}}});
  const std::string narrow = table_text(rows, shape, 140);
  EXPECT_NE(narrow.find(id + "  bbbbbbbbbbbb…cccccc  2026-11-22T22:43:29.659Z  text ünn"),
            std::string::npos)
      << narrow;
  EXPECT_EQ(narrow.find("end"), std::string::npos) << narrow;
  EXPECT_TRUE(narrow.ends_with("…\nshortened, for lack of room: --format json\n")) << narrow;
  const std::string wide = table_text(rows, shape, 300), piped = table_text(rows, shape);
  EXPECT_NE(wide.find(hash), std::string::npos) << wide;
  EXPECT_EQ(wide.find("shortened"), std::string::npos) << wide;
  EXPECT_NE(piped.find("1795387409659"), std::string::npos) << piped;
}

TEST(Output, an_empty_list_says_so_on_a_terminal) {
  const Shape shape{"", {"id", "name"}, "id"};
  EXPECT_EQ(table_text(json::array{}, shape, 80), "ID  NAME\n(none)\n");
  EXPECT_EQ(table_text(json::array{}, shape), "ID  NAME\n");
}

TEST(Output, a_mapping_of_like_records_is_a_table_of_its_names) {
  const json::value keys = value(
      R"({"log.file":{"value":"logs/node.log","source":"file"},"rpc.hosts":{"value":["a","b"],"source":"default"}})");
  EXPECT_EQ(table_text(keys, Shape{}, 80),
            "NAME       VALUE          SOURCE\nlog.file   logs/node.log  file\n"
            "rpc.hosts  a, b           default\n");
  const json::value unlike = value(R"({"a":{"x":1},"b":{"y":{"z":[{}]}}})");
  EXPECT_EQ(table_text(unlike, Shape{}, 80).find("NAME"), std::string::npos);
}

TEST(Output, what_is_nested_too_deep_is_json) {
  json::value deep = json::object{{"end", json::array{json::array{1}}}};
  for (std::size_t i = 0; i <= kMaxDepth; ++i) deep = json::object{{"in", std::move(deep)}};
  const std::string text = table_text(deep, Shape{});
  EXPECT_NE(text.find(R"({"end":[[1]]})"), std::string::npos) << text;
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
