// crash_commands: the commands that a crash run sends, made and signed before the node runs, so
// that each is known by its id whatever the node answers, or does not.
//
//   crash_commands --seed N --accounts A --transfers T --meters M --readings R --time SECONDS
//
// Prints one line of JSON with the accounts, the receivers and the meters' registrations, then a
// line per command: transfers of each account with nonces from 1 on, readings of each meter.
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <map>
#include <string>

#include "kernel/base/hex.hpp"
#include "tests/support/market.hpp"

namespace {

namespace json = boost::json;
using blockd::support::Account;
using blockd::support::Meter;
using Numbers = std::map<std::string, std::uint64_t>;

constexpr std::uint64_t kReceivers = 3, kFee = 1000, kAccountsPerSeed = 1000;

void print(const json::object& line) { std::printf("%s\n", json::serialize(line).c_str()); }

std::string receiver(std::uint64_t seed, std::uint64_t number) {
  return Account(seed * kAccountsPerSeed + kAccountsPerSeed / 2 + number).address();
}

void print_people(const Numbers& n) {
  json::object out;
  json::array accounts, receivers, meters;
  for (std::uint64_t i = 0; i < n.at("--accounts"); ++i)
    accounts.emplace_back(Account(n.at("--seed") * kAccountsPerSeed + i).address());
  for (std::uint64_t i = 0; i < kReceivers; ++i)
    receivers.emplace_back(receiver(n.at("--seed"), i));
  for (std::uint64_t i = 0; i < n.at("--meters"); ++i) {
    const Meter meter(i);
    json::object params = blockd::support::register_params(i, "", 5000);
    params.erase("owner");  // the node that registers it says whose it is
    meters.push_back(json::object{{"provider_id", meter.provider_id()},
                                  {"public_key_hex", meter.public_key_hex()},
                                  {"register", std::move(params)}});
  }
  out["accounts"] = std::move(accounts);
  out["receivers"] = std::move(receivers);
  out["meters"] = std::move(meters);
  print(out);
}

void print_transfers(const Numbers& n) {
  for (std::uint64_t i = 0; i < n.at("--accounts"); ++i) {
    Account account(n.at("--seed") * kAccountsPerSeed + i);
    for (std::uint64_t k = 0; k < n.at("--transfers"); ++k) {
      const std::string to = receiver(n.at("--seed"), (i + k) % kReceivers);
      const std::uint64_t amount = 1 + (i * 31 + k * 7) % 97;
      const auto command = account.sign("ledger.transfer", {{"to", to}, {"amount", amount}}, kFee);
      print({{"kind", "transfer"},
             {"sender", i},
             {"id", blockd::to_hex(blockd::view(command->id))},
             {"to", to},
             {"amount", amount},
             {"envelope", command->envelope}});
    }
  }
}

void print_readings(const Numbers& n) {
  for (std::uint64_t i = 0; i < n.at("--meters"); ++i) {
    for (std::uint64_t k = 1; k <= n.at("--readings"); ++k) {
      const json::object reading = Meter(i).reading(k * 3, n.at("--time") + k, k);
      print({{"kind", "reading"},
             {"sender", i},
             {"id", Meter::meter_hash(reading)},
             {"params", reading}});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  Numbers n{{"--seed", 1},   {"--accounts", 3},  {"--transfers", 100},
            {"--meters", 2}, {"--readings", 50}, {"--time", 0}};
  for (int i = 1; i < argc; i += 2) {
    const auto at = n.find(argv[i]);
    const auto value = i + 1 < argc ? blockd::parse_u64(argv[i + 1]) : std::nullopt;
    if (at == n.end() || !value) {
      std::fprintf(stderr,
                   "usage: crash_commands [--seed N] [--accounts A] [--transfers T] [--meters M] "
                   "[--readings R] [--time SECONDS]\n");
      return 2;
    }
    at->second = *value;
  }
  blockd::crypto_init();
  print_people(n);
  print_transfers(n);
  print_readings(n);
  return 0;
}
