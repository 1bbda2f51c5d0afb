// Voted scripts: lua/1, and the calls around commands and at the end of a block. The governance of
// these tests keeps each script as a row `text/<name>` and runs what is listed.
#include <gtest/gtest.h>

#include "kernel/base/blake3.hpp"
#include "kernel/chain/tests/test_governance.hpp"

namespace blockd::test {
namespace {

constexpr std::string_view kScriptGov =
    R"({"id":"gov","version":"1.0.0","summary":"Runs scripts","sm":1,"schema":1,"method_prefixes":["rule."],
  "requires":[{"name":"lua/1","functions":["run","check","tally"]}],
  "provides":[{"name":"scripts/1","functions":[
    {"name":"active","read":true},
    {"name":"after_block","params":[{"name":"commands","type":"u32"},{"name":"failed","type":"u32"},
      {"name":"tallies","type":"any"}]},
    {"name":"before_apply","params":[{"name":"method","type":"string"},{"name":"from","type":"string"},
      {"name":"height","type":"u64"},{"name":"params","type":"any"}]},
    {"name":"after_apply","params":[{"name":"method","type":"string"},{"name":"from","type":"string"},
      {"name":"height","type":"u64"},{"name":"ok","type":"bool"},{"name":"error","type":"string"}]}]}],
  "methods":[
    {"name":"rule.install","kind":"command","role":"open","summary":"Install the one script","params":[
      {"name":"source","type":"string"},{"name":"active","type":"string","default":"before"}]},
    {"name":"rule.check","kind":"command","role":"open","summary":"Check a text","params":[
      {"name":"source","type":"string"}]}]})";

tb_value bytes_arg(std::string_view bytes) {
  tb_value v = text_arg(str(bytes));
  v.type = TB_TYPE_BYTES;
  return v;
}

// Runs the one script; what it answers goes to `result`.
tb_status run_script(tb_ctx* ctx, std::string_view event, const tb_value& argument,
                     tb_out* result) {
  const std::string text = read(ctx, "text");
  const Hash hash = blake3({BytesView(text)});
  const tb_value args[6] = {text_arg(str("s")),   bytes_arg(view(hash)), bytes_arg("text"),
                            bytes_arg("sstate/"), text_arg(str(event)),  argument};
  return ctx->api->call(ctx, 0, 0, args, 6, result, nullptr);
}

tb_status script_apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params, std::uint32_t,
                       tb_out* result) {
  if (method == 1) return ctx->api->call(ctx, 0, 1, params, 1, result, nullptr);
  ctx->api->put(ctx, str("text"), params[0].str);
  return ctx->api->put(ctx, str("scripts/active"), params[1].str);
}

struct Members {
  ValueArena arena;
  ValueOut out{arena};
  std::uint64_t number(std::string_view name) { return at(name).num; }
  std::string text(std::string_view name) { return std::string(to_view(at(name).str)); }
  const tb_value& at(std::string_view name) {
    static const tb_value kNone{};
    const tb_value* record = out.finish();
    for (std::uint32_t i = 0; i < record->count; ++i) {
      if (to_view(record->items[i].name) == name) return record->items[i];
    }
    return kNone;
  }
};

tb_status script_serve(tb_ctx* ctx, std::uint32_t, std::uint32_t function, tb_str,
                       const tb_value* args, std::uint32_t count, tb_out* result) {
  tb_value argument{};
  argument.type = TB_TYPE_RECORD;
  argument.items = args;
  argument.count = count;
  Members answer;
  if (function == 1) {  // after_block: on_block, and what was told
    std::string told = std::to_string(args[0].num) + "/" + std::to_string(args[1].num);
    for (std::uint32_t i = 0; i < args[2].count; ++i) {
      const tb_value* tally = args[2].items[i].items;
      told += " " + std::string(to_view(tally[0].str)) + (tally[1].num != 0 ? ":ok+" : ":") +
              std::to_string(tally[2].num);
    }
    return ctx->api->put(ctx, str("told"), str(told));
  }
  if (function == 2) {
    const tb_status s = run_script(ctx, "before_apply", argument, answer.out.out());
    if (s == TB_ABORTED || s == TB_E_LIMIT) return s;
    result->api->put_bool(result, str("refused"), s != TB_OK || answer.number("refused") != 0);
    result->api->put_str(result, str("reason"), str(answer.text("reason")));
    if (s != TB_OK) result->api->put_str(result, str("name"), str("lua_runtime_error"));
    if (to_view(args[0].str) == "bank.run" && answer.text("reason") == "count")
      ctx->api->put(ctx, str("refusals"), str("1"));
    return TB_OK;
  }
  std::string seen(to_view(args[0].str));
  seen += args[3].num != 0 ? " ok" : " " + std::string(to_view(args[4].str));
  return ctx->api->put(ctx, str("after"), str(seen));
}

tb_status script_answer(tb_view* view, std::uint32_t, std::uint32_t, tb_str, const tb_value*,
                        std::uint32_t, tb_out* out, tb_out*) {
  std::string mode;
  tb_sink sink{&mode,
               [](void* user, tb_str v) { static_cast<std::string*>(user)->assign(to_view(v)); }};
  view->api->get(view, str("scripts/active"), &sink);
  out->api->put_bool(out, str("block"), mode == "block");
  out->api->begin_list(out, str("methods"));
  for (const char* method : {"bank.run", "rule.install", "chain.noop"}) {
    out->api->begin_record(out, {});
    out->api->put_str(out, str("method"), str(method));
    out->api->put_bool(out, str("before"), mode == "before" || mode == "both");
    out->api->put_bool(out, str("after"), mode == "both");
    out->api->end(out);
  }
  out->api->end(out);
  return TB_OK;
}

struct Scripts : testing::Test {
  GovernedWorld w;
  Scripts() {
    w.provider_of_all.gov_text = kScriptGov;
    w.provider_of_all.gov_table.apply = script_apply;
    w.provider_of_all.gov_table.serve = script_serve;
    w.provider_of_all.gov_table.answer = script_answer;
    const Status opened = w.open();
    if (!opened.ok()) throw std::runtime_error(opened.to_string());
  }
  CommandPtr install(std::string_view body, std::string_view active) {
    return w.command("rule.install", json::object{{"source", script(body)}, {"active", active}});
  }
  static std::string script(std::string_view body) {
    return "hook = {name='s', version='1.0.0', on={'before_apply'}, methods={'bank.run'}}\n"
           "function before_apply(e)\n" +
           std::string(body) + "\nend\n";
  }
  Step check(std::string_view source) {
    Chain::Produced p = w.block({w.command("rule.check", json::object{{"source", source}})});
    return p.block->steps.at(p.step_of.at(0));
  }
  static Step step_of(const Chain::Produced& p, std::size_t i) {
    return p.block->steps.at(p.step_of.at(i));
  }
};

TEST_F(Scripts, a_text_is_checked_and_its_header_read) {
  const Step good = check(script("return true"));
  EXPECT_EQ(good.outcome, Outcome::kApplied) << good.text;
  EXPECT_NE(good.result.find(R"("name":"s","version":"1.0.0","on":["before_apply"])"),
            std::string::npos)
      << good.result;
  EXPECT_EQ(check("hook = {").name, "lua_syntax_error");
  EXPECT_EQ(check("x = 1.5").name, "lua_float_value");
  EXPECT_EQ(check("x = 1").code, -32061);
}

TEST_F(Scripts, a_refused_command_is_rejected_and_uses_its_nonce) {
  w.block({install("if e.params.n > 5 then return false, 'too much' end", "before")});
  Chain::Produced p = w.block({w.op("put", "a", 6), w.op("put", "b", 5)});
  EXPECT_EQ(step_of(p, 0).outcome, Outcome::kRejected);
  EXPECT_EQ(step_of(p, 0).name, "hook_rejected");
  EXPECT_EQ(step_of(p, 0).code, -32061);
  EXPECT_EQ(step_of(p, 0).text, "too much");
  EXPECT_EQ(step_of(p, 1).outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("bank", "a"), "-");
  EXPECT_EQ(w.row("bank", "b"), "v2:5");
  // Governance is told of the runs: a refusal is none of the failures.
  EXPECT_EQ(w.row("gov", "told"), "2/1 s:ok+0");
  DryRun dry = w.chain->dry_run(w.chain->view(), *w.op("put", "c", 6));
  EXPECT_EQ(dry.name, "hook_rejected");
  --w.nonce;
  w.expect_same_again();
}

TEST_F(Scripts, an_error_of_the_script_rejects_and_is_counted_outside_the_savepoint) {
  w.block({install("error('broken')", "before")});
  Chain::Produced p = w.block({w.op("put", "a", 1), w.op("put", "b", 1)});
  EXPECT_EQ(step_of(p, 0).name, "lua_runtime_error");
  EXPECT_EQ(w.row("gov", "told"), "2/2 s:2");
  w.expect_same_again();
}

TEST_F(Scripts, what_governance_writes_in_front_of_a_command_is_a_step_of_its_own) {
  w.block({install("return false, 'count'", "before")});
  Chain::Produced p = w.block({w.op("put", "a", 1)});
  const std::size_t own = p.step_of.at(0);
  ASSERT_GT(own, 0u);
  EXPECT_EQ(p.block->steps.at(own - 1).kind, StepKind::kLua);
  EXPECT_EQ(p.block->steps.at(own - 1).plugin, "gov");
  EXPECT_EQ(w.row("gov", "refusals"), "1");
  w.expect_same_again();
}

TEST_F(Scripts, after_a_command_governance_hears_how_it_ended) {
  w.block({install("return true", "both")});
  w.block({w.op("put", "a", 1)});
  EXPECT_EQ(w.row("gov", "after"), "bank.run ok");
  w.block({w.op("fail")});
  EXPECT_EQ(w.row("gov", "after"), "bank.run Told");
  w.expect_same_again();
}

TEST_F(Scripts, commands_that_abort_leave_neither_steps_nor_counts) {
  w.block({install("if e.params.op == 'throw' then return true end error('x')", "both")});
  Chain::Produced p = w.block({w.op("throw"), w.op("put", "a", 1, w.nonce)});
  EXPECT_EQ(p.poisoned, std::vector<std::size_t>{0});
  EXPECT_EQ(w.row("gov", "told"), "1/1 s:1");
  w.expect_same_again();
}

TEST_F(Scripts, governance_and_the_kernel_are_never_hooked) {
  w.block({install("return false, 'no'", "both")});
  Chain::Produced p = w.block({w.command("chain.noop", json::object{}), install("", "none")});
  EXPECT_EQ(step_of(p, 0).outcome, Outcome::kApplied);
  EXPECT_EQ(step_of(p, 1).outcome, Outcome::kApplied);
  p = w.block({w.op("put", "a", 9)});
  EXPECT_EQ(step_of(p, 0).outcome, Outcome::kApplied);
  EXPECT_EQ(w.row("gov", "told"), "-");  // nothing is active, so no step
}

TEST_F(Scripts, what_is_active_survives_a_restart) {
  w.block({install("return false, 'no'", "before")});
  ASSERT_TRUE(w.open().ok());
  EXPECT_EQ(w.run("put", "a", 1).name, "hook_rejected");
  w.expect_same_again();
}

TEST_F(Scripts, the_end_of_a_block_is_a_step_when_governance_wants_it) {
  w.block({install("", "block")});
  Chain::Produced p = w.block({});
  EXPECT_EQ(p.block->steps.back().kind, StepKind::kLua);
  EXPECT_EQ(w.row("gov", "told"), "0/0");
  w.expect_same_again();
}

TEST_F(Scripts, a_script_reads_parameters_and_its_own_store) {
  w.block(
      {install("if params.get('bank_limit') ~= 9 or params.spec('bank_limit').max ~= 100 or\n"
               "   state.get('x') ~= nil or econ.get('y') ~= nil or treasury.balance() ~= nil\n"
               "then return false, 'read something else' end",
               "before")});
  const Step step = w.run("put", "a", 1);
  EXPECT_EQ(step.outcome, Outcome::kApplied) << step.name << " " << step.text;
}

}  // namespace
}  // namespace blockd::test
