// World and Session: everything of the surroundings that contract-cli touches, so that tests give
// it another.
//
// A World is made by main() from the process (streams, environment, terminal, clock) and outlives
// the run. A Session is one run: the global flags and the helpers that every verb uses. One thread.
//
// Exit codes of all verbs: 0 done, 1 refused by the node or a negative check, 2 wrong use, 3 the
// node cannot be reached or did not answer in time.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"
#include "kernel/programs/cli/options.hpp"

namespace blockd::cli {

inline constexpr int kExitOk = 0, kExitRefused = 1, kExitUsage = 2, kExitUnreachable = 3;

struct World {
  std::ostream& out;
  std::ostream& err;
  std::istream& in;
  std::map<std::string, std::string> environment;
  bool out_is_terminal = false;
  bool in_is_terminal = false;
  std::string program_dir;  // where contract-cli and blockd lie
  // Reads a line without echo after printing `prompt`. Errors: kUnavailable (no terminal).
  std::function<Result<std::string>(const std::string& prompt)> ask_password;
  Clock& clock;
  std::size_t columns = 0;  // of the terminal that `out` is; 0: not known

  // The value of a variable; empty when it is unset.
  std::string variable(const std::string& name) const;
  // $TB_HOME, else $HOME: the folder that holds `.the_block`. Empty when neither is set.
  std::string home() const;
};

// What a node answered instead of a result.
struct RpcError {
  std::int32_t code = 0;
  std::string name, message;
  json::object data;
};

struct Session {
  World& world;
  Options options;
  std::optional<RpcError> refused;  // set by the call whose Status is then kAborted

  // Prints `error[<name>]: …` on stderr and, with --format json, {"error":…} on stdout; returns the
  // exit code that belongs to it.
  int fail(const Status& status);
  int fail(const RpcError& error);
  // True if results are to be JSON whatever the verb's own default is.
  bool wants_json() const;
};

// Without blanks and line feeds at its ends.
std::string trimmed(const std::string& text);

// A file's text; "-" is standard input. Errors: kInvalid naming the file.
Result<std::string> read_text(World& world, const std::string& path);
// JSON as a flag gives it: inline ('{' or '['), "@file", "-", or the name of a file.
Result<json::value> read_json_argument(World& world, const std::string& text);

}  // namespace blockd::cli
