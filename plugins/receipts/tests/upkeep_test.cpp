// Retention, micro-shard roots and the key set `receipt_emitters`, on the test kit's chain.
#include <gtest/gtest.h>
#include <tb/address.hpp>
#include <tb/library.hpp>
#include <tb/sdk.hpp>
#include <tb/testkit.hpp>

#include "plugins/receipts/retention.hpp"
#include "plugins/receipts/roots.hpp"
#include "plugins/receipts/rules/bundles.hpp"

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace {

// A plugin that provides gov/1 with one key set, which a command fills.
struct KeyParams {
  tb::Hash key;
};
BOOST_DESCRIBE_STRUCT(KeyParams, (), (key))
struct SetName {
  std::string_view name;
};
BOOST_DESCRIBE_STRUCT(SetName, (), (name))

tb::Status admit_key(tb::Ctx& ctx, const KeyParams& in, tb::Out&) {
  ctx.put(tb::Key("key/").raw(in.key.view()), "1");
  return tb::ok();
}

tb::Status keyset(tb::View& view, std::string_view, const SetName& in, tb::Out& out) {
  std::vector<tb::Hash> keys;
  view.scan("key/", {}, 10, [&](std::string_view key, std::string_view) {
    keys.push_back(tb::Hash::from(key.substr(4)));
  });
  out.put("keys", in.name == "receipt_emitters" ? keys : std::vector<tb::Hash>{});
  return tb::ok();
}

void describe_gov(tb::Plugin& p) {
  p.id("gov-stand-in").version("1.0.0").sm(1).schema(1).method_prefix("stand-in");
  p.command("stand-in.admit", &admit_key).role("open");
  p.provides("gov/1").function("keyset", &keyset).error(-32060, "unknown_keyset");
}

class Upkeep : public ::testing::Test {
 protected:
  void begin(bool with_gov) {
    chain_.add(&tb_plugin_entry);
    if (with_gov) chain_.add(&tb::detail::Library<&describe_gov>::entry);
    chain_.set_role("boss", true, true);
    chain_.start();
  }
  // Slash receipts need neither registry nor signature.
  tb::Ran slash(std::uint64_t amount, std::string_view from = "boss") {
    return chain_.run("receipts.submit",
                      tb::cat(R"({"receipt":{"type":"storage_slash","provider":"p1","amount":)",
                              amount, R"(,"reason":"late"}})"),
                      as(from));
  }
  static std::string root(std::string_view size_class, char digit) {
    return tb::cat(R"({"root_hash":")", std::string(64, digit),
                   R"(","shard_id":7,"payload_bytes":9,"size_class":")", size_class, R"("})");
  }
  tb::Ran announce(std::string_view size_class, char digit, std::string_view from = "boss") {
    return chain_.run("microshard.roots.announce", root(size_class, digit), as(from));
  }
  // Who passes the gate for admins, and is one only under the name "boss".
  static tb::Sender as(std::string_view from) {
    return {.from = from, .admin = from == "boss", .roles = {"admin"}};
  }
  bool answers(std::string_view method, std::string_view params, std::string_view part) {
    last_ = chain_.query(method, params).json;
    return last_.find(part) != std::string::npos;
  }
  std::size_t bodies() const { return chain_.rows("receipts", "rcpt/body/").size(); }

  tb::TestChain chain_;
  std::string last_;
};

TEST_F(Upkeep, nothing_is_dropped_without_a_retention) {
  begin(false);
  ASSERT_TRUE(chain_.set_param("receipt_blob_da_window_secs", 1));
  for (std::uint64_t i = 1; i <= 3; ++i) ASSERT_TRUE(slash(i).ok());
  chain_.advance(50);
  EXPECT_EQ(bodies(), 3u);
  EXPECT_TRUE(chain_.rows("receipts", "rcpt/dropped").empty());
  chain_.run_timer("receipts", "receipts.refresh");
  EXPECT_EQ(chain_.metric("receipt_storage_oldest_age_seconds"), 0);
}

TEST_F(Upkeep, bodies_go_when_both_terms_have_passed_and_the_rest_stays) {
  begin(false);
  ASSERT_TRUE(chain_.set_param("receipt_blob_da_window_secs", 1));
  ASSERT_TRUE(chain_.set_param("receipt_retention_blocks", 20));
  chain_.advance();
  ASSERT_TRUE(slash(5).ok());
  const std::uint64_t first = chain_.height();
  ASSERT_TRUE(answers("receipts.get", tb::cat(R"({"height":)", first, R"(,"index":0})"), "p1"));
  const std::size_t at = last_.find(R"("id":")");
  const std::string id = last_.substr(at + 6, 64);
  chain_.advance(10);
  ASSERT_TRUE(slash(6).ok());
  chain_.advance(first + 19 - chain_.height());
  EXPECT_EQ(bodies(), 2u);
  chain_.advance();
  EXPECT_EQ(bodies(), 1u);

  const std::string place = tb::cat(R"({"height":)", first, R"(,"index":0})");
  EXPECT_EQ(chain_.query("receipts.get", place).error_name, "not_kept");
  EXPECT_EQ(chain_.query("receipts.get", tb::cat(R"({"id":")", id, R"("})")).error_name,
            "not_kept");
  EXPECT_EQ(chain_.http("GET", "/receipts/" + id).first, 410u);
  EXPECT_TRUE(answers("receipts.header", tb::cat(R"({"height":)", first, "}"), R"("receipts":1)"));
  EXPECT_TRUE(answers("receipts.stats", R"({"market":"storage"})", R"("slash_total":2)"));
  EXPECT_TRUE(answers("receipts.list", "{}", tb::cat(R"("from_height":)", first + 1))) << last_;
  EXPECT_EQ(last_.find(R"("amount":5)"), std::string::npos) << last_;
  EXPECT_NE(last_.find(R"("amount":6)"), std::string::npos) << last_;
  EXPECT_TRUE(answers("receipts.validate", R"({"from_block":0})", R"("blocks_not_kept":1)"))
      << last_;
  EXPECT_NE(last_.find(R"("receipts":1,"ok":true)"), std::string::npos) << last_;
  chain_.run_timer("receipts", "receipts.refresh");
  EXPECT_GT(chain_.metric("receipt_storage_oldest_age_seconds"), 0);
  EXPECT_EQ(chain_.metric("receipt_da_sample_failure_total"), 0);
  EXPECT_EQ(chain_.replay_check(), "");
}

TEST_F(Upkeep, bodies_stay_while_they_are_promised) {
  begin(false);
  ASSERT_TRUE(chain_.set_param("receipt_retention_blocks", 1));
  ASSERT_TRUE(slash(5).ok());  // promised for seven days
  chain_.advance(30);
  EXPECT_EQ(bodies(), 1u);
}

TEST_F(Upkeep, a_long_history_goes_over_many_blocks) {
  begin(false);
  ASSERT_TRUE(chain_.set_param("receipt_blob_da_window_secs", 1));
  const std::uint64_t blocks = receipts::kDroppedPerBlock + 50;
  for (std::uint64_t i = 1; i <= blocks; ++i) ASSERT_TRUE(slash(i).ok());
  ASSERT_TRUE(chain_.set_param("receipt_retention_blocks", 1));
  chain_.advance(2);
  const std::size_t after_few = bodies();
  EXPECT_GT(after_few, 0u);
  EXPECT_LT(after_few, blocks);
  chain_.advance(20);
  EXPECT_EQ(bodies(), 0u);
  EXPECT_EQ(chain_.replay_check(), "");
}

TEST_F(Upkeep, roots_are_bundled_once_a_slot) {
  begin(false);
  EXPECT_TRUE(answers("microshard.roots.last", "{}", "[]")) << last_;
  EXPECT_EQ(announce("L2", 'a', "eve").error_name, "not_authorized");
  ASSERT_TRUE(announce("L2", 'a').ok());
  chain_.advance(20);
  const auto made = chain_.events("receipts.root_bundle");
  ASSERT_EQ(made.size(), 1u);
  EXPECT_TRUE(
      answers("microshard.roots.last", R"({"n":5})", R"("size_class":"L2","bundle_hash":")"))
      << last_;
  EXPECT_NE(last_.find(R"("entry_count":1)"), std::string::npos) << last_;
  const std::string first = root("L3", 'b'), second = root("L3", 'c');
  const tb::Sender boss{.from = "boss", .admin = true};
  for (const tb::Ran& ran : chain_.block({{"microshard.roots.announce", first, boss},
                                          {"microshard.roots.announce", second, boss}}))
    ASSERT_TRUE(ran.ok()) << ran.error_text;
  chain_.advance(40);
  EXPECT_TRUE(answers("microshard.roots.last", "{}", R"("entry_count":2)")) << last_;
  EXPECT_NE(last_.find(R"("size_class":"L3")"), std::string::npos) << last_;
  EXPECT_EQ(chain_.replay_check(), "");
}

TEST_F(Upkeep, the_hash_of_a_bundle_is_that_of_its_entries) {
  begin(false);
  const tb::Ran ran = announce("L2", 'a');
  ASSERT_TRUE(ran.ok());
  chain_.advance(20);
  std::string member = R"("available_until":)";
  const std::uint64_t until = std::stoull(ran.json.substr(ran.json.find(member) + member.size()));
  ASSERT_TRUE(answers("microshard.roots.last", "{}", R"("slot":)"));
  const std::uint64_t slot = std::stoull(last_.substr(last_.find(R"("slot":)") + 7));
  receipts::RootEntry entry;
  entry.root_hash.bytes.fill(0xaa);
  entry.shard_id = 7;
  entry.available_until = until;
  entry.payload_bytes = 9;
  const receipts::RootEntry entries[] = {entry};
  EXPECT_NE(last_.find(receipts::bundle_hash(slot, receipts::SizeClass::kL2, entries).hex()),
            std::string::npos)
      << last_;
}

TEST_F(Upkeep, a_full_queue_pushes_out_its_oldest_root) {
  begin(false);
  std::vector<tb::TestCommand> commands;
  std::vector<std::string> texts;
  for (std::uint64_t i = 0; i < receipts::kMaxRoots + 3; ++i) {
    std::string number = std::to_string(i);
    texts.push_back(tb::cat(R"({"root_hash":")", std::string(64 - number.size(), '0'), number,
                            R"(","shard_id":0,"payload_bytes":1,"size_class":"L3"})"));
  }
  for (const std::string& text : texts)
    commands.push_back({"microshard.roots.announce", text, {.from = "boss", .admin = true}});
  for (const tb::Ran& ran : chain_.block(commands)) ASSERT_TRUE(ran.ok()) << ran.error_text;
  EXPECT_EQ(chain_.metric("root_queue_evictions_total"), 3);
  chain_.advance(40);
  EXPECT_TRUE(
      answers("microshard.roots.last", "{}", tb::cat(R"("entry_count":)", receipts::kMaxRoots)))
      << last_;
}

TEST_F(Upkeep, only_keys_of_the_set_and_admins_hand_in) {
  begin(true);
  EXPECT_EQ(slash(1, "relay").error_name, "not_authorized");
  ASSERT_TRUE(chain_
                  .run("stand-in.admit",
                       tb::cat(R"({"key":")", tb::to_hex(chain_.public_key("relay")), R"("})"))
                  .ok());
  EXPECT_TRUE(slash(1, "relay").ok());
  EXPECT_EQ(slash(2, "other").error_name, "not_authorized");
  EXPECT_TRUE(slash(2).ok());
  EXPECT_EQ(chain_.replay_check(), "");
}

TEST_F(Upkeep, the_address_of_a_key_is_the_account_that_it_signs_for) {
  begin(false);
  for (const char* name : {"a", "b", "relay"})
    EXPECT_EQ(tb::address_of(tb::Hash::from(chain_.public_key(name))), chain_.account(name));
}

TEST_F(Upkeep, a_provider_rotates_its_own_key_with_a_proof_of_the_new_one) {
  begin(true);
  const auto proof = [&](std::string_view signer, std::string_view provider) {
    std::string message("tb.provider.announce.v1\0", 24);
    const std::uint64_t size = provider.size();
    for (unsigned i = 0; i < 8; ++i) message += static_cast<char>(size >> 8 * i & 255);
    return tb::to_hex(chain_.sign(signer, message.append(provider)));
  };
  const auto rotate = [&](std::string_view from, std::string_view proof_hex) {
    return chain_.run(
        "receipts.rotate_provider",
        tb::cat(R"({"provider_id":"prov","new_key_hex":")", tb::to_hex(chain_.public_key("new")),
                R"(","proof_hex":")", proof_hex, R"("})"),
        as(from));
  };
  ASSERT_TRUE(chain_
                  .run("receipts.register_provider",
                       tb::cat(R"({"provider_id":"prov","verifying_key_hex":")",
                               tb::to_hex(chain_.public_key("prov")),
                               R"(","source":{"kind":"signed_announcement"},"proof_hex":")",
                               proof("prov", "prov"), R"("})"),
                       as("eve"))
                  .ok());
  EXPECT_EQ(rotate("eve", proof("new", "prov")).error_name, "not_authorized");
  EXPECT_EQ(rotate("prov", proof("prov", "prov")).error_name, "not_authorized");
  EXPECT_TRUE(rotate("prov", proof("new", "prov")).ok());
  EXPECT_EQ(rotate("prov", proof("new", "prov")).error_name, "not_authorized");
}

}  // namespace
