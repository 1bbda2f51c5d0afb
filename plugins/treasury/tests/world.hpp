// A chain for the treasury's tests: the real ledger, a small machine in place of governance whose
// houses a test fills, a market that pays in, and the invariants looked at after every block.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "tb/testkit.hpp"

namespace treasury {

namespace json = boost::json;

struct WorldOptions {
  std::uint64_t epoch_length = 20;
  std::uint64_t funds = 1'000'000;  // of the treasury at genesis
  std::uint64_t max_open = 1024, max_open_per_proposer = 1024;
  bool execute_twice = true;
};

// What a test changes of the example payload.
struct Draft {
  std::uint64_t amount = 100'000;
  std::string memo;
  std::string deps = "[]";
  std::uint64_t scheduled_epoch = 1;
  std::uint64_t vote_window = 1, timelock = 1, rollback_window = 1;
  std::uint64_t quorum_ppm = 0;
  std::string receipts = "[]";
};
std::string payload_json(const Draft& draft, const std::string& destination);

class World {
 public:
  explicit World(const WorldOptions& options = {});

  tb::TestChain& chain() { return chain_; }
  std::string payee() const { return chain_.account("payee"); }

  // Weights in both houses, in force from the next block on.
  void set_member(std::string_view name, std::uint64_t operators, std::uint64_t builders);

  tb::Ran run(std::string_view method, const std::string& params, const tb::Sender& sender = {});
  tb::Ran submit(const Draft& draft = {}, std::string_view from = "operator");
  tb::Ran vote(std::uint64_t id, std::string_view choice, std::string_view from = "operator");
  tb::Ran acquire(std::string_view holder = "node_a", std::string_view from = "operator");
  tb::Ran execute(std::uint64_t id, std::uint64_t nonce, std::string_view holder = "node_a",
                  std::string_view from = "operator");
  tb::Ran rollback(std::uint64_t id, std::string_view reason = "policy update");

  // Empty blocks to the end of the epoch, with the invariants after each.
  void finish_epoch();
  // Empty blocks until the next one is the last of its epoch.
  void go_to_last_block();
  // Submits, votes yes and waits until the record is timelocked; its id.
  std::uint64_t timelocked(const Draft& draft = {});

  json::value query(std::string_view method, const std::string& params = "{}");
  json::value record(std::uint64_t id);
  std::string state(std::uint64_t id);
  std::uint64_t balance();
  std::uint64_t held(const std::string& account);
  // Every row of the balance that the chain has emitted.
  std::vector<json::value> rows();
  // Invariants of the book and of escrow; a test fails with what does not hold.
  void check();

 private:
  std::uint64_t epoch_length_;
  tb::TestChain chain_;
};

}  // namespace treasury
