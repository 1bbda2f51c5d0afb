#include <gtest/gtest.h>

#include "kernel/config/toml_file.hpp"

namespace blockd {
namespace {

std::string tree(std::string_view text) {
  const Result<TomlFile> file = parse_toml(text);
  if (!file.ok()) return file.status().message();
  const Result<std::string> out = canonical_json(file->root);
  return out.ok() ? *out : out.status().message();
}

TEST(Toml, has_tables_and_dotted_keys) {
  EXPECT_EQ(tree("a = 1\nb.c = true # said\n[d.e]\n\"f g\" = 'x'\nh . i = "
                 "\"y\"\n[[k]]\nl=1\n[[k]]\nl=2\n"),
            R"({"a":1,"b":{"c":true},"d":{"e":{"f g":"x","h":{"i":"y"}}},"k":[{"l":1},{"l":2}]})");
  EXPECT_EQ(tree(""), "{}");
  EXPECT_EQ(tree("a = { b = 1, c.d = [1, 2,] }\r\n"), R"({"a":{"b":1,"c":{"d":[1,2]}}})");
  EXPECT_EQ(tree("a = [ # first\n  \"x\",\n\n  [ 'y' ] ]"), R"({"a":["x",["y"]]})");
}

TEST(Toml, has_texts_of_all_kinds) {
  EXPECT_EQ(tree(R"(a = "tab\t quote\" u\u00e9 \U0001F600")"),
            "{\"a\":\"tab\\t quote\\\" u\u00e9 \U0001F600\"}");
  EXPECT_EQ(tree("a = 'no \\n escape'"), R"({"a":"no \\n escape"})");
  EXPECT_EQ(tree("a = \"\"\"\none\ntwo \\\n   three\"\"\""), R"({"a":"one\ntwo three"})");
  EXPECT_EQ(tree("a = '''\nit's'''"), R"({"a":"it's"})");
}

TEST(Toml, has_numbers_of_all_kinds) {
  EXPECT_EQ(tree("a = +1_000\nb = 0xff\nc = 0o17\nd = 0b101\ne = -3"),
            R"({"a":1000,"b":255,"c":15,"d":5,"e":-3})");
  const Result<TomlFile> file = parse_toml("a = 0.667\nb = 1e3");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->root.at("a").as_double(), 0.667);
  EXPECT_EQ(file->root.at("b").as_double(), 1000);
  EXPECT_EQ(file->lines.at("b"), 2);
}

TEST(Toml, names_the_line_of_a_fault) {
  const std::pair<const char*, const char*> cases[] = {
      {"a = 1\na = 2", "line 2: "},
      {"[t]\n[t]", "line 2: "},
      {"a = x", "line 1: "},
      {"a = \"open", "line 1: "},
      {"\n\na = [1,", "line 3: "},
      {"a = 1 2", "line 1: "},
      {"a = 1\n[a]", "line 2: "},
      {"= 1", "line 1: "},
      {"a 1", "line 1: "},
      {"a = 99999999999999999999", "line 1: "},
      {"b = 1\na = 2026-11-22", "line 2: a date is no value of any setting"},
      {"a = \"\\q\"", "line 1: "}};
  for (const auto& [text, fault] : cases) EXPECT_TRUE(tree(text).starts_with(fault)) << tree(text);
  EXPECT_TRUE(tree("a = " + std::string(100, '[')).starts_with("line 1: "));
}

}  // namespace
}  // namespace blockd
