// probe: looks at a node from outside, for supervisors and schedulers (node-and-cli spec 5.15).
//
//   probe [--timeout SECS] [--expect N] [--prom] ping-rpc [url] | tip [url] | mine-one [url]
//   [miner] | gossip-check [addr]
//
// Exit codes: 0 success, 1 failure, 2 timeout, missed expectation or wrong use. With --prom stdout
// holds metric lines only. One thread.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"

namespace blockd::probe {

struct World {
  std::ostream& out;
  std::ostream& err;
  std::map<std::string, std::string> environment;
  Clock& clock;
  std::function<void(std::uint32_t ms)> pause;  // between two looks at a height
};

// `args` without the program's name.
int run_probe(World& world, const std::vector<std::string>& args);

}  // namespace blockd::probe
