// PluginImages: the plugins of this build, loaded once for a benchmark or the simulator, as the
// machines of a chain.
//
// The libraries are opened from the build directory (no probe, no signature: they were built a
// moment ago) and stay mapped until the process ends. `find` may be called from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/chain/machine_set.hpp"

namespace blockd::support {

class PluginImages final : public MachineProvider {
 public:
  struct Image {
    const tb_plugin* plugin = nullptr;
    std::shared_ptr<const Manifest> manifest;
  };

  // Loads `<dir>/<name>.so` for each name. Errors: kUnavailable (names the file and what dlopen
  // said), kInvalid.
  static Result<std::unique_ptr<PluginImages>> load(const std::string& dir,
                                                    const std::vector<std::string>& names);

  Result<Machine> find(const RosterEntry& entry) override;
  // A roster with all of them, ascending by id: what a genesis takes.
  std::vector<RosterEntry> roster() const;
  // Null when there is no such plugin.
  const Image* image(std::string_view id) const;

 private:
  std::vector<Image> images_;
};

}  // namespace blockd::support
