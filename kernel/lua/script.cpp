// Compiling a text to an image, and calls from it.
#include "kernel/lua/script.hpp"

#include <algorithm>
#include <clocale>
#include <cstring>

#include "kernel/base/blake3.hpp"
#include "kernel/lua/arena.hpp"
#include "kernel/lua/border.hpp"
#include "kernel/lua/context.hpp"
#include "kernel/lua/header.hpp"
#include "kernel/lua/lua_api.hpp"
#include "kernel/lua/number_gate.hpp"
#include "kernel/lua/source.hpp"

namespace blockd::lua {
namespace {

constexpr std::size_t kMaxFaultText = 1024;
constexpr char kChunk[] = "=script";  // "script:12:" in texts

// The argument of a call in either of its forms.
struct Request {
  std::string_view function;  // empty: only the text is run
  const json::object* object = nullptr;
  std::span<const Script::Member> members;
};

void set_failure(Answer* answer, Fault fault, std::string_view text) {
  answer->fault = fault;
  answer->text = printable(text, kMaxFaultText);
}

std::string_view error_text(lua_State* state) {
  if (lua_type(state, -1) != LUA_TSTRING) return "the script raised an error that is no string";
  std::size_t size = 0;
  const char* text = lua_tolstring(state, -1, &size);
  return {text, size};
}

std::string memory_text(const Arena& arena) {
  const int line = arena.exhausted_line();
  const std::string place = line > 0 ? "script:" + std::to_string(line) + ": " : "";
  return place + "the call would take " +
         (arena.string_too_long() ? "a string longer than " + std::to_string(kMaxString) + " bytes"
                                  : "more than " + std::to_string(kMaxMemory) + " bytes of memory");
}

// Every kQuantum instructions of the VM.
void count_hook(lua_State* state, lua_Debug*) {
  pay(state, kQuantum * context_of(state).arena.weight());
}

int open_library(lua_State* state) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  open_base(state);
  open_string(state);
  open_table(state);
  open_math(state);
  open_reads(state);
  return 0;
}

// Stack: the text's function, a Request. Returns the function's two values; for the text alone its
// globals and the value of `hook`.
int run(lua_State* state) {
  const Request& request = *static_cast<const Request*>(lua_touserdata(state, 2));
  lua_pushvalue(state, 1);
  lua_call(state, 0, 0);
  lua_rawgeti(state, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  if (request.function.empty()) {
    lua_pushlstring(state, "hook", 4);
    lua_rawget(state, -2);
    return 2;
  }
  lua_pushlstring(state, request.function.data(), request.function.size());
  if (lua_rawget(state, -2) != LUA_TFUNCTION) {
    lua_pushlstring(state, request.function.data(), request.function.size());
    raise(state, "script: there is no function %s", lua_tolstring(state, -1, nullptr));
  }
  if (request.object != nullptr)
    push_json(state, *request.object);
  else
    push_members(state, request.members);
  lua_call(state, 1, 2);
  return 2;
}

int append(lua_State*, const void* data, std::size_t size, void* out) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
  return 0;
}

const char* read_once(lua_State*, void* view, std::size_t* size) {
  std::string_view& rest = *static_cast<std::string_view*>(view);
  const char* data = rest.empty() ? nullptr : rest.data();
  *size = rest.size();
  rest = {};
  return data;
}

int load(lua_State* state, std::string_view chunk, const char* mode) {
  return lua_load(state, read_once, &chunk, kChunk, mode);
}

}  // namespace

struct Script::Impl {
  explicit Impl(std::unique_ptr<Arena> memory) : arena(std::move(memory)), context(*arena) {}

  bool translate(std::string_view source, std::string* code, Answer* answer);
  bool make_image(const std::string& code, Answer* answer);
  bool look_at_globals(Scope scope, Answer* answer);
  Answer call(const Request& request, std::uint64_t budget, const Reads& reads);
  int protected_run(const Request& request, std::uint64_t budget, const Reads& reads);
  void explain(int status, Answer* answer) const;
  void note_functions();

  std::unique_ptr<Arena> arena;
  lua_State* state = nullptr;
  Context context;
  Hash hash{};
  std::uint32_t seed = 0;
  bool zero_byte = false;  // in a string of the text
  std::optional<Header> header;
  std::vector<std::string> functions;  // global ones of the text, sorted
};

// The parser leaves much behind in an arena, so it works in a state of its own, and the image gets
// the bytecode. Script text never comes as bytecode.
bool Script::Impl::translate(std::string_view source, std::string* code, Answer* answer) {
  state = arena->build(seed, kMaxCompileMemory);
  TB_ASSERT(state != nullptr);
  NumeralsAllowed allowed;
  const int status = load(state, source, "t");
  if (status == LUA_OK) {
    lua_dump(state, append, code, 0);
    return true;
  }
  if (status == LUA_ERRMEM)
    set_failure(answer, Fault::kMemory, "the text takes too much memory to translate");
  else
    set_failure(answer, Fault::kSyntax, error_text(state));
  return false;
}

bool Script::Impl::make_image(const std::string& code, Answer* answer) {
  state = arena->build(seed, kMaxCompileMemory);
  TB_ASSERT(state != nullptr);
  set_context(state, &context);
  lua_pushcfunction(state, open_library);
  int status = lua_pcall(state, 0, 0, 0);
  TB_ASSERT(status == LUA_OK);
  status = load(state, code, "b");  // stays on the stack, for run()
  if (status != LUA_OK) {
    set_failure(answer, Fault::kMemory, "the text takes too much memory");
    return false;
  }
  lua_sethook(state, count_hook, LUA_MASKCOUNT, kQuantum);
  if (zero_byte) arena->note_zero_byte();
  arena->keep_image();
  return true;
}

int Script::Impl::protected_run(const Request& request, std::uint64_t budget, const Reads& reads) {
  arena->restore();
  context.begin(budget, reads);
  context.used = kQuantum;
  lua_pushcfunction(state, run);
  lua_pushvalue(state, 1);
  lua_pushlightuserdata(state, const_cast<Request*>(&request));
  return lua_pcall(state, 2, 2, 0);
}

void Script::Impl::explain(int status, Answer* answer) const {
  answer->instructions = context.used;
  answer->memory = arena->used();
  answer->aborted = context.aborted;
  if (status == LUA_OK || !context.aborted.ok()) return;
  if (context.fault != Fault::kNone)
    set_failure(answer, context.fault, context.text);
  else if (status == LUA_ERRMEM)
    set_failure(answer, Fault::kMemory, memory_text(*arena));
  else
    set_failure(answer, Fault::kRuntime, error_text(state));
}

Answer Script::Impl::call(const Request& request, std::uint64_t budget, const Reads& reads) {
  Answer answer;
  const int status = protected_run(request, budget, reads);
  explain(status, &answer);
  if (!answer.ok()) return answer;
  std::string why;
  Fault fault = read_json(state, -2, &answer.first, &why);
  if (fault == Fault::kNone) fault = read_json(state, -1, &answer.second, &why);
  if (fault != Fault::kNone) {
    answer.first = answer.second = nullptr;
    set_failure(&answer, fault, "script: " + std::string(request.function) + ": " + why);
  }
  return answer;
}

// Global functions that are not of the library: those are C closures. Stack: globals, hook.
void Script::Impl::note_functions() {
  const int globals = lua_absindex(state, -2);
  for (lua_pushnil(state); lua_next(state, globals); lua_pop(state, 1)) {
    if (lua_type(state, -2) != LUA_TSTRING || !lua_isfunction(state, -1) ||
        lua_iscfunction(state, -1))
      continue;
    std::size_t size = 0;
    const char* name = lua_tolstring(state, -2, &size);
    functions.emplace_back(name, size);
  }
  std::sort(functions.begin(), functions.end());
}

// Runs the text once and reads its header.
bool Script::Impl::look_at_globals(Scope scope, Answer* answer) {
  const Reads nothing;
  const int status = protected_run(Request{}, kBudgetBlock, nothing);
  explain(status, answer);
  if (!answer->ok()) return false;
  note_functions();
  if (scope == Scope::kVoted && lua_isnil(state, -1)) return true;
  json::value table;
  std::string why;
  Fault fault = read_json(state, -1, &table, &why);
  if (fault == Fault::kNone) {
    header.emplace();
    fault = parse_header(table, functions, scope, &*header, &why);
  }
  if (fault == Fault::kNone) return true;
  set_failure(answer, fault, "script: the table `hook`: " + why);
  return false;
}

Script::Script(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Script::~Script() = default;

std::unique_ptr<Script> Script::compile(std::string_view source, Answer* answer, Scope scope) {
  TB_ASSERT(std::strcmp(std::setlocale(LC_ALL, nullptr), "C") == 0);  // strings compare by bytes
  *answer = Answer();
  if (source.size() > kMaxSource) {
    set_failure(answer, Fault::kSyntax,
                "the text has " + std::to_string(source.size()) + " bytes; at most " +
                    std::to_string(kMaxSource) + " are allowed");
    return nullptr;
  }
  if (source.starts_with('\x1b')) {
    set_failure(answer, Fault::kSyntax, "this is bytecode; a script is a text");
    return nullptr;
  }
  const SourceFacts facts = look_at_source(source);
  if (!facts.float_text.empty()) {
    set_failure(answer, Fault::kFloat, facts.float_text);
    return nullptr;
  }
  Result<std::unique_ptr<Arena>> arena = Arena::create();
  if (!arena.ok()) {
    answer->aborted = arena.status();
    return nullptr;
  }
  auto impl = std::make_unique<Impl>(*std::move(arena));
  impl->hash = blake3(source);
  impl->zero_byte = facts.zero_byte;
  std::memcpy(&impl->seed, impl->hash.data(), sizeof impl->seed);
  std::string code;
  if (!impl->translate(source, &code, answer)) return nullptr;
  if (!impl->make_image(code, answer)) return nullptr;
  if (!impl->look_at_globals(scope, answer)) return nullptr;
  return std::unique_ptr<Script>(new Script(std::move(impl)));
}

const Hash& Script::hash() const { return impl_->hash; }
const std::optional<Header>& Script::header() const { return impl_->header; }

bool Script::has(std::string_view function) const {
  return std::binary_search(impl_->functions.begin(), impl_->functions.end(), function);
}

Answer Script::call(std::string_view function, const json::object& argument, std::uint64_t budget,
                    const Reads& reads) {
  return impl_->call(Request{function, &argument, {}}, budget, reads);
}

Answer Script::call(std::string_view function, std::span<const Member> argument,
                    std::uint64_t budget, const Reads& reads) {
  return impl_->call(Request{function, nullptr, argument}, budget, reads);
}

std::string_view fault_name(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "ok";
    case Fault::kSyntax:
      return "lua_syntax_error";
    case Fault::kRuntime:
      return "lua_runtime_error";
    case Fault::kBudget:
      return "lua_budget_exceeded";
    case Fault::kMemory:
      return "lua_memory_exceeded";
    case Fault::kFloat:
      return "lua_float_value";
    case Fault::kReturn:
      return "lua_bad_return";
  }
  return "ok";
}

}  // namespace blockd::lua
