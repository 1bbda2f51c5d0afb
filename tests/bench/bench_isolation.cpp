// bench_isolation: what `isolation: process` adds to a command, and how soon a crash is answered.
//
//   bench_isolation [--commands N] [--dir DIR]
//
// Two logs, one of readings and one of settlements, are executed again in turn with the market
// inside this process and in one of its own, several rounds each; the difference of the best rounds
// is what isolation adds. Every replay compares every block with the logged one. Prints lines of
// JSON; the directory is removed at the end.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "kernel/host/isolation/isolated.hpp"
#include "tests/bench/bench_world.hpp"

namespace blockd::bench {
namespace {

constexpr std::uint64_t kBlock = 500;
constexpr int kRounds = 5;
constexpr WorldSize kWorld{200, 8, 10'000};

// The plugins of the build, one of them in a process of its own.
class OneIsolated final : public MachineProvider {
 public:
  OneIsolated(MachineProvider& others, const std::string& id) : others_(others), id_(id) {
    isolation::IsolationOptions options;
    options.child.program = TB_BINARY_DIR "/bin/blockd";
    options.child.library = std::string(TB_BINARY_DIR "/plugins/") + id + ".so";
    options.limits.step_ms = 60'000;
    plugin_ = must(isolation::IsolatedPlugin::start(std::move(options)));
  }
  Result<Machine> find(const RosterEntry& entry) override {
    Result<Machine> machine = others_.find(entry);
    if (machine.ok() && entry.id == id_) machine->table = plugin_->plugin().machine;
    return machine;
  }
  isolation::IsolatedPlugin& plugin() { return *plugin_; }

 private:
  MachineProvider& others_;
  std::string id_;
  std::shared_ptr<isolation::IsolatedPlugin> plugin_;
};

// Seconds of one replay of the whole log.
double replay_once(BenchWorld& world) {
  const double begin = wall_s();
  const ReplayReport replayed = world.chain().replay(false, nullptr);
  if (!replayed.ok) die(Status(Code::kInternal, "replay differs: " + replayed.difference));
  return wall_s() - begin;
}

// Microseconds that isolation adds to each of `count` commands of the log.
double measure(BenchWorld& world, const std::string& what, std::uint64_t count) {
  OneIsolated isolated(world.machines(), "energy");
  double inside = 1e9, outside = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    world.close();
    world.open();
    inside = std::min(inside, replay_once(world));
    world.close();
    world.run_with(&isolated);
    world.open();
    outside = std::min(outside, replay_once(world));
    world.close();
    world.run_with(nullptr);
    world.open();
  }
  const double n = static_cast<double>(count);
  report(what + "_inside_us", inside / n * 1e6, "us");
  report(what + "_isolated_us", outside / n * 1e6, "us");
  return (outside - inside) / n * 1e6;
}

double readings(const std::string& dir, std::uint64_t count) {
  BenchWorld world(dir + "/readings", kWorld);
  world.open();
  world.populate();
  for (std::uint64_t done = 0; done < count; done += kBlock) world.commit(world.readings(kBlock));
  const double added = measure(world, "reading", count);
  report("isolation_per_reading_us", added, "us");
  return added;
}

void settlements(const std::string& dir, std::uint64_t count, double per_reading) {
  BenchWorld world(dir + "/settlements", kWorld);
  world.open();
  world.populate();
  for (std::uint64_t done = 0; done < count; done += kBlock) {
    const std::vector<CommandPtr> block = world.readings(kBlock);
    world.commit(block);
    world.commit(world.settle(block));
  }
  // Before each settlement stands its reading, whose price is known.
  const double added = measure(world, "reading_and_settlement", count);
  report("isolation_per_settlement_us", added - per_reading, "us");
}

// From the death of a plugin's process in the middle of a call to the error of that call: the child
// is stopped, so that it cannot answer, and then killed.
void crash(const std::string& dir) {
  BenchWorld world(dir + "/crash", kWorld);
  world.open();
  OneIsolated isolated(world.machines(), "energy");
  world.close();
  world.run_with(&isolated);
  world.open();
  double worst = 0;
  for (int round = 0; round < kRounds; ++round) {
    while (isolated.plugin().state().pid == 0) ::usleep(1000);
    const pid_t pid = isolated.plugin().state().pid;
    ::kill(pid, SIGSTOP);
    isolation::IsolatedPlugin::Hold hold;
    must(isolated.plugin().take(false, true, &hold));
    double killed = 0;
    std::thread killer([&] {
      ::usleep(20'000);  // the call waits by then
      killed = wall_s();
      ::kill(pid, SIGKILL);
    });
    isolation::Session session(hold.process(), hold.lane(), isolated.plugin().manifest(), {},
                               nullptr, nullptr);
    (void)session.call("a call", 60'000'000);
    (void)isolated.plugin().await_death(hold);
    const double told = wall_s();
    killer.join();
    worst = std::max(worst, told - killed);
  }
  report("isolation_crash_answered_ms", worst * 1e3, "ms");
  world.close();
  world.run_with(nullptr);
}

int run(int argc, char** argv) {
  crypto_init();
  std::string dir = "/var/tmp/bench-isolation-" + std::to_string(::getpid());
  std::uint64_t count = 5000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--commands") count = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--dir") dir = argv[i + 1];
  }
  count = std::max(count / kBlock, std::uint64_t{1}) * kBlock;
  const double per_reading = readings(dir, count);
  settlements(dir, count, per_reading);
  crash(dir);
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace blockd::bench

int main(int argc, char** argv) { return blockd::bench::run(argc, argv); }
