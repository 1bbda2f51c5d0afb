// The treasury's tools that work without a node: `gov disburse create` and `gov disburse preview`.
//
// contract-cli runs them; it knows these two functions only. One thread.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace treasury {

// One line a verb: path, positionals, summary, then pairs of flag and help, divided by tabs.
const char* tool_catalogue();

// `args` begins with the words of the verb. Exit codes: 0 done, 1 the payload is not valid (with
// --check) or a file cannot be written, 2 wrong use.
int run_treasury_tool(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);

}  // namespace treasury
