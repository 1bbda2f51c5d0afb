// What `contract-cli doctor` looks at, by topic. Each look adds one finding for each thing it saw,
// good ones too, and changes nothing. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/config/config.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

enum class Mark : std::uint8_t { kOk, kWarn, kBad };
struct Finding {
  Mark mark = Mark::kOk;
  std::string what, found;
  std::string next = {};  // what to do
};
using Findings = std::vector<Finding>;

inline constexpr std::size_t kMaxPeersTried = 16;
inline constexpr int kPeerTimeoutMs = 3000;

// The machine: doctor_machine.cpp.
// `code` and `max_error_us`: what adjtimex() returns and fills in.
Finding judge_clock(int code, std::int64_t max_error_us);
// The newest block's time against this machine's.
Finding judge_chain_time(std::uint64_t block_ms, std::uint64_t now_ms);
void look_at_clock(Findings& out);
void look_at_limits(Findings& out);
// Data directory, its disk, its version, keys in it, and files that the configuration says are
// secret.
void look_at_files(const Config& config, Findings& out);

// The network: doctor_network.cpp.
void look_at_ports(const Config& config, Findings& out);
void look_at_peers(const Config& config, Findings& out);

}  // namespace blockd::cli
