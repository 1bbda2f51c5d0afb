#include <gtest/gtest.h>

#include <functional>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/manifest/manifest_parse.hpp"
#include "samples.hpp"

namespace blockd {
namespace {

using Change = std::function<void(json::object&)>;

json::object& method(json::object& m, std::size_t i = 0) {
  return m["methods"].as_array()[i].as_object();
}
json::object& param(json::object& m, std::size_t i) {
  return method(m)["params"].as_array()[i].as_object();
}
json::object& first(json::object& m, const char* list) { return m[list].as_array()[0].as_object(); }

std::string error_after(const Change& change) {
  json::value value = samples::documented_json();
  change(value.as_object());
  auto manifest = samples::parse(value);
  return manifest.ok() ? "ok" : manifest.status().message();
}

Hash consensus_after(const Change& change) {
  json::value value = samples::documented_json();
  change(value.as_object());
  return samples::must(value)->consensus_hash;
}

TEST(Manifest, the_documented_example_parses_and_means_what_it_says) {
  auto m = Manifest::parse(samples::documented());
  ASSERT_TRUE(m.ok()) << m.status().to_string();
  const Manifest& manifest = **m;
  EXPECT_EQ(manifest.id, "counter");
  EXPECT_EQ(manifest.sm_min, 1u);
  ASSERT_EQ(manifest.methods.size(), 2u);
  EXPECT_EQ(manifest.find_method("counter.increment"), &manifest.methods[0]);
  EXPECT_EQ(manifest.find_method("counter.nothing"), nullptr);
  EXPECT_EQ(manifest.methods[0].kind, MethodKind::kCommand);
  EXPECT_EQ(manifest.methods[0].max_bytes, 262144u);
  EXPECT_TRUE(manifest.methods[0].params[0].required);
  EXPECT_FALSE(manifest.methods[0].params[1].required);
  EXPECT_EQ(manifest.methods[0].params[3].fields[0].type, FieldType::kString);
  EXPECT_EQ(manifest.methods[0].cli.flags[0].second, "--when");
  EXPECT_EQ(manifest.methods[0].examples.size(), 1u);
  EXPECT_EQ(manifest.metrics[1].buckets, (std::vector<double>{1, 2.5, 1000}));
  EXPECT_EQ(manifest.params[0].max, 1000000000u);
  EXPECT_EQ(manifest.config[0].field.name, "warn_at");
  EXPECT_EQ(manifest.alerts[0].for_duration, "10m");
  EXPECT_TRUE(manifest.provides[0].functions[0].read);
  EXPECT_TRUE(manifest.requires_[0].optional);
}

TEST(Manifest, errors_name_the_place) {
  EXPECT_EQ(error_after([](auto& m) { param(m, 1)["min"] = 5, param(m, 1)["max"] = 3; }),
            "manifest of counter: methods[0] 'counter.add': params.amount: min 5 above max 3");
  EXPECT_EQ(error_after([](auto& m) { param(m, 1)["default"] = 5000; }),
            "manifest of counter: methods[0] 'counter.add': params.amount: default: expected u64 "
            "1..1000, found 5000");
  EXPECT_EQ(error_after([](auto& m) { method(m)["sumary"] = "x"; }),
            "manifest of counter: methods[0] 'counter.add': unknown member 'sumary'");
  EXPECT_EQ(
      error_after([](auto& m) { param(m, 1)["type"] = "u63"; }).substr(0, 90),
      "manifest of counter: methods[0] 'counter.add': params.amount: type: expected one of bool, ");
  EXPECT_EQ(error_after([](auto& m) { method(m).erase("role"); }),
            "manifest of counter: methods[0] 'counter.add': a command needs a role");
  EXPECT_EQ(error_after([](auto& m) { method(m)["name"] = "other.add"; }),
            "manifest of counter: methods[0] 'other.add': the name must begin with 'counter.'");
  EXPECT_EQ(error_after([](auto& m) { m.erase("version"); }),
            "manifest of counter: 'version' is missing");
}

TEST(Manifest, the_nearest_member_is_named) {
  json::value value = samples::documented_json();
  value.as_object()["metric"] = json::array();
  EXPECT_EQ(samples::parse(value).status().hint(), "did you mean 'metrics'?");
}

TEST(Manifest, each_rule_is_held) {
  const std::vector<std::pair<const char*, Change>> broken = {
      {"id: expected 1..64 lower-case letters, digits an", [](auto& m) { m["id"] = "Counter"; }},
      {"version: expected a version such as 1.4.0", [](auto& m) { m["version"] = "1.0"; }},
      {"sm_min above sm", [](auto& m) { m["sm_min"] = 2; }},
      {"a command needs a machine", [](auto& m) { m["sm"] = 0; }},
      {"sm: expected an integer up to 4294967295", [](auto& m) { m["sm"] = -1; }},
      {"name 'counter.add' is already that of 'counter.a",
       [](auto& m) { method(m, 1)["name"] = "counter.add"; }},
      {"name 'counter.add' is already that of 'counter.a",
       [](auto& m) { method(m, 1)["aliases"] = {"counter.add"}; }},
      {"kind: expected one of command, query, local", [](auto& m) { method(m)["kind"] = "order"; }},
      {"role 'root' is none of open, read, operator, adm",
       [](auto& m) { method(m)["role"] = "root"; }},
      {"rate_class 'none' is not in 'rate_classes'",
       [](auto& m) { method(m)["rate_class"] = "none"; }},
      {"params.name: name 'name' is already that of 'nam",
       [](auto& m) { param(m, 1)["name"] = "name"; }},
      {"params.amount: name 'counter_name' is already th",
       [](auto& m) { param(m, 1)["aliases"] = {"counter_name"}; }},
      {"params.amount: 1000 does not fit u8", [](auto& m) { param(m, 1)["type"] = "u8"; }},
      {"params.name: min and max do not apply to bool",
       [](auto& m) { param(m, 0)["type"] = "bool"; }},
      {"params.mode: default: expected one of Now, Later",
       [](auto& m) { param(m, 2)["default"] = "Never"; }},
      {"params.mode: ignore_case without choices", [](auto& m) { param(m, 2).erase("choices"); }},
      {"params.tags: a list needs 'items'", [](auto& m) { param(m, 3).erase("items"); }},
      {"params.proof: a record needs 'fields'", [](auto& m) { param(m, 4).erase("fields"); }},
      {"params.amount: unknown member 'fields'",
       [](auto& m) { param(m, 1)["fields"] = json::array(); }},
      {"error 'CounterFull' is already that of 'CounterF",
       [](auto& m) {
         method(m)["errors"].as_array().push_back(method(m)["errors"].as_array()[0]);
       }},
      {"cli: 'Counter  add' is no path of lower-case wor",
       [](auto& m) { method(m)["cli"].as_object()["path"] = "Counter  add"; }},
      {"cli: CLI path 'counter list' is already that of ",
       [](auto& m) { method(m)["cli"].as_object()["aliases"] = {"counter list"}; }},
      {"cli: now_field: 'when' is no param of the method",
       [](auto& m) { method(m)["cli"].as_object()["now_field"] = "when"; }},
      {"cli: given: 'who' is no param of the method",
       [](auto& m) {
         method(m)["cli"].as_object()["given"] = {{"who", "self"}};
       }},
      {"cli: say: '{id} at }' has a brace without its pa",
       [](auto& m) { method(m)["cli"].as_object()["say"] = "{id} at }"; }},
      {"cli: positional 'names' is no param of the metho",
       [](auto& m) { method(m)["cli"].as_object()["positionals"] = {"names"}; }},
      {"cli: positional 'name' is required but stands be",
       [](auto& m) {
         method(m)["cli"].as_object()["positionals"] = {"amount", "name"};
       }},
      {"cli: positional 'tags' is a list and must be the",
       [](auto& m) {
         method(m)["cli"].as_object()["positionals"] = {"tags", "amount"};
       }},
      {"cli: flags: 'x' is no param of the method",
       [](auto& m) {
         method(m)["cli"].as_object()["flags"] = {{"x", "--x"}};
       }},
      {"cli: flags: '-w' is no flag such as --limit",
       [](auto& m) {
         method(m)["cli"].as_object()["flags"] = {{"mode", "-w"}};
       }},
      {"cli: flag '--tags' is already that of 'mode'",
       [](auto& m) {
         method(m)["cli"].as_object()["flags"] = {{"mode", "--tags"}};
       }},
      {"cli: file_fields: 'x' is no param of the method",
       [](auto& m) { method(m)["cli"].as_object()["file_fields"] = {"x"}; }},
      {"cli: format 'xml' is none of json, table",
       [](auto& m) { method(m)["cli"].as_object()["format"] = "xml"; }},
      {"topic 'counter.added' is already that of 'counte",
       [](auto& m) { m["events"].as_array().push_back(m["events"].as_array()[0]); }},
      {"metric 'counter_added_total' is already that of ",
       [](auto& m) {
         m["metrics"].as_array()[1].as_object()["aliases"] = {"counter_added_total"};
       }},
      {"a histogram needs 'buckets'",
       [](auto& m) { m["metrics"].as_array()[1].as_object().erase("buckets"); }},
      {"buckets must ascend",
       [](auto& m) {
         m["metrics"].as_array()[1].as_object()["buckets"] = {2, 1};
       }},
      {"buckets are for histograms only", [](auto& m) { first(m, "metrics")["buckets"] = {1}; }},
      {"preset: 2 values for 1 labels",
       [](auto& m) {
         first(m, "metrics")["preset"] = {json::array{"a", "b"}};
       }},
      {"scale must be at least 1", [](auto& m) { first(m, "metrics")["scale"] = 0; }},
      {"default 0 outside 1..1000000000", [](auto& m) { first(m, "params")["default"] = 0; }},
      {"'max' is missing", [](auto& m) { first(m, "params").erase("max"); }},
      {"key 'counter_max' is already that of 'counter_ma",
       [](auto& m) { first(m, "params")["aliases"] = {"counter_max"}; }},
      {"default: expected u64 up to 2^64-1, found text t",
       [](auto& m) { first(m, "config")["default"] = "x"; }},
      {"env 'tb_x' is not made of capitals, digits and '",
       [](auto& m) { first(m, "config")["env"] = "tb_x"; }},
      {"expected a name such as ledger/1",
       [](auto& m) { first(m, "requires")["name"] = "ledger"; }},
      {"expected a name such as ledger/1",
       [](auto& m) { first(m, "provides")["name"] = "counter/x"; }},
      {"the name of a role of its own is expected",
       [](auto& m) { first(m, "roles")["name"] = "admin"; }},
      {"within: expected operator, admin or",
       [](auto& m) { first(m, "roles")["within"] = "open"; }},
      {"expected a path such as /meter/:id/reading",
       [](auto& m) { first(m, "http")["path"] = "counter"; }},
      {"interval_ms must be 10..86400000", [](auto& m) { first(m, "timers")["interval_ms"] = 1; }},
      {"for: expected a duration such as 10m", [](auto& m) { first(m, "alerts")["for"] = "soon"; }},
      {"follows: '*' is no topic such as receipts.sealed", [](auto& m) { m["follows"] = {"*"}; }},
      {"escrow_prefixes: 'a/b' is not made of lower-case",
       [](auto& m) { m["escrow_prefixes"] = {"a/b"}; }},
      {"method_prefixes: '' is no beginning of a method'",
       [](auto& m) { m["method_prefixes"] = {""}; }},
  };
  for (const auto& [what, change] : broken)
    EXPECT_NE(error_after(change).find(what), std::string::npos) << error_after(change);
}

TEST(Manifest, other_prefixes_and_underscores_for_hyphens_are_allowed_when_declared) {
  EXPECT_EQ(error_after([](auto& m) {
              m["method_prefixes"] = {"balance"};
              method(m)["name"] = "balance";
              method(m, 1)["name"] = "balance.all";
            }),
            "ok");
  EXPECT_NE(error_after([](auto& m) {
              m["method_prefixes"] = {"balance"}, method(m)["name"] = "balances";
            }),
            "ok");
  EXPECT_EQ(error_after([](auto& m) {
              m["id"] = "my-counter", m["method_prefixes"] = {"counter"},
              method(m)["name"] = "my_counter.add";
            }),
            "ok");
}

TEST(Manifest, what_is_for_people_or_stays_on_one_node_does_not_change_the_consensus_hash) {
  const Hash before = consensus_after([](auto&) {});
  const std::vector<Change> harmless = {
      [](auto& m) { m["summary"] = "x", m["version"] = "2.0.0"; },
      [](auto& m) { method(m)["summary"] = "x", method(m)["help"] = "y"; },
      [](auto& m) { method(m).erase("cli"); },
      [](auto& m) {
        method(m).erase("examples"), method(m).erase("rate_class"), method(m).erase("result");
      },
      [](auto& m) {
        param(m, 1)["help"] = "x", param(m, 1)["unit"] = "y", param(m, 1)["secret"] = true;
      },
      [](auto& m) { method(m)["errors"].as_array()[0].as_object()["help"] = "x"; },
      [](auto& m) { m["methods"].as_array().pop_back(); },
      [](auto& m) {
        m.erase("metrics"), m.erase("alerts"), m.erase("panels"), m.erase("config"),
            m.erase("http"), m.erase("timers");
      },
      [](auto& m) { first(m, "params")["help"] = "x", first(m, "params")["unit"] = "y"; },
      [](auto& m) { param(m, 0)["min"] = "1"; },
      [](auto& m) {
        m["events"].as_array().push_back({{"topic", "counter.tick"}, {"durable", false}});
      },
  };
  for (std::size_t i = 0; i < harmless.size(); ++i)
    EXPECT_EQ(consensus_after(harmless[i]), before) << i;
}

TEST(Manifest, what_apply_depends_on_changes_the_consensus_hash) {
  const std::vector<Change> rules = {
      [](auto&) {},
      [](auto& m) { m["schema"] = 2; },
      [](auto& m) { param(m, 1)["max"] = 999; },
      [](auto& m) { param(m, 1)["default"] = 2; },
      [](auto& m) { param(m, 0).erase("aliases"); },
      [](auto& m) { param(m, 2)["ignore_case"] = false; },
      [](auto& m) { method(m)["role"] = "operator"; },
      [](auto& m) { method(m)["aliases"] = json::array(); },
      [](auto& m) { method(m)["errors"].as_array()[0].as_object()["code"] = -1; },
      [](auto& m) { first(m, "roles")["within"] = "admin"; },
      [](auto& m) { first(m, "events")["topic"] = "counter.grown"; },
      [](auto& m) { m.erase("records"); },
      [](auto& m) { first(m, "params")["timelock_epochs"] = 3; },
      [](auto& m) { first(m, "requires")["optional"] = false; },
      [](auto& m) { m.erase("provides"); },
      [](auto& m) { m["escrow_prefixes"] = {"counter"}; },
  };
  std::vector<Hash> seen;
  for (const Change& change : rules) {
    const Hash hash = consensus_after(change);
    EXPECT_EQ(std::count(seen.begin(), seen.end(), hash), 0) << seen.size();
    seen.push_back(hash);
  }
}

TEST(Manifest, the_hash_is_of_the_canonical_text) {
  auto m = Manifest::parse(
      R"({"version":"1.0.0","id":"a","panels":[{"title":"t","expr":"e","thresholds":[1.0,0.5]}]})");
  ASSERT_TRUE(m.ok()) << m.status().to_string();
  EXPECT_EQ(
      to_hex((*m)->hash),
      to_hex(blake3(
          R"({"id":"a","panels":[{"expr":"e","thresholds":[1,0.5],"title":"t"}],"version":"1.0.0"})")));
}

// Pairs from RFC 8785, appendix B.
TEST(Manifest, fractions_are_spelled_as_rfc_8785_says) {
  const std::vector<std::pair<double, const char*>> pairs = {
      {5e-324, "5e-324"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {9007199254740992.0, "9007199254740992"},
      {295147905179352830000.0, "295147905179352830000"},
      {9.999999999999997e22, "9.999999999999997e+22"},
      {1e23, "1e+23"},
      {1e21, "1e+21"},
      {999999999999999700000.0, "999999999999999700000"},
      {0.000001, "0.000001"},
      {1e-7, "1e-7"},
      {333333333.3333332, "333333333.3333332"},
      {-0.0000033333333333333333, "-0.0000033333333333333333"},
      {-0.0, "0"}};
  for (const auto& [number, text] : pairs) EXPECT_EQ(canonical_manifest(json::value(number)), text);
}

TEST(Manifest, bounds_are_held) {
  EXPECT_EQ(Manifest::parse(std::string((4u << 20) + 1, ' ')).status().code(), Code::kLimit);
  EXPECT_FALSE(Manifest::parse("[]").ok());
  EXPECT_FALSE(Manifest::parse("").ok());
  EXPECT_NE(error_after([](auto& m) {
              json::array many;
              for (int i = 0; i < 1001; ++i)
                many.push_back({{"name", "counter.m" + std::to_string(i)}, {"kind", "query"}});
              m["methods"] = many;
            }),
            "ok");
  EXPECT_NE(error_after([](auto& m) {
              json::object inner = {{"type", "u64"}};
              for (int i = 0; i < 12; ++i) inner = {{"type", "list"}, {"items", inner}};
              inner["name"] = "deep";
              method(m)["params"].as_array().push_back(inner);
            }),
            "ok");
}

}  // namespace
}  // namespace blockd
