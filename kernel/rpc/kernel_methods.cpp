#include "kernel/rpc/kernel_methods.hpp"

#include "kernel/rpc/log_pages.hpp"

#include <boost/json/serialize.hpp>

namespace blockd {

const KernelEntry* kernel_method(std::string_view name) {
  for (std::span<const KernelEntry> topic :
       {node_methods(), chain_methods(), preview_methods(), store_methods(), plugin_methods(),
        config_methods(), token_methods(), monitor_methods(), telemetry_methods(), log_methods(),
        snapshot_methods(), validator_methods(), state_methods()}) {
    for (const KernelEntry& entry : topic) {
      if (entry.name == name) return &entry;
    }
  }
  return nullptr;
}

const json::value* raw_param(const Call& call, std::string_view name) {
  if (!call.params) return nullptr;
  if (const json::object* o = call.params->if_object()) return o->if_contains(name);
  const json::array* list = call.params->if_array();
  const std::vector<Field>& fields = call.spec().params;
  for (std::size_t i = 0; list && i < list->size() && i < fields.size(); ++i) {
    if (fields[i].name == name) return &(*list)[i];
  }
  return nullptr;
}

bool has_param(const Call& call, std::string_view name) {
  return call.param(name).type != TB_TYPE_NONE;
}

RpcError param_error(const Call& call, std::string field, std::string message) {
  return from_param_error({std::move(field), std::move(message), {}, {}, {}, {}},
                          call.manifest().invalid_params_name);
}

std::string to_text(const json::value& value) { return json::serialize(value); }

std::vector<std::string> list_param(const Call& call, std::string_view name) {
  std::vector<std::string> out;
  const tb_value& list = call.param(name);
  for (std::uint64_t i = 0; list.type == TB_TYPE_LIST && i < list.count; ++i)
    out.emplace_back(to_view(list.items[i].str));
  return out;
}

}  // namespace blockd
