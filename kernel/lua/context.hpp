// Context: one call of a script, as the library functions see it: the budget, what may be read, and
// how the call failed. And how a library function takes its arguments and raises errors.
//
// Library functions leave by longjmp when they raise: no frame between them and the call may own
// anything. What needs a destructor lives in the Context.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "kernel/lua/arena.hpp"
#include "kernel/lua/script.hpp"

namespace blockd::lua {

inline constexpr int kQuantum = 100;  // instructions that are paid for at once, in advance
inline constexpr std::size_t kMaxResults = 4096;  // of unpack and string.byte
inline constexpr int kMaxLogLines = 16;
inline constexpr std::size_t kMaxLogLine = 1024;

struct Context {
  explicit Context(Arena& memory) : arena(memory) {}
  void begin(std::uint64_t call_budget, const Reads& call_reads);

  Arena& arena;
  const Reads* reads = nullptr;
  std::uint64_t used = 0, budget = 0;
  int log_lines = 0;
  Fault fault = Fault::kNone;
  std::string text;  // of the fault
  Status aborted;
  // What a library function is working on.
  std::string scratch;
  std::optional<json::value> state_value;
  std::optional<Reads::Spec> spec;
};

Context& context_of(lua_State* state);
void set_context(lua_State* state, Context* context);

// Take from the budget, and end the call when it is used up: a plain amount, bytes that a function
// of the library touches, elements of tables that it touches.
void pay(lua_State* state, std::uint64_t instructions);
inline void charge_bytes(lua_State* state, std::size_t bytes) { pay(state, 1 + bytes / 64); }
void charge_elements(lua_State* state, std::uint64_t count);

// An error of the script, with the line of the caller in front. `format` as lua_pushfstring.
[[noreturn]] void raise(lua_State* state, const char* format, ...);
// Ends the call with a fault that is no plain runtime error. The line is put in front of `text`.
[[noreturn]] void raise_fault(lua_State* state, Fault fault, const char* text);
// Ends the call because Context::aborted was set.
[[noreturn]] void raise_aborted(lua_State* state);

// Arguments of the library function `name`, strictly: no string is taken for a number.
struct Args {
  lua_State* state;
  const char* name;

  int count() const;
  bool absent(int index) const;  // nil or none
  std::int64_t integer(int index) const;
  std::int64_t integer(int index, std::int64_t otherwise) const;
  std::string_view text(int index) const;  // lives as long as the argument
  void table(int index) const;
  void function(int index) const;
  [[noreturn]] void wrong(int index, const char* expected) const;
};

// Appends what tostring() gives. False for a value without a text (then nothing was appended).
bool append_text(lua_State* state, int index, std::string& out);

// The parts of the library; each adds its globals to the table on top of the stack.
void open_base(lua_State* state);
void open_string(lua_State* state);
void open_table(lua_State* state);
void open_math(lua_State* state);
void open_reads(lua_State* state);

struct Function {
  const char* name;
  int (*run)(lua_State*);
};
// Sets field `name` of the table on top to a function. Functions are closures, because Lua hashes
// plain ones by their address.
void add_function(lua_State* state, const Function& function);
// Sets field `name` of the table on top to a new table of these functions.
template <std::size_t N>
void add_module(lua_State* state, std::string_view name, const Function (&functions)[N]);

// Pieces of add_module.
void begin_module(lua_State* state, std::string_view name, std::size_t functions);
void end_module(lua_State* state);

template <std::size_t N>
void add_module(lua_State* state, std::string_view name, const Function (&functions)[N]) {
  begin_module(state, name, N);
  for (const Function& function : functions) add_function(state, function);
  end_module(state);
}

}  // namespace blockd::lua
