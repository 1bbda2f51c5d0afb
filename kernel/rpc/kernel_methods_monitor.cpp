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

// The objectives that alerts carry, each with its alert.
json::array objectives(const json::array& alerts) {
  json::array out;
  for (const json::value& alert : alerts) {
    const json::value* slo = alert.get_object().if_contains("slo");
    if (slo == nullptr || !slo->is_object()) continue;
    json::object one = slo->get_object();
    one["alert"] = alert.at("name");
    one["by"] = alert.at("by");
    out.push_back(std::move(one));
  }
  return out;
}

json::array loaded(const Generation& generation) {
  json::array out;
  for (const auto& manifest : generation.manifests) {
    out.push_back(json::object{
        {"id", manifest->id}, {"version", manifest->version}, {"machine", manifest->sm > 0}});
  }
  return out;
}

Answer catalogue(RpcImpl&, const Call& call, std::string* result) {
  const Generation& generation = *call.plans->generation;
  json::object out{{"plugins", loaded(generation)},
                   {"metrics", declared(generation, "metrics")},
                   {"panels", declared(generation, "panels")},
                   {"records", declared(generation, "recordings")},
                   {"alerts", declared(generation, "alerts")}};
  out["slos"] = objectives(out["alerts"].get_array());
  const std::string text = to_text(out);
  out["hash"] = to_hex(blake3(text));
  *result = to_text(out);
  return std::nullopt;
}

constexpr KernelEntry kMonitorEntries[] = {{"monitor.catalogue", catalogue}};

}  // namespace

std::span<const KernelEntry> monitor_methods() { return kMonitorEntries; }

}  // namespace blockd
