#include <sys/wait.h>

#include <cstdlib>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/tests/cli_fixture.hpp"

namespace blockd::cli {
namespace {

TEST_F(CliTest, sends_positionals_flags_and_lists_by_their_types) {
  node.on("market.buy", json::object{{"total", 3}});
  EXPECT_EQ(run({"market", "buy", "apples", "3", "--when=later", "--tags", "red,big", "--tags",
                 "ripe", "--urgent"})
                .code,
            0);
  EXPECT_EQ(
      sent("market.buy"),
      R"({"amount":3,"item":"apples","tags":["red","big","ripe"],"urgent":true,"when":"later"})");
  // Above 2^53-1 numbers travel as text; a positional may be given by its name; the alias of a verb
  // works.
  EXPECT_EQ(run({"market", "get", "--item", "pears", "--amount", "9007199254740992"}).code, 0);
  EXPECT_EQ(sent("market.buy"), R"({"amount":"9007199254740992","item":"pears"})");
}

TEST_F(CliTest, gives_what_the_verb_gives_unless_the_flag_says_otherwise) {
  node.on("market.orders", json::object{});
  EXPECT_EQ(run({"market", "orders"}).code, 0);
  EXPECT_EQ(sent("market.orders"), R"({"owner":"me"})");
  EXPECT_EQ(run({"market", "orders", "--owner", "you"}).code, 0);
  EXPECT_EQ(sent("market.orders"), R"({"owner":"you"})");
  EXPECT_NE(run({"market", "orders", "--help"}).out.find("default me"), std::string::npos);
}

TEST_F(CliTest, reads_json_from_files_flags_and_standard_input) {
  node.on("market.buy", json::object{});
  node.on("market.report", json::object{});
  ASSERT_TRUE(write_file_atomic(home.file("proof.json"), R"({"a":1})").ok());
  EXPECT_EQ(run({"market", "buy", "x", "1", "--proof", home.file("proof.json")}).code, 0);
  EXPECT_EQ(sent("market.buy"), R"({"amount":1,"item":"x","proof":{"a":1}})");
  EXPECT_EQ(
      run({"market", "buy", "x", "1", "--selector", "region=eu", "--selector", "tier=2"}).code, 0);
  EXPECT_EQ(sent("market.buy"), R"({"amount":1,"item":"x","selector":{"region":"eu","tier":2}})");
  EXPECT_EQ(run({"market", "report", "--report-json", "-"}, R"({"meter":"m","kwh":5})").code, 0);
  EXPECT_EQ(sent("market.report"), R"({"kwh":5,"made_at":1700000000,"meter":"m"})");
  EXPECT_EQ(run({"market", "report", "--report-json", "[1]"}).code, 2);
}

TEST_F(CliTest, a_field_with_a_flag_of_another_name_answers_to_its_own) {
  node.on("market.list", json::object{{"offers", json::array()}});
  for (const char* flag : {"--limit", "--page-size", "--page_size"}) {
    ASSERT_EQ(run({"market", "list", flag, "5"}).code, 0) << flag;
    EXPECT_EQ(sent("market.list"), R"({"page_size":5})") << flag;
  }
  const Answer both = run({"market", "list", "--limit", "5", "--page-size", "6"});
  EXPECT_EQ(both.code, 2);
  EXPECT_NE(both.err.find("--page-size: given twice"), std::string::npos) << both.err;
}

TEST_F(CliTest, wrong_use_is_code_2_and_names_what_was_meant) {
  const Answer flag = run({"market", "list", "--limt", "5"});
  EXPECT_EQ(flag.code, 2);
  EXPECT_EQ(flag.err,
            "error[usage]: 'market list' has no flag --limt\n  did you mean --limit?\n"
            "  usage: contract-cli market list [--limit N] [--status TEXT]\n");
  const Answer range = run({"market", "list", "--limit", "5000"});
  EXPECT_EQ(range.code, 2);
  const Answer word = run({"market", "list", "--limit", "abc"});
  EXPECT_EQ(word.code, 2);
  EXPECT_EQ(word.out, "");
  EXPECT_NE(word.err.find("--limit must be an unsigned integer, found 'abc'"), std::string::npos)
      << word.err;
  EXPECT_NE(range.err.find("--limit: expected a number 1..1000, found '5000'"), std::string::npos);
  EXPECT_NE(run({"market", "buy", "x", "1", "--when", "lter"}).err.find("did you mean later?"),
            std::string::npos);
  EXPECT_NE(run({"market", "buy", "x"}).err.find("<amount> is missing"), std::string::npos);
  EXPECT_NE(run({"market", "buy", "x", "1", "2"}).err.find("unexpected '2'"), std::string::npos);
  EXPECT_NE(run({"market", "buy", "x", "1", "--item", "y"}).err.find("given twice"),
            std::string::npos);
  EXPECT_NE(run({"market", "list", "--fee", "5"}).err.find("has no flag --fee"), std::string::npos);
  EXPECT_NE(run({"markt"}).err.find("did you mean `contract-cli market`?"), std::string::npos);
  EXPECT_NE(run({"report"}).err.find("did you mean `contract-cli market report`?"),
            std::string::npos);
  EXPECT_NE(run({"market", "bye", "x"}).err.find("did you mean `contract-cli market buy`?"),
            std::string::npos);
  EXPECT_EQ(run({"market"}).code, 2);
  EXPECT_TRUE(node.asked("market.buy").empty());
}

TEST_F(CliTest, global_flags_may_stand_before_and_behind_the_verb) {
  node.on("market.show", json::object{{"item", "a"}});
  environment.erase("TB_RPC_ENDPOINT");
  EXPECT_EQ(run({"--url", node.url(), "market", "offer", "show", "a"}).code, 0);
  EXPECT_EQ(
      run({"market", "offer", "show", "a", "--rpc=" + node.url(), "--admin-token", "s3cret"}).code,
      0);
  EXPECT_EQ(node.asked("market.show").back().authorization, "Bearer s3cret");
  // The verb's own flag of that name is not the credential.
  EXPECT_EQ(run({"market", "offer", "show", "a", "--rpc", node.url(), "--token", "t"}).code, 0);
  EXPECT_EQ(sent("market.show"), R"({"item":"a","token":"t"})");
}

TEST_F(CliTest, a_check_that_does_not_hold_is_printed_and_ends_with_1) {
  node.on("market.check", json::object{{"ok", true}});
  EXPECT_EQ(run({"market", "check"}).code, 0);
  node.on("market.check", json::object{{"ok", false}, {"errors", 3}});
  const Answer answer = run({"market", "check"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_EQ(answer.out, "{\"ok\":false,\"errors\":3}\n");
  // Only the declared member counts.
  node.on("market.show", json::object{{"ok", false}});
  EXPECT_EQ(run({"market", "offer", "show", "a"}).code, 0);
}

TEST_F(CliTest, takes_the_credential_of_the_plugin_from_the_environment) {
  node.on("market.show", json::object{});
  environment["TB_RPC_AUTH_TOKEN"] = "node-wide";
  EXPECT_EQ(run({"market", "offer", "show", "a"}).code, 0);
  EXPECT_EQ(node.asked("market.show").back().authorization, "Bearer node-wide");
  environment["TB_MARKET_ORACLE_TOKEN"] = " oracle\n";
  EXPECT_EQ(run({"market", "offer", "show", "a"}).code, 0);
  EXPECT_EQ(node.asked("market.show").back().authorization, "Bearer oracle");
}

TEST_F(CliTest, commands_tell_the_node_how_to_make_them) {
  node.on("market.buy", json::object{});
  EXPECT_EQ(
      run({"market", "buy", "x", "1", "--fee", "7", "--lane", "industrial", "--dry-run"}).code, 0);
  EXPECT_EQ(sent("market.buy"),
            R"({"_tx":{"dry_run":true,"fee":7,"lane":"industrial"},"amount":1,"item":"x"})");
  EXPECT_EQ(run({"market", "buy", "x", "1", "--no-wait"}).code, 0);
  EXPECT_EQ(sent("market.buy"), R"({"_tx":{"wait":"none"},"amount":1,"item":"x"})");
  EXPECT_EQ(run({"market", "buy", "x", "1", "--no-wait", "--wait", "3"}).code, 2);
  EXPECT_EQ(run({"market", "buy", "x", "1", "--nonce", "3"}).code, 2);
}

TEST_F(CliTest, errors_of_the_node_are_code_1_with_name_and_reason) {
  const json::object data = {{"name", "SoldOut"}, {"found", 0}, {"hint", "try pears\x1b[31m"}};
  node.on(
      "market.buy",
      json::object{
          {"!error", {{"code", -40001}, {"message", "SoldOut: nothing is left"}, {"data", data}}}});
  Answer answer = run({"market", "buy", "x", "1"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_EQ(answer.out, "");
  EXPECT_EQ(answer.err, "error[SoldOut]: nothing is left\n  found: 0\n  try pears\\x1b[31m\n");
  answer = run({"market", "buy", "x", "1", "--format", "json"});
  const json::value printed = *parse_json(answer.out);
  EXPECT_EQ(printed.at("error").at("code").as_int64(), -40001);
  EXPECT_EQ(printed.at("error").at("name").as_string(), "SoldOut");
  EXPECT_EQ(printed.at("error").at("message").as_string(), "SoldOut: nothing is left");
}

TEST_F(CliTest, a_dead_node_is_code_3) {
  environment["TB_RPC_ENDPOINT"] = "http://127.0.0.1:1";
  const Answer answer = run({"market", "list"});
  EXPECT_EQ(answer.code, 3);
  EXPECT_NE(answer.err.find("error[unreachable]: cannot reach http://127.0.0.1:1"),
            std::string::npos)
      << answer.err;
  EXPECT_NE(answer.err.find("connection refused"), std::string::npos);
  EXPECT_EQ(run({"market", "list", "--json"}).code, 3);
}

TEST_F(CliTest, a_socket_that_is_named_is_the_only_way) {
  environment.erase("TB_RPC_ENDPOINT");
  environment["TB_RPC_SOCKET"] = home.file("gone/rpc.sock");
  const Answer answer = run({"market", "list"});
  EXPECT_EQ(answer.code, 3);
  EXPECT_NE(answer.err.find("cannot reach unix:" + home.file("gone/rpc.sock")), std::string::npos)
      << answer.err;
  EXPECT_NE(answer.err.find("contract-cli node start"), std::string::npos) << answer.err;
}

TEST_F(CliTest, a_method_that_is_hidden_from_the_caller_says_which_role_it_needs) {
  ASSERT_EQ(run({"help"}).code, 0);
  node.on("market.buy", json::object{{"!error",
                                      {{"code", -32601},
                                       {"message", "method_not_found: no method 'market.buy' here"},
                                       {"data", json::object{{"name", "method_not_found"}}}}}});
  const Answer answer = run({"market", "buy", "x", "1"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_NE(answer.err.find("role operator"), std::string::npos) << answer.err;
}

TEST_F(CliTest, the_description_is_kept_for_a_node_that_is_away) {
  ASSERT_EQ(run({"help"}).code, 0);
  const std::string url = node.url();
  ASSERT_TRUE(node.asked("rpc.discover").size() == 1);
  // While it is young nobody is asked; a verb that it lacks is looked for at the node.
  node.on("market.list", json::object{{"offers", json::array()}});
  EXPECT_EQ(run({"market", "list"}).code, 0);
  EXPECT_EQ(node.asked("rpc.discover").size(), 1u);
  EXPECT_EQ(run({"market", "bye"}).code, 2);
  EXPECT_EQ(node.asked("rpc.discover").size(), 2u);
  clock.now_ms += 31'000;
  EXPECT_EQ(run({"market", "list"}).code, 0);
  EXPECT_EQ(node.asked("rpc.discover").size(), 3u);
  // Refused by the node: help goes on with the copy.
  node.on("rpc.discover", json::object{{"!error", {{"code", -34004}, {"message", "not_ready"}}}});
  EXPECT_NE(run({"market", "list", "--help"}).out.find("All offers"), std::string::npos);
}

TEST_F(CliTest, a_damaged_copy_is_no_copy) {
  ASSERT_EQ(run({"help"}).code, 0);
  for (const auto& entry : std::filesystem::directory_iterator(home.file(".cache/the-block"))) {
    std::string text = *read_file(entry.path().string());
    text.replace(text.find("All offers"), 10, "All coffee");
    ASSERT_TRUE(write_file_atomic(entry.path().string(), text).ok());
  }
  node.on("rpc.discover", json::object{{"!error", {{"code", -34004}, {"message", "not_ready"}}}});
  EXPECT_EQ(run({"market", "list"}).code, 1);
}

TEST_F(CliTest, prints_tables_on_a_terminal_and_json_into_pipes) {
  node.on("market.list",
          json::object{
              {"offers", json::array{json::object{{"item", "apples"}, {"price", 12}, {"more", 1}},
                                     json::object{{"item", "kiwi\x1b"}, {"price", 5}}}}});
  EXPECT_EQ(run({"market", "list"}).out,
            "{\"offers\":[{\"item\":\"apples\",\"price\":12,\"more\":1},{\"item\":\"kiwi\\u001b\","
            "\"price\":5}]}\n");
  EXPECT_EQ(run({"market", "list", "--ids"}).out, "apples\nkiwi\\x1b\n");
  EXPECT_EQ(run({"market", "list", "--quiet"}).out, "");
  terminal = true;
  EXPECT_EQ(run({"market", "list"}).out, "ITEM      PRICE\napples       12\nkiwi\\x1b      5\n");
}

TEST_F(CliTest, says_what_was_done_to_people_and_gives_json_to_programs) {
  const char* text = R"({"item":"kiwi","order":{"id":7},"at":12})";
  node.on("market.buy", *parse_json(text));
  EXPECT_EQ(run({"market", "buy", "kiwi", "1"}).out, std::string(text) + "\n");
  EXPECT_EQ(run({"market", "buy", "kiwi", "1", "--format", "text"}).out,
            "kiwi: order 7 taken\nat 12\n");
  terminal = true;
  EXPECT_EQ(run({"market", "buy", "kiwi", "1"}).out, "kiwi: order 7 taken\nat 12\n");
  EXPECT_EQ(parse_json(run({"market", "buy", "kiwi", "1", "--json"}).out)->at("at"), 12);
  // Nothing was taken: the answer is shown as it is.
  EXPECT_EQ(run({"market", "buy", "kiwi", "1", "--check"}).out,
            "item   kiwi\norder  id 7\nat     12\n");
  node.on("market.buy", json::object{{"hash", "ab"}});
  EXPECT_EQ(run({"market", "buy", "kiwi", "1", "--no-wait"}).out, "hash  ab\n");
}

TEST_F(CliTest, tells_when_a_command_was_made) {
  node.on("market.report", json::object{});
  EXPECT_EQ(run({"market", "report", "--meter", "m", "--kwh", "5"}).code, 0);
  EXPECT_EQ(sent("market.report"), R"({"kwh":5,"made_at":1700000000,"meter":"m"})");
  EXPECT_EQ(run({"market", "report", "--meter", "m", "--kwh", "5", "--made-at", "9"}).code, 0);
  EXPECT_EQ(sent("market.report"), R"({"kwh":5,"made_at":9,"meter":"m"})");
}

TEST_F(CliTest, every_verb_explains_itself) {
  EXPECT_EQ(run({"market", "buy", "--help"}).out.substr(0, 200),
            std::string("Buy something\n\nUsage: contract-cli market buy <item> <amount> [--when "
                        "TEXT] [--tags LIST] [--urgent] "
                        "[--proof FILE] [--selector JSON]\n\nArguments:\n  <item>    What to buy\n "
                        " <amount>  How many; 1..18446744073709551615; pieces\n")
                .substr(0, 200));
  const std::string help = run({"help", "market", "buy"}).out;
  for (const char* text : {"--when TEXT", "one of now, later; default now", "--key-id ID",
                           "contract-cli market buy apples 3  Buys three apples", "Errors: SoldOut",
                           "Method market.buy of plugin market, a command; role operator"}) {
    EXPECT_NE(help.find(text), std::string::npos) << text;
  }
  const std::string group = run({"market", "--help"}).out;
  EXPECT_NE(group.find("list    All offers"), std::string::npos) << group;
  EXPECT_NE(run({}).out.find("market  "), std::string::npos);
  EXPECT_EQ(run({"help", "nothing"}).code, 2);
  for (const char* verb : {"wallet send", "config check", "node start", "plugin check",
                           "energy sign-reading", "completions", "version"}) {
    std::vector<std::string> words{"help"};
    std::istringstream in(verb);
    for (std::string word; in >> word;) words.push_back(word);
    const Answer answer = run(words);
    EXPECT_EQ(answer.code, 0) << verb;
    EXPECT_NE(answer.out.find(std::string("contract-cli ") + verb), std::string::npos)
        << answer.out;
  }
}

TEST_F(CliTest, lists_every_verb_for_programs) {
  const json::value all = *parse_json(run({"help", "--all", "--format", "json"}).out);
  EXPECT_EQ(all.at("program").as_string(), "contract-cli");
  std::map<std::string, std::string> flags;
  for (const json::value& command : all.at("commands").as_array()) {
    std::string& text = flags[std::string(command.at("path").as_string())];
    for (const json::value& flag : command.at("flags").as_array())
      text += std::string(flag.at("flag").as_string()) + " ";
  }
  EXPECT_TRUE(flags["market list"].starts_with("--limit --status --url ")) << flags["market list"];
  EXPECT_NE(flags["market buy"].find("--key-id"), std::string::npos);
  EXPECT_EQ(flags["market list"].find("--key-id"), std::string::npos);
  EXPECT_TRUE(flags.contains("market get"));
  EXPECT_TRUE(flags.contains("market")) << "a group is listed, too";
  EXPECT_NE(flags["node start"].find("--chain"), std::string::npos);
  EXPECT_NE(flags["energy oracle sign-test"].find("--key-file"), std::string::npos);
}

TEST_F(CliTest, names_the_plugin_that_is_missing) {
  const Answer answer = run({"bridge", "pending"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_TRUE(answer.err.starts_with("error[plugin_not_available]: bridge\n")) << answer.err;
}

TEST_F(CliTest, completion_scripts_hold_the_tree_and_are_valid_shell) {
  auto evil =
      Manifest::parse(R"({"id": "evil", "version": "1.0.0", "summary": "x", "sm": 1, "methods": [
      {"name": "evil.x", "kind": "query", "summary": "x", "params": [], "cli": {"path": "evil run"}}]})");
  ASSERT_TRUE(evil.ok()) << evil.status().to_string();
  auto market = Manifest::parse(kMarketManifest);
  json::value document = openrpc_document({*market, *evil}, {});
  for (json::value& method : document.at("methods").as_array()) {
    if (method.at("name") == "evil.x")
      method.at("x-tb").at("cli").as_object()["path"] = "evil $(touch\t/tmp/x)\"";
  }
  node.on("rpc.discover", document);
  const std::string script = run({"completions", "--shell", "bash"}).out;
  EXPECT_NE(script.find("\"market\") echo \"buy check get list offer orders report\" ;;"),
            std::string::npos)
      << script;
  EXPECT_EQ(script.find("touch"), std::string::npos);
  ASSERT_TRUE(write_file_atomic(home.file("completion.bash"), script).ok());
  EXPECT_EQ(std::system(("bash -n " + home.file("completion.bash")).c_str()), 0);
  const std::string check = "bash -c 'source " + home.file("completion.bash") +
                            "; COMP_WORDS=(contract-cli market of); COMP_CWORD=2; _contract_cli; "
                            "[[ ${COMPREPLY[*]} == offer ]] || exit 3;"
                            " COMP_WORDS=(contract-cli market list --li); COMP_CWORD=3; "
                            "_contract_cli; [[ ${COMPREPLY[*]} == --limit ]] || exit 4'";
  EXPECT_EQ(WEXITSTATUS(std::system(check.c_str())), 0);
  const std::string zsh = run({"completions", "--shell", "zsh"}).out;
  EXPECT_TRUE(zsh.starts_with("#compdef contract-cli"));
  EXPECT_EQ(zsh.find("touch"), std::string::npos);
  const std::string fish = run({"completions", "--shell", "fish"}).out;
  EXPECT_NE(fish.find("case 'market list'"), std::string::npos) << fish;
  EXPECT_NE(fish.find("'--limit\t"), std::string::npos) << fish;
  EXPECT_EQ(run({"completions", "--shell", "tcsh"}).code, 2);
}

TEST_F(CliTest, checks_a_configuration_without_a_node) {
  environment.erase("TB_RPC_ENDPOINT");
  const std::string file = home.file("node.yaml");
  ASSERT_TRUE(write_file_atomic(file, "rpc:\n  max_body_bytes: 2048\n").ok());
  Answer answer = run({"config", "check", file});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(answer.out, file + ": ok\n");
  answer = run({"config", "show", "--file", file, "--key", "rpc.max_body_bytes"});
  EXPECT_EQ(parse_json(answer.out)->at("rpc.max_body_bytes").at("value").as_int64(), 2048)
      << answer.err;
  ASSERT_TRUE(write_file_atomic(file, "rpc:\n  max_body_byte: 2048\n").ok());
  answer = run({"config", "check", file});
  EXPECT_EQ(answer.code, 2);
  EXPECT_NE(answer.err.find(file + ":2"), std::string::npos);
  EXPECT_NE(answer.err.find("rpc.max_body_bytes"), std::string::npos);
}

TEST_F(CliTest, prints_metrics_as_text_and_its_version) {
  node.on("metrics", json::object{{"text", "a_total 1\n"}, {"height", 3}});
  EXPECT_EQ(run({"metrics"}).out, "a_total 1\n");
  EXPECT_TRUE(run({"version"}).out.starts_with("contract-cli "));
  EXPECT_EQ(run({"version", "--frmat", "json"}).code, 2);
}

}  // namespace
}  // namespace blockd::cli
