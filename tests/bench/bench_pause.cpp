// bench_pause: how long the executor stands still under full load on a large state.
//
//   bench_pause [--commands N] [--seconds N] [--dir DIR]
//
// First the state: N readings (default 4,000,000) in blocks that skip admission, each its own
// commit on the disk. Then `--seconds` (default 600) of as many readings as a producer takes,
// admission and signatures included, and every pause of the executor is noted. Prints a line of
// JSON per result; run.py adds the goals. The directory (default: a fresh one below /var/tmp) is
// removed at the end.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "kernel/storage/space_guard.hpp"
#include "tests/bench/bench_load.hpp"

namespace blockd::bench {
namespace {

constexpr std::uint64_t kBlock = 4000;
constexpr std::uint64_t kTold = 500'000;  // commands between two lines about the progress
constexpr WorldSize kPauseWorld{10'000, 8, 10'000};

struct Listener : EffectSink {
  void metric(const Manifest&, std::uint32_t, const std::vector<std::string>&,
              std::int64_t) override {}
  void log(const Manifest&, std::uint32_t, std::string_view, std::uint64_t) override {}
  void committed(const std::shared_ptr<const BlockRecord>&, const StateViewPtr&) override {}
};

void fill(BenchWorld& world, std::uint64_t commands) {
  const double begin = wall_s();
  for (std::uint64_t done = 0; done < commands; done += kBlock) {
    world.commit(world.readings(std::min(kBlock, commands - done)));
    if (done / kTold == (done + kBlock) / kTold) continue;
    std::fprintf(stderr, "%llu of %llu commands after %.0f s\n",
                 static_cast<unsigned long long>(done + kBlock),
                 static_cast<unsigned long long>(commands), wall_s() - begin);
  }
}

void run(const std::string& dir, std::uint64_t commands, double seconds) {
  BenchWorld world(dir, kPauseWorld);
  Listener listener;
  world.serve(&listener);
  world.open();
  world.populate();
  fill(world, commands);
  report("pause_state_commands", static_cast<double>(commands), "commands");
  report("pause_state_mb", static_cast<double>(directory_bytes(dir + "/state")) / 1e6, "MB");
  Pauses pauses;
  ProducerOptions producing;
  producing.on_pause = [&](std::string_view cause, std::uint64_t us) { pauses.note(cause, us); };
  auto producer = must(Producer::start(world.chain(), system_clock(), producing, {}));
  Load load(world, *producer);
  const double begin = wall_s();
  load.run_for(seconds);
  const double took = wall_s() - begin;
  producer.reset();
  report("pause_seconds", took, "s");
  report("pause_commands", static_cast<double>(load.ended()) / took, "1/s");
  report("pause_longest_ms", pauses.longest(), "ms");
  pauses.report_and_forget("under_load");
  world.close();
}

int main_of(int argc, char** argv) {
  crypto_init();
  std::string dir;
  std::uint64_t commands = 4'000'000;
  double seconds = 600;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--commands") commands = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seconds") seconds = std::strtod(argv[i + 1], nullptr);
    if (flag == "--dir") dir = argv[i + 1];
  }
  if (dir.empty()) dir = "/var/tmp/tb-bench-pause-" + std::to_string(::getpid());
  std::filesystem::create_directories(dir);
  run(dir, commands, seconds);
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace blockd::bench

int main(int argc, char** argv) { return blockd::bench::main_of(argc, argv); }
