// Golden vectors, the scripts that ship with the node, and the runner of cases itself.
#include <filesystem>
#include <set>
#include <sstream>

#include "kernel/base/file.hpp"
#include "kernel/lua/cases.hpp"
#include "kernel/lua/source.hpp"
#include "kernel/lua/tests/sandbox.hpp"
#include "kernel/lua/vectors.hpp"

namespace blockd::lua {
namespace {

std::string text_of(const std::string& path) {
  auto text = read_file(std::string(TB_SOURCE_DIR) + path);
  EXPECT_TRUE(text.ok()) << text.status().to_string();
  return text.ok() ? *std::move(text) : std::string();
}

TEST(HookVectors, are_answered_as_written) {
  std::istringstream lines(text_of("/tests/vectors/governance/hooks.jsonl"));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto whole = parse_json(line);
    ASSERT_TRUE(whole.ok());
    const auto answer = replay_hook_case(whole->at("input"));
    ASSERT_TRUE(answer.ok()) << answer.status().to_string();
    EXPECT_EQ(*answer, whole->at("expected")) << line;
  }
  EXPECT_EQ(count, 10u);
  EXPECT_FALSE(replay_hook_case(json::object{{"fn", "param_change_hook"}}).ok());
}

class Shipped : public testing::TestWithParam<std::string> {};

TEST_P(Shipped, script_has_a_header_and_passes_its_cases) {
  const std::string base = "/scripts-lua/" + GetParam();
  const std::string source = text_of(base + ".lua");
  const auto script = compiled(source);
  ASSERT_TRUE(script && script->header());
  EXPECT_EQ(script->header()->name, GetParam());
  EXPECT_TRUE(absent_names(source).empty());
  std::ostringstream out;
  const Tally tally = run_cases(source, text_of(base + ".cases.jsonl"), out);
  EXPECT_EQ(tally.failed, 0u) << out.str();
  EXPECT_GE(tally.passed, 2u);
}

INSTANTIATE_TEST_SUITE_P(All, Shipped,
                         testing::Values("price-guard", "treasury-policy", "congestion-fee",
                                         "epoch-report"),
                         [](const auto& param) {
                           std::string name = param.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(Shipped, every_script_is_tested_here) {
  std::set<std::string> found;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(TB_SOURCE_DIR) + "/scripts-lua"))
    if (file.path().extension() == ".lua") found.insert(file.path().stem().string());
  EXPECT_EQ(found, (std::set<std::string>{"price-guard", "treasury-policy", "congestion-fee",
                                          "epoch-report"}));
}

constexpr const char* kHalf = "function on_param_change(c) return c.new // 2 end";

Tally run(const std::string& source, const std::string& cases, std::string* text) {
  std::ostringstream out;
  const Tally tally = run_cases(source, cases, out);
  *text = out.str();
  return tally;
}

TEST(Cases, a_difference_is_shown_and_counted) {
  std::string text;
  const std::string change =
      R"("input":{"fn":"param_change_hook","change":{"new":8,"min":0,"max":100}},)";
  const Tally tally = run(
      kHalf,
      "{\"name\":\"good\"," + change + "\"expected\":{\"result\":\"ok\",\"effective\":4}}\n\n" +
          "{\"name\":\"bad\"," + change + "\"expected\":{\"result\":\"ok\",\"effective\":5}}\n" +
          "{\"name\":\"any\"," + change + "\"expected\":{\"result_any_of\":[\"x\",\"ok\"]}}",
      &text);
  EXPECT_EQ(tally.passed, 2u);
  EXPECT_EQ(tally.failed, 1u);
  EXPECT_NE(text.find("FAILED  bad\n    effective: expected 5, got 4\n"), std::string::npos)
      << text;
}

TEST(Cases, a_fault_shows_where_it_came_from) {
  std::string text;
  run("function on_param_change(c)\n  error('boom')\nend",
      R"({"name":"a","input":{"fn":"param_change_hook","change":{"new":8,"min":0,"max":100}},"expected":{"result":"ok"}})",
      &text);
  EXPECT_NE(text.find("expected \"ok\", got \"lua_runtime_error\""), std::string::npos) << text;
  EXPECT_NE(text.find("script:2: boom"), std::string::npos) << text;
}

TEST(Cases, wrong_lines_fail_and_say_why) {
  std::string text;
  const Tally tally = run(
      kHalf,
      "not json\n{\"name\":\"x\"}\n"
      R"({"name":"u","input":{"fn":"param_change_hook","change":{},"colour":1},"expected":{}})"
      "\n"
      R"({"name":"e","input":{"fn":"script_call","event":"on_day","argument":{}},"expected":{}})"
      "\n"
      R"({"name":"n","input":{"fn":"param_change_hook","change":{"new":"8"}},"expected":{}})",
      &text);
  EXPECT_EQ(tally.passed, 0u);
  EXPECT_EQ(tally.failed, 5u);
  EXPECT_NE(text.find("FAILED  line 1"), std::string::npos) << text;
  EXPECT_NE(text.find("unknown member colour"), std::string::npos) << text;
  EXPECT_NE(text.find("event must be"), std::string::npos) << text;
}

TEST(Cases, a_source_that_does_not_compile_can_be_expected) {
  std::string text;
  const std::string line =
      R"({"name":"s","input":{"fn":"param_change_hook","change":{"new":1,"min":0,"max":9}},"expected":{"result":"lua_syntax_error"}})";
  EXPECT_EQ(run("function (", line, &text).passed, 1u);
  EXPECT_EQ(run(kHalf, line, &text).failed, 1u);
}

TEST(Names, that_do_not_exist_are_found_with_their_line) {
  EXPECT_EQ(absent_names("local a = 1\nprint(a)\nreturn os.time()"),
            (std::vector<std::string>{"script:2: `print` does not exist in a script",
                                      "script:3: `os` does not exist in a script"}));
  EXPECT_TRUE(absent_names("local next = 1 return next").empty());
  EXPECT_TRUE(absent_names("local t = {} t.next = 2 return t.next -- print").empty());
  EXPECT_TRUE(absent_names("return 'print'").empty());
}

TEST(Names, of_functions_that_nobody_wrote_are_found) {
  const auto only = [](std::string_view source) {
    const std::vector<std::string> found = absent_names(source);
    return found.size() == 1 ? found[0] : std::to_string(found.size()) + " names";
  };
  EXPECT_EQ(only("\nreturn clamp(1, 2, 3)"), "script:2: `clamp` does not exist in a script");
  EXPECT_EQ(only("return math.random(6)"), "script:1: `math.random` does not exist in a script");
  EXPECT_EQ(only("local s = 'a' return s:upper()"),
            "script:1: a string has no method `upper` in a script: string.upper(s, …)");
  EXPECT_EQ(
      only("function f(c)\n  state.last = c.new\nend"),
      "script:2: nothing is kept by writing to `state.last`: on_epoch and on_block return what "
      "they keep, {state = {…}}");
  for (const char* fine :
       {"local function clamp(a) return a end return clamp(1)",
        "for i, v in ipairs(t or {}) do t = v + i end", "a, b = 1, 2 return a + b",
        "local math = {} math.random = 1 return math.random",
        "function f(c, ...) return c.x, {y = 1, z = c} end", "goto done ::done::",
        "return fx.muldiv(1, 2, 3)", "local t = {} function t:upper() end t:upper()",
        "return params.get('k') or state.get('s')"}) {
    EXPECT_TRUE(absent_names(fine).empty()) << fine << ": " << absent_names(fine)[0];
  }
}

// The tables of names.cpp against the sandbox itself.
TEST(Names, are_those_of_the_sandbox) {
  const std::string source =
      "hook = {name = 'n', version = '1.0.0', on = {'on_epoch'}}\n"
      "function on_epoch(c)\n  local all = {}\n"
      "  for name, t in pairs({string = string, table = table, math = math, fx = fx, params = "
      "params,"
      " state = state, econ = econ, treasury = treasury, log = log}) do\n"
      "    for field in pairs(t) do all[#all + 1] = name .. '.' .. field end\n  end\n"
      "  return {events = {{name = 'all', data = {names = table.concat(all, ' ')}}}}\nend";
  const auto script = compiled(source);
  ASSERT_TRUE(script);
  const Result<json::object> ran = run_once(
      *script,
      json::object{{"fn", "script_call"}, {"event", "on_epoch"}, {"argument", json::object{}}});
  ASSERT_TRUE(ran.ok()) << ran.status().to_string();
  const std::string shown = json::serialize(*ran);
  const std::size_t begin = shown.find("econ.");
  ASSERT_NE(begin, std::string::npos) << shown;
  std::istringstream names(shown.substr(begin, shown.find('"', begin) - begin));
  std::size_t count = 0;
  for (std::string name; names >> name; ++count) {
    EXPECT_TRUE(absent_names("return " + name).empty()) << name;
    EXPECT_FALSE(absent_names("return " + name + "x").empty()) << name;
  }
  EXPECT_EQ(count, 31u);  // as many as names.cpp lists
}

}  // namespace
}  // namespace blockd::lua
