// flag > environment > .env > file > profile > default, for every subset of sources and several
// kinds of keys.
#include "kernel/config/tests/config_fixture.hpp"

namespace blockd {
namespace {

using Precedence = ConfigFixture;

struct Subject {
  const char* key;
  const char* variable;
  ConfigType type;
};

constexpr Subject kSubjects[] = {
    {"rpc.max_batch", "TB_RPC_MAX_BATCH", ConfigType::kU64},
    {"mempool.purge_interval_secs", "TB_PURGE_LOOP_SECS", ConfigType::kU64},
    {"rpc.socket_group", "TB_RPC_SOCKET_GROUP", ConfigType::kString},
    {"rpc.allowed_hosts", "TB_RPC_ALLOWED_HOSTS", ConfigType::kStringList},
    {"snapshot_interval", "TB_SNAPSHOT_INTERVAL", ConfigType::kU64}};

// A different value for each source; bit i of `sources` is source i+1.
std::string value_of(std::size_t source) { return std::to_string(100 + source); }

std::string shown(const Config& c, const Subject& s) {
  if (s.type == ConfigType::kU64) return std::to_string(c.u64(s.key));
  if (s.type == ConfigType::kString) return c.text(s.key);
  const std::vector<std::string> list = c.list(s.key);
  return list.size() == 1 ? list[0] : "several";
}

TEST_F(Precedence, the_strongest_source_that_is_present_wins_for_each_key_alone) {
  constexpr std::size_t kCount = std::size(kSubjects);
  const Config defaults(schema_);
  // 32 subsets; each subject sees another one, so that keys do not influence each other.
  for (unsigned round = 0; round < 32; ++round) {
    std::string profile;
    std::string file;
    std::string dotenv;
    inputs_.environment.clear();
    inputs_.flags.clear();
    unsigned subsets[kCount];
    for (std::size_t i = 0; i < kCount; ++i) {
      const unsigned set = subsets[i] = (round + 7 * static_cast<unsigned>(i)) % 32;
      const Subject& s = kSubjects[i];
      if (set & 1) profile += std::string(s.key) + ": " + value_of(1) + "\n";
      if (set & 2) file += std::string(s.key) + ": " + value_of(2) + "\n";
      if (set & 4) dotenv += std::string(s.variable) + "=" + value_of(3) + "\n";
      if (set & 8) inputs_.environment[s.variable] = value_of(4);
      if (set & 16) inputs_.flags.emplace_back(s.key, value_of(5));
    }
    write("profiles/dev.yaml", profile);
    write("node.yaml", file);
    write(".env", dotenv);
    const ConfigLoad loaded = load();
    ASSERT_TRUE(loaded.ok()) << loaded.status().to_string();
    for (std::size_t i = 0; i < kCount; ++i) {
      const Subject& s = kSubjects[i];
      std::size_t strongest = 0;
      for (std::size_t bit = 0; bit < 5; ++bit) {
        if (subsets[i] & (1u << bit)) strongest = bit + 1;
      }
      EXPECT_EQ(loaded.config->source(s.key), static_cast<ConfigSource>(strongest))
          << s.key << " set " << subsets[i];
      EXPECT_EQ(shown(*loaded.config, s), strongest == 0 ? shown(defaults, s) : value_of(strongest))
          << s.key;
    }
  }
}

TEST_F(Precedence, lists_are_replaced_and_not_merged) {
  write("profiles/dev.yaml", "rpc: {allowed_hosts: [a, b, c]}\n");
  EXPECT_EQ(load_text("rpc: {allowed_hosts: [d]}\n").config->list("rpc.allowed_hosts"),
            (std::vector<std::string>{"d"}));
}

TEST_F(Precedence, the_profile_itself_follows_the_same_order) {
  write("profiles/one.yaml", "rpc: {max_batch: 1}\n");
  write("profiles/two.yaml", "rpc: {max_batch: 2}\n");
  write("profiles/three.yaml", "rpc: {max_batch: 3}\n");
  write("node.yaml", "chain: {profile: one}\n");
  EXPECT_EQ(load().config->u64("rpc.max_batch"), 1u);
  inputs_.environment = {{"TB_CHAIN_PROFILE", "two"}};
  EXPECT_EQ(load().config->u64("rpc.max_batch"), 2u);
  inputs_.flags = {{"chain.profile", "three"}};
  EXPECT_EQ(load().config->u64("rpc.max_batch"), 3u);
  inputs_.flags = {{"chain.profile", "four"}};
  EXPECT_EQ(load().errors().at(0), "chain.profile: no file four.yaml in " + path("profiles"));
}

}  // namespace
}  // namespace blockd
