#include "kernel/rpc/process_metrics.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace blockd {
namespace {

constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "OPTIONS", "DELETE"};

// A counter follows a count that somebody else keeps.
void raise_to(Counter* counter, std::uint64_t count) {
  if (const std::uint64_t shown = counter->value(); count > shown) counter->add(count - shown);
}

std::uint64_t cpu_seconds_used() {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) != 0) return 0;
  const auto micros = static_cast<std::uint64_t>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  return static_cast<std::uint64_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         micros / 1'000'000;
}

std::uint64_t resident_pages() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return file ? resident : 0;
}

// "read_bytes: 4096" of /proc/self/io: what went to the disk and came from it, caches aside.
std::uint64_t io_figure(std::string_view name) {
  std::ifstream file("/proc/self/io");
  std::string word;
  for (std::uint64_t number = 0; file >> word >> number;) {
    if (word == name) return number;
  }
  return 0;
}

}  // namespace

Result<ProcessMetrics> ProcessMetrics::declare(MetricRegistry& registry) {
  Status status;
  const auto family = [&](MetricDecl decl) -> MetricFamily* {
    Result<MetricFamily*> made = registry.declare("kernel", decl);
    if (made.ok()) return *made;
    if (status.ok()) status = made.status();
    return nullptr;
  };
  MetricFamily* latency =
      family({.name = "moloch_api_latency_ms",
              .type = MetricType::kHistogram,
              .labels = {"method", "code"},
              .help = "Time of a request on the status listener, from its arrival to its answer",
              .buckets = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000},
              .presets = {{"GET", "200"}}});
  MetricFamily* disk = family({.name = "moloch_disk_io_bytes_total",
                               .labels = {"direction"},
                               .help = "Bytes that this process read from and wrote to the disk",
                               .presets = {{"read"}, {"write"}}});
  MetricFamily* blocks = family({.name = "moloch_blocks_total", .help = "Blocks committed here"});
  MetricFamily* cpu = family(
      {.name = "process_cpu_seconds_total", .help = "Processor time of the node, whole seconds"});
  MetricFamily* lag = family({.name = "moloch_finality_lag",
                              .type = MetricType::kGauge,
                              .help = "Blocks behind the newest that are not final yet"});
  MetricFamily* resident = family({.name = "process_resident_memory_bytes",
                                   .type = MetricType::kGauge,
                                   .help = "Memory of the node that is in RAM"});
  if (!status.ok()) return status;
  return ProcessMetrics{latency,        disk,         blocks->counter(),
                        cpu->counter(), lag->gauge(), resident->gauge()};
}

void ProcessMetrics::update(std::uint64_t lag) const {
  finality_lag->set(static_cast<double>(lag));
  raise_to(cpu_seconds, cpu_seconds_used());
  resident_bytes->set(static_cast<double>(resident_pages()) *
                      static_cast<double>(::sysconf(_SC_PAGESIZE)));
  raise_to(disk_bytes->counter({"read"}), io_figure("read_bytes:"));
  raise_to(disk_bytes->counter({"write"}), io_figure("write_bytes:"));
}

void ProcessMetrics::answered(std::string_view method, int status, std::uint64_t us) const {
  const bool known =
      std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
  const std::string code = std::to_string(status);
  api_latency->histogram({known ? method : std::string_view("other"), std::string_view(code)})
      ->observe(static_cast<double>(us) * 1e-3);
}

}  // namespace blockd
