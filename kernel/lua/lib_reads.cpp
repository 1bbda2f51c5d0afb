// params.* state.* econ.* treasury.* log.* metrics.*: what a script may read, through the functions
// of Reads. One that is empty answers nil.
#include <algorithm>
#include <limits>

#include "kernel/lua/border.hpp"
#include "kernel/lua/context.hpp"
#include "kernel/lua/lua_api.hpp"

namespace blockd::lua {
namespace {

constexpr std::uint64_t kReadWork = 16;

// Pays for a read and returns its first argument.
std::string_view key_of(lua_State* state, const char* name) {
  const std::string_view key = Args{state, name}.text(1);
  pay(state, kReadWork + key.size() / 64);
  return key;
}

// Ends the call if the store failed.
void done(lua_State* state) {
  if (!context_of(state).aborted.ok()) raise_aborted(state);
}

int push_nil(lua_State* state) {
  lua_pushnil(state);
  return 1;
}

int push_unsigned(lua_State* state, std::uint64_t value) {
  if (value > static_cast<std::uint64_t>(INT64_MAX))
    raise_fault(state, Fault::kFloat, "what was read is beyond 64 bits");
  lua_pushinteger(state, static_cast<std::int64_t>(value));
  return 1;
}

int params_get(lua_State* state) {
  const std::string_view key = key_of(state, "params.get");
  Context& context = context_of(state);
  std::optional<std::uint64_t> value;
  if (context.reads->param) context.aborted = context.reads->param(key, &value);
  done(state);
  return value ? push_unsigned(state, *value) : push_nil(state);
}

void set_field(lua_State* state, std::string_view name, std::uint64_t value) {
  lua_pushlstring(state, name.data(), name.size());
  push_unsigned(state, value);
  lua_rawset(state, -3);
}

int params_spec(lua_State* state) {
  const std::string_view key = key_of(state, "params.spec");
  Context& context = context_of(state);
  context.spec.reset();
  if (context.reads->param_spec) context.aborted = context.reads->param_spec(key, &context.spec);
  done(state);
  if (!context.spec) return push_nil(state);
  constexpr auto kHighest = static_cast<std::uint64_t>(INT64_MAX);
  const Reads::Spec& spec = *context.spec;
  lua_createtable(state, 0, 5);
  set_field(state, "value", spec.value);
  set_field(state, "default", spec.default_value);
  set_field(state, "min", spec.min);
  set_field(state, "max", std::min(spec.max, kHighest));  // no value of a script goes beyond
  lua_pushlstring(state, "unit", 4);
  lua_pushlstring(state, spec.unit.data(), spec.unit.size());
  lua_rawset(state, -3);
  return 1;
}

int state_get(lua_State* state) {
  const std::string_view key = key_of(state, "state.get");
  Context& context = context_of(state);
  context.state_value.reset();
  if (context.reads->state) context.aborted = context.reads->state(key, &context.state_value);
  done(state);
  if (!context.state_value) return push_nil(state);
  if (context.state_value->is_string())
    charge_bytes(state, context.state_value->get_string().size());
  push_json(state, *context.state_value);
  return 1;
}

int econ_get(lua_State* state) {
  const std::string_view name = key_of(state, "econ.get");
  Context& context = context_of(state);
  std::optional<std::int64_t> value;
  if (context.reads->econ) context.aborted = context.reads->econ(name, &value);
  done(state);
  if (!value) return push_nil(state);
  lua_pushinteger(state, *value);
  return 1;
}

int treasury_balance(lua_State* state) {
  pay(state, kReadWork);
  Context& context = context_of(state);
  std::optional<std::uint64_t> amount;
  if (context.reads->treasury_balance) context.aborted = context.reads->treasury_balance(&amount);
  done(state);
  return amount ? push_unsigned(state, *amount) : push_nil(state);
}

int log_info(lua_State* state) {
  const std::string_view text = Args{state, "log.info"}.text(1);
  charge_bytes(state, text.size());
  Context& context = context_of(state);
  if (context.reads->log && context.log_lines < kMaxLogLines) {
    ++context.log_lines;
    context.reads->log(text.substr(0, kMaxLogLine));
  }
  return 0;
}

int metrics_set(lua_State* state) {
  const std::string_view name = key_of(state, "metrics.set");
  const std::int64_t value = Args{state, "metrics.set"}.integer(2);
  const Context& context = context_of(state);
  if (context.reads->set_metric) context.reads->set_metric(name, value);
  return 0;
}

constexpr Function kParams[] = {{"get", params_get}, {"spec", params_spec}};
constexpr Function kState[] = {{"get", state_get}};
constexpr Function kEcon[] = {{"get", econ_get}};
constexpr Function kTreasury[] = {{"balance", treasury_balance}};
constexpr Function kLog[] = {{"info", log_info}};
constexpr Function kMetrics[] = {{"set", metrics_set}};

}  // namespace

void open_reads(lua_State* state) {
  add_module(state, "params", kParams);
  add_module(state, "state", kState);
  add_module(state, "econ", kEcon);
  add_module(state, "treasury", kTreasury);
  add_module(state, "log", kLog);
  add_module(state, "metrics", kMetrics);
}

}  // namespace blockd::lua
