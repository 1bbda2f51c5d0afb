#include "tests/simulation/live_images.hpp"

namespace blockd::sim {

Result<Machine> LiveImages::find(const RosterEntry& entry) {
  const auto at = loaded_.find(entry.id);
  return at == loaded_.end() ? built_.find(entry) : Result<Machine>(machine_of(at->second));
}

Result<std::shared_ptr<Library>> LiveImages::load(const std::string& id) const {
  return Library::load(rules_, TB_BINARY_DIR "/plugins/" + id + ".so", nullptr);
}

Machine LiveImages::machine_of(const std::shared_ptr<Library>& library) {
  return {library->manifest(), library->plugin().machine, library};
}

void LiveImages::take(std::shared_ptr<Library> library) {
  loaded_[library->manifest()->id] = std::move(library);
}

}  // namespace blockd::sim
