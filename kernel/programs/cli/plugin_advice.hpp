// Advice on a library that can be loaded: what it takes from the system although a machine must be
// a function of its inputs. A hint, not a verdict: a face may have its reasons, and what a machine
// computes without asking anybody (an order of addresses, floating point) is found by the test kit
// and by rehearsals. [any]
#pragma once

#include <string>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd::cli {

// A sentence for each kind of thing: clocks, randomness, threads, files, the network, environment.
std::vector<std::string> advice_on(const std::vector<std::string>& imports);
Result<std::vector<std::string>> advice_on_file(const std::string& path);

}  // namespace blockd::cli
