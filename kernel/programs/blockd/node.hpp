// Node: everything of one blockd process, put together in the order of node-and-cli spec 5.1 and
// taken apart in reverse.
#pragma once

#include <memory>
#include <string>

#include "kernel/base/status.hpp"
#include "kernel/programs/blockd/flags.hpp"

namespace blockd {

// One call on the data of a node that does not run.
struct OfflineCall {
  std::string method;
  std::string params = "{}";  // JSON
};

class Node {
 public:
  // Opens the data directory of `flags` as a start does, but makes no block, listens nowhere and
  // runs no timer; carries out one query or local method with the role operator and prints its
  // result, or {"error":…}, as one line of JSON. Log lines of level error go to standard error.
  // Returns the exit code: 0, 1 for an error, 2 for a refused configuration or no data there.
  // [main]
  static int call(const NodeFlags& flags, const std::string& program, const OfflineCall& call);

  // Starts everything and returns when the node is ready (or can say why it is not). On error
  // everything that was started is stopped again. `*exit_code` is 2 for a refused configuration,
  // else 1. [main; signals blocked]
  static Result<std::unique_ptr<Node>> start(const NodeFlags& flags, const std::string& program,
                                             int* exit_code);
  virtual ~Node() = default;

  // Blocks until SIGTERM, SIGINT or node.shutdown; carries out SIGHUP and SIGUSR1 meanwhile.
  // Returns the exit code. [main]
  virtual int run() = 0;
  // Where to look, for a person. Several lines.
  virtual std::string greeting() const = 0;
};

}  // namespace blockd
