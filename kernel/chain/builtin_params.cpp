// How parameters of plugins are changed: both ways, the admin's command and the service for
// governance, end in waiting rows, which the executor brings into force at the start of the next
// block (executor_params.cpp).
#include <algorithm>
#include <map>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/chain/builtin.hpp"
#include "kernel/chain/kernel_rows.hpp"

namespace blockd::builtin {
namespace {

constexpr std::int32_t kCodeForbidden = -34003, kCodeUnknownParam = -32060,
                       kCodeOutOfBounds = -32061;

struct Wanted {
  std::string_view key;
  std::uint64_t value = 0;
};

tb_status unknown_param(tb_ctx* ctx, std::string_view key) {
  std::vector<std::string> names;
  for (const BoundMachine& m : machines_of(ctx).machines()) {
    for (const ParamSpec& param : m.machine.manifest->params) names.push_back(param.key);
  }
  const std::optional<std::string> nearest = nearest_name(key, names);
  std::string text = "no active plugin has the parameter '" + std::string(key) + "'";
  if (nearest) text += "; did you mean '" + *nearest + "'?";
  return fail(ctx, kCodeUnknownParam, "unknown_param", text, nearest.value_or(""));
}

std::uint64_t value_in_force(tb_view* view, const ParamSpec& spec, tb_status* status) {
  const std::string row = read_row(view, "param/" + spec.key, status);
  return *status == TB_OK ? read_u64_row(BytesView(row)) : spec.default_value;
}

// Checks key and range, and has the row of the value wait. Several values of one parameter: the
// last one counts.
tb_status wait_for_block(tb_ctx* ctx, const Wanted& wanted) {
  const MachineSet::ParamRef param = machines_of(ctx).find_param(wanted.key);
  if (param.machine == nullptr) return unknown_param(ctx, wanted.key);
  if (wanted.value < param.spec->min || wanted.value > param.spec->max) {
    return fail(ctx, kCodeOutOfBounds, "out_of_bounds",
                param.spec->key + ": " + std::to_string(wanted.value) + " is outside " +
                    std::to_string(param.spec->min) + ".." + std::to_string(param.spec->max) +
                    (param.spec->unit.empty() ? "" : " " + param.spec->unit));
  }
  return ctx->api->put(ctx, str("waiting/" + param.spec->key), str(u64_row(wanted.value)));
}

// Asks each plugin concerned about all of its values that wait, older ones included: they come into
// force together.
tb_status check_waiting(tb_ctx* ctx) {
  std::vector<std::pair<std::string, std::uint64_t>> rows;
  tb_row_sink sink{&rows, [](void* user, tb_str key, tb_str value) -> std::uint32_t {
                     auto* list =
                         static_cast<std::vector<std::pair<std::string, std::uint64_t>>*>(user);
                     list->emplace_back(to_view(key).substr(std::string_view("waiting/").size()),
                                        read_u64_row(to_view(value)));
                     return 1;
                   }};
  if (tb_status s = ctx->view.api->scan(&ctx->view, str("waiting/"), {}, UINT32_MAX, &sink);
      s != TB_OK)
    return s;
  std::map<const BoundMachine*, std::vector<tb_param_change>> by_machine;
  const MachineSet& machines = machines_of(ctx);
  for (const auto& [key, value] : rows) {
    const MachineSet::ParamRef param = machines.find_param(key);
    if (param.machine == nullptr)
      continue;  // its plugin was suspended; the row is dropped at the start of the next block
    tb_status status = TB_OK;
    const std::uint64_t old = value_in_force(&ctx->view, *param.spec, &status);
    if (status < 0) return status;
    by_machine[param.machine].push_back({param.index, 0, old, value});
  }
  for (const BoundMachine& machine : machines.machines()) {
    auto it = by_machine.find(&machine);
    if (it == by_machine.end()) continue;
    if (tb_status s = run_of(ctx).ask_check_params(machine, it->second); s != TB_OK) return s;
  }
  return TB_OK;
}

// The single form {key, value} and the list may both be given; the list comes first.
bool wanted_values(const tb_value* params, std::vector<Wanted>* out) {
  const tb_value &list = params[0], &key = params[1], &value = params[2];
  for (std::uint32_t i = 0; list.type == TB_TYPE_LIST && i < list.count; ++i) {
    out->push_back({to_view(list.items[i].items[0].str), list.items[i].items[1].num});
  }
  const bool has_key = key.type != TB_TYPE_NONE, has_value = value.type != TB_TYPE_NONE;
  if (has_key && has_value) out->push_back({to_view(key.str), value.num});
  return has_key == has_value && !out->empty();
}

}  // namespace

tb_status set_params(tb_ctx* ctx, const tb_value* params) {
  tb_status status = TB_OK;
  const std::string authority = read_row(&ctx->view, "authority", &status);
  if (status < 0) return status;
  if (authority != "operator")
    return fail(ctx, kCodeForbidden, "forbidden",
                "on this chain governance alone changes parameters");
  if ((ctx->caller->roles & TB_ROLE_ADMIN) == 0) {
    return fail(ctx, kCodeForbidden, "forbidden", "this account does not have the role admin");
  }
  std::vector<Wanted> wanted;
  if (!wanted_values(params, &wanted)) {
    return fail(ctx, -32602, "invalid_params",
                "give `key` and `value`, or a list `values` of them");
  }
  for (const Wanted& one : wanted) {
    if (tb_status s = wait_for_block(ctx, one); s != TB_OK) return s;
  }
  return check_waiting(ctx);
}

tb_status serve(tb_ctx* ctx, std::uint32_t, std::uint32_t, tb_str caller, const tb_value* args,
                std::uint32_t, tb_out*) {
  const BoundMachine* governance = machines_of(ctx).provider_of("params/1");
  if (governance == nullptr || governance->roster.id != to_view(caller)) {
    return fail(ctx, kCodeForbidden, "forbidden",
                "plugin " + std::string(to_view(caller)) +
                    " does not provide params/1: only that plugin changes parameters");
  }
  if (tb_status s = wait_for_block(ctx, {to_view(args[0].str), args[1].num}); s != TB_OK) return s;
  return check_waiting(ctx);
}

tb_status answer(tb_view* view, std::uint32_t, std::uint32_t, tb_str, const tb_value* args,
                 std::uint32_t, tb_out* result, tb_out* error) {
  const MachineSet::ParamRef param =
      machines_of(reinterpret_cast<tb_ctx*>(view)).find_param(to_view(args[0].str));
  if (param.machine == nullptr) {
    error->api->put_i64(error, str("code"), kCodeUnknownParam);
    error->api->put_str(error, str("name"), str("unknown_param"));
    error->api->put_str(
        error, str("text"),
        str("no active plugin has the parameter '" + std::string(to_view(args[0].str)) + "'"));
    return TB_FAILED;
  }
  tb_status status = TB_OK;
  const std::uint64_t value = value_in_force(view, *param.spec, &status);
  if (status < 0) return status;
  const std::string row = read_row(view, "waiting/" + param.spec->key, &status);
  if (status < 0) return status;
  result->api->put_u64(result, str("value"), value);
  result->api->put_u64(result, str("next"), status == TB_OK ? read_u64_row(BytesView(row)) : value);
  return TB_OK;
}

}  // namespace blockd::builtin
