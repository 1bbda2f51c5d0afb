// simulator: runs seeds of the simulation. A failing seed prints the one line that repeats it.
//
//   simulator [--seed N] [--seeds COUNT] [--crashes COUNT] [--steps M] [--verbose]
//
// With --crashes it goes on to further seeds until the process of the simulated node has died that
// often.
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "tests/simulation/simulation.hpp"

namespace {

using Counts = blockd::sim::Simulation::Counts;

struct Options {
  std::uint64_t seed = 1, seeds = 1, crashes = 0, steps = 300;
  bool verbose = false;
};

std::vector<std::string> market_plugins() {
  std::vector<std::string> out;
  std::istringstream in(TB_MARKET_PLUGINS);
  for (std::string name; std::getline(in, name, ',');) out.push_back(name);
  return out;
}

// For the loader's copies, or a run's snapshots; gone at the end.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "simulator-XXXXXX").string();
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void add(Counts& sum, const Counts& c) {
  sum.blocks += c.blocks;
  sum.commands += c.commands;
  sum.crashes += c.crashes;
  sum.recovered_blocks += c.recovered_blocks;
  sum.full_disks += c.full_disks;
  sum.failed_syncs += c.failed_syncs;
  sum.lost_states += c.lost_states;
  sum.restarts += c.restarts;
  sum.replays += c.replays;
  sum.reloads += c.reloads;
  sum.snapshots += c.snapshots;
  sum.prunes += c.prunes;
  sum.restored += c.restored;
}

std::string told(const Counts& c) {
  std::ostringstream out;
  out << c.crashes << " crashes (" << c.recovered_blocks << " blocks learned after them, "
      << c.failed_syncs << " by failed syncs, " << c.lost_states << " with the state lost), "
      << c.full_disks << " full disks, " << c.restarts << " restarts, " << c.reloads << " reloads, "
      << c.snapshots << " snapshots, " << c.prunes << " prunes, " << c.restored
      << " states from a snapshot, " << c.replays << " replays, " << c.blocks << " blocks, "
      << c.commands << " commands";
  return out.str();
}

// False when an invariant broke.
bool run(const Options& options, std::uint64_t seed, blockd::support::PluginImages& plugins,
         const blockd::LoadRules& loader, Counts* sum) {
  const Folder snapshots;
  blockd::sim::Simulation simulation(seed, plugins, loader, snapshots.path());
  const std::string failure = simulation.run(options.steps);
  add(*sum, simulation.counts());
  if (options.verbose || !failure.empty())
    std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                told(simulation.counts()).c_str());
  if (options.verbose) {
    for (const auto& [what, count] : simulation.outcomes())
      std::printf("  %6llu  %s\n", static_cast<unsigned long long>(count), what.c_str());
  }
  if (failure.empty()) return true;
  std::printf("FAILED %s\nrepeat with: simulator --seed %llu --steps %llu\n", failure.c_str(),
              static_cast<unsigned long long>(seed),
              static_cast<unsigned long long>(options.steps));
  return false;
}

bool parse(int argc, char** argv, Options* out) {
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--verbose") {
      out->verbose = true;
      continue;
    }
    std::uint64_t* target = flag == "--seed"      ? &out->seed
                            : flag == "--seeds"   ? &out->seeds
                            : flag == "--crashes" ? &out->crashes
                            : flag == "--steps"   ? &out->steps
                                                  : nullptr;
    const auto value =
        target != nullptr && i + 1 < argc ? blockd::parse_u64(argv[++i]) : std::nullopt;
    if (!value) return false;
    *target = *value;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, &options)) {
    std::fprintf(stderr,
                 "usage: simulator [--seed N] [--seeds COUNT] [--crashes COUNT] [--steps M] "
                 "[--verbose]\n");
    return 2;
  }
  blockd::crypto_init();
  const Folder folder;
  blockd::LoadRules loader;
  loader.policy = blockd::SignaturePolicy::kOff;
  loader.store_dir = folder.path();
  loader.probe_program = TB_BINARY_DIR "/bin/blockd";
  loader.probe_timeout_ms = 120'000;  // a bound against hanging
  auto plugins = blockd::support::PluginImages::load(TB_BINARY_DIR "/plugins", market_plugins());
  if (!plugins.ok() || folder.path().empty()) {
    std::fprintf(stderr, "simulator: %s\n",
                 plugins.ok() ? "no temporary folder" : plugins.status().to_string().c_str());
    return 1;
  }
  Counts sum;
  std::uint64_t seeds = 0;
  while (seeds < options.seeds || sum.crashes < options.crashes) {
    if (!run(options, options.seed + seeds, **plugins, loader, &sum)) return 1;
    ++seeds;
  }
  std::printf("%llu seeds of %llu steps: all invariants held\n%s\n",
              static_cast<unsigned long long>(seeds),
              static_cast<unsigned long long>(options.steps), told(sum).c_str());
  return 0;
}
