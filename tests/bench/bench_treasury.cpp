// bench_treasury: what the boundary of an epoch costs per disbursement, with few and with many of
// them waiting, every tenth of which depends on another. CPU time of this process.
//
//   bench_treasury [--large N] [--small N]
//
// Prints a line of JSON per result. The chain is the test kit's, with the real ledger; governance
// is the small machine of the treasury's own tests. The kit's disk and store are in memory, and the
// chain of the large case takes a hundred megabytes of it where the small one takes few. So that
// the figures tell what the treasury and the kernel do and not what fresh pages of memory cost, the
// process keeps what it has freed, and a first pair, which is not counted, touches all of it.
#include <malloc.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "plugins/treasury/tests/world.hpp"

namespace treasury {
namespace {

// Of the small case, so that both measure long enough; each world has as many rounds, because
// records of earlier ones stay.
constexpr std::size_t kRounds = 10, kWorlds = 5;
constexpr std::size_t kExecuted = 100;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "bench_treasury: %s\n", what.c_str());
  std::exit(1);
}

void run_all(World& world, const std::vector<std::string>& params, std::string_view method,
             std::string_view role) {
  constexpr std::size_t kBlock = 1000;
  for (std::size_t first = 0; first < params.size(); first += kBlock) {
    std::vector<tb::TestCommand> commands;
    for (std::size_t i = first; i < std::min(params.size(), first + kBlock); ++i)
      commands.push_back({method, params[i], {.roles = {role}}});
    for (const tb::Ran& ran : world.chain().block(commands)) {
      if (!ran.ok()) die(std::string(method) + ": " + ran.error_name + " " + ran.error_text);
    }
  }
}

struct Cost {
  double boundary_s = 0, execute_s = 0;
  std::size_t moves = 0, executed = 0;
};

class Round {
 public:
  Round(World& world, std::size_t count, std::uint64_t first)
      : world_(world), count_(count), first_(first) {}

  void run(Cost& cost) {
    submit();
    boundary(cost);
    vote();
    boundary(cost);  // to queued
    boundary(cost);  // to timelocked
    execute(cost);
    clear();
  }

 private:
  void submit() {
    std::vector<std::string> payloads;
    for (std::size_t i = 0; i < count_; ++i) {
      Draft draft;
      draft.amount = 1;
      if (i % 10 == 9) draft.deps = "[" + std::to_string(first_ + i - 1) + "]";
      payloads.push_back(payload_json(draft, world_.payee()));
    }
    run_all(world_, payloads, "gov.treasury.submit_disbursement", "operator");
  }
  std::string id(std::size_t i) const { return "{\"id\":" + std::to_string(first_ + i); }
  void vote() {
    std::vector<std::string> votes;
    for (std::size_t i = 0; i < count_; ++i) votes.push_back(id(i) + ",\"choice\":\"yes\"}");
    run_all(world_, votes, "gov.treasury.vote", "operator");
  }
  // The blocks that it takes to move all records, against as many blocks in which nothing is due.
  void boundary(Cost& cost) {
    const std::uint64_t blocks = count_ / 1000 + 2;
    const double idle = measured(blocks);
    world_.go_to_last_block();
    cost.boundary_s += std::max(0.0, measured(blocks) - idle);
    cost.moves += count_;
  }
  double measured(std::uint64_t blocks) {
    const double begin = cpu_seconds();
    world_.chain().advance(blocks);
    return cpu_seconds() - begin;
  }
  void execute(Cost& cost) {
    if (!world_.acquire().ok()) die("no lease");
    std::vector<std::string> executions;
    for (std::size_t i = 0; i < count_ && executions.size() < kExecuted; ++i) {
      if (i % 10 == 9) continue;
      executions.push_back(id(i) +
                           ",\"holder\":\"node_a\",\"nonce\":" + std::to_string(first_ + i) + "}");
    }
    const double begin = cpu_seconds();
    run_all(world_, executions, "gov.treasury.execute_disbursement", "treasury.executor");
    cost.execute_s += cpu_seconds() - begin;
    cost.executed += executions.size();
  }
  void clear() {
    std::vector<std::string> undo;
    for (std::size_t i = 0; i < count_; ++i) undo.push_back(id(i) + ",\"reason\":\"bench\"}");
    run_all(world_, undo, "gov.treasury.rollback_disbursement", "operator");
  }

  World& world_;
  std::size_t count_;
  std::uint64_t first_;
};

void measure(std::size_t count, std::size_t rounds, Cost& cost) {
  World world({.epoch_length = 100,
               .funds = 1'000'000,
               .max_open = 65'536,
               .max_open_per_proposer = 65'536,
               .execute_twice = false});
  for (std::size_t i = 0; i < rounds; ++i) Round(world, count, 1 + i * count).run(cost);
}

struct Pair {
  Cost few, many;
};

Pair measure_pair(std::size_t small_count, std::size_t large_count) {
  Pair pair;
  for (std::size_t i = 0; i < kWorlds; ++i) {
    measure(small_count, kRounds, pair.few);
    if (i == kWorlds / 2) measure(large_count, 1, pair.many);
  }
  return pair;
}

void keep_memory() {
  if (mallopt(M_MMAP_MAX, 0) == 0 || mallopt(M_TRIM_THRESHOLD, INT_MAX) == 0)
    die("mallopt refuses");
}

void print(const char* name, double value, const char* unit) {
  std::printf("{\"name\":\"%s\",\"value\":%.3f,\"unit\":\"%s\"}\n", name, value, unit);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Pairs one after the other, the small case before and after the large one, so that a busy moment
// of the machine spoils some of them and not the figure. A ratio is that of the two medians.
void report(std::size_t small_count, std::size_t large_count) {
  constexpr int kPairs = 7;
  std::vector<double> few_us, many_us, few_executions, many_executions;
  keep_memory();
  measure_pair(small_count, large_count);
  for (int i = 0; i < kPairs; ++i) {
    const auto [few, many] = measure_pair(small_count, large_count);
    const auto per_move = [](const Cost& c) {
      return c.boundary_s * 1e6 / static_cast<double>(c.moves);
    };
    const auto per_execution = [](const Cost& c) {
      return c.execute_s * 1e6 / static_cast<double>(c.executed);
    };
    few_us.push_back(per_move(few));
    many_us.push_back(per_move(many));
    few_executions.push_back(per_execution(few));
    many_executions.push_back(per_execution(many));
  }
  print("treasury_epoch_us_100", median(few_us), "us");
  print("treasury_epoch_us_10000", median(many_us), "us");
  print("treasury_epoch_ratio", median(many_us) / median(few_us), "x");
  print("treasury_execute_ratio", median(many_executions) / median(few_executions), "x");
}

}  // namespace
}  // namespace treasury

int main(int argc, char** argv) {
  std::size_t small_count = 100, large_count = 10'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    const auto value = static_cast<std::size_t>(std::atoll(argv[i + 1]));
    (std::strcmp(argv[i], "--large") == 0 ? large_count : small_count) = value;
  }
  treasury::report(small_count, large_count);
}
