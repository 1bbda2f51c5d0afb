#include "kernel/chain/active_scripts.hpp"

#include <algorithm>

namespace blockd {
namespace {

constexpr std::string_view kService = "scripts/1";

const tb_value* member(const tb_value& record, std::string_view name) {
  for (std::uint32_t i = 0; record.type == TB_TYPE_RECORD && i < record.count; ++i) {
    if (to_view(record.items[i].name) == name) return &record.items[i];
  }
  return nullptr;
}

bool is_set(const tb_value& record, std::string_view name) {
  const tb_value* value = member(record, name);
  return value != nullptr && value->type == TB_TYPE_BOOL && value->num != 0;
}

// No hook runs for gov.* and chain.*, nor for another name of governance itself: a voted hook must
// not be able to block its own repeal.
bool may_be_hooked(const MachineSet::MethodRef& method, const MachineSet& machines) {
  return method.machine != nullptr && method.machine->index != 0 &&
         method.machine != machines.provider_of(kService) &&
         !method.spec->name.starts_with("gov.") && !method.spec->name.starts_with("chain.");
}

void mark_methods(const tb_value& answer, const MachineSet& machines, ActiveScripts* scripts) {
  const tb_value* list = member(answer, "methods");
  if (list == nullptr || list->type != TB_TYPE_LIST) return;
  for (std::uint32_t i = 0; i < list->count; ++i) {
    const tb_value& entry = list->items[i];
    const tb_value* name = member(entry, "method");
    if (name == nullptr || name->type != TB_TYPE_STR) continue;
    const MachineSet::MethodRef method = machines.find_command(to_view(name->str));
    const unsigned flags = (is_set(entry, "before") ? ActiveScripts::kBefore : 0u) |
                           (is_set(entry, "after") ? ActiveScripts::kAfter : 0u);
    if (flags == 0 || !may_be_hooked(method, machines)) continue;
    scripts->methods.resize(machines.machines().size());
    std::vector<std::uint8_t>& of = scripts->methods[method.machine->index];
    of.resize(method.machine->machine.manifest->methods.size());
    of[method.index] = static_cast<std::uint8_t>(of[method.index] | flags);
  }
}

}  // namespace

std::string active_scripts_row(const MachineSet& machines) {
  const BoundMachine* provider = machines.provider_of(kService);
  if (provider == nullptr) return {};
  return space_prefix(provider->roster.id) + "scripts/active";
}

Result<std::shared_ptr<const ActiveScripts>> ask_active_scripts(StepRun& run, Overlay& overlay) {
  auto scripts = std::make_shared<ActiveScripts>();
  const MachineSet& machines = run.machines();
  const std::string row_key = active_scripts_row(machines);
  if (row_key.empty()) return std::shared_ptr<const ActiveScripts>(std::move(scripts));
  std::string scratch;
  std::optional<BytesView> row;
  TB_TRY(overlay.find(row_key, &scratch, &row));
  if (row) scripts->row = Bytes(*row);
  const MachineSet::FunctionRef active = machines.find_function(kService, "active");
  if (active.machine == nullptr || !row)
    return std::shared_ptr<const ActiveScripts>(std::move(scripts));
  run.start(StepKind::kLua, active.machine, nullptr, nullptr);
  ValueArena arena;
  ValueOut out(arena);
  const tb_status status =
      run.ask_kernel(*active.machine, active.service, active.function, out.out());
  if (run.poisoned()) {
    return Status(Code::kAborted, "plugin " + active.machine->roster.id +
                                      " could not tell its active scripts: " + run.poison());
  }
  const tb_value* answer = out.finish();
  if (status != TB_OK) return std::shared_ptr<const ActiveScripts>(std::move(scripts));
  scripts->before_apply = machines.find_function(kService, "before_apply");
  scripts->after_apply = machines.find_function(kService, "after_apply");
  scripts->after_block = machines.find_function(kService, "after_block");
  scripts->block = is_set(*answer, "block");
  scripts->epoch = is_set(*answer, "epoch");
  if (scripts->before_apply.machine != nullptr && scripts->after_apply.machine != nullptr)
    mark_methods(*answer, machines, scripts.get());
  return std::shared_ptr<const ActiveScripts>(std::move(scripts));
}

std::vector<tb_value> named_args(const MachineSet::FunctionRef& function,
                                 std::initializer_list<tb_value> values) {
  std::vector<tb_value> args;
  const ServiceProvided& service = function.machine->machine.manifest->provides[function.service];
  for (const Field& field : service.functions[function.function].params) {
    auto it = std::find_if(values.begin(), values.end(),
                           [&](const tb_value& v) { return to_view(v.name) == field.name; });
    args.push_back(it == values.end() ? tb_value{} : *it);
  }
  return args;
}

tb_value text_value(std::string_view name, std::string_view text) {
  tb_value value{};
  value.name = to_str(name);
  value.type = TB_TYPE_STR;
  value.str = to_str(text);
  return value;
}

tb_value number_value(std::string_view name, std::uint64_t number) {
  tb_value value{};
  value.name = to_str(name);
  value.type = TB_TYPE_U64;
  value.num = number;
  return value;
}

tb_value bool_value(std::string_view name, bool on) {
  tb_value value{};
  value.name = to_str(name);
  value.type = TB_TYPE_BOOL;
  value.num = on ? 1 : 0;
  return value;
}

}  // namespace blockd
