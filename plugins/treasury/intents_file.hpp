// The file of staged intents, <data>/treasury/executor.json: whole and synced, or not at all.
// One writer. [face]
#pragma once

#include <string>
#include <vector>

#include <tb/host.hpp>

#include "plugins/treasury/executor.hpp"

namespace treasury {

// False if anything of it failed; the old file is whole then. `problem` says what.
bool save_intents(const tb::Host& host, const std::string& path, const std::vector<Intent>& intents,
                  const ExecutorSnapshot& snapshot, std::string_view circuit, std::string* problem);

// What the file holds; none where there is no file. `problem` is set if it is there and not one of
// ours: it is kept beside as FILE.damaged then.
std::vector<Intent> load_intents(const tb::Host& host, const std::string& path,
                                 std::string* problem);

}  // namespace treasury
