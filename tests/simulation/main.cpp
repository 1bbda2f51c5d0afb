// simulator: runs seeds of the simulation. A failing seed prints the one line that repeats it.
//
//   simulator [--seed N] [--seeds COUNT] [--steps M] [--verbose]
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "tests/simulation/simulation.hpp"

namespace {

std::vector<std::string> market_plugins() {
  std::vector<std::string> out;
  std::istringstream in(TB_MARKET_PLUGINS);
  for (std::string name; std::getline(in, name, ',');) out.push_back(name);
  return out;
}

int usage() {
  std::fprintf(stderr, "usage: simulator [--seed N] [--seeds COUNT] [--steps M] [--verbose]\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  using blockd::parse_u64;
  std::uint64_t seed = 1, seeds = 1, steps = 300;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--verbose") {
      verbose = true;
      continue;
    }
    std::uint64_t* target = flag == "--seed"    ? &seed
                            : flag == "--seeds" ? &seeds
                            : flag == "--steps" ? &steps
                                                : nullptr;
    const auto value = target != nullptr && i + 1 < argc ? parse_u64(argv[++i]) : std::nullopt;
    if (!value) return usage();
    *target = *value;
  }
  blockd::crypto_init();
  auto plugins = blockd::support::PluginImages::load(TB_BINARY_DIR "/plugins", market_plugins());
  if (!plugins.ok()) {
    std::fprintf(stderr, "simulator: %s\n", plugins.status().to_string().c_str());
    return 1;
  }
  for (std::uint64_t n = seed; n < seed + seeds; ++n) {
    blockd::sim::Simulation simulation(n, **plugins);
    const std::string failure = simulation.run(steps);
    const auto& c = simulation.counts();
    if (verbose || !failure.empty()) {
      std::printf(
          "seed %llu: %llu blocks, %llu commands, %llu crashes (%llu blocks learned after them), "
          "%llu failed syncs, %llu full disks, "
          "%llu lost states, %llu restarts, %llu replays\n",
          static_cast<unsigned long long>(n), static_cast<unsigned long long>(c.blocks),
          static_cast<unsigned long long>(c.commands), static_cast<unsigned long long>(c.crashes),
          static_cast<unsigned long long>(c.recovered_blocks),
          static_cast<unsigned long long>(c.failed_syncs),
          static_cast<unsigned long long>(c.full_disks),
          static_cast<unsigned long long>(c.lost_states),
          static_cast<unsigned long long>(c.restarts), static_cast<unsigned long long>(c.replays));
    }
    if (verbose) {
      for (const auto& [what, count] : simulation.outcomes()) {
        std::printf("  %6llu  %s\n", static_cast<unsigned long long>(count), what.c_str());
      }
    }
    if (!failure.empty()) {
      std::printf("FAILED %s\nrepeat with: simulator --seed %llu --steps %llu\n", failure.c_str(),
                  static_cast<unsigned long long>(n), static_cast<unsigned long long>(steps));
      return 1;
    }
  }
  std::printf("%llu seeds of %llu steps: all invariants held\n",
              static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(steps));
  return 0;
}
