// Actors: the people of the simulated market, and what they may believe of it from the blocks that
// were committed.
//
// `batch` makes commands that are right, wrong, late or hostile; `learn` takes in a committed
// block. What the actors believe comes from blocks alone, so that a block whose acknowledgement was
// lost is learned in the same way after the restart.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "kernel/chain/chain.hpp"
#include "tests/support/market.hpp"

namespace blockd::sim {

class Actors {
 public:
  static constexpr std::uint64_t kUsers = 6;
  static constexpr std::uint64_t kAlloc = 5'000'000;  // of each user and of the admin

  explicit Actors(std::uint64_t seed);

  // Roles and money of the first block.
  void fill(Genesis& genesis) const;
  std::uint64_t supply() const { return kAlloc * (kUsers + 1); }

  std::vector<CommandPtr> batch(std::size_t commands, std::uint64_t time_ms);
  void learn(const BlockRecord& block);
  // Takes the nonces from the chain.
  Status catch_up(const Chain& chain);
  const std::map<std::string, std::uint64_t>& outcomes() const { return outcomes_; }

 private:
  struct Meter {
    support::Meter meter;
    std::uint64_t kwh = 0, timestamp = 0, nonce = 0;
  };
  struct Credit {
    std::string meter_hash, provider;
    std::uint64_t kwh = 0;
  };
  struct Beliefs {
    std::vector<Meter> meters;
    std::vector<Credit> credits;  // bounded
    std::uint64_t disputes = 0;
  };

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  support::Account& anyone() { return accounts_[below(accounts_.size())]; }
  // Mostly the one who may, seldom somebody else.
  support::Account& admin() { return one_in(12) ? anyone() : accounts_.front(); }
  std::string any_provider();
  const Credit* any_credit();  // null: one that nobody has
  void learn_reading(const json::value& params);
  void learn_settlement(const json::value& params);

  CommandPtr one(std::uint64_t time_ms);
  CommandPtr transfer();
  CommandPtr open_or_close_session(std::uint64_t time_ms);
  CommandPtr provider_command();
  CommandPtr keys();
  CommandPtr reading(std::uint64_t time_ms);
  CommandPtr settle();
  CommandPtr dispute();

  std::mt19937_64 random_;
  std::vector<support::Account> accounts_;  // the first is the admin
  Beliefs known_, guessed_;  // guessed: while a batch is made, as if all of it succeeds
  std::map<std::string, std::uint64_t> outcomes_;
};

}  // namespace blockd::sim
