// The profiles and the node file that ship with the node say what the table of profiles says.
#include <filesystem>

#include "kernel/config/tests/config_fixture.hpp"

namespace blockd {
namespace {

class Profiles : public ConfigFixture {
 protected:
  std::shared_ptr<const Config> profile(const std::string& name, const std::string& yaml = "") {
    inputs_.profile_dirs = {std::string(TB_SOURCE_DIR) + "/config/profiles"};
    inputs_.flags = {{"chain.profile", name}};
    const ConfigLoad loaded = load_text(yaml);
    EXPECT_TRUE(loaded.ok()) << loaded.status().to_string();
    EXPECT_TRUE(loaded.warnings().empty()) << loaded.warnings().at(0);
    return loaded.config;
  }
};

TEST_F(Profiles, each_has_the_values_of_the_table) {
  struct Row {
    const char* name;
    std::uint64_t interval, empty, epoch, commands, min_peers;
    const char *launch, *signatures, *loopback, *authority;
    bool mainnet;
  };
  const Row rows[] = {
      {"dev", 0, 1000, 120, 10'000, 0, "open", "warn", "operator", "operator", false},
      {"testnet", 1000, 1000, 120, 10'000, 3, "gated", "enforce", "open", "governance", false},
      {"main", 1000, 1000, 120, 1280, 3, "gated", "enforce", "open", "governance", true},
      {"worldos-energy", 1000, 1000, 120, 10'000, 0, "open", "warn", "operator", "operator",
       false}};
  for (const Row& r : rows) {
    const auto c = profile(r.name);
    ASSERT_NE(c, nullptr);
    EXPECT_EQ(c->text("chain.id"), r.name);
    EXPECT_EQ(c->u64("chain.block_interval_ms"), r.interval) << r.name;
    EXPECT_EQ(c->u64("chain.empty_block_interval_ms"), r.empty) << r.name;
    EXPECT_EQ(c->u64("chain.epoch_length"), r.epoch) << r.name;
    EXPECT_EQ(c->u64("chain.max_commands_per_block"), r.commands) << r.name;
    EXPECT_EQ(c->u64("net.min_peers"), r.min_peers) << r.name;
    EXPECT_EQ(c->text("chain.launch_profile"), r.launch) << r.name;
    EXPECT_EQ(c->text("plugins.signatures"), r.signatures) << r.name;
    EXPECT_EQ(c->text("rpc.loopback_role"), r.loopback) << r.name;
    EXPECT_EQ(c->text("chain.authority"), r.authority) << r.name;
    EXPECT_EQ(is_mainnet(*c), r.mainnet) << r.name;
  }
  EXPECT_TRUE(profile("main")->boolean("mempool.service_requires_account"));
  EXPECT_EQ(profile("mainnet")->text("chain.id"), "main");
}

TEST_F(Profiles, moloch_wants_a_chain_id_and_a_name_decides_the_kind) {
  inputs_.profile_dirs = {std::string(TB_SOURCE_DIR) + "/config/profiles"};
  inputs_.flags = {{"chain.profile", "moloch"}};
  const ConfigLoad refused = load_text("");
  ASSERT_FALSE(refused.ok());
  EXPECT_TRUE(refused.errors().at(0).ends_with("chain.id: must be given with profile 'moloch'"))
      << refused.errors().at(0);
  const auto main = profile("moloch", "chain: {id: moloch-mainnet}\n");
  EXPECT_TRUE(is_mainnet(*main));
  EXPECT_FALSE(is_mainnet(*profile("moloch", "chain: {id: moloch-test}\n")));
  EXPECT_EQ(main->list("listeners.metrics"), (std::vector<std::string>{"0.0.0.0:9090"}));
  EXPECT_EQ(main->u64("chain.epoch_length"), 100u);
  EXPECT_EQ(main->u64("chain.empty_block_interval_ms"), 10'000u);
}

TEST_F(Profiles, built_in_defaults_are_those_of_dev) {
  const Config defaults(schema_);
  const auto dev = profile("dev");
  for (const std::string& key : dev->changed_keys(defaults)) {
    // Only paths below the data directory are spelled out by loading.
    EXPECT_TRUE(defaults.text(key).starts_with("<data>/")) << key;
  }
}

TEST_F(Profiles, the_shipped_node_file_loads_the_plugins) {
  inputs_.profile_dirs = {std::string(TB_SOURCE_DIR) + "/config/profiles"};
  std::filesystem::copy_file(std::string(TB_SOURCE_DIR) + "/config/node.yaml", path("node.yaml"));
  const ConfigLoad loaded = load();
  ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
  EXPECT_TRUE(loaded.warnings().empty());
  std::vector<std::string> ids;
  for (const PluginLoad& p : plugins_to_load(*loaded.config)) ids.push_back(p.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"ledger", "governance", "receipts", "treasury",
                                           "economics", "energy", "mock-oracle"}));
}

}  // namespace
}  // namespace blockd
