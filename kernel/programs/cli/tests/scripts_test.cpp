// gov script check, run and test: no node is asked.
#include "kernel/base/file.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

class ScriptVerbs : public CliTest {
 protected:
  std::string script(const std::string& text) {
    const std::string path = home.file("guard.lua");
    EXPECT_TRUE(write_file_atomic(path, text).ok());
    return path;
  }
};

json::value parsed(const std::string& text) {
  Result<json::value> value = parse_json(text);
  EXPECT_TRUE(value.ok()) << text;
  return value.ok() ? *std::move(value) : json::value();
}

constexpr const char* kGuard =
    "hook = {name = 'guard', version = '1.0.0', on = {'on_param_change'}, keys = {'*'}}\n"
    "function on_param_change(c)\n"
    "  if c.new > 50 then return false, 'too much' end\n"
    "  if c.key == 'loop' then while true do end end\n"
    "  return math.min(c.new, c.old + (params.get('step') or 5))\n"
    "end\n";

TEST_F(ScriptVerbs, check_prints_the_header) {
  const Answer answer = run({"gov", "script", "check", script(kGuard), "--format", "json"});
  EXPECT_EQ(answer.code, 0) << answer.err;
  const json::value header = parsed(answer.out);
  EXPECT_EQ(header.at("name"), "guard");
  EXPECT_EQ(header.at("keys"), json::array{"*"});
  EXPECT_EQ(header.at("hash").as_string().size(), 64u);
  EXPECT_TRUE(node.asked("rpc.discover").empty());
}

TEST_F(ScriptVerbs, check_names_the_file_and_the_line) {
  const auto check = [&](const std::string& text) {
    return run({"gov", "script", "check", script(text)});
  };
  const std::string path = home.file("guard.lua");
  const Answer syntax = check("x = 1\nx = = 2");
  EXPECT_EQ(syntax.code, 1);
  EXPECT_EQ(syntax.err.rfind("error[lua_syntax_error]: " + path + ":2: ", 0), 0u) << syntax.err;
  EXPECT_EQ(check("x = 1\n\ny = 1.5").err.rfind("error[lua_float_value]: " + path + ":3: ", 0), 0u);
  EXPECT_NE(check("return 1").err.find("there is no table `hook`"), std::string::npos);
  const Answer absent =
      check(std::string(kGuard) + "local function f() print(1) return os.time() end");
  EXPECT_EQ(absent.code, 1);
  EXPECT_NE(absent.err.find(path + ":7: `print` does not exist"), std::string::npos) << absent.err;
  EXPECT_NE(absent.err.find(path + ":7: `os` does not exist"), std::string::npos) << absent.err;
  EXPECT_NE(run({"gov", "script", "check", home.file("absent.lua")}).code, 0);
}

TEST_F(ScriptVerbs, run_prints_what_the_script_decides) {
  const std::string path = script(kGuard);
  const auto decide = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"gov",     "script",          "run",      path,
                                   "--event", "on_param_change", "--format", "json"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words);
  };
  const Answer moved = decide({"--key", "k", "--old", "10", "--value", "40"});
  EXPECT_EQ(moved.code, 0) << moved.err;
  EXPECT_EQ(parsed(moved.out).at("effective"), 15);
  EXPECT_EQ(
      parsed(decide({"--key", "k", "--value", "40", "--reads", R"({"params":{"step":9}})"}).out)
          .at("effective"),
      9);
  const Answer refused = decide({"--key", "k", "--value", "51"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(parsed(refused.out).at("reason"), "too much");
  EXPECT_EQ(parsed(decide({"--key", "k", "--value", "9", "--max", "3"}).out).at("result"),
            "out_of_bounds");
  const Answer loop = decide({"--key", "loop", "--value", "1"});
  EXPECT_EQ(loop.code, 1);
  EXPECT_NE(loop.err.find("error[lua_budget_exceeded]: " + path + ":4: "), std::string::npos)
      << loop.err;
  EXPECT_NE(decide({"--key", "k"}).err.find("--value is missing"), std::string::npos);
  EXPECT_NE(decide({"--value", "x"}).err.find("expected a number"), std::string::npos);
  EXPECT_NE(run({"gov", "script", "run", path, "--event", "on_day", "--argument", "{}"}).code, 0);
}

TEST_F(ScriptVerbs, run_calls_the_only_function_and_judges_as_the_chain_does) {
  const auto called = [&](const std::string& hook, const std::string& body) {
    return run({"gov", "script", "run",
                script("hook = {name = 'g', version = '1.0.0', " + hook + "}\n" + body), "--format",
                "json"});
  };
  const std::string each = "function on_epoch(c) return {params = {fee = c.epoch + 1}} end";
  const Answer owned = called("on = {'on_epoch'}, owns = {'fee'}", each);
  EXPECT_EQ(owned.code, 0) << owned.err;
  EXPECT_EQ(parsed(owned.out).at("params").at("fee"), 1);
  const Answer foreign = called("on = {'on_epoch'}", each);
  EXPECT_EQ(foreign.code, 1);
  EXPECT_NE(foreign.err.find("params: fee is not in `owns`"), std::string::npos) << foreign.err;
  const Answer two = called("on = {'on_epoch', 'on_block'}", each + " function on_block(c) end");
  EXPECT_NE(two.code, 0);
  EXPECT_NE(two.err.find("the script has on_epoch, on_block"), std::string::npos) << two.err;
}

TEST_F(ScriptVerbs, test_runs_the_cases_beside_the_script) {
  const std::string path = script(kGuard);
  const std::string line =
      R"({"name":"NAME","input":{"fn":"param_change_hook","change":{"key":"k","old":0,"new":4,"min":0,"max":9}},"expected":{"result":"ok","effective":N}})";
  const auto with = [&](const std::string& name, const std::string& n) {
    std::string out = line;
    out.replace(out.find("NAME"), 4, name);
    out.replace(out.find(":N}") + 1, 1, n);
    return out + "\n";
  };
  ASSERT_TRUE(write_file_atomic(home.file("guard.cases.jsonl"), with("good", "4")).ok());
  const Answer good = run({"gov", "script", "test", path});
  EXPECT_EQ(good.code, 0) << good.err;
  EXPECT_EQ(good.out, "ok      good\n1 passed, 0 failed\n");
  ASSERT_TRUE(
      write_file_atomic(home.file("more.jsonl"), with("good", "4") + with("bad", "7")).ok());
  const Answer bad = run({"gov", "script", "test", path, "--cases", home.file("more.jsonl")});
  EXPECT_EQ(bad.code, 1);
  EXPECT_NE(bad.out.find("FAILED  bad\n    effective: expected 7, got 4\n1 passed, 1 failed\n"),
            std::string::npos)
      << bad.out;
  ASSERT_TRUE(write_file_atomic(home.file("more.jsonl"), "").ok());
  EXPECT_EQ(run({"gov", "script", "test", path, "--cases", home.file("more.jsonl")}).code, 1);
}

}  // namespace
}  // namespace blockd::cli
