// A governance for the tests of this folder: it does with the kernel's services what its one
// command says, and puts into force at the start of a block what stands in its rows `due/<key>`.
#pragma once

#include "kernel/chain/tests/test_machines.hpp"

namespace blockd::test {

inline constexpr std::string_view kGovManifest =
    R"({"id":"gov","version":"1.0.0","summary":"Governs","sm":1,"schema":1,"method_prefixes":["rule."],
  "requires":[{"name":"chain/1","functions":["set_param","param","check_param","spec","specs",
     "set_role","switch_plugin","plugin"]}],
  "provides":[{"name":"params/1","functions":[{"name":"activate"}]},{"name":"roles/1","functions":[]},
    {"name":"gov/1","functions":[]}],
  "methods":[{"name":"rule.call","kind":"command","role":"open","summary":"Call chain/1","params":[
    {"name":"function","type":"u32"},{"name":"a","type":"string"},{"name":"n","type":"u64","default":0},
    {"name":"b","type":"string","default":""}]},
    {"name":"rule.due","kind":"command","role":"open","summary":"Due in the next block","params":[
    {"name":"key","type":"string"},{"name":"value","type":"u64"}]}]})";

inline tb_value text_arg(tb_str text) {
  tb_value v{};
  v.type = TB_TYPE_STR;
  v.str = text;
  return v;
}
inline tb_value number_arg(std::uint64_t n) {
  tb_value v{};
  v.type = TB_TYPE_U64;
  v.num = n;
  return v;
}

inline tb_status gov_apply(tb_ctx* ctx, std::uint32_t method, const tb_value* params, std::uint32_t,
                           tb_out* result) {
  if (method == 1) {
    return ctx->api->put(ctx, str("due/" + std::string(to_view(params[0].str))),
                         str(std::to_string(params[1].num)));
  }
  const auto function = static_cast<std::uint32_t>(params[0].num);
  if (function == 5) {  // set_role
    const tb_value args[2] = {params[1], params[3]};
    return ctx->api->call(ctx, 0, function, args, 2, result, nullptr);
  }
  if (function == 6) {  // switch_plugin
    const std::string hash(32, '\0');
    tb_value args[5] = {params[1], params[2], number_arg(1), text_arg(str(hash)), number_arg(0)};
    args[3].type = TB_TYPE_BYTES;
    return ctx->api->call(ctx, 0, function, args, 5, result, nullptr);
  }
  return ctx->api->call(ctx, 0, function, params + 1,
                        function == 1 || function == 3 || function == 7 ? 1 : 2, result, nullptr);
}

inline tb_status gov_activate(tb_ctx* ctx) {
  std::vector<std::pair<std::string, std::uint64_t>> due;
  tb_row_sink sink{
      &due, [](void* user, tb_str key, tb_str value) -> std::uint32_t {
        static_cast<std::vector<std::pair<std::string, std::uint64_t>>*>(user)->emplace_back(
            to_view(key).substr(4), std::stoull(std::string(to_view(value))));
        return 1;
      }};
  ctx->view.api->scan(&ctx->view, str("due/"), {}, 100, &sink);
  for (auto& one : due) {
    ctx->api->erase(ctx, str("due/" + one.first));
    const tb_status set = ctx->api->attempt(
        ctx,
        [](void* user, tb_ctx* c) {
          auto& [key, value] = *static_cast<std::pair<std::string, std::uint64_t>*>(user);
          const tb_value args[2] = {text_arg(str(key)), number_arg(value)};
          return c->api->call(c, 0, 0, args, 2, nullptr, nullptr);
        },
        &one);
    if (set == TB_ABORTED) return set;
    ctx->api->put(ctx, str("was/" + one.first), str(set == TB_OK ? "set" : "failed"));
  }
  return TB_OK;
}

inline tb_status gov_serve(tb_ctx* ctx, std::uint32_t service, std::uint32_t, tb_str caller,
                           const tb_value*, std::uint32_t, tb_out*) {
  return service == 0 && to_view(caller) == "chain" ? gov_activate(ctx) : TB_E_UNSUPPORTED;
}

// `bank`, `gov`, and a second bank that shares one of its parameters.
struct Governed : Provider {
  std::string gov_text{kGovManifest};
  std::shared_ptr<const Manifest> gov, twin;
  tb_machine gov_table{}, twin_table{};
  Governed() {
    gov_table.size = sizeof gov_table;
    gov_table.sm = gov_table.sm_min = gov_table.schema = 1;
    gov_table.apply = gov_apply;
    gov_table.serve = gov_serve;
    twin_table = gov_table;
    twin_table.apply = nullptr;
    twin_table.serve = nullptr;
    share_limit(100);
  }
  // What the twin declares.
  void share_limit(std::uint64_t max) {
    twin = manifest_of(
        R"({"id":"twin","version":"1.0.0","summary":"Shares a parameter","sm":1,"schema":1,"params":[
      {"key":"bank_limit","default":7,"min":1,"max":)" +
        std::to_string(max) + R"(,"help":"a limit","aliases":["BankLimit"]},
      {"key":"late_key","default":5,"min":3,"max":10,"help":"voted before it was installed"}]})");
  }
  Result<Machine> find(const RosterEntry& entry) override {
    if (entry.id == "twin") return Machine{twin, &twin_table, nullptr};
    if (entry.id != "gov") return Provider::find(entry);
    gov = manifest_of(gov_text);
    return Machine{gov, &gov_table, nullptr};
  }
};

// A World with governance.
struct GovernedWorld : World {
  Governed provider_of_all;
  explicit GovernedWorld(bool with_twin = false) {
    machines = &provider_of_all;
    genesis.authority = "governance";
    genesis.plugins.insert(genesis.plugins.begin() + 1, entry("gov", 1, 1));
    if (with_twin) genesis.plugins.insert(genesis.plugins.begin() + 2, entry("twin", 1, 1));
  }
  // One call of chain/1 in a block of its own.
  Step call(std::uint32_t function, std::string_view a, std::uint64_t n = 0,
            std::string_view b = {}) {
    Chain::Produced p = block(
        {command("rule.call", json::object{{"function", function}, {"a", a}, {"n", n}, {"b", b}})});
    return p.block->steps.at(p.step_of.at(0));
  }
  CommandPtr due(std::string_view key, std::uint64_t value) {
    return command("rule.due", json::object{{"key", key}, {"value", value}});
  }
  // Executes the newest block again, and all of them from genesis.
  void expect_same_again() {
    Status rehearsed = chain->rehearse(Machine{provider.bank, &provider.table, nullptr}, 64, 1000);
    EXPECT_TRUE(rehearsed.ok()) << rehearsed.to_string();
    ReplayReport report = chain->replay(false, nullptr);
    EXPECT_TRUE(report.ok) << report.difference;
  }
};

}  // namespace blockd::test
