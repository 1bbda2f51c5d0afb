// Looks at the folder of the market's snapshots (the mirror that the node writes) without a node.
#pragma once

#include <iosfwd>
#include <string>

namespace energy {

// `given`, else TB_ENERGY_MARKET_DIR, else "energy_market".
std::string market_folder(const std::string& given);

// Prints {"snapshots":[{height, path, bytes}]}, the newest first. Exit code 0.
int list_snapshots(const std::string& folder, std::ostream& out);

// Holds the newest snapshot against manifest.json. Prints {"status":"ok", ...} and ends with 0, or
// {"status":"refused","reason":"missing|schema|corrupt","text":...} with 1.
int verify_snapshot(const std::string& folder, std::ostream& out);

// Verifies as above, then puts the snapshot into `target`, the folder from which an empty market
// begins. Refuses ("newer") over a newer snapshot there unless `force`, and "unwritable". Prints
// {"status":"restored", "path", "height", "blake3", "next"}.
int restore_snapshot(const std::string& folder, const std::string& target, bool force,
                     std::ostream& out);

}  // namespace energy
