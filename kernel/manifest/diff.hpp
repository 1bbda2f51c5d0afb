// What an upgrade would change, as `plugin upgrade --dry-run` prints it. [any]
#pragma once

#include "kernel/manifest/manifest.hpp"

namespace blockd {

struct ManifestDiff {
  // "sm 1 -> 2", "+ method energy.flag", "- metric energy_x", "~ param energy_min_stake: default
  // 1000 -> 2000". At most 1,000; a last line tells how many are left out.
  std::vector<std::string> lines;
  // {"id","version":[old,new],"sm":[..],"schema":[..],"consensus_changed":bool,"methods":{"added":[..],"removed":[..],
  // "changed":[{"name","members":[..]}]}, and so on for each list of the manifest that differs}
  json::object json;
  // Same sm, schema and consensus hash: a reload is enough.
  bool build_only = false;
};
ManifestDiff manifest_diff(const Manifest& old_manifest, const Manifest& new_manifest);

}  // namespace blockd
