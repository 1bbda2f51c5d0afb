// Nothing leaks from call to call, and the same call costs and answers the same everywhere.
#include "kernel/base/hex.hpp"
#include "kernel/lua/tests/sandbox.hpp"

namespace blockd::lua {
namespace {

constexpr const char* kBusy = R"(
hook = {name = "busy", version = "1.0.0", on = {"on_epoch", "on_block"}}
local seen = 0
counter = (counter or 0) + 1
function on_epoch(c)
  seen = seen + 1
  leaked = (leaked or 0) + 1
  string.leak = (string.leak or 0) + 1
  local t = {}
  for i = 1, 200 do t["key" .. i * c.epoch] = i; if i % 3 == 0 then t["key" .. i] = nil end end
  for i = 1, 50 do t[{}] = i; t[type] = i; t[i * 127] = i end
  local keys = {}
  local n = 0
  for k in pairs({b = 1, a = 2, [7] = 3}) do keys[#keys + 1] = tostring(k) end
  for i = 1, 100 do if t[i * 127] then n = n + 1 end end
  return {events = {{name = "seen", data = {
    seen = seen, counter = counter, leaked = leaked, string = string.leak,
    keys = table.concat(keys, ","), n = n, border = #t}}}}
end
function on_block(c) return nil end
)";

struct Seen {
  json::value first;
  std::uint64_t instructions, memory;
  bool operator==(const Seen&) const = default;
};

Seen call(Script& script, std::int64_t epoch) {
  const Answer answer =
      script.call("on_epoch", json::object{{"epoch", epoch}}, kBudgetEpoch, Reads{});
  EXPECT_TRUE(answer.ok()) << show(answer);
  return {answer.first, answer.instructions, answer.memory};
}

TEST(Determinism, the_thousandth_call_is_as_the_first) {
  const auto script = compiled(kBusy);
  const Seen first = call(*script, 1);
  EXPECT_GT(first.memory, 0u);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(call(*script, 1), first) << i;
  const json::object& data = first.first.at("events").at(0).at("data").as_object();
  EXPECT_EQ(data.at("seen"), 1);
  EXPECT_EQ(data.at("counter"), 1);
  EXPECT_EQ(data.at("leaked"), 1);
  EXPECT_EQ(data.at("string"), 1);
  EXPECT_EQ(data.at("keys"), "7,a,b");
}

TEST(Determinism, other_objects_and_another_order_answer_and_cost_the_same) {
  std::vector<std::unique_ptr<Script>> others;
  const auto script = compiled(kBusy);
  std::vector<Seen> seen;
  for (int epoch = 1; epoch <= 5; ++epoch) seen.push_back(call(*script, epoch));
  for (int i = 0; i < 20; ++i) others.push_back(compiled(kBusy));
  for (const auto& other : others)
    for (int epoch = 5; epoch >= 1; --epoch)
      EXPECT_EQ(call(*other, epoch), seen[static_cast<std::size_t>(epoch - 1)]);
}

TEST(Determinism, a_failed_call_leaves_nothing_behind) {
  const auto script = compiled(kBusy);
  const Seen first = call(*script, 3);
  const json::object argument{{"epoch", 3}};
  EXPECT_EQ(script->call("on_epoch", argument, 500, Reads{}).fault, Fault::kBudget);
  EXPECT_EQ(script->call("absent", argument, kBudgetEpoch, Reads{}).fault, Fault::kRuntime);
  EXPECT_EQ(script->call("on_epoch", json::object{}, kBudgetEpoch, Reads{}).fault, Fault::kRuntime);
  EXPECT_EQ(call(*script, 3), first);
}

// Fixed numbers: another build, another machine and another version of the library must agree with
// them, since a budget or a cap may stand in between.
TEST(Determinism, cost_is_part_of_the_rules) {
  const auto script = compiled(kBusy);
  const Seen seen = call(*script, 7);
  EXPECT_EQ(seen.instructions, 4937u);
  EXPECT_EQ(seen.memory, 71'272u);
  EXPECT_EQ(to_hex(view(script->hash())).size(), 64u);
}

TEST(Determinism, flat_arguments_answer_as_objects_do) {
  const auto script = compiled(
      "function before_apply(c) return c.ok and c.method == 'a.b' and c.height == 7, c.from end");
  const Script::Member members[] = {{"method", std::string_view("a.b")},
                                    {"height", std::int64_t{7}},
                                    {"ok", true},
                                    {"from", std::string_view("me")}};
  const Answer flat = script->call("before_apply", members, kBudgetBlock, Reads{});
  const Answer tree = script->call(
      "before_apply", json::object{{"method", "a.b"}, {"height", 7}, {"ok", true}, {"from", "me"}},
      kBudgetBlock, Reads{});
  EXPECT_EQ(flat.first, true);
  EXPECT_EQ(flat.second, "me");
  EXPECT_EQ(tree.first, flat.first);
  EXPECT_EQ(tree.instructions, flat.instructions);
}

TEST(Determinism, pool_keeps_the_recently_used) {
  ScriptPool pool(2);
  Answer answer;
  const Hash a = pool.add("return 1", &answer)->hash();
  const Hash b = pool.add("return 2", &answer)->hash();
  EXPECT_NE(pool.find(a), nullptr);
  const Hash c = pool.add("return 3", &answer)->hash();
  EXPECT_EQ(pool.find(b), nullptr);
  EXPECT_NE(pool.find(a), nullptr);
  EXPECT_NE(pool.find(c), nullptr);
  EXPECT_EQ(pool.add("return 1", &answer), pool.find(a));
  EXPECT_EQ(pool.add("return (", &answer), nullptr);
  EXPECT_EQ(answer.fault, Fault::kSyntax);
}

}  // namespace
}  // namespace blockd::lua
