// The handlers of the kernel's methods, by topic, and what they share. Not for other folders.
#pragma once

#include <span>

#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {

std::span<const KernelEntry> node_methods();
std::span<const KernelEntry> chain_methods();
std::span<const KernelEntry> plugin_methods();
std::span<const KernelEntry> config_methods();
std::span<const KernelEntry> token_methods();
std::span<const KernelEntry> preview_methods();
std::span<const KernelEntry> store_methods();
std::span<const KernelEntry> monitor_methods();
std::span<const KernelEntry> snapshot_methods();
std::span<const KernelEntry> telemetry_methods();
std::span<const KernelEntry> validator_methods();
std::span<const KernelEntry> state_methods();

// A param as it stands in the request; nullptr when absent.
const json::value* raw_param(const Call& call, std::string_view name);
bool has_param(const Call& call, std::string_view name);
// -32602 with the field, in this method's spelling.
RpcError param_error(const Call& call, std::string field, std::string message);
std::string to_text(const json::value& value);
std::vector<std::string> list_param(const Call& call, std::string_view name);

}  // namespace blockd
