// BenchWorld: a chain on a real disk with the energy market on it, as blockd would run it, for the
// benchmarks of this folder.
//
// One directory holds log and state; open() and close() may follow each other, so that a restart
// can be measured. [one thread]
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/chain/chain.hpp"
#include "tests/support/market.hpp"
#include "tests/support/plugin_images.hpp"

namespace blockd::bench {

// CPU time of this process, all threads, user and system, in seconds.
double process_cpu_s();
double wall_s();
// What libsodium's Ed25519 verification of 32 bytes costs, measured now on `threads` threads, by
// the CPU time of these threads alone. Thirty-two, because that is what senders and meters sign:
// the hash of what they say; of a thousand keys, each with a message of its own, as in a market.
struct VerifyCost {
  double each_s = 0, all_s = 0;
};
VerifyCost verify_cost(unsigned threads);
// Prints one result as a line of JSON on stdout.
void report(std::string_view name, double value, std::string_view unit);
// Ends the program with what went wrong.
[[noreturn]] void die(const Status& status);
template <class T>
T must(Result<T> result) {
  if (!result.ok()) die(result.status());
  return *std::move(result);
}
inline void must(const Status& status) {
  if (!status.ok()) die(status);
}

struct WorldSize {
  std::uint64_t providers = 10;
  std::uint64_t senders = 8;         // oracle accounts
  std::uint64_t max_keyed = 10'000;  // the registry of keys holds no more
};

class BenchWorld {
 public:
  BenchWorld(std::string dir, const WorldSize& size);
  ~BenchWorld();

  void open();
  void close() { chain_.reset(); }
  // From the next open() on: as a node, with effects for `sink`, state roots in the background.
  void serve(EffectSink* sink) { sink_ = sink; }
  // From the next open() on: machines come from there; null: from the build's libraries, again.
  void run_with(MachineProvider* machines) { provider_ = machines; }
  MachineProvider& machines() { return *plugins_; }
  // The next chain.macro_point of an operator who sends nothing else.
  CommandPtr macro_point() { return operator_.sign("chain.macro_point", json::object{}); }
  Chain& chain() { return *chain_; }
  // Registers the providers and their keys, in blocks that skip admission (nothing is verified).
  void populate();
  // The next `count` readings, senders taking turns; signed on two threads.
  std::vector<CommandPtr> readings(std::uint64_t count);
  // A settlement of each of these readings' credits, one kWh.
  std::vector<CommandPtr> settle(const std::vector<CommandPtr>& readings);
  // Commits `commands` as one block and insists that each was applied.
  void commit(const std::vector<CommandPtr>& commands);
  std::uint64_t senders() const { return size_.senders; }

 private:
  struct MeterState {
    support::Meter meter;
    std::uint64_t kwh = 0, count = 0;
  };
  const std::string dir_;
  const WorldSize size_;
  std::unique_ptr<support::PluginImages> plugins_;
  SigningKey validator_;
  support::Account admin_, operator_;
  EffectSink* sink_ = nullptr;
  MachineProvider* provider_ = nullptr;
  std::vector<support::Account> accounts_;
  std::vector<MeterState> meters_;
  std::uint64_t turn_ = 0;
  std::uint64_t first_timestamp_ = 0;
  Genesis genesis_;
  std::unique_ptr<Chain> chain_;
};

}  // namespace blockd::bench
