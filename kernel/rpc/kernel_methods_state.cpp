// state.get and state.dump: rows of the state as they are.

#include <algorithm>

#include "kernel/base/hex.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxDumpBytes = 4u << 20;  // of the keys and values in one answer

using Answer = std::optional<RpcError>;

Answer state_get(RpcImpl&, const Call& call, std::string* result) {
  std::optional<Bytes> value;
  const std::string space = call.text("namespace");
  if (space.find('/') != std::string::npos)
    return param_error(call, "namespace", "the id of a plugin has no '/'");
  if (Status status = call.view->state->get(space_prefix(space) + call.text("key"), &value);
      !status.ok())
    return from_status(status);
  if (!value) return rpc_error(-34006, "not_found", "no such row in '" + space + "'");
  *result = to_text(json::object{{"value", to_hex(*value)}, {"height", call.view->height}});
  return std::nullopt;
}

// Rows behind `after`, until the limit or four MiB are reached; `next` goes on there.
Answer state_dump(RpcImpl&, const Call& call, std::string* result) {
  const std::string space = call.text("namespace");
  if (space.find('/') != std::string::npos)
    return param_error(call, "namespace", "the id of a plugin has no '/'");
  if (space.empty() && !call.text("prefix").empty())
    return param_error(call, "prefix", "is of keys in a namespace: give one");
  const Bytes prefix = space.empty() ? Bytes("s/") : space_prefix(space) + call.text("prefix");
  const std::uint64_t limit = call.number("limit", 1000);
  json::array rows;
  std::size_t bytes = 0;
  std::string last;
  bool more = false;
  const Status scanned = call.view->state->scan(
      prefix, call.text("after"), limit + 1, [&](BytesView key, BytesView value) {
        more = rows.size() == limit || (!rows.empty() && bytes + value.size() > kMaxDumpBytes);
        if (more) return false;
        const auto [owner, own_key] = split_key(key);
        rows.push_back(
            json::object{{"namespace", owner}, {"key", to_hex(own_key)}, {"value", to_hex(value)}});
        bytes += key.size() + value.size();
        last = key;
        return true;
      });
  if (!scanned.ok()) return from_status(scanned);
  json::object out = {{"height", call.view->height}, {"rows", std::move(rows)}};
  out["next"] = more ? json::value(to_hex(last)) : json::value(nullptr);
  *result = to_text(out);
  return std::nullopt;
}

constexpr KernelEntry kStateEntries[] = {
    {"state.get", state_get},
    {"state.dump", state_dump, KernelRun::kWorker},
};

}  // namespace

std::span<const KernelEntry> state_methods() { return kStateEntries; }

}  // namespace blockd
