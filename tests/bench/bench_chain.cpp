// bench_chain: CPU time of durable commands, restarts, replays and previews.
//
//   bench_chain commands|flat|log [--commands N] [--dir DIR]
//   bench_chain make-log|replay|preview   [--commands N] --dir DIR
//
// Prints a line of JSON per result; run.py adds the goals. The directory (default: a fresh one
// below /var/tmp, so that fsync is one of a real disk) is removed at the end. `make-log` leaves a
// log behind; `replay` and `preview` execute it again, as often as somebody with a profiler wants.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <thread>

#include "kernel/base/json.hpp"
#include "kernel/chain/producer.hpp"
#include "tests/bench/bench_world.hpp"

namespace blockd::bench {
namespace {

constexpr int kSubmitters = 2;
constexpr std::uint64_t kOutstanding =
    2000;  // commands of a submitter that wait for their block: well below every pool limit
constexpr std::uint64_t kLogBlock =
    1000;  // commands in a block of the log that restart and replay are measured on
constexpr std::uint64_t kPreviewEpochs = 1;
constexpr WorldSize kLogWorld{1000, 8, 10'000};
constexpr std::uint64_t kParts = 9;  // of the run of commands
constexpr double kSignatures = 2;    // of a submit_reading: the sender's and the meter's

// Counts ends of commands, and lets a submitter wait until enough have ended.
class Ends {
 public:
  void add(const CommandResult& result) {
    std::lock_guard lock(mutex_);
    if (result.refusal || result.outcome != Outcome::kApplied) {
      trouble_ = result.refusal ? result.refusal->message : result.name + ": " + result.text;
    }
    if (++ended_ >= wanted_ || !trouble_.empty()) changed_.notify_all();
  }
  void wait(std::uint64_t until) {
    std::unique_lock lock(mutex_);
    wanted_ = until;
    changed_.wait(lock, [&] { return ended_ >= until || !trouble_.empty(); });
    wanted_ = UINT64_MAX;
    if (!trouble_.empty()) die(Status(Code::kInternal, "a command ended badly: " + trouble_));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t ended_ = 0, wanted_ = UINT64_MAX;
  std::string trouble_;
};

// Envelopes as they came from clients; submitter i has those of every kSubmitters-th sender, in
// order.
using Envelopes = std::vector<std::vector<Bytes>>;

Envelopes envelopes(BenchWorld& world, std::uint64_t count) {
  Envelopes out(kSubmitters);
  const std::vector<CommandPtr> commands = world.readings(count);
  for (std::size_t i = 0; i < commands.size(); ++i)
    out[i % world.senders() % kSubmitters].push_back(commands[i]->envelope);
  return out;
}

void submit_all(Producer& producer, std::vector<Bytes> envelopes) {
  Ends ends;
  std::uint64_t sent = 0, freed = 0;
  for (Bytes& envelope : envelopes) {
    // A full window is refilled when half of it is free: threads that wake each other for every
    // single command would be measured, and not the node.
    if (sent - freed > kOutstanding) ends.wait(freed = sent - kOutstanding / 2);
    ParsedCommand parsed = parse_envelope(std::move(envelope), false);
    if (parsed.refusal) die(Status(Code::kInternal, parsed.refusal->message));
    auto refusal = producer.submit(parsed.command, false,
                                   [&ends](const CommandResult& result) { ends.add(result); });
    if (refusal) die(Status(Code::kInternal, refusal->message));
    ++sent;
  }
  ends.wait(sent);
}

struct Cost {
  double cpu_s = 0, wall_s = 0;  // per command; and of all
  double cores = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void submit_beside_each_other(Producer& producer, Envelopes work) {
  std::vector<std::thread> threads;
  for (auto& mine : work)
    threads.emplace_back([&producer, &mine] { submit_all(producer, std::move(mine)); });
  for (std::thread& thread : threads) thread.join();
}

Cost measure_commands(BenchWorld& world, std::uint64_t count) {
  Envelopes work = envelopes(world, count);
  auto producer = must(Producer::start(world.chain(), system_clock(), {}, {}));
  const double cpu = process_cpu_s(), wall = wall_s();
  submit_beside_each_other(*producer, std::move(work));
  Cost cost;
  cost.wall_s = wall_s() - wall;
  const double used = process_cpu_s() - cpu;
  cost.cpu_s = used / static_cast<double>(count);
  cost.cores = used / cost.wall_s;
  return cost;
}

std::unique_ptr<BenchWorld> warm_market(const std::string& dir, std::uint64_t providers,
                                        std::uint64_t count) {
  std::filesystem::remove_all(dir);
  WorldSize size;
  size.providers = providers;
  auto world = std::make_unique<BenchWorld>(dir, size);
  world->open();
  world->populate();
  measure_commands(*world, count);  // warms caches and allocator
  return world;
}

Cost market_cost(const std::string& dir, std::uint64_t providers, std::uint64_t count) {
  return measure_commands(*warm_market(dir, providers, count / 10), count);
}

// A part of the run, and the baseline behind it. What the node still does meanwhile (its store is
// written beside the executor) belongs to the part: all that the process uses is counted but for
// the baseline's own threads.
Cost measure_part(Producer& producer, Envelopes work, VerifyCost* baseline) {
  std::uint64_t count = 0;
  for (const auto& mine : work) count += mine.size();
  const double cpu = process_cpu_s(), wall = wall_s();
  submit_beside_each_other(producer, std::move(work));
  Cost cost;
  cost.wall_s = wall_s() - wall;
  cost.cores = (process_cpu_s() - cpu) / cost.wall_s;
  *baseline = verify_cost(2);
  cost.cpu_s = (process_cpu_s() - cpu - baseline->all_s) / static_cast<double>(count);
  return cost;
}

// What a verification costs on a shared machine changes from second to second, by a fifth. So the
// run has parts, each between two baselines of its own, and the median of their ratios counts. The
// baseline runs as the commands do, on both cores, which share what is below them; a verification
// on one core alone is told beside it.
void commands(const std::string& dir, std::uint64_t count) {
  const auto world = warm_market(dir, 1000, count / 10);
  const std::uint64_t each = std::max<std::uint64_t>(count / kParts, 1);
  std::vector<Envelopes> work;
  for (std::uint64_t part = 0; part < kParts; ++part) work.push_back(envelopes(*world, each));
  auto producer = must(Producer::start(world->chain(), system_clock(), {}, {}));
  const double alone = verify_cost(1).each_s;
  std::vector<double> verify{verify_cost(2).each_s}, cpu, ratio, cores, rate;
  for (Envelopes& mine : work) {
    VerifyCost baseline;
    const Cost cost = measure_part(*producer, std::move(mine), &baseline);
    const double beside = (verify.back() + baseline.each_s) / 2;
    verify.push_back(baseline.each_s);
    cpu.push_back(cost.cpu_s);
    ratio.push_back(cost.cpu_s / (kSignatures * beside));
    cores.push_back(cost.cores);
    rate.push_back(static_cast<double>(each) / cost.wall_s);
  }
  report("verify_us", median(verify) * 1e6, "us");
  report("verify_alone_us", (alone + verify_cost(1).each_s) / 2 * 1e6, "us");
  report("command_cpu_us", median(cpu) * 1e6, "us");
  report("command_cost_ratio", median(ratio), "x");
  report("command_cost_ratio_least", *std::min_element(ratio.begin(), ratio.end()), "x");
  report("command_cost_ratio_most", *std::max_element(ratio.begin(), ratio.end()), "x");
  report("command_cores", median(cores), "cores");
  report("command_rate", median(rate), "1/s");
}

void flat(const std::string& dir, std::uint64_t count) {
  const Cost few = market_cost(dir, 10, count);
  const Cost many = market_cost(dir, 100'000, count);
  report("command_cpu_10_us", few.cpu_s * 1e6, "us");
  report("command_cpu_100k_us", many.cpu_s * 1e6, "us");
  report("flat_ratio", many.cpu_s / few.cpu_s, "x");
}

// Makes the log in a child that ends as a killed node does: nothing is closed.
void make_log(const std::string& dir, std::uint64_t count) {
  const pid_t child = fork();
  if (child < 0) die(Status(Code::kInternal, "fork failed"));
  if (child == 0) {
    BenchWorld world(dir, kLogWorld);
    world.open();
    world.populate();
    for (std::uint64_t done = 0; done < count; done += kLogBlock)
      world.commit(world.readings(kLogBlock));
    std::_Exit(0);
  }
  int ended = 0;
  if (waitpid(child, &ended, 0) != child || !WIFEXITED(ended) || WEXITSTATUS(ended) != 0) {
    die(Status(Code::kInternal, "the log could not be made"));
  }
}

double restart(BenchWorld& world) {
  const double begin = process_cpu_s();
  world.open();
  return process_cpu_s() - begin;
}

// Executes the log of an open world again, signatures trusted.
void replay(BenchWorld& world) {
  const Hash live = must(world.chain().state_root(world.chain().view()));
  const double begin = process_cpu_s();
  const ReplayReport replayed = world.chain().replay(false, nullptr);
  const double used = process_cpu_s() - begin;
  if (!replayed.ok) die(Status(Code::kInternal, "replay differs: " + replayed.difference));
  if (replayed.state_root != live)
    die(Status(Code::kInternal, "replay ends in another state root"));
  report("replay_rate", static_cast<double>(replayed.commands) / used, "commands/s");
}

// The newest epochs once more beside the chain, the way back to their beginning included.
void preview(BenchWorld& world) {
  PreviewRequest request;
  request.epochs = kPreviewEpochs;
  const double begin = process_cpu_s();
  const PreviewReport report_of = must(world.chain().preview(request, nullptr));
  const double used = process_cpu_s() - begin;
  if (report_of.blocks_differing != 0 || !report_of.rows.empty())
    die(Status(Code::kInternal, "a preview without changes differs"));
  report("preview_rate", static_cast<double>(report_of.commands) / used, "commands/s");
}

void on_kept_log(const std::string& dir, void (*measure)(BenchWorld&)) {
  BenchWorld world(dir, kLogWorld);
  world.open();
  measure(world);
}

void log(const std::string& dir, std::uint64_t count) {
  std::filesystem::remove_all(dir);
  make_log(dir, count);
  BenchWorld world(dir, kLogWorld);
  report("restart_after_kill_cpu_s", restart(world), "s");
  world.close();
  report("restart_cpu_s", restart(world), "s");
  report("restart_commands", static_cast<double>(count), "commands");
  replay(world);
  preview(world);
}

int run(int argc, char** argv) {
  crypto_init();
  std::string what = argc > 1 ? argv[1] : "", dir;
  std::uint64_t count = 0;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--commands") count = parse_u64(argv[i + 1]).value_or(0);
    if (flag == "--dir") dir = argv[i + 1];
  }
  if (dir.empty()) dir = "/var/tmp/bench-chain-" + std::to_string(getpid());
  std::filesystem::create_directories(dir);
  const std::string data = dir + "/data";
  if (what == "commands") {
    commands(data, count != 0 ? count : 40'000);
  } else if (what == "flat") {
    flat(data, count != 0 ? count : 20'000);
  } else if (what == "log") {
    log(data, count != 0 ? count : 1'000'000);
  } else if (what == "make-log") {
    std::filesystem::remove_all(data);
    make_log(data, count != 0 ? count : 100'000);
    return 0;
  } else if (what == "replay" || what == "preview") {
    on_kept_log(data, what == "replay" ? &replay : &preview);
    return 0;
  } else {
    std::fprintf(stderr,
                 "usage: bench_chain commands|flat|log|make-log|replay|preview [--commands N] "
                 "[--dir DIR]\n");
    return 2;
  }
  std::filesystem::remove_all(data);
  std::error_code not_empty;
  std::filesystem::remove(dir, not_empty);
  return 0;
}

}  // namespace
}  // namespace blockd::bench

int main(int argc, char** argv) { return blockd::bench::run(argc, argv); }
