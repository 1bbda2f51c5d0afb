// bench_snapshot: what a snapshot of a large state costs the commands that run beside it, and how
// fast one is verified and restored, beside `dd` on the same disk.
//
//   bench_snapshot [--mb N] [--seconds N] [--dir DIR]
//
// N: size of the state (default 1024), length of the stretch that is compared. Prints a line of
// JSON per result; run.py adds the goals. The directory (default: a fresh one below /var/tmp) is
// removed at the end.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "kernel/base/file.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/snapshot/service.hpp"
#include "tests/bench/bench_load.hpp"

namespace blockd::bench {
namespace {

constexpr std::size_t kRowBytes = 200;
constexpr WorldSize kSnapshotWorld{1000, 8, 10'000};

// Rows of a namespace that no plugin here reads: what a large market leaves behind.
void fill_state(const std::string& dir, std::uint64_t bytes) {
  LevelDbOptions options;
  options.create_if_missing = true;
  auto store = must(open_leveldb(dir, options));
  Bytes value(kRowBytes, '\0');
  std::vector<KvWrite> batch;
  std::uint64_t random = 88172645463325252ull;
  for (std::uint64_t row = 0; row * kRowBytes < bytes; ++row) {
    for (std::size_t i = 0; i + 8 <= value.size(); i += 8) {  // xorshift: nothing to compress
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      std::memcpy(value.data() + i, &random, 8);
    }
    Bytes key = space_prefix("filler");
    put_be64(key, row);
    batch.push_back({std::move(key), value});
    if (batch.size() == 20'000) must(store->write(batch, false)), batch.clear();
  }
  must(store->write(batch, false));
  must(store->flush());
}

// What the node's effects do for the service.
struct Listener : EffectSink {
  void metric(const Manifest&, std::uint32_t, const std::vector<std::string>&,
              std::int64_t) override {}
  void log(const Manifest&, std::uint32_t, std::string_view, std::uint64_t) override {}
  void committed(const std::shared_ptr<const BlockRecord>& block, const StateViewPtr&) override {
    if (SnapshotService* at = service.load()) at->committed(*block);
  }
  std::atomic<SnapshotService*> service{nullptr};
};

double mb(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

// Part of the file that lies in the system's cache.
double cached_part(const std::string& path) {
  constexpr std::size_t kPage = 4096;
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const std::size_t size = std::filesystem::file_size(path);
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  std::vector<unsigned char> pages((size + kPage - 1) / kPage);
  if (at == MAP_FAILED || ::mincore(at, size, pages.data()) != 0)
    die(Status(Code::kIo, "cannot look at the cached pages of " + path));
  ::munmap(at, size);
  ::close(fd);
  const auto cached =
      std::count_if(pages.begin(), pages.end(), [](auto p) { return (p & 1) != 0; });
  return static_cast<double>(cached) / static_cast<double>(pages.size());
}

// Forgets the file's pages, so that a read is one of the disk: as far as this system goes. What a
// host below it remembers is beyond our reach, and the same for all who read here.
void drop_cache(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ::fsync(fd);
  if (::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
    die(Status(Code::kIo, "cannot drop the cache of " + path));
  ::close(fd);
  if (cached_part(path) < 0.01) return;
  std::ofstream("/proc/sys/vm/drop_caches") << "3\n";  // root may
  if (cached_part(path) >= 0.01)
    die(Status(Code::kIo, path + " stays in the cache", "run the benchmark as root"));
}

double timed_command(const std::string& command) {
  const double begin = wall_s();
  if (std::system(command.c_str()) != 0) die(Status(Code::kIo, command));
  return wall_s() - begin;
}

double middle(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void read_back(const std::string& dir, const SnapshotInfo& made, const Genesis& genesis) {
  const SnapshotTrust trust{&genesis, std::nullopt};
  const double size = mb(made.bytes);
  const std::string copy = dir + "/dd.tbs", mute = " status=none";
  const double written =
      size / timed_command("dd if=" + made.path + " of=" + copy + " bs=1M conv=fsync" + mute);
  // In turn, so that both see the same machine; the middle one of each counts.
  constexpr int kRounds = 3;
  std::vector<double> reads, verifies, cores, ratios;
  double begin = 0, cpu = 0;
  for (int round = 0; round < kRounds; ++round) {
    drop_cache(made.path);
    reads.push_back(size / timed_command("dd if=" + made.path + " of=/dev/null bs=1M" + mute));
    drop_cache(made.path);
    begin = wall_s(), cpu = process_cpu_s();
    must(verify_snapshot({made.path}, trust));
    verifies.push_back(size / (wall_s() - begin));
    cores.push_back(size / (process_cpu_s() - cpu));
    ratios.push_back(verifies.back() / reads.back());
  }
  drop_cache(made.path);
  begin = wall_s(), cpu = process_cpu_s();
  must(restore_snapshot({made.path}, trust, dir + "/restored"));
  const double restored = size / (wall_s() - begin), restore_cpu = size / (process_cpu_s() - cpu);
  report("snapshot_dd_write", written, "MB/s");
  report("snapshot_dd_read", middle(reads), "MB/s");
  report("snapshot_verify", middle(verifies), "MB/s");
  report("snapshot_restore", restored, "MB/s");
  // What a core could do if it had nothing else to: tells a busy machine from a slow program.
  report("snapshot_verify_core", middle(cores), "MB/s of CPU");
  report("snapshot_restore_core", restore_cpu, "MB/s of CPU");
  report("snapshot_verify_ratio", middle(ratios), "of dd");
  report("snapshot_restore_ratio", restored / written, "of dd");
}

void run(const std::string& dir, std::uint64_t megabytes, double stretch) {
  fill_state(dir + "/state", megabytes << 20);
  BenchWorld world(dir, kSnapshotWorld);
  Listener listener;
  world.serve(&listener);
  world.open();
  world.populate();
  MetricRegistry metrics;
  Pauses pauses;
  ProducerOptions producing;
  producing.on_pause = [&](std::string_view cause, std::uint64_t us) { pauses.note(cause, us); };
  auto producer = must(Producer::start(world.chain(), system_clock(), producing, {}));
  SnapshotServiceOptions options;
  options.chain = &world.chain();
  options.metrics = &metrics;
  options.ask_point = [&](PointAnswer answer) {
    producer->submit(world.macro_point(), false, [answer](const CommandResult& result) {
      answer(result.refusal ? Status(Code::kUnavailable, result.refusal->message) : Status());
    });
  };
  auto service =
      must(SnapshotService::create(std::move(options), {dir + "/snapshots", 1'000'000'000, 5}));
  listener.service.store(service.get());
  Load load(world, *producer);
  load.run_for(stretch / 4);  // caches, first compaction
  pauses.report_and_forget("warming");
  const auto rate_alone = [&] {
    const std::uint64_t first = load.ended();
    const double since = wall_s();
    load.run_for(stretch);
    return static_cast<double>(load.ended() - first) / (wall_s() - since);
  };
  const double alone_before = rate_alone();
  pauses.report_and_forget("alone");
  const std::uint64_t job = must(service->start({}));
  const std::uint64_t before = load.ended();
  const double begin = wall_s();
  double ended_at = 0;
  std::uint64_t meanwhile = 0;
  load.run([&] {
    if (service->find(job)->running()) return true;
    ended_at = wall_s();
    meanwhile = load.ended() - before;
    return false;
  });
  pauses.report_and_forget("beside");
  const SnapshotService::Job done = *service->find(job);
  if (!done.result) die(done.failure);
  const double beside = static_cast<double>(meanwhile) / (ended_at - begin);
  // On both sides of it, because a shared machine is not the same a minute later.
  const double alone_after = rate_alone();
  const double alone = (alone_before + alone_after) / 2;
  report("snapshot_bytes", mb(done.result->bytes), "MB");
  report("snapshot_seconds", ended_at - begin, "s");
  report("snapshot_commands_alone", alone_before, "1/s");
  report("snapshot_commands_alone_after", alone_after, "1/s");
  report("snapshot_commands_beside", beside, "1/s");
  report("snapshot_loss", 1 - beside / alone, "of the commands");
  listener.service.store(nullptr);
  service->stop();
  producer.reset();
  service.reset();
  const Genesis genesis = world.chain().genesis();
  world.close();
  read_back(dir, *done.result, genesis);
}

int main_of(int argc, char** argv) {
  crypto_init();
  std::string dir;
  std::uint64_t megabytes = 1024;
  double stretch = 20;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string flag = argv[i];
    if (flag == "--mb") megabytes = std::strtoull(argv[i + 1], nullptr, 10);
    if (flag == "--seconds") stretch = std::strtod(argv[i + 1], nullptr);
    if (flag == "--dir") dir = argv[i + 1];
  }
  if (dir.empty()) dir = "/var/tmp/tb-bench-snapshot-" + std::to_string(::getpid());
  std::filesystem::create_directories(dir);
  run(dir, megabytes, stretch);
  std::filesystem::remove_all(dir);
  return 0;
}

}  // namespace
}  // namespace blockd::bench

int main(int argc, char** argv) { return blockd::bench::main_of(argc, argv); }
