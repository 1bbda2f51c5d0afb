// The service lua/1: checking and running scripts on behalf of a plugin, which keeps their texts
// and what they may do. The kernel only runs them: on the state as the running step has made it so
// far, and without a trace but the tally of the block.
#include <algorithm>
#include <unordered_map>

#include "kernel/base/blake3.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/builtin.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/lua/script.hpp"
#include "kernel/manifest/utf8.hpp"

namespace blockd::builtin {
namespace {

constexpr std::size_t kMaxScriptName = 64, kMaxTreeDepth = 32, kMaxStateKey = 128;

struct HashOf {
  std::size_t operator()(const Hash& h) const {
    std::size_t v = 0;
    std::memcpy(&v, h.data(), sizeof v);
    return v;
  }
};

// Compiled scripts of this thread with their texts. What a call may run is decided by the row of
// the text alone, never by what happens to be compiled here.
class Compiled {
 public:
  lua::Script* find(const Hash& hash, BytesView text, lua::Answer* answer) {
    auto it = texts_.find(hash);
    if (it == texts_.end() || it->second != text) {
      if (blake3({text}) != hash) {
        answer->fault = lua::Fault::kRuntime;
        answer->text = "the text at source_key is not the one of this hash";
        return nullptr;
      }
      if (texts_.size() >= 2 * kScripts) texts_.clear();
      texts_.insert_or_assign(hash, std::string(text));
    }
    lua::Script* script = pool_.find(hash);
    return script != nullptr ? script : pool_.add(text, answer);
  }

 private:
  static constexpr std::size_t kScripts = 64;
  lua::ScriptPool pool_{kScripts};
  std::unordered_map<Hash, std::string, HashOf> texts_;
};

Compiled& compiled() {
  static thread_local Compiled scripts;
  return scripts;
}

tb_status lua_failed(tb_out* error, const lua::Answer& answer) {
  return refuse(error, kCodeGovernance, lua::fault_name(answer.fault), answer.text);
}

std::uint64_t budget_of(std::string_view event) {
  if (event == "on_param_change") return lua::kBudgetParamChange;
  if (event == "on_epoch") return lua::kBudgetEpoch;
  return event == "on_gate" ? lua::kBudgetGate : lua::kBudgetBlock;
}

bool is_event(std::string_view event) {
  return std::find(std::begin(lua::kEvents), std::end(lua::kEvents), event) !=
         std::end(lua::kEvents);
}

// Integers beyond 64 bits travel as decimal text, bytes as hexadecimal, as everywhere in JSON.
json::value to_json(const tb_value& value, std::size_t depth) {
  if (depth > kMaxTreeDepth) return nullptr;
  switch (value.type) {
    case TB_TYPE_BOOL:
      return value.num != 0;
    case TB_TYPE_I64:
      return static_cast<std::int64_t>(value.num);
    case TB_TYPE_U64:
      if (value.num <= INT64_MAX) return static_cast<std::int64_t>(value.num);
      break;
    case TB_TYPE_STR:
      return json::string(to_view(value.str));
    case TB_TYPE_LIST: {
      json::array list;
      for (std::uint32_t i = 0; i < value.count; ++i)
        list.push_back(to_json(value.items[i], depth + 1));
      return list;
    }
    case TB_TYPE_RECORD: {
      json::object record;
      for (std::uint32_t i = 0; i < value.count; ++i)
        record[to_view(value.items[i].name)] = to_json(value.items[i], depth + 1);
      return record;
    }
    case TB_TYPE_NONE:
      return nullptr;
    default:
      break;
  }
  JsonOut text;
  text.out()->api->put_value(text.out(), str("v"), &value);
  Result<json::value> parsed = parse_json(text.finish());
  if (!parsed.ok() || !parsed->is_object()) return nullptr;
  json::value& v = parsed->get_object()["v"];
  if (v.is_uint64()) return json::string(std::to_string(v.get_uint64()));
  return v;
}

// What a script may read, of one step.
class Reader {
 public:
  Reader(tb_view* view, std::string_view caller, std::string_view script, std::string_view prefix)
      : view_(view), caller_(caller), script_(script), prefix_(prefix) {}

  lua::Reads reads() {
    lua::Reads r;
    r.param = [this](std::string_view key, std::optional<std::uint64_t>* value) {
      return param_value(key, value);
    };
    r.param_spec = [this](std::string_view key, std::optional<lua::Reads::Spec>* spec) {
      return param_spec(key, spec);
    };
    r.state = [this](std::string_view key, std::optional<json::value>* value) {
      return state(key, value);
    };
    r.econ = [this](std::string_view name, std::optional<std::int64_t>* value) {
      tb_value arg{};
      arg.name = str("name");
      arg.type = TB_TYPE_STR;
      arg.str = str(name);
      return number_of("economics/1", "figure", &arg, 1, value);
    };
    r.treasury_balance = [this](std::optional<std::uint64_t>* amount) {
      std::optional<std::int64_t> value;
      Status status = number_of("treasury/1", "balance", nullptr, 0, &value);
      if (value) *amount = static_cast<std::uint64_t>(*value);
      return status;
    };
    r.log = [this](std::string_view text) {
      std::string line = "script " + std::string(script_) + ": ";
      line.append(is_utf8(text) ? text : "(a text that is not valid UTF-8)");
      auto* ctx = reinterpret_cast<tb_ctx*>(view_);
      ctx->api->log(ctx, TB_LOG_INFO, str(line));
    };
    return r;
  }

 private:
  // A failure of the host ends the call without an outcome; the step knows why.
  static Status ended(tb_status status) {
    return status < 0 ? Status(Code::kAborted, "the step cannot go on") : Status();
  }

  Status param_value(std::string_view key, std::optional<std::uint64_t>* value) {
    if (key.empty() || key.size() > 256) return {};
    const MachineSet::ParamRef declared = run_of(view_).machines().find_param(key);
    tb_status status = TB_OK;
    const std::string row = read_row(
        view_, "param/" + (declared.machine ? declared.spec->key : std::string(key)), &status);
    if (status == TB_OK) *value = read_u64_row(BytesView(row));
    if (status == TB_NOT_FOUND && declared.machine != nullptr)
      *value = declared.spec->default_value;
    return ended(status);
  }

  Status param_spec(std::string_view key, std::optional<lua::Reads::Spec>* spec) {
    const MachineSet::ParamRef declared = run_of(view_).machines().find_param(key);
    if (declared.machine == nullptr) return {};
    std::optional<std::uint64_t> value;
    TB_TRY(param_value(key, &value));
    const ParamSpec& p = *declared.spec;
    *spec =
        lua::Reads::Spec{value.value_or(p.default_value), p.default_value, p.min, p.max, p.unit};
    return {};
  }

  Status state(std::string_view key, std::optional<json::value>* value) {
    if (key.empty() || key.size() > kMaxStateKey) return {};
    std::optional<Bytes> row;
    TB_TRY(ended(
        run_of(view_).read_row_of(view_, caller_, std::string(prefix_).append(key), true, &row)));
    if (!row || row->empty()) return {};
    const BytesView content = BytesView(*row).substr(1);
    if (row->front() == 'i' && content.size() == 8) {
      *value = static_cast<std::int64_t>(read_u64_row(content));
    } else if (row->front() == 's') {
      *value = json::string(content);
    }
    return {};
  }

  // The one number that a plugin tells; nothing when it is absent, on the call stack, or refuses.
  Status number_of(std::string_view service, std::string_view function, const tb_value* args,
                   std::uint32_t count, std::optional<std::int64_t>* value) {
    StepRun& run = run_of(view_);
    ValueArena arena;
    ValueOut out(arena);
    const tb_status status =
        run.ask_inside(run.machines().find_function(service, function), args, count, out.out());
    if (status == TB_ABORTED || status == TB_E_LIMIT) return ended(status);
    if (status != TB_OK) return {};
    const tb_value* told = out.finish();
    if (told->type == TB_TYPE_RECORD && told->count == 1) told = told->items;
    const bool fits =
        told->type == TB_TYPE_I64 || (told->type == TB_TYPE_U64 && told->num <= INT64_MAX);
    if (fits) *value = static_cast<std::int64_t>(told->num);
    return {};
  }

  tb_view* view_;
  std::string_view caller_, script_, prefix_;
};

void put_params(tb_out* result, const lua::HookResult& r) {
  const tb_out_api& out = *result->api;
  out.begin_list(result, str("params"));
  for (const auto& [key, value] : r.params) {
    out.begin_record(result, {});
    out.put_str(result, str("key"), str(key));
    out.put_i64(result, str("value"), value);
    out.end(result);
  }
  out.end(result);
}

void put_state(tb_out* result, const lua::HookResult& r) {
  const tb_out_api& out = *result->api;
  out.begin_list(result, str("state"));
  for (const auto& [key, value] : r.state) {
    const bool number = value.is_int64(), text = value.is_string();
    out.begin_record(result, {});
    out.put_str(result, str("key"), str(key));
    out.put_str(result, str("kind"), str(number ? "i" : text ? "s" : "-"));
    out.put_i64(result, str("number"), number ? value.get_int64() : 0);
    out.put_str(result, str("text"), text ? str(value.get_string()) : tb_str{});
    out.end(result);
  }
  out.end(result);
}

using EventTexts = std::vector<std::pair<std::string, std::string>>;

// What crosses the ABI is UTF-8, and an event's data canonical; a script whose return is neither
// has failed.
void check_texts(const lua::Verdict& verdict, const lua::HookResult& hook, EventTexts* events,
                 lua::Answer* answer) {
  std::string why;
  if (!is_utf8(verdict.reason)) why = "the reason is not valid UTF-8";
  for (const auto& [key, value] : hook.params) {
    if (!is_utf8(key)) why = "the key of a parameter is not valid UTF-8";
  }
  for (const auto& [key, value] : hook.state) {
    if (!is_utf8(key) || (value.is_string() && !is_utf8(value.get_string())))
      why = "a key or a text of state is not valid UTF-8";
  }
  for (const auto& [name, data] : hook.events) {
    Result<std::string> text = canonical_json(data);
    if (!text.ok() || !is_utf8(*text)) why = "the data of event " + name + " is not valid JSON";
    events->emplace_back(name, text.ok() ? *std::move(text) : std::string());
  }
  if (why.empty()) return;
  answer->fault = lua::Fault::kReturn;
  answer->text = std::move(why);
}

void put_events(tb_out* result, const EventTexts& events) {
  const tb_out_api& out = *result->api;
  out.begin_list(result, str("events"));
  for (const auto& [name, data] : events) {
    out.begin_record(result, {});
    out.put_str(result, str("name"), str(name));
    out.put_str(result, str("data"), str(data));
    out.end(result);
  }
  out.end(result);
}

void put_verdict(tb_out* result, const lua::Verdict& verdict) {
  const tb_out_api& out = *result->api;
  out.put_bool(result, str("refused"), verdict.refused ? 1 : 0);
  out.put_str(result, str("reason"), str(verdict.reason));
  out.put_bool(result, str("has_value"), verdict.value ? 1 : 0);
  out.put_i64(result, str("value"), verdict.value.value_or(0));
}

void put_names(tb_out* result, std::string_view member, const std::vector<std::string>& names) {
  result->api->begin_list(result, str(member));
  for (const std::string& name : names) result->api->put_str(result, {}, str(name));
  result->api->end(result);
}

std::vector<std::string> command_names(const MachineSet& machines) {
  std::vector<std::string> names;
  for (const BoundMachine& m : machines.machines()) {
    for (const MethodSpec& method : m.machine.manifest->methods) {
      if (method.kind == MethodKind::kCommand) names.push_back(method.name);
    }
  }
  return names;
}

// What is wrong with the commands that a header lists: before_apply and after_apply come by the
// name of the command, so under another one the script would never be asked.
void put_unknown_methods(const MachineSet& machines, const lua::Header& header, tb_out* result) {
  result->api->begin_list(result, str("unknown_methods"));
  for (const std::string& method : header.methods) {
    const MachineSet::MethodRef found = machines.find_command(method);
    if (found.machine != nullptr && found.spec->name == method) continue;
    std::string text = "no active plugin has the command '" + method + "'";
    std::optional<std::string> nearest;
    if (found.machine != nullptr)
      nearest = found.spec->name;
    else
      nearest = nearest_name(method, command_names(machines));
    if (nearest) text += "; did you mean '" + *nearest + "'?";
    result->api->put_str(result, {}, str(text));
  }
  result->api->end(result);
}

}  // namespace

tb_status lua_check(tb_view* view, tb_str, const tb_value* args, tb_out* result, tb_out* error) {
  lua::Answer answer;
  const std::unique_ptr<lua::Script> script = lua::Script::compile(to_view(args[0].str), &answer);
  if (script == nullptr) return lua_failed(error, answer);
  const std::optional<lua::Header> header = lua::read_header(*script, &answer);
  if (!header) return lua_failed(error, answer);
  const tb_out_api& out = *result->api;
  out.put_bytes(result, str("hash"), str(blockd::view(script->hash())));
  out.begin_record(result, str("header"));
  out.put_str(result, str("name"), str(header->name));
  out.put_str(result, str("version"), str(header->version));
  put_names(result, "on", header->on);
  put_names(result, "keys", header->keys);
  put_names(result, "owns", header->owns);
  put_names(result, "methods", header->methods);
  out.put_i64(result, str("priority"), header->priority);
  out.end(result);
  put_unknown_methods(run_of(view).machines(), *header, result);
  return TB_OK;
}

tb_status lua_run(tb_view* view, tb_str caller, const tb_value* args, tb_out* result,
                  tb_out* error) {
  StepRun& run = run_of(view);
  const std::string_view name = to_view(args[0].str), event = to_view(args[4].str),
                         plugin_id = to_view(caller);
  Hash hash{};
  if (name.empty() || name.size() > kMaxScriptName || args[1].str.len != hash.size() ||
      !is_event(event))
    return TB_E_INVALID;
  std::memcpy(hash.data(), args[1].str.ptr, hash.size());
  std::optional<Bytes> text;
  if (tb_status s = run.read_row_of(view, plugin_id, to_view(args[2].str), false, &text);
      s != TB_OK)
    return s;
  lua::Answer answer;
  lua::Script* script = nullptr;
  if (text) {
    script = compiled().find(hash, *text, &answer);
  } else {
    answer.fault = lua::Fault::kRuntime;
    answer.text = "there is no text at source_key";
  }
  lua::Verdict verdict;
  lua::HookResult hook;
  EventTexts events;
  if (script != nullptr) {
    Reader reader(view, plugin_id, name, to_view(args[3].str));
    const json::value argument = to_json(args[5], 0);
    static const json::object kNothing;
    answer = script->call(event, argument.is_object() ? argument.get_object() : kNothing,
                          budget_of(event), reader.reads());
    if (!answer.aborted.ok()) return run.ended_by_host(answer.aborted);
    const bool timed = event == "on_epoch" || event == "on_block";
    if (answer.ok() && timed) hook = lua::read_hook_result(event, &answer);
    if (answer.ok() && !timed) verdict = lua::read_verdict(event, &answer);
    if (answer.ok()) check_texts(verdict, hook, &events, &answer);
  }
  run.tally().note(plugin_id, name, answer.ok());
  if (!answer.ok()) return lua_failed(error, answer);
  put_verdict(result, verdict);
  put_params(result, hook);
  put_state(result, hook);
  put_events(result, events);
  result->api->put_u64(result, str("instructions"), answer.instructions);
  return TB_OK;
}

tb_status lua_tally(tb_view* view, tb_str caller, const tb_value* args, tb_out* result, tb_out*) {
  const ScriptTally::Runs* runs = run_of(view).tally().find(to_view(caller), to_view(args[0].str));
  result->api->put_bool(result, str("seen"), runs != nullptr ? 1 : 0);
  result->api->put_bool(result, str("ok_since"), runs != nullptr && runs->ok_since ? 1 : 0);
  result->api->put_u64(result, str("failed"), runs == nullptr ? 0 : runs->failed);
  return TB_OK;
}

}  // namespace blockd::builtin
