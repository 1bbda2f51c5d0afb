// A chain of the real executor with the real ledger and receipts, economics under test, and small
// stand-ins for the rest. Checked after each test: the ledger's sum, and a replay of every block.
#pragma once

#include <gtest/gtest.h>

#include <tb/testkit.hpp>

#include "plugins/economics/tests/outsiders.hpp"

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace economics_test {

using tb::detail::Library;

inline constexpr std::uint64_t kEpochBlocks = 10;
inline constexpr std::uint64_t kFirstSupply = 11'000'000;

class Economics : public ::testing::Test {
 protected:
  void SetUp() override {
    chain_.add(&tb_plugin_entry);
    for (const char* name : {"ledger", "receipts"})
      chain_.add_library(std::string(TB_BINARY_DIR) + "/plugins/" + name + ".so");
    chain_.add(&Library<&outsiders::governance::describe>::entry);
    chain_.add(&Library<&outsiders::treasury::describe>::entry);
    chain_.add(&Library<&outsiders::market::describe>::entry);
    chain_.add(&Library<&outsiders::kyc::describe>::entry);
    chain_.set_config("economics", "snapshot_dir", "\"\"");
  }
  void TearDown() override {
    EXPECT_TRUE(says("ledger.check", "{}", R"("ok":true)")) << last_;
    EXPECT_EQ(chain_.replay_check(), "");
  }
  void start(std::uint64_t alice = kFirstSupply) {
    chain_.allocate("alice", alice);
    chain_.start();
  }

  bool says(std::string_view method, std::string_view params, std::string_view part) {
    const tb::Ran ran = chain_.query(method, params);
    last_ = ran.ok() ? ran.json : ran.error_name + ": " + ran.error_text;
    return last_.find(part) != std::string::npos;
  }
  // The number behind `"name":` in what a query answers, behind the first `in`.
  std::uint64_t number(std::string_view method, std::string_view name, std::string_view in = {},
                       std::string_view params = "{}") {
    last_ = chain_.query(method, params).json;
    const std::size_t from = in.empty() ? 0 : last_.find(tb::cat("\"", in, "\":"));
    const std::string key = tb::cat("\"", name, "\":");
    const std::size_t at = from == std::string::npos ? from : last_.find(key, from);
    if (at == std::string::npos) {
      ADD_FAILURE() << method << " names no " << name << ": " << last_;
      return 0;
    }
    return std::stoull(last_.substr(at + key.size()));
  }
  std::uint64_t emission() { return number("economics.supply", "emission"); }
  std::uint64_t balance(std::string_view who) {
    const std::string account = who == "treasury" ? std::string(who) : chain_.account(who);
    return number("balance", "amount", {}, tb::cat(R"({"address":")", account, R"("})"));
  }
  std::uint64_t share(std::string_view market) {
    return number("economics.state", market, "subsidies");
  }
  std::uint64_t multiplier(std::string_view market) {
    return number("economics.state", market, "multipliers_ppm");
  }
  std::string snapshot_hash() {
    last_ = chain_.query("economics.snapshot", R"({"hash":true})").json;
    return last_;
  }
  tb::Ran set(std::string_view key, std::uint64_t value) {
    return chain_.run("governance.set", tb::cat(R"({"key":")", key, R"(","value":)", value, "}"));
  }
  tb::Ran transfer(std::string_view from, std::string_view to, std::uint64_t amount) {
    return chain_.run("ledger.transfer",
                      tb::cat(R"({"to":")", chain_.account(to), R"(","amount":)", amount, "}"),
                      {.from = from});
  }
  tb::Ran use(std::string_view usage, std::string_view who, std::uint64_t units) {
    return chain_.run("market.use", tb::cat(R"({"usage_class":")", usage, R"(","recipient":")",
                                            chain_.account(who), R"(","units":)", units, "}"));
  }
  tb::Ran sample(std::string_view market, std::uint64_t used, std::uint64_t payout,
                 std::uint64_t cost, bool rehearsal = false) {
    return chain_.run("market.tell",
                      tb::cat(R"({"market":")", market, R"(","epoch":0,"rehearsal":)", rehearsal,
                              R"(,"capacity_units":1000,"used_units":)", used,
                              R"(,"payout_total":)", payout, R"(,"cost_total":)", cost, "}"));
  }
  // Empty blocks up to and with boundary `k`.
  void close(std::uint64_t k) {
    if (chain_.height() + 1 < k * kEpochBlocks)
      chain_.advance(k * kEpochBlocks - 1 - chain_.height());
  }

  tb::TestChain chain_{{.epoch_length = kEpochBlocks}};
  std::string last_;
};

}  // namespace economics_test
