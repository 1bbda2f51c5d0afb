// Scripts that try to break out, to take more than they may, or to be told apart from node to node.
#include <algorithm>

#include "kernel/base/bytes.hpp"
#include "kernel/lua/tests/sandbox.hpp"

namespace blockd::lua {
namespace {

Fault compile_fault(std::string_view source, std::string* text = nullptr) {
  Answer answer;
  const auto script = Script::compile(source, &answer);
  EXPECT_EQ(script == nullptr, answer.fault != Fault::kNone);
  if (text) *text = answer.text;
  return answer.fault;
}

TEST(Hostile, endless_loops_end_with_the_budget_and_name_the_line) {
  const Answer answer = call_body("local x = 1\nwhile true do end");
  EXPECT_EQ(answer.fault, Fault::kBudget);
  EXPECT_EQ(answer.text.rfind("script:3: ", 0), 0u) << answer.text;
  EXPECT_GE(answer.instructions, kBudgetParamChange);
  EXPECT_EQ(fault_of("::again:: goto again"), Fault::kBudget);
  EXPECT_EQ(fault_of("for i = 1, 9223372036854775807 do end"), Fault::kBudget);
  EXPECT_EQ(fault_of("repeat until false"), Fault::kBudget);
  EXPECT_EQ(fault_of("local function f() return f() end return f()"), Fault::kBudget);
  EXPECT_EQ(compile_fault("while true do end"), Fault::kBudget);
}

TEST(Hostile, budget_is_that_of_the_call) {
  const std::string loop = "for i = 1, 150000 do end return 1";
  EXPECT_TRUE(call_body(loop, kBudgetParamChange).ok());
  EXPECT_EQ(fault_of(loop, 100'000), Fault::kBudget);
}

TEST(Hostile, memory_bombs_end_at_the_cap) {
  EXPECT_EQ(fault_of("local t = {} for i = 1, 1000 do t[i] = string.rep('x', 60000) .. i end"),
            Fault::kMemory);
  EXPECT_EQ(fault_of("local t = {} while true do t[#t + 1] = {} end", kBudgetEpoch),
            Fault::kMemory);
  const Answer answer =
      call_body("local t = {} while true do t = {t, t, t, t, t, t, t, t} end", kBudgetEpoch);
  EXPECT_EQ(answer.fault, Fault::kMemory) << show(answer);
  EXPECT_LE(answer.memory, kMaxMemory);
}

TEST(Hostile, a_memory_error_names_the_line_at_which_the_script_stood) {
  const std::string most = ": the call would take more than 8388608 bytes of memory";
  EXPECT_EQ(
      call_body("local t = {}\nfor i = 1, 1000 do\n  t[i] = string.rep('x', 60000) .. i\nend").text,
      "script:4" + most);
  EXPECT_EQ(call_body("local t = {}\nlocal function grow()\n  t = {t, t, t, t, t, t, t, t}\nend\n"
                      "while true do\n  grow()\nend",
                      kBudgetEpoch)
                .text,
            "script:4" + most);
  EXPECT_EQ(call_body("local s = 'x'\nwhile true do\n  s = s .. s\nend").text,
            "script:4: the call would take a string longer than 65536 bytes");
  EXPECT_EQ(
      call_body("local t = {}\nfor i = 1, 200 do\n  t[i] =\n    string.rep('x', 65000)\nend").text,
      "script:5" + most);
}

TEST(Hostile, string_bombs_end_at_the_longest_string) {
  const Answer answer = call_body("local s = 'x' while true do s = s .. s end");
  EXPECT_EQ(answer.fault, Fault::kMemory);
  EXPECT_NE(answer.text.find("longer than 65536 bytes"), std::string::npos) << answer.text;
  EXPECT_NE(error_of("return string.rep('x', 65537)").find("65536"), std::string::npos);
  EXPECT_NE(error_of("return string.rep('x', math.maxinteger)").find("65536"), std::string::npos);
  EXPECT_NE(error_of("return string.rep('', math.maxinteger, 'ab')").find("65536"),
            std::string::npos);
  EXPECT_EQ(value_of("string.rep('', math.maxinteger)").as_string(), "");
  EXPECT_NE(
      error_of(
          "local t = {} for i = 1, 70 do t[i] = string.rep('x', 1000) end return table.concat(t)")
          .find("65536"),
      std::string::npos);
  EXPECT_NE(error_of("return string.format('%s%s', string.rep('x', 40000), string.rep('x', 40000))")
                .find("65536"),
            std::string::npos);
}

TEST(Hostile, deep_recursion_ends_with_an_error) {
  for (const char* body :
       {"local function f(n) return 1 + f(n + 1) end return f(0)",
        "local function f(...) return f(1, ...) end return f()",
        "local function f(...) return 1, f(1, ...) end return f()",
        "local function f(a, b) table.sort({2, 1}, f) return true end return f()"}) {
    const Answer answer = call_body(body, kBudgetEpoch);
    EXPECT_NE(answer.fault, Fault::kNone) << body;
  }
  std::string nested = "return ";
  for (int i = 0; i < 30'000; ++i) nested += '(';
  EXPECT_EQ(compile_fault(nested), Fault::kSyntax);
  std::string tables = "return ";
  for (int i = 0; i < 30'000; ++i) tables += '{';
  EXPECT_EQ(compile_fault(tables), Fault::kSyntax);
}

TEST(Hostile, what_a_script_should_not_have_is_absent) {
  for (const char* name : {"os",
                           "io",
                           "debug",
                           "package",
                           "require",
                           "load",
                           "loadfile",
                           "loadstring",
                           "dofile",
                           "collectgarbage",
                           "coroutine",
                           "next",
                           "setmetatable",
                           "getmetatable",
                           "print",
                           "pcall",
                           "xpcall",
                           "rawset",
                           "rawget",
                           "utf8",
                           "_G",
                           "_VERSION",
                           "warn",
                           "math.random",
                           "math.randomseed",
                           "math.huge",
                           "math.pi",
                           "math.floor",
                           "math.sqrt",
                           "math.type",
                           "math.fmod",
                           "string.dump",
                           "string.gmatch",
                           "string.gsub",
                           "string.match",
                           "string.pack",
                           "string.unpack",
                           "string.packsize",
                           "table.move",
                           "table.pack"})
    EXPECT_TRUE(value_of(std::string(name) + " == nil").as_bool()) << name;
}

TEST(Hostile, there_are_no_metatables_to_trick_with) {
  EXPECT_NE(error_of("return ('x'):rep(3)").find("attempt to index a string value"),
            std::string::npos);
  EXPECT_NE(error_of("local t = {} t.__index = {a = 1} return t.a.b").find("nil"),
            std::string::npos);
  EXPECT_NE(error_of("local t = {__add = 1} return t + t").find("arithmetic"), std::string::npos);
  EXPECT_NE(error_of("local t = {__call = 1} t()").find("call"), std::string::npos);
  EXPECT_NE(error_of("local x <close> = {} return 1").find("non-closable"), std::string::npos);
}

TEST(Hostile, bytecode_is_refused) {
  std::string text;
  EXPECT_EQ(compile_fault("\x1bLua\x54\x00\x19\x93", &text), Fault::kSyntax);
  EXPECT_EQ(text, "this is bytecode; a script is a text");
  EXPECT_EQ(compile_fault(std::string(kMaxSource + 1, ' ')), Fault::kSyntax);
  EXPECT_EQ(compile_fault(std::string(kMaxSource, ' ')), Fault::kNone);
}

TEST(Hostile, errors_of_odd_types_get_one_text) {
  for (const char* raised : {"{}", "nil", "true", "function() end"})
    EXPECT_EQ(error_of(std::string("error(") + raised + ")"),
              "the script raised an error that is no string");
  EXPECT_EQ(error_of("error(12)"), "the script raised an error that is no string");
  EXPECT_EQ(error_of("assert(false, {})"), "the script raised an error that is no string");
}

TEST(Hostile, texts_of_errors_are_bounded_and_printable) {
  const std::string text = error_of("error(string.rep('é\\n', 2000) .. '\\xff')");
  EXPECT_LE(text.size(), 1024u);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_EQ(error_of("error('a\\xffb', 0)"), "a?b");
}

TEST(Hostile, no_address_can_be_seen) {
  EXPECT_NE(error_of("return tostring({})").find("a table has no text"), std::string::npos);
  EXPECT_NE(error_of("return tostring(print or type)").find("a function has no text"),
            std::string::npos);
  EXPECT_NE(error_of("return string.format('%s', {})").find("found table"), std::string::npos);
  EXPECT_NE(error_of("return {} .. 'x'").find("concatenate"), std::string::npos);
  EXPECT_NE(error_of("return {} < {}").find("compare two table values"), std::string::npos);
  for (const char* body :
       {"return {} .. 'x'", "local t = {} t()", "error({})", "return {} < 1", "return #5"})
    EXPECT_EQ(error_of(body).find("0x"), std::string::npos) << body;
}

TEST(Hostile, a_library_call_pays_for_its_work) {
  // Each would do far more work than instructions if it were free.
  for (const char* body :
       {"local s = string.rep('x', 65536) while true do string.find(s, 'y') end",
        "local s = string.rep('x', 65536) while true do string.lower(s) end",
        "local t = {} for i = 1, 4000 do t[i] = i end while true do table.unpack(t) end",
        "local t = {} for i = 1, 4000 do t[i] = i end while true do table.sort(t) end",
        "local t = {} for i = 1, 4000 do t[i] = 'x' end while true do table.concat(t) end",
        "local t = {} for i = 1, 4000 do t[i] = i end while true do table.insert(t, 1, 0) "
        "table.remove(t, 1) end",
        "local t = {} for i = 1, 4000 do t[i] = i end while true do for k in pairs(t) do break end "
        "end",
        "local s = string.rep('x', 60000) while true do string.byte(s, 1, 4000) end"}) {
    const Answer answer = call_body(body, 10'000'000);
    EXPECT_TRUE(answer.fault == Fault::kBudget || answer.fault == Fault::kMemory)
        << body << show(answer);
  }
  const std::uint64_t one = call_body("local s = string.rep('x', 64000) return 1").instructions;
  const std::uint64_t two =
      call_body("local s = string.rep('x', 64000) string.find(s, 'y') return 1").instructions;
  EXPECT_GE(two - one, 1000u);
}

TEST(Hostile, instructions_that_walk_through_much_count_for_more) {
  const auto cost = [](const std::string& setup) {
    const Answer answer = call_body(setup + " for i = 1, 10000 do end return 1", 1'000'000'000);
    EXPECT_TRUE(answer.ok()) << setup << ": " << show(answer);
    return answer.instructions;
  };
  const std::uint64_t plain = cost("");
  EXPECT_LT(plain, 12'000u);
  EXPECT_GE(cost("local s = string.rep('x', 60000)"), plain * 40);
  EXPECT_GE(cost("local t = {} for i = 1, 5000 do t[i * 131071] = 1 end"), plain * 10);
  EXPECT_GE(cost("local s = string.rep('\\0', 4000)"), plain * 100);
  EXPECT_GE(cost("local s = string.char(0) .. string.rep('x', 4000)"), plain * 100);
  EXPECT_GE(cost("local function deep(n) if n > 0 then return 1 + deep(n - 1) end return 0 end "
                 "deep(5000)"),
            plain * 10);
  EXPECT_LT(cost("local t = {} for i = 1, 500 do t[i] = i end"),
            plain + 20'000);  // a list is not dear
}

TEST(Hostile, huge_ranges_are_refused_at_once) {
  EXPECT_NE(error_of("return table.unpack({}, 1, math.maxinteger)").find("more than 4096"),
            std::string::npos);
  EXPECT_NE(
      error_of("return table.unpack({}, math.mininteger, math.maxinteger)").find("more than 4096"),
      std::string::npos);
  EXPECT_NE(error_of("return table.concat({}, '', 1, math.maxinteger)").find("element 1 is a nil"),
            std::string::npos);
  EXPECT_NE(error_of("return string.byte(string.rep('x', 5000), 1, -1)").find("more than 4096"),
            std::string::npos);
  EXPECT_NE(error_of("return table.insert({}, 5, 1)").find("out of bounds"), std::string::npos);
  EXPECT_NE(error_of("return select(0)").find("out of range"), std::string::npos);
  EXPECT_EQ(
      fault_of("local t = {1, 2, nil, 4} t[math.maxinteger] = 1 table.insert(t, 1, 2) return 1",
               kBudgetEpoch),
      Fault::kNone);
}

TEST(Hostile, sort_survives_comparators_that_lie) {
  EXPECT_EQ(value_of("(function() local t = {3, 1, 2} table.sort(t, function() return true end) "
                     "return table.concat(t, ',') end)()")
                .as_string(),
            "2,1,3");
  EXPECT_EQ(
      fault_of(
          "local t = {} for i = 1, 300 do t[i] = i * 7 % 300 end "
          "local n = 0 table.sort(t, function(a, b) n = n + 1 return n % 3 == 0 end) return #t"),
      Fault::kNone);
  EXPECT_NE(
      error_of("local t = {3, 1, 2} table.sort(t, function(a, b) error('no') end)").find("no"),
      std::string::npos);
  EXPECT_EQ(fault_of("local t = {3, 1, 2} table.sort(t, function(a, b) t[#t + 1] = 1 t[1] = nil "
                     "return a < b end)"),
            Fault::kNone);
  EXPECT_EQ(fault_of("local t = {3, 1, 2} table.sort(t, function(a, b) while true do end end)"),
            Fault::kBudget);
  EXPECT_NE(error_of("table.sort({1, 'a'})").find("element 2 is a string"), std::string::npos);
  EXPECT_NE(error_of("table.sort({true, false})").find("element 1 is a boolean"),
            std::string::npos);
}

TEST(Hostile, iterators_called_by_hand_do_no_harm) {
  error_of("local f = ipairs({}) f(5, 'x')");
  error_of("local f = ipairs({}) f()");
  EXPECT_TRUE(value_of("(ipairs({}))({}, math.maxinteger) == nil").as_bool());
  EXPECT_TRUE(
      value_of("(function() local f = pairs({1}) f() f() return f(1, 2) == nil end)()").as_bool());
}

TEST(Hostile, no_float_can_come_to_be) {
  for (const char* literal :
       {"1.5", "1.", ".5", "1e3", "1E3", "0x1p4", "0x.8", "9223372036854775808",
        "-9223372036854775808", "99999999999999999999"}) {
    std::string text;
    EXPECT_EQ(compile_fault(std::string("local a = 1\nlocal b = ") + literal, &text), Fault::kFloat)
        << literal;
    EXPECT_EQ(text.rfind("script:2: ", 0), 0u) << text;
  }
  EXPECT_EQ(compile_fault("function f(a) return a / 2 end"), Fault::kFloat);
  EXPECT_EQ(compile_fault("function f(a) return a ^ 2 end"), Fault::kFloat);
  for (const char* fine :
       {"return 7 // 2", "-- 1.5 / 2 ^ 3", "--[==[ 1.5 ]] / ]==] return 1", "return '1.5 / 2'",
        "return \"\\\" / 1.5\"", "return [[ 1.5 / ]]", "local e1 = 2 return e1", "return 0xe1",
        "return 9223372036854775807", "return 1 ..'a'", "local t = {x2 = 1} return t.x2",
        "return 'a\\z  \n  1.5'", "return 0x7fffffffffffffff"})
    EXPECT_EQ(compile_fault(fine), Fault::kNone) << fine;
  // Strings are no numbers: else these loops would count in floats.
  for (const char* body : {"for i = '1', 3 do return i end", "for i = 1, '3' do return i end",
                           "for i = 1, 3, '1' do return i end"})
    EXPECT_NE(error_of(body).find("number expected, got string"), std::string::npos) << body;
  EXPECT_NE(error_of("return '10' + 1").find("arithmetic on a string"), std::string::npos);
  EXPECT_NE(error_of("return '3' | 1").find("bitwise operation on a string"), std::string::npos);
  EXPECT_NE(error_of("return -'2'").find("arithmetic on a string"), std::string::npos);
  EXPECT_NE(error_of("return 1 // 0").find("divide by zero"), std::string::npos);
  EXPECT_NE(error_of("return 1 % 0").find("'n%0'"), std::string::npos);
}

TEST(Hostile, functions_and_odd_tables_do_not_cross_to_the_host) {
  for (const char* value :
       {"type", "function() end", "{f = type}", "{[true] = 1}", "{[{}] = 1}", "{1, a = 2}",
        "{[2] = 1}", "{[0] = 1}", "'\\xff'", "{a = '\\xc0\\x80'}", "string.rep('x', 4097)"})
    EXPECT_EQ(fault_of(std::string("return ") + value), Fault::kReturn) << value;
  EXPECT_EQ(fault_of("local t = {} t.t = t return t"), Fault::kReturn);
  EXPECT_EQ(fault_of("local t = {} for i = 1, 4097 do t[i] = 1 end return t"), Fault::kReturn);
  EXPECT_EQ(fault_of("local t = {} for i = 1, 4096 do t[i] = 1 end return t"), Fault::kNone);
}

TEST(Hostile, a_script_that_fills_its_memory_at_the_top_is_refused_not_fatal) {
  // Stops at every distance from the cap, so that whatever the host does afterwards finds no room.
  for (int left = 0; left < 200; left += 20) {
    Answer answer;
    const std::string source =
        "local t = {} for i = 1, 127 do t[i] = string.rep('x', 65536 - i % 7) end t[#t] = "
        "string.rep('y', " +
        std::to_string(60'000 + left * 10) + ") for i = 1, 1000 do t[i] = {} end";
    Script::compile(source, &answer);
    EXPECT_TRUE(answer.fault == Fault::kMemory || answer.fault == Fault::kBudget || answer.ok())
        << show(answer);
  }
}

}  // namespace
}  // namespace blockd::lua
