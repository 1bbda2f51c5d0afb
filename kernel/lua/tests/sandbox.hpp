// Short ways to compile and call in tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "kernel/lua/script.hpp"

namespace blockd::lua {

inline std::unique_ptr<Script> compiled(std::string_view source) {
  Answer answer;
  auto script = Script::compile(source, &answer);
  EXPECT_TRUE(script) << fault_name(answer.fault) << ": " << answer.text << '\n' << source;
  return script;
}

// `body` as the body of a function that gets `c`.
inline Answer call_body(const std::string& body, std::uint64_t budget = kBudgetParamChange,
                        const json::object& argument = {}, const Reads& reads = {}) {
  const auto script = compiled("function on_param_change(c)\n" + body + "\nend");
  if (!script) return {};
  return script->call("on_param_change", argument, budget, reads);
}

inline std::string show(const Answer& answer) {
  return std::string(fault_name(answer.fault)) + " " + answer.text;
}

// The value of a Lua expression.
inline json::value value_of(const std::string& expression) {
  const Answer answer = call_body("return " + expression);
  EXPECT_TRUE(answer.ok()) << expression << ": " << show(answer);
  return answer.first;
}

inline Fault fault_of(const std::string& body, std::uint64_t budget = kBudgetParamChange) {
  return call_body(body, budget).fault;
}

// The text of the error that `body` raises.
inline std::string error_of(const std::string& body) {
  const Answer answer = call_body(body);
  EXPECT_EQ(answer.fault, Fault::kRuntime) << body << ": " << show(answer);
  return answer.text;
}

}  // namespace blockd::lua
