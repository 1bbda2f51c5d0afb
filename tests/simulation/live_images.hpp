// LiveImages: the machines of a simulated node, some of which were loaded again while it ran.
//
// `load` takes a library the way a node does: every step of the loader, with a probe in a child
// process and a copy of its own. `find` then answers with the image that was loaded last, and an
// older one is closed as soon as no set of machines names it any more. [one thread]
#pragma once

#include <map>
#include <memory>
#include <string>

#include "kernel/host/library.hpp"
#include "tests/support/plugin_images.hpp"

namespace blockd::sim {

class LiveImages final : public MachineProvider {
 public:
  LiveImages(support::PluginImages& built, LoadRules rules)
      : built_(built), rules_(std::move(rules)) {}

  Result<Machine> find(const RosterEntry& entry) override;
  // Another image of plugin `id`. Errors: those of Library::load.
  Result<std::shared_ptr<Library>> load(const std::string& id) const;
  static Machine machine_of(const std::shared_ptr<Library>& library);
  // From now on find() answers with it.
  void take(std::shared_ptr<Library> library);

 private:
  support::PluginImages& built_;
  LoadRules rules_;
  std::map<std::string, std::shared_ptr<Library>, std::less<>> loaded_;
};

}  // namespace blockd::sim
