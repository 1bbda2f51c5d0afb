// Economics among the real ledger, receipts, governance and treasury.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <tb/library.hpp>
#include <tb/sdk.hpp>
#include <tb/testkit.hpp>
#include <tb/text.hpp>

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace {

namespace json = boost::json;

// The node's own methods that the recount asks for, answered from the chain of the test: headers
// with one producer, events as they were emitted. `lost` is an event that the node does not know,
// `forged` a part of one that it tells otherwise.
tb::TestChain* asked_chain = nullptr;
std::string lost;
std::pair<std::string, std::string> forged;

json::object told(const std::string& event) {
  std::string text = event;
  const std::size_t at = forged.first.empty() ? text.npos : text.find(forged.first);
  if (at != text.npos) text.replace(at, forged.first.size(), forged.second);
  return json::parse(text).as_object();
}

struct HeightParams {
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(HeightParams, (), (height))
struct ListParams {
  std::string from;
  std::uint64_t limit = 0;
  bool archived = false;
  std::vector<std::string> topics;
};
BOOST_DESCRIBE_STRUCT(ListParams, (), (from, limit, archived, topics))

tb::Status get_block(tb::LocalCall&, const HeightParams&, tb::Out& out) {
  out.put("proposer", std::string(64, 'a'));
  return tb::ok();
}

void put_members(const json::object& from, tb::Out& out) {
  for (const auto& [name, value] : from) {
    if (value.is_string()) out.put(std::string_view(name), std::string_view(value.get_string()));
    if (value.is_int64() && value.get_int64() < 0)
      out.put(std::string_view(name), value.get_int64());
    else if (value.is_number())
      out.put(std::string_view(name), value.to_number<std::uint64_t>());
  }
}

tb::Status list_events(tb::LocalCall&, const ListParams& in, tb::Out& out) {
  const std::uint64_t behind = std::stoull(in.from);
  out.list("events", [&](tb::Out& list) {
    for (const std::string& topic : in.topics) {
      for (const tb::Emitted& event : asked_chain->events(topic)) {
        if (event.height <= behind || (!lost.empty() && event.json.find(lost) != event.json.npos))
          continue;
        list.record({}, [&](tb::Out& item) {
          item.put("height", event.height);
          item.put("topic", std::string_view(topic));
          item.record("data", [&](tb::Out& data) { put_members(told(event.json), data); });
        });
      }
    }
  });
  out.put("cursor", in.from);
  out.put("more", false);
  return tb::ok();
}

void describe_node(tb::Plugin& p) {
  p.id("block").version("1.0.0").method_prefix("events");
  p.local("block.get", &get_block).role("open");
  p.local("events.list", &list_events).role("open");
}

constexpr std::uint64_t kFirstSupply = 11'000'000;
constexpr std::uint64_t kEpochBlocks = 5;

class Together : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "economics.XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    asked_chain = &chain_;
    lost.clear();
    forged = {};
    chain_.add(&tb_plugin_entry);
    chain_.add(&tb::detail::Library<&describe_node>::entry);
    for (const char* name : {"ledger", "receipts", "governance", "treasury"})
      chain_.add_library(std::string(TB_BINARY_DIR) + "/plugins/" + name + ".so");
    chain_.set_config("economics", "snapshot_dir", tb::cat("\"", folder_, "/snapshots\""));
    chain_.set_config("governance", "directory", tb::cat("\"", folder_, "\""));
    chain_.set_role("operator", true, false);
    chain_.allocate("alice", kFirstSupply);
    chain_.set_genesis_param("expected_total_blocks", 2'000'000);  // a quiet chain's reward is 3
    chain_.set_genesis_param("treasury_percent", 25);
  }
  void TearDown() override {
    EXPECT_NE(ask("ledger.check", "{}").find(R"("ok":true)"), std::string::npos) << last_;
    EXPECT_EQ(number("gov.treasury.balance", "balance"), number("balance", "amount", kTreasury));
    EXPECT_EQ(chain_.replay_check(), "");
    std::filesystem::remove_all(folder_);
  }
  const std::string& ask(std::string_view method, std::string_view params) {
    const tb::Ran ran = chain_.query(method, params);
    return last_ = ran.ok() ? ran.json : ran.error_name + ": " + ran.error_text;
  }
  std::uint64_t number(std::string_view method, std::string_view name,
                       std::string_view params = "{}") {
    const std::string key = tb::cat("\"", name, "\":");
    const std::size_t at = ask(method, params).find(key);
    if (at == std::string::npos) {
      ADD_FAILURE() << method << " names no " << name << ": " << last_;
      return 0;
    }
    return std::stoull(last_.substr(at + key.size()));
  }
  std::uint64_t treasury() { return number("balance", "amount", kTreasury); }
  void go_to(std::uint64_t height) {
    if (chain_.height() < height) chain_.advance(height - chain_.height());
  }

  static constexpr std::string_view kTreasury = R"({"address":"treasury"})";
  tb::TestChain chain_{{.epoch_length = kEpochBlocks}};
  std::string folder_, last_;
};

TEST_F(Together, a_vote_changes_the_treasurys_part_in_the_block_that_it_names) {
  chain_.start();
  const tb::Ran proposed =
      chain_.run("gov.propose", R"({"key":"treasury_percent","new_value":50,"vote_window":1})");
  ASSERT_TRUE(proposed.ok()) << proposed.error_text;
  ASSERT_TRUE(chain_.run("gov.vote", R"({"id":1,"choice":"yes"})").ok());
  const std::uint64_t deadline = number("gov.proposal", "vote_deadline_epoch", R"({"id":1})");
  const std::uint64_t first = (deadline + 2) * kEpochBlocks;
  go_to(first - 1);
  EXPECT_EQ(treasury(), first - 1);  // one of three in each block, rounded up
  go_to(first);
  EXPECT_EQ(treasury(), first + 1);
  EXPECT_EQ(number("economics.supply", "emission"), kFirstSupply + 3 * first);
}

TEST_F(Together, tariffs_arrive_in_the_treasurys_book_and_its_inflow_in_the_sample) {
  chain_.set_genesis_param("tariff_min_bps", 148);
  chain_.start();
  const std::string send = tb::cat(R"({"to":")", chain_.account("bob"), R"(","amount":10000})");
  ASSERT_TRUE(chain_.run("ledger.transfer", send, {.from = "alice"}).ok());
  go_to(kEpochBlocks);
  EXPECT_EQ(number("economics.sample", "epoch_treasury_inflow_block"), 4u);
  const std::uint64_t before = treasury();
  ASSERT_TRUE(chain_.run("ledger.transfer", send, {.from = "alice"}).ok());
  EXPECT_EQ(treasury(), before + 1 + 148);
  go_to(2 * kEpochBlocks);
  EXPECT_EQ(number("economics.sample", "epoch_treasury_inflow_block"), 5 + 148u);
}

TEST_F(Together, tuned_rates_are_governance_history) {
  chain_.set_genesis_param("subsidy_auto_tune_enabled", 1);
  chain_.start();
  go_to(kEpochBlocks + 1);
  chain_.deliver();
  EXPECT_EQ(number("inflation.params", "beta_storage_sub"), 58u);
  EXPECT_NE(ask("gov.param_history", R"({"key":"beta_storage_sub"})").find("economics"),
            std::string::npos)
      << last_;
}

TEST_F(Together, snapshots_lie_in_files_and_agree_with_the_state) {
  chain_.start();
  go_to(kEpochBlocks);
  chain_.deliver();
  const std::string file = folder_ + "/snapshots/epoch-00000000000000000001.json";
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_NE(ask("economics.replay", R"({"verify":true})").find(R"("ok":true)"), std::string::npos);
  std::filesystem::resize_file(file, 10);
  EXPECT_NE(ask("economics.replay", R"({"verify":true})").find(R"("differs":"file")"),
            std::string::npos)
      << last_;
  EXPECT_NE(ask("economics.replay", R"({"write":true})").find(R"("ok":true)"), std::string::npos);
  EXPECT_NE(ask("economics.replay", R"({"verify":true})").find(R"("ok":true)"), std::string::npos);
}

TEST_F(Together, a_replay_holds_the_inputs_against_the_blocks) {
  chain_.set_genesis_param("tariff_min_bps", 148);
  chain_.start();
  go_to(kEpochBlocks);  // the tariff is in force
  const std::string send = tb::cat(R"({"to":")", chain_.account("bob"), R"(","amount":10000})");
  ASSERT_TRUE(chain_.run("ledger.transfer", send, {.from = "alice"}).ok());
  ASSERT_TRUE(chain_.run("ledger.transfer", send, {.from = "alice", .fee = 5000}).ok());
  go_to(3 * kEpochBlocks);
  chain_.deliver();
  EXPECT_NE(ask("economics.replay", R"({"verify":true})").find(R"("ok":true)"), std::string::npos)
      << last_;
  EXPECT_NE(last_.find(R"("blocks_from":1)"), std::string::npos) << last_;
  const auto differs_without = [&](std::string_view event) {
    lost = event;
    ask("economics.replay", R"({"verify":true})");
    const std::size_t at = last_.find(R"("differs":")");
    return at == std::string::npos ? last_
                                   : last_.substr(at + 11, last_.find('"', at + 11) - at - 11);
  };
  EXPECT_EQ(differs_without(R"("kind":"mint")"), "blocks:emission");
  EXPECT_EQ(differs_without(R"("event":"accrual")"), "blocks:treasury_inflow");
  EXPECT_EQ(differs_without(R"("kind":"transfer")"), "blocks:tx_volume");
}

TEST_F(Together, a_replay_holds_the_tariff_against_the_transfers_and_the_treasurys_book) {
  chain_.set_genesis_param("tariff_min_bps", 148);
  chain_.start();
  const auto send = [&](std::uint64_t amount) {
    return chain_
        .run("ledger.transfer",
             tb::cat(R"({"to":")", chain_.account("bob"), R"(","amount":)", amount, "}"),
             {.from = "alice"})
        .ok();
  };
  ASSERT_TRUE(send(10'000));  // pays nothing yet; without volume the rate would stay at 0
  go_to(kEpochBlocks);
  ASSERT_TRUE(send(30'000));  // pays 444
  ASSERT_TRUE(send(50));      // too little to pay anything
  ASSERT_TRUE(chain_.run("ledger.transfer", R"({"to":"treasury","amount":1000})", {.from = "alice"})
                  .ok());  // a donation, and 14 of tariff
  go_to(3 * kEpochBlocks);
  chain_.deliver();
  const auto differs_with = [&](std::string_view real, std::string_view planted) {
    forged = {std::string(real), std::string(planted)};
    ask("economics.replay", R"({"verify":true})");
    const std::size_t at = last_.find(R"("differs":")");
    return at == std::string::npos ? std::string("nothing")
                                   : last_.substr(at + 11, last_.find('"', at + 11) - at - 11);
  };
  EXPECT_EQ(differs_with("", ""), "nothing") << last_;
  // Booked under another source: the inflow stays right.
  EXPECT_EQ(differs_with(R"("source":"tariff")", R"("source":"other")"), "blocks:tariff");
  EXPECT_EQ(differs_with(R"("amount":444)", R"("amount":443)"), "blocks:tariff");
  // A transfer that would have paid another tariff: neither sum nor volume tells, the rate does.
  EXPECT_EQ(differs_with(R"("amount":14,)", R"("amount":15,)"), "blocks:tariff");
  EXPECT_EQ(differs_with(R"("kind":"transfer","memo":"","to":"treasury")",
                         R"("kind":"capture","memo":"","to":"treasury")"),
            "blocks:tariff_rate");
}

}  // namespace
