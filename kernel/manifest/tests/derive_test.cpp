#include <gtest/gtest.h>

#include "kernel/manifest/clash.hpp"
#include "kernel/manifest/cli_tree.hpp"
#include "kernel/manifest/diff.hpp"
#include "kernel/manifest/openrpc.hpp"
#include "kernel/manifest/reference.hpp"
#include "samples.hpp"

namespace blockd {
namespace {

json::object& method_at(json::object& m, std::size_t i) {
  return m["methods"].as_array()[i].as_object();
}

std::shared_ptr<const Manifest> sample() { return samples::must(samples::documented_json()); }

// As a client sees it: after a trip through text.
CliTree tree_of(const ManifestList& manifests) {
  const std::string text = json::serialize(openrpc_document(manifests, {}));
  Result<json::value> document = parse_json(text);
  EXPECT_TRUE(document.ok()) << document.status().to_string();
  Result<CliTree> tree = parse_cli_tree(*document);
  EXPECT_TRUE(tree.ok()) << tree.status().to_string();
  return tree.ok() ? *tree : CliTree{};
}

TEST(OpenRpc, describes_params_and_errors_in_its_own_words) {
  const json::value document =
      openrpc_document({sample()}, {.title = "node", .version = "1.2.3", .visible = {}});
  EXPECT_EQ(document.at("openrpc").as_string(), "1.2.6");
  EXPECT_EQ(document.at("info").at("version").as_string(), "1.2.3");
  const json::value& add = document.at("methods").at(0);
  EXPECT_EQ(add.at("name").as_string(), "counter.add");
  EXPECT_EQ(json::serialize(add.at("params").at(0).at("schema")),
            R"({"type":"string","maxLength":64,"minLength":1,"description":"Which counter"})");
  EXPECT_EQ(json::serialize(add.at("params").at(1).at("schema").at("oneOf").at(0)),
            R"({"type":"integer","minimum":1,"maximum":1000})");
  EXPECT_EQ(add.at("params").at(0).at("required").as_bool(), true);
  EXPECT_EQ(add.at("params").at(4).at("schema").at("properties").at("hash").at("type").as_string(),
            "string");
  EXPECT_EQ(add.at("errors").at(0).at("code").as_int64(), -40001);
  EXPECT_EQ(add.at("errors").at(0).at("data").at("name").as_string(), "CounterFull");
  EXPECT_EQ(add.at("x-tb").at("kind").as_string(), "command");
  EXPECT_EQ(add.at("x-tb").at("role").as_string(), "counter.writer");
}

TEST(OpenRpc, hidden_methods_are_shown_only_to_those_who_may_see_them) {
  json::value value = samples::documented_json();
  method_at(value.as_object(), 0)["hidden"] = true;
  const auto manifest = samples::must(value);
  EXPECT_EQ(openrpc_document({manifest}, {}).at("methods").as_array().size(), 1u);
  OpenRpcOptions all;
  all.visible = [](const MethodSpec&) { return true; };
  const json::array everything = openrpc_document({manifest}, all).at("methods").as_array();
  ASSERT_EQ(everything.size(), 3u);  // both methods, and the older name of the first
  EXPECT_EQ(everything[1].at("deprecated"), json::value(true));
  EXPECT_EQ(everything[1].at("x-tb").at("alias_of"), everything[0].at("name"));
}

TEST(CliTree, is_rebuilt_whole_from_the_document) {
  const CliTree tree = tree_of({sample()});
  ASSERT_EQ(tree.nodes.size(), 2u);
  const CliNode& add = tree.nodes[0];
  EXPECT_EQ(add.path, "counter add");
  EXPECT_EQ(add.method, "counter.add");
  EXPECT_EQ(add.kind, MethodKind::kCommand);
  EXPECT_EQ(add.plugin, "counter");
  EXPECT_EQ(add.summary, "Add to a counter");
  ASSERT_EQ(add.positionals.size(), 2u);
  EXPECT_EQ(add.positionals[1].field.name, "amount");
  EXPECT_EQ(add.positionals[1].field.default_value->as_int64(), 1);
  EXPECT_TRUE(add.positionals[1].field.max == U128{1000});
  ASSERT_EQ(add.flags.size(), 3u);
  EXPECT_EQ(add.flags[0].flag, "--when");
  EXPECT_EQ(add.flags[0].field.choices, (std::vector<std::string>{"Now", "Later"}));
  EXPECT_EQ(add.flags[1].field.fields[0].type, FieldType::kString);
  EXPECT_TRUE(add.flags[2].file);
  EXPECT_EQ(add.flags[2].field.fields[1].name, "signature");
  EXPECT_EQ(add.errors[0].name, "CounterFull");
  EXPECT_EQ(add.examples[0].second, "Adds 3 to the counter apples");
  const CliNode& list = tree.nodes[1];
  EXPECT_EQ(list.format, "table");
  EXPECT_EQ(list.list, "counters");
  EXPECT_EQ(list.id_field, "name");
  EXPECT_EQ(list.columns, (std::vector<std::string>{"name", "total"}));
  EXPECT_NE(list.find_flag("--limit"), nullptr);
  EXPECT_EQ(list.find_flag("--page-size"), nullptr);
}

TEST(CliTree, finds_verbs_by_path_alias_and_with_underscores) {
  CliTree tree = tree_of({sample()});
  tree.nodes[1].path = "counter list-all";
  std::size_t used = 0;
  EXPECT_EQ(tree.find({"counter", "inc", "apples", "3"}, &used)->method, "counter.add");
  EXPECT_EQ(used, 2u);
  EXPECT_EQ(tree.find({"counter", "list_all"}, &used)->method, "counter.list");
  EXPECT_EQ(tree.find({"counter"}, &used), nullptr);
  EXPECT_EQ(used, 0u);
  EXPECT_EQ(tree.next_words({}), (std::vector<std::string>{"counter"}));
  EXPECT_EQ(tree.next_words({"counter"}), (std::vector<std::string>{"add", "inc", "list-all"}));
  EXPECT_EQ(tree.nearest({"counter", "ad"}), "counter add");
}

TEST(CliTree, reads_a_newer_node_and_refuses_what_is_no_document) {
  json::value document = openrpc_document({sample()}, {});
  method_at(document.as_object(), 0)["x-tb"].as_object()["cli"].as_object()["colour"] = "green";
  method_at(document.as_object(), 0)["params"]
      .as_array()[0]
      .as_object()["x-tb"]
      .as_object()["shape"] = "round";
  document.as_object()["components"] = json::object();
  EXPECT_TRUE(parse_cli_tree(document).ok());
  method_at(document.as_object(), 0)["x-tb"].as_object()["cli"].as_object()["positionals"] =
      json::array{"nothing"};
  EXPECT_FALSE(parse_cli_tree(document).ok());
  EXPECT_FALSE(parse_cli_tree(json::value(5)).ok());
  EXPECT_FALSE(parse_cli_tree(json::object()).ok());
}

TEST(Reference, tells_everything_a_reader_asks_for) {
  const std::string page = reference_markdown(*sample());
  for (const char* text :
       {"# counter 1.0.0", "### `counter.add`",
        "contract-cli counter add <name> [amount] [--when STRING] [--tags LIST] [--proof RECORD]",
        "| `amount` | u64 | 1..1000 | count | `1` | How much to add |", "| `proof.hash` | hash |",
        "| -40001 | `CounterFull` |", "### `counter.added`", "### `counter.receipt`",
        "| `counter_added_total` | counter | `name` |",
        "| `counter_max` | 1000000 | 1..1000000000 |", "| `warn_at` | u64 |",
        "`TB_COUNTER_WARN_AT`", "### `counter/1` `total` (read)",
        "- `ledger/1` (optional): transfer", "| `GET /counter/:name` |",
        "| CounterStalled | warning | 10m |", "also `counter_name`"}) {
    EXPECT_NE(page.find(text), std::string::npos) << text;
  }
}

TEST(Clashes, both_plugins_are_named) {
  const auto one = sample();
  json::object other = {{"id", "second"}, {"version", "1.0.0"}};
  EXPECT_TRUE(check_clashes({one, samples::must(other)}).ok());
  const auto message = [&](const char* list, json::object entry) {
    json::object two = other;
    two["sm"] = 1;
    two["method_prefixes"] = json::array{"counter"};
    two[list] = json::array{std::move(entry)};
    return check_clashes({one, samples::must(two)}).message();
  };
  EXPECT_EQ(message("methods", {{"name", "counter.increment"}, {"kind", "query"}}),
            "method 'counter.increment' of plugin 'second' is already that of plugin 'counter'");
  EXPECT_NE(message("methods",
                    {{"name", "second.x"}, {"kind", "query"}, {"cli", {{"path", "counter inc"}}}}),
            "");
  EXPECT_NE(message("events", {{"topic", "counter.added"}}), "");
  EXPECT_NE(message("metrics", {{"name", "counter_added_total"}, {"type", "gauge"}}), "");
  EXPECT_NE(message("http", {{"method", "GET"}, {"path", "/counter/:id"}}), "");
  EXPECT_EQ(message("http", {{"method", "GET"}, {"path", "/counter/all/:id"}}), "");
  EXPECT_NE(message("params", {{"key", "counter.max"}, {"default", 1}, {"max", 1}}), "");
}

TEST(Diff, tells_what_an_upgrade_changes) {
  json::value newer = samples::documented_json();
  json::object& m = newer.as_object();
  m["version"] = "1.1.0", m["sm"] = 2;
  method_at(m, 1)["name"] = "counter.all";
  m["params"].as_array()[0].as_object()["default"] = 2000000;
  m["metrics"].as_array().pop_back();
  const ManifestDiff diff = manifest_diff(*sample(), *samples::must(newer));
  const auto has = [&](const std::string& line) {
    return std::count(diff.lines.begin(), diff.lines.end(), line) == 1;
  };
  EXPECT_TRUE(has("version 1.0.0 -> 1.1.0"));
  EXPECT_TRUE(has("sm 1 -> 2"));
  EXPECT_TRUE(has("+ method counter.all"));
  EXPECT_TRUE(has("- method counter.list"));
  EXPECT_TRUE(has("- metric counter_amount"));
  EXPECT_TRUE(has("~ param counter_max: default 1000000 -> 2000000"));
  EXPECT_FALSE(diff.build_only);
  EXPECT_EQ(diff.json.at("sm").at(1).to_number<int>(), 2);
  EXPECT_EQ(diff.json.at("params").at("changed").at(0).at("members").at(0).as_string(), "default");
  EXPECT_EQ(diff.json.at("consensus_changed").as_bool(), true);
}

TEST(Diff, a_new_help_is_a_new_build_only) {
  json::value newer = samples::documented_json();
  method_at(newer.as_object(), 0)["help"] = "More words";
  const ManifestDiff diff = manifest_diff(*sample(), *samples::must(newer));
  EXPECT_TRUE(diff.build_only);
  EXPECT_EQ(diff.lines,
            (std::vector<std::string>{"~ method counter.add: help (none) -> \"More words\""}));
  EXPECT_TRUE(manifest_diff(*sample(), *sample()).lines.empty());
}

}  // namespace
}  // namespace blockd
