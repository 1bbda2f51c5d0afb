// What the loader accepts, and the exact words with which it refuses.
#include <cstdlib>

#include "kernel/config/config_show.hpp"
#include "kernel/config/tests/config_fixture.hpp"
#include "kernel/config/yaml_file.hpp"

namespace blockd {
namespace {

using Texts = std::vector<std::string>;
using Loader = ConfigFixture;

TEST_F(Loader, nested_and_dotted_keys_are_the_same) {
  for (const char* yaml : {"rpc: {max_body_bytes: 2048}\n", "rpc:\n  max_body_bytes: 2048\n",
                           "rpc.max_body_bytes: 2048\n"}) {
    const ConfigLoad loaded = load_text(yaml);
    ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
    EXPECT_EQ(loaded.config->u64("rpc.max_body_bytes"), 2048u);
  }
  EXPECT_EQ(errors(load_text("rpc: {max_body_bytes: 2048}\nrpc.max_body_bytes: 2048\n")),
            (Texts{"node.yaml:2: rpc.max_body_bytes: 'rpc.max_body_bytes' is repeated; it is set "
                   "at node.yaml:1 already"}));
}

TEST_F(Loader, out_of_range_names_file_line_key_and_range) {
  EXPECT_EQ(errors(load_text("# a comment\nrpc:\n  max_body_bytes: 17\n")),
            (Texts{"node.yaml:3: rpc.max_body_bytes: expected 1024..67108864, found 17; change it "
                   "or leave it out (built-in: 1048576)"}));
}

TEST_F(Loader, a_wrong_text_is_shown_short_and_whole_characters_only) {
  const std::string word = std::string(39, 'a') + "\u00e9" + std::string(60, 'b');
  EXPECT_EQ(
      errors(load_text("rpc:\n  loopback_role: " + word + "\n")),
      (Texts{"node.yaml:2: rpc.loopback_role: expected one of open, read, operator, found '" +
             std::string(39, 'a') + "\u2026'; change it or leave it out (built-in: 'operator')"}));
}

TEST_F(Loader, all_errors_are_reported_at_once) {
  EXPECT_EQ(
      errors(load_text("rpc:\n"
                       "  max_body_bytes: big\n"
                       "  exempt_loopback: yes\n"
                       "  loopback_role: root\n"
                       "  max_bodybytes: 1\n"
                       "  allowed_hosts: {a: b}\n"
                       "mempool: 7\n"
                       "snapshot_interval: 9\n"
                       "snapshot_intervall: 1024\n"
                       "chain:\n"
                       "  block_interval_ms: 5\n"
                       "telemetry:\n"
                       "  sample_rate: 1.5\n")),
      (Texts{"node.yaml:2: rpc.max_body_bytes: expected 1024..67108864, found 'big'; change it or "
             "leave it out (built-in: 1048576)",
             "node.yaml:3: rpc.exempt_loopback: expected true or false, found 'yes'; change it or "
             "leave it out (built-in: false)",
             "node.yaml:4: rpc.loopback_role: expected one of open, read, operator, found 'root'; "
             "change it or leave it out (built-in: 'operator')",
             "node.yaml:5: rpc.max_bodybytes: unknown key; did you mean rpc.max_body_bytes?",
             "node.yaml:6: rpc.allowed_hosts: expected a list of texts, found a mapping; change "
             "it or leave it out",
             "node.yaml:7: mempool: expected a mapping with the keys of this section, found a "
             "text; give it keys, or take it out",
             "node.yaml:8: snapshot_interval: expected 10..4294967295, found 9; change it or leave "
             "it out (built-in: 1024)",
             "node.yaml:9: snapshot_intervall: unknown key; did you mean snapshot_interval?",
             "node.yaml:11: chain.block_interval_ms: expected 0, or 10..60000, found 5; change it "
             "or leave it out (built-in: 0)",
             "node.yaml:13: telemetry.sample_rate: expected 0..1, found 1.5; change it or leave it "
             "out (built-in: 1)"}));
}

TEST_F(Loader, unknown_section_is_one_warning) {
  const ConfigLoad loaded = load_text("energy:\n  a: 1\n  b: 2\nrange_boost.x: 1\n");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(warnings(loaded),
            (Texts{"node.yaml:1: energy: unknown section; no loaded plugin has it",
                   "node.yaml:4: range_boost: unknown section; no loaded plugin has it"}));
}

TEST_F(Loader, a_misspelt_section_is_an_error) {
  EXPECT_EQ(errors(load_text("mempol:\n  max: 5\n")),
            (Texts{"node.yaml:1: mempol: unknown section; did you mean mempool?"}));
  EXPECT_EQ(errors(load_text("rcp:\n  max_batch: 5\n")),
            (Texts{"node.yaml:1: rcp: unknown section; did you mean rpc?"}));
  EXPECT_TRUE(load_text("naming:\n  max: 5\n").ok()) << "a plugin that is not loaded";
}

TEST_F(Loader, tags_anchors_aliases_repeats_and_second_documents_are_refused) {
  EXPECT_EQ(errors(load_text("a: &x 1\n")), (Texts{"node.yaml:1: anchors are not allowed"}));
  EXPECT_EQ(errors(load_text("snapshot_interval: !!int 1024\n")),
            (Texts{"node.yaml:1: tags are not allowed ('tag:yaml.org,2002:int')"}));
  EXPECT_EQ(errors(load_text("rpc:\n  max_batch: 1\n  max_batch: 2\n")),
            (Texts{"node.yaml:3: 'max_batch' is repeated; it stands on line 2 already"}));
  EXPECT_EQ(errors(load_text("snapshot_interval: 1024\n---\nsnapshot_interval: 2048\n")).size(),
            1u);
  EXPECT_EQ(errors(load_text("- a\n- b\n")),
            (Texts{"node.yaml:1: expected a mapping of sections"}));
  EXPECT_FALSE(load_text("rpc: *nowhere\n").ok());
  EXPECT_FALSE(load_text("rpc: [1, 2\n").ok());
  const Texts tab = errors(load_text("rpc:\n\tmax_batch: 1\n"));
  ASSERT_EQ(tab.size(), 1u);
  EXPECT_NE(tab[0].find("indented with a tab"), std::string::npos) << tab[0];
  EXPECT_EQ(errors(load_text("a: 1\nb: \xff\n")), (Texts{"node.yaml:2: not UTF-8"}));
}

TEST_F(Loader, deep_nesting_and_large_files_are_refused) {
  std::string deep = "storage:\n  overrides: ";
  for (int i = 0; i < 100; ++i) deep += "[";
  for (int i = 0; i < 100; ++i) deep += "]";
  EXPECT_EQ(errors(load_text(deep)), (Texts{"node.yaml:2: nested deeper than 32 levels"}));
  EXPECT_FALSE(load_text("# " + std::string(kMaxConfigFileBytes, 'x')).ok());
}

TEST_F(Loader, garbage_never_crashes) {
  std::uint64_t seed = 88172645463325252ull;
  const std::string alphabet = "ab:.-#&*!{}[]\"'\n \t|>0192?,%\\~";
  for (int round = 0; round < 600; ++round) {
    std::string text = round % 2 == 0 ? "rpc:\n  max_batch: " : "";
    for (int i = 0; i < 40; ++i) {
      seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
      text += alphabet[seed % alphabet.size()];
    }
    const ConfigLoad loaded = load_text(text);
    EXPECT_EQ(loaded.ok(), loaded.errors().empty());
  }
}

TEST_F(Loader, an_empty_section_and_an_empty_file_are_fine) {
  EXPECT_TRUE(load_text("rpc:\nlog: ~\n").ok());
  EXPECT_TRUE(load_text("").ok());
  EXPECT_EQ(errors(load_text("rpc: {max_batch: }\n")),
            (Texts{"node.yaml:1: rpc.max_batch: expected 1..10000, found nothing; change it or "
                   "leave it out (built-in: 100)"}));
}

TEST_F(Loader, an_unknown_section_is_told_at_its_name) {
  EXPECT_EQ(
      errors(load_text("rpc:\n  max_batch:\n    - 3\n  bogus:\n\n    a: 1\n")),
      (Texts{"node.yaml:3: rpc.max_batch: expected 1..10000, found a list of 1 items; change it "
             "or leave it out (built-in: 100)",
             "node.yaml:4: rpc.bogus: unknown key"}));
}

TEST_F(Loader, an_address_that_nobody_can_listen_on_is_told) {
  for (const char* wrong :
       {"nonsense", "127.0.0.1:99999", "127.0.0.1:", ":8545", "host:80x", "unix:"}) {
    EXPECT_EQ(errors(load_text("listeners:\n  rpc: \"" + std::string(wrong) + "\"\n")),
              (Texts{"node.yaml:2: listeners.rpc: '" + std::string(wrong) +
                     "' is no address to listen on; write 127.0.0.1:8545, [::1]:8545 or "
                     "unix:/path/to/socket"}));
  }
  for (const char* right : {"127.0.0.1:0", "[::1]:8545", "localhost:80", "unix:/tmp/x", "off"})
    EXPECT_TRUE(load_text("listeners:\n  rpc: \"" + std::string(right) + "\"\n").ok()) << right;
}

TEST_F(Loader, missing_file_is_an_error_only_when_it_was_asked_for) {
  EXPECT_TRUE(load().ok());
  EXPECT_EQ(warnings(load()), (Texts{"node.yaml: no such file; the built-in defaults are used"}));
  inputs_.file_required = true;
  EXPECT_EQ(errors(load()), (Texts{"node.yaml: no such file"}));
}

TEST_F(Loader, a_key_without_effect_is_one_warning) {
  const ConfigLoad loaded = load_text("mempool: {rebroadcast_ms: 40000}\n");
  EXPECT_TRUE(loaded.ok());
  EXPECT_EQ(warnings(loaded),
            (Texts{"node.yaml:1: mempool.rebroadcast_ms: has no effect: this node speaks to no "
                   "peers; leave it out"}));
  EXPECT_TRUE(load_text("mempool: {ttl_secs: 900}\n").warnings().empty());
}

TEST_F(Loader, a_variable_that_does_not_parse_is_named) {
  inputs_.environment = {{"TB_MEMPOOL_MAX", "abc"},
                         {"TB_RPC_MAX_BATCH", "-1"},
                         {"TB_PURGE_LOOP_SECS", "99999999"},
                         {"TB_ENABLE_TELEMETRY", "maybe"},
                         {"TB_RPC_AUTH_TOKEN", "short"}};
  Texts found = errors(load());
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found,
            (Texts{"TB_ENABLE_TELEMETRY: expected true or false, found 'maybe'; change it or leave "
                   "it out (built-in: true)",
                   "TB_MEMPOOL_MAX: expected 1..10000000, found 'abc'; change it or leave it out "
                   "(built-in: 1024)",
                   "TB_PURGE_LOOP_SECS: expected 0..86400, found 99999999; change it or leave it "
                   "out (built-in: 0)",
                   "TB_RPC_AUTH_TOKEN: expected a text of 16..4096 characters, found a text of 5 "
                   "characters; change it or leave it out",
                   "TB_RPC_MAX_BATCH: expected 1..10000, found -1; change it or leave it out "
                   "(built-in: 100)"}));
}

TEST_F(Loader, a_variable_may_have_any_name_that_a_key_declares) {
  ASSERT_EQ(::setenv("ADDRESS_OF_A_TEST", "here", 1), 0);
  const auto all = environment_variables();
  ::unsetenv("ADDRESS_OF_A_TEST");
  ASSERT_TRUE(all.contains("ADDRESS_OF_A_TEST"));
  EXPECT_EQ(all.at("ADDRESS_OF_A_TEST"), "here");
  inputs_.environment = {{"HOME", "/nowhere"}, {"NOBODYS", "x"}};
  EXPECT_TRUE(warnings(load_text("")).empty()) << "only names that begin with TB_ are looked at";
}

TEST_F(Loader, an_unknown_variable_is_a_warning_with_the_nearest_name) {
  write("node.yaml", "");
  inputs_.environment = {{"TB_MEMPOL_MAX", "5"}, {"TB_BENCH_ROUNDS", "1"}, {"HOME", "/root"}};
  EXPECT_EQ(warnings(load()),
            (Texts{"TB_MEMPOL_MAX: unknown variable; did you mean TB_MEMPOOL_MAX?"}));
}

TEST_F(Loader, a_flag_that_does_not_parse_is_named) {
  inputs_.flags = {{"snapshot_interval", "often"}, {"chain.validator", "true"}};
  EXPECT_EQ(errors(load()), (Texts{"--snapshot-interval: expected 10..4294967295, found 'often'; "
                                   "change it or leave it out (built-in: 1024)"}));
}

TEST_F(Loader, dotenv_reports_lines_that_are_no_assignments) {
  write("node.yaml", "");
  write(".env", "# comment\nexport TB_MEMPOOL_MAX='77'\nnonsense\nTB_RPC_MAX_BATCH = 8\n");
  EXPECT_EQ(errors(load()), (Texts{".env:3: expected NAME=value"}));
  write(".env", "# comment\r\nexport TB_MEMPOOL_MAX='77'\r\nTB_RPC_MAX_BATCH = 8\r\n");
  const ConfigLoad loaded = load();
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  EXPECT_EQ(loaded.config->u64("mempool.max"), 77u);
  EXPECT_EQ(loaded.config->u64("rpc.max_batch"), 8u);
  EXPECT_EQ(loaded.config->source("rpc.max_batch"), ConfigSource::kDotEnv);
}

TEST_F(Loader, a_level_that_the_logger_does_not_know_is_found_before_a_start) {
  EXPECT_EQ(errors(load_text("log:\n  level: info,rpc=loud\n")),
            (Texts{"node.yaml:2: log.level: 'loud' is no level; expected trace, debug, info, warn, "
                   "error or off, or target=level, with commas between"}));
  EXPECT_TRUE(load_text("log: {level: 'warn,rpc=debug,host=off'}\n").ok());
}

TEST_F(Loader, rules_over_several_keys_name_the_place) {
  EXPECT_EQ(
      errors(load_text("chain:\n  block_interval_ms: 2000\n  empty_block_interval_ms: 500\n")),
      (Texts{"node.yaml:3: chain.empty_block_interval_ms: expected 0, or at least "
             "chain.block_interval_ms (2000), found 500; raise this key or lower that one"}));
  EXPECT_EQ(errors(load_text("chain: {epoch_length: 1000}\n")),
            (Texts{"chain.history_blocks: expected at least two epochs (2000), found 1024; raise "
                   "it, or lower chain.epoch_length"}));
  EXPECT_TRUE(load_text("chain: {block_interval_ms: 2000, empty_block_interval_ms: 0}\n").ok());
}

TEST_F(Loader, listeners_take_a_text_a_list_or_off) {
  const ConfigLoad loaded =
      load_text("listeners:\n  rpc: 0.0.0.0:1\n  metrics: [a:1, b:2]\n  status: off\n");
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  EXPECT_EQ(loaded.config->list("listeners.rpc"), (Texts{"0.0.0.0:1"}));
  EXPECT_EQ(loaded.config->list("listeners.metrics"), (Texts{"a:1", "b:2"}));
  EXPECT_TRUE(loaded.config->list("listeners.status").empty());
}

TEST_F(Loader, plugins_load_takes_ids_and_mappings) {
  const ConfigLoad loaded = load_text(
      "plugins:\n  load:\n    - ledger\n    - {id: energy, file: e-2.so, required: true, "
      "isolation: process}\n"
      "    - {id: mock-oracle, enabled: false}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  const std::vector<PluginLoad> list = plugins_to_load(*loaded.config);
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].file, "ledger.so");
  EXPECT_EQ(list[1].file, "e-2.so");
  EXPECT_TRUE(list[1].required && list[1].isolated && list[1].enabled);
  EXPECT_FALSE(list[2].enabled);
  EXPECT_EQ(loaded.config->list("listeners.status"),
            (Texts{"127.0.0.1:8080"}));  // the oracle is switched off
  EXPECT_EQ(
      errors(load_text("plugins: {load: [ledger, {id: Energy}]}\n")),
      (Texts{"node.yaml:1: plugins.load: entry 2: id: expected 1 to 64 of a-z, 0-9 and -, found "
             "\"Energy\"; change it"}));
  EXPECT_EQ(errors(load_text("plugins: {load: [{id: a, fil: b}]}\n")).at(0),
            "node.yaml:1: plugins.load: entry 1: unknown member 'fil'; expected id, file, "
            "required, isolation, enabled, ignore_mirror, memory_mb, step_ms, cpu_percent");
  EXPECT_FALSE(load_text("plugins: {load: [a, a]}\n").ok());
}

TEST_F(Loader, a_plugin_has_limits_of_its_own) {
  const ConfigLoad loaded = load_text(
      "plugins:\n  load:\n    - ledger\n    - {id: energy, isolation: process, memory_mb: 64, "
      "step_ms: 900, cpu_percent: 50}\n");
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  const std::vector<PluginLoad> list = plugins_to_load(*loaded.config);
  EXPECT_FALSE(list[0].memory_mb || list[0].step_ms || list[0].cpu_percent);
  EXPECT_EQ(list[1].memory_mb, 64u);
  EXPECT_EQ(list[1].step_ms, 900u);
  EXPECT_EQ(list[1].cpu_percent, 50u);
  const auto refusal = [&](const char* entry) {
    return errors(load_text(std::string("plugins:\n  load:\n    - {id: a, ") + entry + "}\n"))
        .at(0);
  };
  EXPECT_EQ(refusal("isolation: process, memory_mb: 15"),
            "node.yaml:3: plugins.load: entry 1: memory_mb: expected a whole number from 16 to "
            "65536, found 15; change it, or leave it out for the default");
  EXPECT_EQ(
      refusal("isolation: process, step_ms: many"),
      "node.yaml:3: plugins.load: entry 1: step_ms: expected a whole number from 100 to 60000, "
      "found \"many\"; change it, or leave it out for the default");
  EXPECT_EQ(refusal("isolation: process, cpu_percent: -1"),
            "node.yaml:3: plugins.load: entry 1: cpu_percent: expected a whole number from 0 to "
            "6400, found -1; change it, or leave it out for the default");
  EXPECT_EQ(refusal("memory_mb: 64"),
            "node.yaml:3: plugins.load: entry 1: memory_mb: only with isolation: process");
}

TEST_F(Loader, the_status_listener_makes_room_for_the_mock_oracle) {
  EXPECT_EQ(load_text("plugins: {load: [mock-oracle]}\n").config->list("listeners.status"),
            (Texts{"127.0.0.1:8082"}));
  EXPECT_EQ(load_text("plugins: {load: [mock-oracle]}\nlisteners: {status: a:1}\n")
                .config->list("listeners.status"),
            (Texts{"a:1"}));
}

TEST_F(Loader, default_paths_follow_the_data_directory) {
  const ConfigLoad loaded =
      load_text("data_dir: /var/lib/node\nstorage: {state_dir: /fast/state}\n");
  EXPECT_EQ(loaded.config->text("rpc.socket"), "/var/lib/node/rpc.sock");
  EXPECT_EQ(loaded.config->text("chain.genesis_file"), "/var/lib/node/genesis.json");
  EXPECT_EQ(loaded.config->text("storage.state_dir"), "/fast/state");
}

TEST_F(Loader, show_names_the_source_and_never_a_secret) {
  inputs_.environment = {{"TB_RPC_AUTH_TOKEN", "0123456789abcdef-secret"}};
  const ConfigLoad loaded = load_text("rpc:\n  max_batch: 7\n");
  const json::object shown = config_show(*loaded.config, "rpc.");
  EXPECT_EQ(shown.at("rpc.max_batch").at("source").as_string(), "file");
  EXPECT_EQ(shown.at("rpc.max_batch").at("origin").as_string(), path("node.yaml") + ":2");
  EXPECT_EQ(shown.at("rpc.auth_token").at("value").as_string(), "***");
  for (const auto& rows :
       {config_show_table(*loaded.config), config_env_table(*loaded.config, inputs_.environment)}) {
    for (const auto& row : rows) {
      for (const auto& cell : row) EXPECT_EQ(cell.find("0123456789abcdef"), std::string::npos);
    }
  }
  EXPECT_EQ(loaded.config->secrets(), (Texts{"0123456789abcdef-secret"}));
}

TEST_F(Loader, plugins_add_keys_and_clashes_are_refused) {
  ConfigKey key{.name = "energy.max_readings",
                .type = ConfigType::kU64,
                .default_value = 5u,
                .owner = "energy"};
  ASSERT_TRUE(schema_->add(key).ok());
  EXPECT_EQ(load_text("energy: {max_readings: 6}\n").config->u64("energy.max_readings"), 6u);
  EXPECT_EQ(schema_->add(key).code(), Code::kExists);
  ConfigKey clash{.name = "energy_max.readings", .type = ConfigType::kU64, .owner = "other"};
  const Status refused = schema_->add(clash);
  EXPECT_EQ(refused.message(),
            "config key energy_max.readings of other: the variable TB_ENERGY_MAX_READINGS belongs "
            "to energy.max_readings of energy");
  ConfigKey bad{
      .name = "energy.x", .type = ConfigType::kU64, .default_value = 5u, .min = json::value(6u)};
  EXPECT_EQ(schema_->add(bad).code(), Code::kInvalid);
}

}  // namespace
}  // namespace blockd
