#include "tests/bench/bench_world.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <sstream>
#include <thread>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/json.hpp"
#include "kernel/storage/disk.hpp"
#include "kernel/storage/write_behind.hpp"

namespace blockd::bench {
namespace {

constexpr std::uint64_t kSetupBlock = 1000;  // commands
constexpr std::uint64_t kStake = 1000;

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
}

double thread_cpu_s() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

std::vector<std::string> plugin_names() {
  std::vector<std::string> out;
  std::istringstream in(TB_MARKET_PLUGINS);
  for (std::string name; std::getline(in, name, ',');) out.push_back(name);
  return out;
}

}  // namespace

double process_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double wall_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

namespace {

struct Signed {
  PublicKey key;
  Hash message;
  Signature signature;
};

// As many keys and messages as a market's readings come with. A processor learns the branches of a
// verification that it repeats, which saves it a twentieth: no node verifies one signature twice.
const std::vector<Signed>& baseline_signatures() {
  static const std::vector<Signed> kMade = [] {
    constexpr std::uint64_t kCount = 1000;
    std::vector<Signed> made;
    for (std::uint64_t i = 0; i < kCount; ++i) {
      const SigningKey key = support::key_of("bench", i);
      Bytes name("message ");
      put_u64(name, i);
      Signed one{key.public_key(), blake3(name), {}};
      one.signature = key.sign(view(one.message));
      made.push_back(one);
    }
    return made;
  }();
  return kMade;
}

}  // namespace

VerifyCost verify_cost(unsigned threads) {
  constexpr unsigned kRounds = 3;
  const std::vector<Signed>& all_signed = baseline_signatures();
  std::vector<double> used(threads);
  std::vector<std::thread> running;
  for (double& mine : used) {
    running.emplace_back([&] {
      const double begin = thread_cpu_s();
      for (unsigned i = 0; i < kRounds; ++i) {
        for (const Signed& one : all_signed) {
          if (!ed25519_verify(one.key, view(one.message), one.signature)) std::abort();
        }
      }
      mine = thread_cpu_s() - begin;
    });
  }
  for (std::thread& thread : running) thread.join();
  const double all = std::accumulate(used.begin(), used.end(), 0.0);
  return {all / static_cast<double>(kRounds * all_signed.size() * threads), all};
}

void report(std::string_view name, double value, std::string_view unit) {
  std::printf("{\"name\":\"%.*s\",\"value\":%.6g,\"unit\":\"%.*s\"}\n",
              static_cast<int>(name.size()), name.data(), value, static_cast<int>(unit.size()),
              unit.data());
  std::fflush(stdout);
}

void die(const Status& status) {
  std::fprintf(stderr, "bench: %s\n", status.to_string().c_str());
  std::_Exit(1);
}

BenchWorld::BenchWorld(std::string dir, const WorldSize& size)
    : dir_(std::move(dir)),
      size_(size),
      validator_(support::key_of("validator", 0)),
      admin_(1'000'000),
      operator_(1'000'001) {
  plugins_ = must(support::PluginImages::load(TB_BINARY_DIR "/plugins", plugin_names()));
  const std::uint64_t now = system_clock().unix_ms();
  first_timestamp_ = now / 1000;
  for (std::uint64_t i = 0; i < size.senders; ++i) accounts_.emplace_back(i);
  genesis_.chain_id = support::kChainId;
  genesis_.timestamp_ms = now;
  genesis_.validators.push_back({"v1", 1, validator_.public_key()});
  genesis_.alloc = {{admin_.address(), size.providers * kStake + 1'000'000}};
  genesis_.roles = {{admin_.address(), "admin"}};
  for (const auto& account : accounts_) genesis_.roles.emplace_back(account.address(), "operator");
  genesis_.roles.emplace_back(operator_.address(), "operator");
  std::sort(genesis_.roles.begin(), genesis_.roles.end());
  // Readings run ahead of the clock, a second each a meter: wide tolerance, and nobody is
  // deactivated for it.
  genesis_.params = {{"energy_max_clock_skew_secs", 86'400}, {"energy_min_reputation_ppm", 0}};
  genesis_.plugins = plugins_->roster();
  // A directory that has a chain keeps its genesis: time is part of it.
  const std::string file = dir_ + "/genesis.json";
  if (file_exists(file)) {
    genesis_ = must(Genesis::parse(must(read_file(file))));
  } else {
    must(make_directories(dir_));
    must(write_file_atomic(file, genesis_.to_json()));
  }
}

BenchWorld::~BenchWorld() = default;

void BenchWorld::open() {
  chain_.reset();
  LevelDbOptions leveldb;
  leveldb.create_if_missing = true;
  leveldb.own_log = false;
  ChainOptions options;
  options.log_dir = dir_ + "/chain";
  options.disk = &system_disk();
  options.log.ahead = LogAheadMode::kThread;
  options.log.sync = LogSyncMode::kThread;
  options.ahead_blocks = kMaxAheadBlocks;
  options.clock = &system_clock();
  options.state = make_write_behind(must(open_leveldb(dir_ + "/state", leveldb)));
  options.genesis = genesis_;
  options.machines = provider_ != nullptr ? provider_ : plugins_.get();
  options.validator_key = &validator_;
  options.effects = sink_;
  options.background_roots = sink_ != nullptr;
  chain_ = must(Chain::open(std::move(options), nullptr));
  must(chain_->stalled());
}

void BenchWorld::commit(const std::vector<CommandPtr>& commands) {
  const Chain::Produced made = must(chain_->produce(commands));
  must(chain_->settle(LogWait::kAll));
  for (std::size_t i = 0; i < commands.size(); ++i) {
    if (made.step_of[i] == SIZE_MAX)
      die(Status(Code::kInternal, commands[i]->method + " is in no block"));
    const Step& step = made.block->steps[made.step_of[i]];
    if (step.outcome == Outcome::kApplied) continue;
    die(Status(Code::kInternal, commands[i]->method + ": " + step.name + ": " + step.text));
  }
}

void BenchWorld::populate() {
  std::vector<CommandPtr> block;
  for (std::uint64_t i = 0; i < size_.providers; ++i) {
    block.push_back(admin_.sign("energy.register_provider",
                                support::register_params(i, admin_.address(), kStake)));
    if (block.size() < kSetupBlock && i + 1 < size_.providers) continue;
    commit(block);
    block.clear();
  }
  const std::uint64_t keyed = std::min(size_.providers, size_.max_keyed),
                      stride = size_.providers / keyed;
  json::array keys;
  for (std::uint64_t i = 0; i < keyed; ++i) {
    meters_.push_back({support::Meter(i * stride)});
    keys.push_back(json::object{{"provider_id", meters_.back().meter.provider_id()},
                                {"public_key_hex", meters_.back().meter.public_key_hex()}});
  }
  commit({admin_.sign("energy.set_provider_keys", json::object{{"keys", std::move(keys)}})});
}

std::vector<CommandPtr> BenchWorld::settle(const std::vector<CommandPtr>& readings) {
  std::vector<CommandPtr> out;
  for (const CommandPtr& reading : readings) {
    const json::value parsed = must(parse_json(reading->params_text));
    const json::object& params = parsed.get_object();
    out.push_back(admin_.sign("energy.settle",
                              json::object{{"provider_id", params.at("provider_id")},
                                           {"kwh_consumed", 1},
                                           {"meter_hash", support::Meter::meter_hash(params)},
                                           {"buyer", admin_.address()}}));
  }
  return out;
}

std::vector<CommandPtr> BenchWorld::readings(std::uint64_t count) {
  struct Job {
    const support::Meter* meter;
    std::uint64_t kwh, count;
  };
  std::vector<std::vector<Job>> jobs(accounts_.size());  // by sender: its nonces follow each other
  for (std::uint64_t i = 0; i < count; ++i, ++turn_) {
    MeterState& state = meters_[turn_ % meters_.size()];
    ++state.count;
    state.kwh += 1 + state.count % 7;
    jobs[i % accounts_.size()].push_back({&state.meter, state.kwh, state.count});
  }
  std::vector<CommandPtr> out(count);
  auto sign = [&](std::size_t first) {
    for (std::size_t sender = first; sender < accounts_.size(); sender += 2) {
      for (std::size_t n = 0; n < jobs[sender].size(); ++n) {
        const Job& job = jobs[sender][n];
        out[n * accounts_.size() + sender] = accounts_[sender].sign(
            "energy.submit_reading",
            job.meter->reading(job.kwh, first_timestamp_ + job.count, job.count));
      }
    }
  };
  std::thread other(sign, 1);
  sign(0);
  other.join();
  return out;
}

}  // namespace blockd::bench
