// The energy market's tools that work without a node: sign a meter reading, verify one, try a key,
// look at snapshots of the market.
//
// contract-cli runs them as `energy sign-reading`, `energy verify-reading`, `energy oracle
// sign-test` and `energy snapshot list|verify`; it knows these two functions only. One thread.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace energy {

// One line a verb: path, positionals, summary, then pairs of flag and help, divided by tabs.
const char* tool_catalogue();

// `args` begins with the words of the verb. Exit codes: 0 done or the signature holds, 1 it does
// not hold, 2 wrong use. Keys are read from files or from TB_ORACLE_KEY_HEX, never printed.
int run_energy_tool(const std::vector<std::string>& args, std::ostream& out, std::ostream& err);

}  // namespace energy
