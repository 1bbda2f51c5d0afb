// monitor.catalogue: what the loaded plugins declare for those who watch the node.

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

// The member `name` of every manifest, each entry with its owner.
json::array declared(const Generation& generation, std::string_view name) {
  json::array out;
  for (const auto& manifest : generation.manifests) {
    const json::value* list = manifest->source.if_contains(name);
    if (!list || !list->is_array()) continue;
    for (const json::value& entry : list->get_array()) {
      if (!entry.is_object()) continue;
      json::object one = entry.get_object();
      one["by"] = manifest->id;
      out.push_back(std::move(one));
    }
  }
  return out;
}

Answer catalogue(RpcImpl&, const Call& call, std::string* result) {
  const Generation& generation = *call.plans->generation;
  json::object out{{"metrics", declared(generation, "metrics")},
                   {"panels", declared(generation, "panels")},
                   {"records", declared(generation, "recordings")},
                   {"alerts", declared(generation, "alerts")}};
  const std::string text = to_text(out);
  out["hash"] = to_hex(blake3(text));
  *result = to_text(out);
  return std::nullopt;
}

constexpr KernelEntry kMonitorEntries[] = {{"monitor.catalogue", catalogue}};

}  // namespace

std::span<const KernelEntry> monitor_methods() { return kMonitorEntries; }

}  // namespace blockd
