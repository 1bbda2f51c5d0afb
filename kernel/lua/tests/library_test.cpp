// What the functions of the library answer.
#include "kernel/lua/tests/sandbox.hpp"

namespace blockd::lua {
namespace {

std::string text_from(const std::string& expression) {
  const json::value value = value_of(expression);
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_null()) return "nil";
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  return value.is_int64() ? std::to_string(value.get_int64()) : "?";
}

void expect_all(std::initializer_list<std::pair<const char*, const char*>> cases) {
  for (const auto& [expression, expected] : cases)
    EXPECT_EQ(text_from(expression), expected) << expression;
}

TEST(Library, integers_wrap_and_divide_as_lua_says) {
  expect_all({{"7 // 2", "3"},
              {"-7 // 2", "-4"},
              {"-7 % 3", "2"},
              {"math.maxinteger + 1 == math.mininteger", "true"},
              {"math.mininteger // -1 == math.mininteger", "true"},
              {"math.mininteger % -1", "0"},
              {"5 & 3 | 8 ~ 1", "9"},
              {"1 << 63 == math.mininteger", "true"},
              {"1 << 64", "0"},
              {"0xffffffffffffffff", "-1"}});
}

TEST(Library, base_functions) {
  expect_all({{"type(1)", "number"},
              {"type(nil)", "nil"},
              {"type({})", "table"},
              {"tostring(-5)", "-5"},
              {"tostring(nil)", "nil"},
              {"tostring(true)", "true"},
              {"select('#', 1, nil, nil)", "3"},
              {"select(-1, 1, 2, 3)", "3"},
              {"select(2, 'a', 'b')", "b"},
              {"select(5, 1) == nil", "true"},
              {"rawequal('a', 'a')", "true"},
              {"rawlen({1, 2})", "2"},
              {"rawlen('abc')", "3"},
              {"assert(5, 'x')", "5"}});
  EXPECT_EQ(error_of("assert(nil)"), "script:2: assertion failed!");
  EXPECT_EQ(error_of("assert(false, 'my words')"), "my words");
  EXPECT_EQ(error_of("local a = 1\nerror('boom')"), "script:3: boom");
  EXPECT_EQ(error_of("error('boom', 0)"), "boom");
  EXPECT_EQ(error_of("local function f()\nerror('boom', 2)\nend\nf()"), "script:5: boom");
  EXPECT_EQ(error_of("return string.rep('x')"),
            "script:2: string.rep: argument 2: expected an integer, found nothing");
}

TEST(Library, tonumber_gives_integers_or_nil) {
  expect_all({{"tonumber('0x10')", "16"},
              {"tonumber(' 10 ')", "10"},
              {"tonumber('-7')", "-7"},
              {"tonumber('1e3')", "nil"},
              {"tonumber('1.0')", "nil"},
              {"tonumber('')", "nil"},
              {"tonumber('--1')", "nil"},
              {"tonumber('1 2')", "nil"},
              {"tonumber('9223372036854775808')", "nil"},
              {"tonumber('-9223372036854775808') == math.mininteger", "true"},
              {"tonumber({})", "nil"},
              {"tonumber(nil)", "nil"},
              {"tonumber(12)", "12"}});
}

TEST(Library, strings_are_bytes) {
  expect_all({{"string.sub('hello', 2, -2)", "ell"},
              {"string.sub('hello', -100, 100)", "hello"},
              {"string.sub('hello', 4, 2)", ""},
              {"string.sub('hello', math.mininteger, math.maxinteger)", "hello"},
              {"string.upper('aZ9é')", "AZ9é"},
              {"string.lower('AZ')", "az"},
              {"string.reverse('abc')", "cba"},
              {"string.rep('ab', 3, ',')", "ab,ab,ab"},
              {"string.rep('ab', -1)", ""},
              {"string.len('a\\0b')", "3"},
              {"string.byte('A')", "65"},
              {"string.char(72, 105)", "Hi"},
              {"#string.char()", "0"},
              {"string.format('%d %s %x %%', -3, 'x', 255)", "-3 x ff %"},
              {"string.format('%x', -1)", "ffffffffffffffff"},
              {"string.format('%s %s %s', nil, true, 7)", "nil true 7"},
              {"string.find('a.b', '.')", "2"},
              {"string.find('abc', 'x')", "nil"},
              {"string.find('abc', '', 10)", "nil"},
              {"string.find('abc', '', 4)", "4"},
              {"string.find('abab', 'ab', -2)", "3"},
              {"'a' < 'b' and 'Z' < 'a' and 'a' < 'aa'", "true"},
              {"1 .. 2", "12"}});
  EXPECT_NE(error_of("return string.format('%d', 'x')")
                .find("argument 2: expected an integer, found string"),
            std::string::npos);
  for (const char* format : {"%5d", "%f", "%q", "%"})
    EXPECT_NE(
        error_of(std::string("return string.format('") + format + "', 1)").find("only %d, %s, %x"),
        std::string::npos);
  error_of("return string.char(256)");
  error_of("return string.len(5)");
}

TEST(Library, tables) {
  const auto with = [](const std::string& body) {
    return "(function() local t = {3, 1, 2} " + body + " end)()";
  };
  const auto after = [&](const std::string& body) {
    return text_from(with(body + " return table.concat(t, ',')"));
  };
  EXPECT_EQ(after("table.insert(t, 9)"), "3,1,2,9");
  EXPECT_EQ(after("table.insert(t, 1, 9)"), "9,3,1,2");
  EXPECT_EQ(after("table.remove(t)"), "3,1");
  EXPECT_EQ(after("table.remove(t, 1)"), "1,2");
  EXPECT_EQ(after("table.sort(t)"), "1,2,3");
  EXPECT_EQ(after("table.sort(t, function(a, b) return a > b end)"), "3,2,1");
  EXPECT_EQ(text_from(with("return table.remove({})")), "nil");
  EXPECT_EQ(text_from(with("return select('#', table.unpack(t, 2, 3))")), "2");
  EXPECT_EQ(text_from(with("return table.concat(t, '-', 2, 3)")), "1-2");
  EXPECT_EQ(text_from("table.concat({})"), "");
  EXPECT_EQ(text_from("(function() local t = {'b', 'a', 'B', ''} table.sort(t) return "
                      "table.concat(t, ',') end)()"),
            ",B,a,b");
}

TEST(Library, sort_keeps_the_order_of_equals) {
  EXPECT_EQ(text_from("(function() local t = {} for i = 1, 50 do t[i] = {k = i % 3, n = i} end "
                      "table.sort(t, function(a, b) return a.k < b.k end) "
                      "for i = 2, 50 do if t[i - 1].k > t[i].k or (t[i - 1].k == t[i].k and t[i - "
                      "1].n > t[i].n) "
                      "then return 'no' end end return 'stable' end)()"),
            "stable");
}

TEST(Library, pairs_goes_by_integers_then_by_bytes) {
  EXPECT_EQ(text_from("(function() local t = {z = 1, a = 2, [3] = 3, [1] = 1, m = 4, [-5] = 0, B = "
                      "1} local s = '' "
                      "for k, v in pairs(t) do s = s .. k .. '=' .. v .. ';' end return s end)()"),
            "-5=0;1=1;3=3;B=1;a=2;m=4;z=1;");
  EXPECT_NE(error_of("for k in pairs({[true] = 1}) do end").find("a key is a boolean"),
            std::string::npos);
  EXPECT_NE(error_of("for k in pairs({[{}] = 1}) do end").find("a key is a table"),
            std::string::npos);
  // Removing while walking: what is gone is not visited. Adding: what comes is not.
  EXPECT_EQ(
      text_from("(function() local t = {a = 1, b = 2, c = 3} local s = '' for k in pairs(t) do "
                "s = s .. k t.b = nil "
                "t.zz = 1 end return s end)()"),
      "ac");
  EXPECT_EQ(
      text_from("(function() local s = '' for i, v in ipairs({5, 6, nil, 7}) do s = s .. i .. "
                "v end return s end)()"),
      "1526");
  EXPECT_EQ(text_from("(function() local n = 0 for k in pairs({[string.rep('k', 100)] = 1}) do n = "
                      "#k end return n end)()"),
            "100");
}

TEST(Library, math_and_fixed_point) {
  expect_all(
      {{"math.abs(-3)", "3"},
       {"math.abs(math.mininteger) == math.mininteger", "true"},
       {"math.max(1, 5, 3)", "5"},
       {"math.min(4, 2, 3)", "2"},
       {"math.ult(1, -1)", "true"},
       {"math.tointeger(7)", "7"},
       {"math.tointeger('7')", "nil"},
       {"fx.muldiv(7, 3, 2)", "10"},
       {"fx.muldiv(-7, 3, 2)", "-11"},
       {"fx.muldiv(math.maxinteger, math.maxinteger, math.maxinteger) == math.maxinteger", "true"},
       {"fx.muldiv(math.mininteger, 1, 1) == math.mininteger", "true"},
       {"fx.isqrt(0)", "0"},
       {"fx.isqrt(15)", "3"},
       {"fx.isqrt(16)", "4"},
       {"fx.isqrt(math.maxinteger)", "3037000499"},
       {"fx.clamp(9, 1, 5)", "5"},
       {"fx.clamp(-9, 1, 5)", "1"}});
  EXPECT_NE(error_of("return fx.muldiv(1, 1, 0)").find("above 0"), std::string::npos);
  EXPECT_NE(error_of("return fx.muldiv(1, 1, -1)").find("above 0"), std::string::npos);
  EXPECT_NE(error_of("return fx.muldiv(math.maxinteger, 2, 1)").find("beyond 64 bits"),
            std::string::npos);
  EXPECT_NE(error_of("return fx.isqrt(-1)").find("at least 0"), std::string::npos);
  EXPECT_NE(error_of("return fx.clamp(1, 3, 2)").find("lower bound"), std::string::npos);
}

TEST(Library, reads_answer_from_the_node_or_nil) {
  for (const char* read : {"params.get('k')", "params.spec('k')", "state.get('k')", "econ.get('k')",
                           "treasury.balance()"})
    EXPECT_EQ(text_from(read), "nil") << read;
  Reads reads;
  std::vector<std::string> lines;
  reads.param = [](std::string_view key, std::optional<std::uint64_t>* value) {
    if (key == "k") *value = 5;
    if (key == "huge") *value = UINT64_MAX;
    return Status();
  };
  reads.param_spec = [](std::string_view, std::optional<Reads::Spec>* spec) {
    *spec = Reads::Spec{4, 3, 2, UINT64_MAX, "bps"};
    return Status();
  };
  reads.state = [](std::string_view key, std::optional<json::value>* value) {
    if (key == "text") *value = "abc";
    return Status();
  };
  reads.econ = [](std::string_view, std::optional<std::int64_t>* value) {
    return *value = -9, Status();
  };
  reads.treasury_balance = [](std::optional<std::uint64_t>* amount) {
    return *amount = 77, Status();
  };
  reads.log = [&](std::string_view text) { lines.emplace_back(text); };
  const auto call = [&](const std::string& body) {
    return call_body(body, kBudgetBlock, {}, reads);
  };
  const Answer all = call(
      "local s = params.spec('k') return {params.get('k'), s.value, s.default, s.min, s.unit, "
      "state.get('text'), econ.get('x'), treasury.balance(), s.max == math.maxinteger}");
  ASSERT_TRUE(all.ok()) << show(all);
  EXPECT_EQ(all.first, (json::value{5, 4, 3, 2, "bps", "abc", -9, 77, true}));
  EXPECT_TRUE(call("return params.get('absent') == nil").first.as_bool());
  EXPECT_EQ(call("return params.get('huge')").fault, Fault::kFloat);
  EXPECT_TRUE(call("for i = 1, 20 do log.info(string.rep('l', 2000)) end").ok());
  EXPECT_EQ(lines.size(), 16u);
  EXPECT_EQ(lines[0].size(), 1024u);
}

TEST(Library, an_error_of_the_store_is_no_outcome) {
  Reads reads;
  reads.param = [](std::string_view, std::optional<std::uint64_t>*) {
    return Status(Code::kIo, "disk");
  };
  const Answer answer = call_body("return params.get('k') or 1", kBudgetBlock, {}, reads);
  EXPECT_FALSE(answer.ok());
  EXPECT_EQ(answer.fault, Fault::kNone);
  EXPECT_EQ(answer.aborted.code(), Code::kIo);
}

}  // namespace
}  // namespace blockd::lua
