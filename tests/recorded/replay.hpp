// Recorded chains: what a plugin did at one `sm`, executed again by every later build.
//
// A file holds chains one behind the other, in the lines that kernel/testkit/recorder.hpp writes;
// names end in .jsonl or .jsonl.gz. A chain is executed from its genesis by the libraries of this
// build, and after each block every root is compared with the recorded header. [one thread]
#pragma once

#include <string>
#include <vector>

#include "kernel/base/status.hpp"
#include "tests/support/plugin_images.hpp"

namespace blockd::recorded {

inline constexpr std::size_t kMaxFileBytes = 256u << 20;

struct Tally {
  std::uint64_t chains = 0, blocks = 0, commands = 0;
};

// The text of a recording. Errors: kNotFound, kCorrupt, kLimit.
Result<std::string> read_recording(const std::string& path);

// Executes all chains of `text`. Errors: kInvalid "chain 3, height 48: write_set_root differs;
// command 2 energy.settle: recorded applied, now rejected CreditExpired".
Result<Tally> replay_recording(const std::string& text, support::PluginImages& plugins);

// Ids of the plugins whose machine has no recording `<id>-sm<k>` in `folder` for an sm that the
// library says it implements: "energy-sm2".
std::vector<std::string> missing_recordings(const std::string& folder,
                                            const support::PluginImages& plugins,
                                            const std::vector<std::string>& names);

}  // namespace blockd::recorded
