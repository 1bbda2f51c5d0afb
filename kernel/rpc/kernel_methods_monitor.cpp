// monitor.catalogue: what the loaded plugins declare for those who watch the node.

#include <algorithm>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

// The manifests that count: those of a machine that was removed from the roster stay loaded until
// the next start, and declare nothing any more.
std::vector<const Manifest*> in_force(const Generation& generation,
                                      const std::vector<RosterEntry>& roster) {
  std::vector<const Manifest*> out;
  for (const auto& manifest : generation.manifests) {
    const bool listed = manifest->sm == 0 ||
                        std::any_of(roster.begin(), roster.end(), [&](const RosterEntry& entry) {
                          return entry.id == manifest->id;
                        });
    if (listed) out.push_back(manifest.get());
  }
  return out;
}

// The member `name` of every manifest, each entry with its owner.
json::array declared(const std::vector<const Manifest*>& manifests, std::string_view name) {
  json::array out;
  for (const Manifest* manifest : manifests) {
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

json::array loaded(const std::vector<const Manifest*>& manifests) {
  json::array out;
  for (const Manifest* manifest : manifests) {
    out.push_back(json::object{
        {"id", manifest->id}, {"version", manifest->version}, {"machine", manifest->sm > 0}});
  }
  return out;
}

json::object catalogue_of(const std::vector<const Manifest*>& manifests) {
  json::object out{{"plugins", loaded(manifests)},
                   {"metrics", declared(manifests, "metrics")},
                   {"panels", declared(manifests, "panels")},
                   {"records", declared(manifests, "recordings")},
                   {"alerts", declared(manifests, "alerts")}};
  out["slos"] = objectives(out["alerts"].get_array());
  out["hash"] = to_hex(blake3(to_text(out)));
  return out;
}

Answer catalogue(RpcImpl& rpc, const Call& call, std::string* result) {
  const StateViewPtr view = rpc.parts().chain->view();
  *result = to_text(catalogue_of(in_force(*call.plans->generation, view->machines->roster())));
  return std::nullopt;
}

constexpr KernelEntry kMonitorEntries[] = {{"monitor.catalogue", catalogue}};

}  // namespace

std::span<const KernelEntry> monitor_methods() { return kMonitorEntries; }

std::string RpcImpl::catalogue_hash() {
  const GenerationPtr generation = parts_.host->generation();
  const StateViewPtr view = parts_.chain->view();
  const std::vector<const Manifest*> manifests = in_force(*generation, view->machines->roster());
  std::string key = std::to_string(generation->number);
  for (const Manifest* manifest : manifests) key += " " + manifest->id;
  std::lock_guard lock(catalogue_mutex_);
  if (key != catalogue_key_) {
    catalogue_hash_ = std::string(catalogue_of(manifests).at("hash").get_string());
    catalogue_key_ = std::move(key);
  }
  return catalogue_hash_;
}

}  // namespace blockd
