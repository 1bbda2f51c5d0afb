// A chain with governance and a small market, for tests: epochs of five blocks, three operators.
#pragma once

#include <gtest/gtest.h>
#include <tb/library.hpp>
#include <tb/sdk.hpp>
#include <tb/testkit.hpp>

#include <boost/json.hpp>

extern "C" const tb_plugin* tb_plugin_entry(const tb_host_info* host);

namespace governance::test {

namespace json = boost::json;

// market_fee: check_params refuses 13, params_changed cannot live with 666.
void describe_market(tb::Plugin& p);

class World : public ::testing::Test {
 protected:
  World();
  void SetUp() override;
  virtual void prepare() {}  // before the chain starts
  void TearDown() override;

  tb::Ran run(std::string_view method, const json::value& params,
              std::string_view from = "operator");
  tb::Ran run_admin(std::string_view method, const json::value& params);
  json::value ask(std::string_view method, const json::value& params = json::object());
  // Proposes a value, and answers the proposal's id; the vote ends with this epoch.
  std::uint64_t propose(std::string_view key, std::uint64_t value);
  void vote(std::uint64_t id, std::string_view choice = "yes", std::string_view from = "operator");
  std::string status(std::uint64_t id);
  std::uint64_t value(std::string_view key);
  void go_to(std::uint64_t height);  // until that block is the newest
  void go_to_epoch(std::uint64_t epoch) { go_to(epoch * 5); }
  // Proposed, voted and in force: the chain stands at the block that activated it.
  std::uint64_t enact(std::string_view key, std::uint64_t value);
  // Has a script voted in by the text; the chain stands at the block that activated it.
  std::uint64_t install(std::string_view source);

  std::string directory;  // of the files
  tb::TestChain chain;
};

std::uint64_t id_of(const tb::Ran& ran);

}  // namespace governance::test
