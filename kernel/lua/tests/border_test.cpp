// Headers, arguments, and what the returns of each event mean.
#include "kernel/lua/tests/sandbox.hpp"

namespace blockd::lua {
namespace {

std::string header_error(const std::string& hook,
                         const std::string& rest = "function on_block(c) end") {
  Answer answer;
  const auto script = Script::compile("hook = " + hook + "\n" + rest, &answer);
  EXPECT_EQ(script, nullptr) << hook;
  EXPECT_EQ(answer.fault, Fault::kReturn) << show(answer);
  return answer.text;
}

TEST(Header, is_read_whole) {
  const auto script = compiled(
      "hook = {name = 'step-limit', version = '1.2.3-rc.1', on = {'on_param_change', 'on_epoch', "
      "'before_apply'}, "
      "keys = {'a', 'b.c'}, owns = {'d'}, methods = {'ledger.transfer'}, priority = -5}\n"
      "function on_param_change(c) end function on_epoch(c) end function before_apply(c) end local "
      "function on_gate() end");
  ASSERT_TRUE(script->header());
  const Header& header = *script->header();
  EXPECT_EQ(header.name, "step-limit");
  EXPECT_EQ(header.version, "1.2.3-rc.1");
  EXPECT_EQ(header.on.size(), 3u);
  EXPECT_EQ(header.keys, (std::vector<std::string>{"a", "b.c"}));
  EXPECT_EQ(header.owns, std::vector<std::string>{"d"});
  EXPECT_EQ(header.methods, std::vector<std::string>{"ledger.transfer"});
  EXPECT_EQ(header.priority, -5);
  EXPECT_TRUE(script->has("on_epoch"));
  EXPECT_FALSE(script->has("on_gate"));
  EXPECT_FALSE(script->has("tostring"));
  Answer answer;
  EXPECT_TRUE(read_header(*script, &answer).has_value());
}

TEST(Header, may_be_absent_until_it_is_asked_for) {
  const auto script = compiled("function on_block(c) end");
  EXPECT_FALSE(script->header());
  Answer answer;
  EXPECT_FALSE(read_header(*script, &answer).has_value());
  EXPECT_EQ(answer.fault, Fault::kReturn);
}

TEST(Header, is_refused_with_a_reason) {
  const std::string base = "name = 'a', version = '1.0.0', on = {'on_block'}";
  const auto with = [&](const std::string& more) {
    return header_error("{" + base + ", " + more + "}");
  };
  EXPECT_NE(with("color = 1").find("unknown member color"), std::string::npos);
  EXPECT_NE(with("priority = 'x'").find("priority"), std::string::npos);
  EXPECT_NE(with("keys = {'a'}").find("no event that uses it"), std::string::npos);
  EXPECT_NE(with("owns = {'a'}").find("on_epoch"), std::string::npos);
  EXPECT_NE(with("methods = 5").find("list of strings"), std::string::npos);
  EXPECT_NE(with("methods = {'gov.vote'}").find("gov and chain"), std::string::npos);
  EXPECT_NE(with("methods = {'chain.set_plugin'}").find("gov and chain"), std::string::npos);
  EXPECT_NE(with("f = type").find("a function cannot leave the script"), std::string::npos);
  EXPECT_NE(header_error("5").find("no table"), std::string::npos);
  EXPECT_NE(header_error("{version = '1.0.0', on = {'on_block'}}").find("name"), std::string::npos);
  EXPECT_NE(header_error("{name = 'A', version = '1.0.0', on = {'on_block'}}").find("name must be"),
            std::string::npos);
  for (const char* version : {"1", "1.0", "01.0.0", "1.0.0.0", "1.0.0-", "x.0.0"})
    EXPECT_NE(
        header_error(std::string("{name = 'a', version = '") + version + "', on = {'on_block'}}")
            .find("semantic"),
        std::string::npos)
        << version;
  EXPECT_NE(header_error("{name = 'a', version = '1.0.0', on = {}}").find("at least one"),
            std::string::npos);
  EXPECT_NE(
      header_error("{name = 'a', version = '1.0.0', on = {'on_day'}}").find("no event on_day"),
      std::string::npos);
  EXPECT_NE(
      header_error("{name = 'a', version = '1.0.0', on = {'on_block', 'on_block'}}").find("twice"),
      std::string::npos);
  EXPECT_NE(header_error("{name = 'a', version = '1.0.0', on = {'on_epoch'}}")
                .find("no function on_epoch"),
            std::string::npos);
  EXPECT_NE(header_error("{" + base + "}", "function on_block(c) end function on_gate(c) end")
                .find("not listed"),
            std::string::npos);
  EXPECT_NE(header_error("{name = 'a', version = '1.0.0', on = {'on_param_change'}}",
                         "function on_param_change(c) end")
                .find("keys is missing"),
            std::string::npos);
}

TEST(Headers, of_node_local_texts_have_a_name_a_version_and_functions) {
  const auto fault = [](const std::string& source) {
    Answer answer;
    const auto script = Script::compile(source, &answer, Scope::kLocal);
    EXPECT_TRUE(!script || script->header());
    return script ? std::string() : answer.text;
  };
  const std::string head = "hook = {name = 'a', version = '1.0.0'} ";
  Answer answer;
  const auto script = Script::compile(head + "function on_commit() end function help() end",
                                      &answer, Scope::kLocal);
  ASSERT_TRUE(script) << answer.text;
  EXPECT_EQ(script->header()->name, "a");
  EXPECT_EQ(script->header()->on, std::vector<std::string>{"on_commit"});
  EXPECT_NE(fault("function on_admit() end").find("is missing"), std::string::npos);
  EXPECT_NE(fault(head).find("no function on_admit or on_commit"), std::string::npos);
  EXPECT_NE(fault(head + "function on_admit() end function on_gate() end").find("of voted scripts"),
            std::string::npos);
  EXPECT_NE(fault("hook = {name = 'a', version = '1.0.0', on = {'on_admit'}} "
                  "function on_admit() end")
                .find("unknown member on"),
            std::string::npos);
  EXPECT_NE(fault("hook = {name = 'a', version = '1'} function on_admit() end").find("version"),
            std::string::npos);
  // Voted texts know nothing of these events.
  EXPECT_NE(
      header_error("{name = 'a', version = '1.0.0', on = {'on_admit'}}", "function on_admit(c) end")
          .find("no event on_admit"),
      std::string::npos);
}

TEST(Arguments, cross_with_all_their_types) {
  const json::object argument{{"none", nullptr},
                              {"yes", true},
                              {"n", -5},
                              {"text", "t"},
                              {"list", json::array{1, "b"}},
                              {"map", json::object{{"k", 2}}}};
  const Answer answer = call_body(
      "return {c.none == nil, c.yes, c.n, c.text, c.list, c.map, #c.list}", kBudgetBlock, argument);
  EXPECT_EQ(answer.first, (json::value{true, true, -5, "t", {1, "b"}, json::object{{"k", 2}}, 2}));
}

TEST(Arguments, beyond_the_limits_are_faults) {
  const auto fault = [](json::value value) {
    return call_body("return true", kBudgetBlock, json::object{{"v", std::move(value)}}).fault;
  };
  EXPECT_EQ(fault(1.5), Fault::kFloat);
  EXPECT_EQ(fault(UINT64_MAX), Fault::kFloat);
  EXPECT_EQ(fault(std::uint64_t{INT64_MAX}), Fault::kNone);
  EXPECT_EQ(fault(json::string(4096, 'x')), Fault::kNone);
  EXPECT_EQ(fault(json::string(4097, 'x')), Fault::kRuntime);
  EXPECT_EQ(fault(json::array(4095, 1)), Fault::kNone);
  EXPECT_EQ(fault(json::array(4096, 1)), Fault::kRuntime);
  json::value deep = 1;
  for (int i = 0; i < 16; ++i) deep = json::array{std::move(deep)};
  EXPECT_EQ(fault(deep), Fault::kRuntime);
}

Verdict verdict_of(const char* event, const std::string& returned, Fault expected = Fault::kNone) {
  Answer answer = call_body("return " + returned);
  const Verdict verdict = read_verdict(event, &answer);
  EXPECT_EQ(answer.fault, expected) << event << ": " << returned << ": " << answer.text;
  return verdict;
}

TEST(Verdicts, follow_the_table_of_events) {
  EXPECT_FALSE(verdict_of("on_param_change", "nil").refused);
  EXPECT_FALSE(verdict_of("on_param_change", "true, 'unused'").refused);
  EXPECT_EQ(verdict_of("on_param_change", "5").value, 5);
  EXPECT_EQ(verdict_of("on_param_change", "false, 'why'").reason, "why");
  EXPECT_TRUE(verdict_of("on_gate", "false").refused);
  EXPECT_TRUE(verdict_of("before_apply", "false, 'x'").refused);
  EXPECT_FALSE(verdict_of("after_apply", "nil").refused);
  verdict_of("before_apply", "5", Fault::kReturn);
  verdict_of("on_gate", "'no'", Fault::kReturn);
  verdict_of("after_apply", "true", Fault::kReturn);
  verdict_of("on_param_change", "{}", Fault::kReturn);
  verdict_of("on_param_change", "'5'", Fault::kReturn);
  verdict_of("on_param_change", "false, 5", Fault::kReturn);
  verdict_of("on_param_change", "false, string.rep('x', 1025)", Fault::kReturn);
  EXPECT_EQ(verdict_of("on_gate", "false, string.rep('x', 1024)").reason.size(), 1024u);
}

HookResult result_of(const char* event, const std::string& returned,
                     Fault expected = Fault::kNone) {
  Answer answer = call_body("return " + returned);
  HookResult result = read_hook_result(event, &answer);
  EXPECT_EQ(answer.fault, expected) << event << ": " << returned << ": " << answer.text;
  return result;
}

TEST(Results, of_epochs_and_blocks_are_read_strictly) {
  const HookResult result = result_of("on_epoch",
                                      "{params = {b = 2, a = 1}, state = {s = 'x', n = 5, gone = "
                                      "false}, events = {{name = 'e.f', data = {k = 1}}, "
                                      "{name = 'bare'}}}");
  EXPECT_EQ(result.params, (std::vector<std::pair<std::string, std::int64_t>>{{"a", 1}, {"b", 2}}));
  ASSERT_EQ(result.state.size(), 3u);
  EXPECT_EQ(result.state[0].first, "gone");
  EXPECT_TRUE(result.state[0].second.is_null());
  EXPECT_EQ(result.state[1].second, 5);
  EXPECT_EQ(result.state[2].second, "x");
  ASSERT_EQ(result.events.size(), 2u);
  EXPECT_EQ(result.events[0].second, (json::object{{"k", 1}}));
  EXPECT_TRUE(result.events[1].second.as_object().empty());
  EXPECT_TRUE(result_of("on_block", "nil").state.empty());
  EXPECT_TRUE(result_of("on_block", "{events = {}}").events.empty());
  const Fault bad = Fault::kReturn;
  result_of("on_block", "{params = {a = 1}}", bad);
  result_of("on_block", "true", bad);
  result_of("on_block", "{other = 1}", bad);
  result_of("on_epoch", "{params = {a = 'x'}}", bad);
  result_of("on_epoch", "{state = {a = true}}", bad);
  result_of("on_epoch", "{state = {a = {}}}", bad);
  result_of("on_epoch", "{state = {[''] = 1}}", bad);
  result_of("on_epoch", "{state = {a = string.rep('x', 1025)}}", bad);
  result_of("on_epoch", "{state = {[string.rep('k', 129)] = 1}}", bad);
  result_of("on_epoch", "{events = {{data = 1}}}", bad);
  result_of("on_epoch", "{events = {{name = 'A'}}}", bad);
  result_of("on_epoch", "{events = {{name = 'a', more = 1}}}", bad);
  result_of("on_epoch", "{events = {{name = 'a', data = math.maxinteger}}}", bad);
  result_of("on_epoch", "{events = {{name = 'a', data = {{string.rep('x', 1025)}}}}}", bad);
}

TEST(Results, are_bounded) {
  const auto many = [](const char* what, int count) {
    return "(function() local t = {} for i = 1, " + std::to_string(count) +
           " do t['k' .. i] = i end return {" + what + " = t} end)()";
  };
  result_of("on_epoch", many("params", 16));
  result_of("on_epoch", many("params", 17), Fault::kReturn);
  result_of("on_epoch", many("state", 64));
  EXPECT_TRUE(result_of("on_epoch", many("state", 65), Fault::kReturn).state.empty());
}

}  // namespace
}  // namespace blockd::lua
