#include "tests/support/plugin_images.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

#include "kernel/manifest/values.hpp"

namespace blockd::support {
namespace {

Result<PluginImages::Image> open_image(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Status(Code::kUnavailable, path + ": " + dlerror(),
                  "build the plugins first: ./dev build plugins");
  }
  void* symbol = dlsym(library, "tb_plugin_entry");
  if (symbol == nullptr) return Status(Code::kInvalid, path + " does not export tb_plugin_entry");
  tb_plugin_entry_fn entry = nullptr;
  static_assert(sizeof entry == sizeof symbol);
  std::memcpy(&entry, &symbol, sizeof entry);
  const tb_host_info host{sizeof(tb_host_info), TB_ABI_MAJOR, TB_ABI_MINOR, 0, to_str("bench")};
  PluginImages::Image image;
  image.plugin = entry(&host);
  if (image.plugin == nullptr) return Status(Code::kInvalid, path + " cannot run under this ABI");
  auto manifest = Manifest::parse(to_view(image.plugin->manifest));
  if (!manifest.ok()) return manifest.status().in(path);
  image.manifest = *std::move(manifest);
  return image;
}

}  // namespace

Result<std::unique_ptr<PluginImages>> PluginImages::load(const std::string& dir,
                                                         const std::vector<std::string>& names) {
  auto out = std::make_unique<PluginImages>();
  for (const std::string& name : names) {
    auto image = open_image(dir + "/" + name + ".so");
    if (!image.ok()) return image.status();
    out->images_.push_back(*std::move(image));
  }
  return out;
}

Result<Machine> PluginImages::find(const RosterEntry& entry) {
  const Image* found = image(entry.id);
  if (found == nullptr || found->plugin->machine == nullptr) {
    return Status(Code::kUnavailable, "no machine of plugin " + entry.id + " is loaded here");
  }
  return Machine{found->manifest, found->plugin->machine, nullptr};
}

std::vector<RosterEntry> PluginImages::roster() const {
  std::vector<RosterEntry> out;
  for (const Image& image : images_) {
    if (image.plugin->machine == nullptr) continue;
    RosterEntry entry;
    entry.id = image.manifest->id;
    entry.sm = image.manifest->sm;
    entry.schema = image.manifest->schema;
    entry.consensus_hash = image.manifest->consensus_hash;
    out.push_back(std::move(entry));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return out;
}

const PluginImages::Image* PluginImages::image(std::string_view id) const {
  for (const Image& image : images_) {
    if (image.manifest->id == id) return &image;
  }
  return nullptr;
}

}  // namespace blockd::support
