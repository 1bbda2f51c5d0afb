#include "tests/conformance/plugin_files.hpp"

#include <dlfcn.h>

#include "tb/plugin.h"

namespace blockd {
namespace {

struct Close {
  void operator()(void* library) const { dlclose(library); }
};

}  // namespace

Result<std::shared_ptr<const Manifest>> manifest_of_plugin(const std::string& name) {
  const std::string path = std::string(TB_BINARY_DIR) + "/plugins/" + name + ".so";
  const std::unique_ptr<void, Close> library(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (!library) return Status(Code::kNotFound, dlerror(), "build the target " + name);
  const auto entry = reinterpret_cast<tb_plugin_entry_fn>(dlsym(library.get(), "tb_plugin_entry"));
  if (entry == nullptr) return Status(Code::kInvalid, path + " has no tb_plugin_entry");
  tb_host_info host{};
  host.size = sizeof(host);
  host.abi_major = TB_ABI_MAJOR;
  host.abi_minor = TB_ABI_MINOR;
  const tb_plugin* plugin = entry(&host);
  if (plugin == nullptr) return Status(Code::kInvalid, path + " refuses this host");
  return Manifest::parse({plugin->manifest.ptr, static_cast<std::size_t>(plugin->manifest.len)});
}

}  // namespace blockd
