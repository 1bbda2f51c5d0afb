#include "kernel/host/host_impl.hpp"

namespace blockd {

std::shared_ptr<PluginInstance> Generation::find(std::string_view id) const {
  for (const auto& plugin : plugins) {
    if (plugin->manifest().id == id) return plugin;
  }
  return nullptr;
}

namespace {
void add_methods(Generation& generation, const std::shared_ptr<PluginInstance>& plugin,
                 const Manifest& manifest) {
  for (std::uint32_t i = 0; i < manifest.methods.size(); ++i) {
    const MethodSpec& spec = manifest.methods[i];
    const MethodEntry entry{plugin, &manifest, &spec, i};
    generation.methods.emplace(spec.name, entry);
    for (const std::string& alias : spec.aliases) generation.methods.emplace(alias, entry);
  }
}
}  // namespace

GenerationPtr build_generation(std::uint64_t number,
                               const std::vector<std::shared_ptr<const Manifest>>& kernel_manifests,
                               const std::map<std::string, std::shared_ptr<Plugin>>& plugins) {
  auto generation = std::make_shared<Generation>();
  generation->number = number;
  generation->manifests = kernel_manifests;
  for (const auto& manifest : kernel_manifests) add_methods(*generation, nullptr, *manifest);
  for (const auto& [id, plugin] : plugins) {
    generation->plugins.push_back(plugin);
    generation->manifests.push_back(plugin->manifest_ptr());
    add_methods(*generation, plugin, plugin->manifest());
    for (std::uint32_t i = 0; i < plugin->manifest().http.size(); ++i) {
      generation->routes.push_back({plugin, &plugin->manifest().http[i], i});
    }
  }
  return generation;
}

}  // namespace blockd
