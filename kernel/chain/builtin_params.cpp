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

constexpr std::int32_t kCodeOutOfBounds = kCodeGovernance;
constexpr std::size_t kMaxKey = 256;
constexpr std::uint64_t kMaxPage = 1000;

constexpr std::uint32_t kEscrowOwner = 2;  // place among the functions of chain/1

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

std::string range_error(const ParamSpec& spec, std::uint64_t value) {
  return spec.key + ": " + std::to_string(value) + " is outside " + std::to_string(spec.min) +
         ".." + std::to_string(spec.max) + (spec.unit.empty() ? "" : " " + spec.unit);
}

bool in_range(const ParamSpec& spec, std::uint64_t value) {
  return value >= spec.min && value <= spec.max;
}

// Checks key and range, and has the row of the value wait. Several values of one parameter: the
// last one counts. A key that nobody declares is for governance to vouch for.
tb_status wait_for_block(tb_ctx* ctx, const Wanted& wanted, bool vouched) {
  const MachineSet::ParamRef param = machines_of(ctx).find_param(wanted.key);
  if (param.machine == nullptr) {
    if (!vouched || wanted.key.empty() || wanted.key.size() > kMaxKey)
      return unknown_param(ctx, wanted.key);
    return ctx->api->put(ctx, str("waiting/" + std::string(wanted.key)),
                         str(u64_row(wanted.value)));
  }
  if (!in_range(*param.spec, wanted.value))
    return fail(ctx, kCodeOutOfBounds, "out_of_bounds", range_error(*param.spec, wanted.value));
  return ctx->api->put(ctx, str("waiting/" + param.spec->key), str(u64_row(wanted.value)));
}

using ChangesByMachine = std::map<const BoundMachine*, std::vector<tb_param_change>>;

// All values that wait, and `added`, by the plugins that declare them. A key that no plugin
// declares concerns nobody.
tb_status collect_waiting(tb_view* view, const MachineSet& machines, const Wanted* added,
                          ChangesByMachine* by_machine) {
  std::map<std::string, std::uint64_t> values;
  tb_row_sink sink{&values, [](void* user, tb_str key, tb_str value) -> std::uint32_t {
                     auto* map = static_cast<std::map<std::string, std::uint64_t>*>(user);
                     map->emplace(to_view(key).substr(std::string_view("waiting/").size()),
                                  read_u64_row(to_view(value)));
                     return 1;
                   }};
  if (tb_status s = view->api->scan(view, str("waiting/"), {}, UINT32_MAX, &sink); s != TB_OK)
    return s;
  if (added != nullptr) values[std::string(added->key)] = added->value;
  for (const auto& [key, value] : values) {
    for (const MachineSet::ParamRef& param : machines.find_params(key)) {
      tb_status status = TB_OK;
      const std::uint64_t old = value_in_force(view, *param.spec, &status);
      if (status < 0) return status;
      (*by_machine)[param.machine].push_back({param.index, 0, old, value});
    }
  }
  return TB_OK;
}

// Asks each plugin concerned about all of its values that wait, older ones included: they come into
// force together. In the order of the machines.
tb_status ask_plugins(StepRun& run, const ChangesByMachine& by_machine) {
  for (const BoundMachine& machine : run.machines().machines()) {
    auto it = by_machine.find(&machine);
    if (it == by_machine.end()) continue;
    if (tb_status s = run.ask_check_params(machine, it->second); s != TB_OK) return s;
  }
  return TB_OK;
}

tb_status check_waiting(tb_ctx* ctx) {
  ChangesByMachine by_machine;
  if (tb_status s = collect_waiting(&ctx->view, machines_of(ctx), nullptr, &by_machine); s != TB_OK)
    return s;
  return ask_plugins(blockd::run_of(ctx), by_machine);
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
  if (const BoundMachine* governance = machines_of(ctx).provider_of("params/1")) {
    return fail(ctx, kCodeForbidden, "forbidden",
                "parameters of this chain are changed by proposals to plugin " +
                    governance->roster.id + ": use `contract-cli gov param update`");
  }
  if ((ctx->caller->roles & TB_ROLE_ADMIN) == 0) {
    return fail(ctx, kCodeForbidden, "forbidden", "this account does not have the role admin");
  }
  std::vector<Wanted> wanted;
  if (!wanted_values(params, &wanted)) {
    return fail(ctx, -32602, "invalid_params",
                "give `key` and `value`, or a list `values` of them");
  }
  for (const Wanted& one : wanted) {
    if (tb_status s = wait_for_block(ctx, one, false); s != TB_OK) return s;
  }
  return check_waiting(ctx);
}

tb_status set_param(tb_ctx* ctx, tb_str caller, const tb_value* args, tb_out*) {
  if (tb_status s = only_provider(ctx, caller, "params/1"); s != TB_OK) return s;
  if (tb_status s = wait_for_block(ctx, {to_view(args[0].str), args[1].num}, true); s != TB_OK)
    return s;
  return check_waiting(ctx);
}

tb_status param(tb_view* view, tb_str, const tb_value* args, tb_out* result, tb_out* error) {
  std::string key(to_view(args[0].str));
  const MachineSet::ParamRef declared = run_of(view).machines().find_param(key);
  if (declared.machine != nullptr) key = declared.spec->key;
  tb_status status = TB_NOT_FOUND;
  std::string row = key.size() <= kMaxKey ? read_row(view, "param/" + key, &status) : "";
  if (status < 0) return status;
  const bool has_value = status == TB_OK || declared.machine != nullptr;
  const std::uint64_t value = status == TB_OK ? read_u64_row(BytesView(row))
                              : has_value     ? declared.spec->default_value
                                              : 0;
  row = key.size() <= kMaxKey ? read_row(view, "waiting/" + key, &status) : "";
  if (status < 0) return status;
  if (!has_value && status == TB_NOT_FOUND) {
    return refuse(error, kCodeUnknownParam, "unknown_param",
                  "no active plugin has the parameter '" + key.substr(0, kMaxKey) + "'");
  }
  // A key that nobody declares may have a first value that waits, and none in force.
  if (has_value) result->api->put_u64(result, str("value"), value);
  result->api->put_u64(result, str("next"), status == TB_OK ? read_u64_row(BytesView(row)) : value);
  return TB_OK;
}

tb_status check_param(tb_view* view, tb_str, const tb_value* args, tb_out*, tb_out* error) {
  StepRun& run = run_of(view);
  const std::uint64_t value = args[1].num;
  const MachineSet::ParamRef declared = run.machines().find_param(to_view(args[0].str));
  if (declared.machine == nullptr) return TB_OK;  // concerns no plugin
  if (!in_range(*declared.spec, value))
    return refuse(error, kCodeOutOfBounds, "out_of_bounds", range_error(*declared.spec, value));
  const Wanted wanted{declared.spec->key, value};
  ChangesByMachine by_machine;
  if (tb_status s = collect_waiting(view, run.machines(), &wanted, &by_machine); s != TB_OK)
    return s;
  return ask_plugins(run, by_machine);
}

namespace {

void put_spec(tb_out* result, const MachineSet::ParamRef& param) {
  const tb_out_api& out = *result->api;
  const ParamSpec& s = *param.spec;
  out.put_str(result, str("key"), str(s.key));
  out.put_str(result, str("owner"), str(param.machine->roster.id));
  out.put_str(result, str("declared_owner"), str(s.owner));
  out.put_u64(result, str("default"), s.default_value);
  out.put_u64(result, str("default_value"), s.default_value);  // for readers in C++
  out.put_u64(result, str("min"), s.min);
  out.put_u64(result, str("max"), s.max);
  out.put_str(result, str("unit"), str(s.unit));
  out.put_u64(result, str("timelock_epochs"), s.timelock_epochs);
  out.put_u64(result, str("rollback_epochs"), s.rollback_epochs);
  out.begin_list(result, str("aliases"));
  for (const std::string& alias : s.aliases) out.put_str(result, {}, str(alias));
  out.end(result);
}

}  // namespace

tb_status spec(tb_view* view, tb_str, const tb_value* args, tb_out* result, tb_out* error) {
  const MachineSet::ParamRef param = run_of(view).machines().find_param(to_view(args[0].str));
  if (param.machine == nullptr) {
    return refuse(error, kCodeUnknownParam, "unknown_param",
                  "no active plugin declares the parameter '" +
                      std::string(to_view(args[0].str).substr(0, kMaxKey)) + "'");
  }
  put_spec(result, param);
  return TB_OK;
}

tb_status specs(tb_view* view, tb_str, const tb_value* args, tb_out* result, tb_out*) {
  const auto& params = run_of(view).machines().params();
  std::uint64_t left = args[1].num == 0 ? 100 : std::min(args[1].num, kMaxPage);
  result->api->begin_list(result, str("specs"));
  for (auto it = params.upper_bound(to_view(args[0].str)); it != params.end() && left > 0;
       ++it, --left) {
    result->api->begin_record(result, {});
    put_spec(result, it->second.front());
    result->api->end(result);
  }
  result->api->end(result);
  return TB_OK;
}

}  // namespace blockd::builtin
