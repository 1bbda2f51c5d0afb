// Script: one Lua text in a sandbox, and calls of its functions (architecture: Lua; governance
// spec 5.9).
//
// A script is compiled once into an image: a Lua state with our library in it, built by the same
// steps on every node inside one block of memory that only this script uses. A call restores the
// image, runs the text and then one function of it, and nothing of the call survives: not a global,
// not an interned string, not a byte of memory. So a call's answer, its work and its memory depend
// on the text, the function, the argument and what the views answer, and on nothing else.
//
// Integers only. No clock, no randomness, no order of a hash table, no address can be seen by a
// script. Work is counted in instructions: those of the VM, and one for every 64 bytes or element
// that a library function touches. Beyond the budget, or the memory, a call ends with an error that
// the script cannot catch.
//
// Thread: a Script is used by one thread at a time; ScriptPool gives each thread its own.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd::lua {

// Stands in the kernel's sm: another version of Lua, or of our library, may compute otherwise.
inline constexpr std::string_view kLuaVersion = "5.4.4";

inline constexpr std::size_t kMaxSource = 65'536;       // bytes of a text
inline constexpr std::size_t kMaxMemory = 8u << 20;     // bytes that a call may allocate in sum
inline constexpr std::size_t kMaxBorderString = 4096;   // bytes of a string that crosses
inline constexpr std::size_t kMaxBorderEntries = 4096;  // entries of all tables that cross at once
inline constexpr std::size_t kMaxBorderDepth = 16;
inline constexpr std::size_t kMaxReason = 1024;                 // bytes of a refusal's reason
inline constexpr std::uint64_t kBudgetParamChange = 1'000'000;  // instructions
inline constexpr std::uint64_t kBudgetEpoch = 5'000'000;
inline constexpr std::uint64_t kBudgetBlock = 200'000;  // on_block, before_apply, after_apply
inline constexpr std::uint64_t kBudgetLocal = 200'000;  // on_admit, on_commit
inline constexpr std::uint64_t kBudgetGate = 1'000'000;

// How a script, or a call, failed. The names are those of the governance spec 5.0.
enum class Fault : std::uint8_t {
  kNone,
  kSyntax,   // lua_syntax_error
  kRuntime,  // lua_runtime_error
  kBudget,   // lua_budget_exceeded
  kMemory,   // lua_memory_exceeded
  kFloat,    // lua_float_value: a float literal, `/` or `^`, or a number beyond 64 bits
  kReturn,   // lua_bad_return: not what the event may return
};
std::string_view fault_name(Fault fault);

// The global table `hook` of a text.
struct Header {
  std::string name;                  // [a-z0-9][a-z0-9-]{0,63}
  std::string version;               // semantic version
  std::vector<std::string> on;       // events, of kEvents or kLocalEvents, with their functions
  std::vector<std::string> keys;     // parameters for on_param_change; "*": all
  std::vector<std::string> owns;     // parameters that the script sets itself
  std::vector<std::string> methods;  // commands for before_apply and after_apply; no gov.*, chain.*
  std::int32_t priority = 0;
};
inline constexpr std::string_view kEvents[] = {"on_param_change", "on_epoch",     "on_block",
                                               "on_gate",         "before_apply", "after_apply"};
// Events of node-local scripts: texts of one operator, in force on one node, never replicated. The
// function of an event is all that lists it: `hook` has a name and a version, and nothing else.
inline constexpr std::string_view kLocalEvents[] = {"on_admit", "on_commit"};
enum class Scope : std::uint8_t { kVoted, kLocal };

// What a script may read. Every function is called on the thread of the call, answers from one view
// of the state, and is counted (16 instructions, and one for 64 bytes). Functions left empty answer
// nil. An error of the store ends the call as `aborted`.
struct Reads {
  std::function<Status(std::string_view key, std::optional<std::uint64_t>* value)> param;
  struct Spec {
    std::uint64_t value = 0, default_value = 0, min = 0, max = 0;
    std::string unit;
  };
  std::function<Status(std::string_view key, std::optional<Spec>* spec)> param_spec;
  // The script's own store: an integer or a string.
  std::function<Status(std::string_view key, std::optional<json::value>* value)> state;
  std::function<Status(std::string_view name, std::optional<std::int64_t>* value)> econ;
  std::function<Status(std::optional<std::uint64_t>* amount)> treasury_balance;
  // At most 16 lines a call, 1 KiB each, of any bytes; what is more is dropped.
  std::function<void(std::string_view text)> log;
  // Node-local scripts only; empty for voted ones: metrics.set(name, integer).
  std::function<void(std::string_view name, std::int64_t value)> set_metric;
};

struct Answer {
  Fault fault = Fault::kNone;
  std::string text;    // of the fault: "script:12: ..."; at most 1 KiB, no addresses
  json::value first;   // what the function returned: null, bool, integer, string, array, object
  json::value second;  // its second value; null if none
  std::uint64_t instructions = 0;  // used, library charges included
  std::uint64_t memory = 0;        // bytes that the call took
  Status aborted;                  // trouble of the host: the call has no outcome
  bool ok() const { return fault == Fault::kNone && aborted.ok(); }
};

class Script {
 public:
  // Compiles: text only (no bytecode), at most kMaxSource bytes, no float literal, `/` or `^`; runs
  // it once with empty reads to find that it defines what its header names. On failure `*answer`
  // says why and the pointer is null.
  // A node-local text must have a header; one of Scope::kVoted may lack it.
  static std::unique_ptr<Script> compile(std::string_view source, Answer* answer,
                                         Scope scope = Scope::kVoted);
  ~Script();
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;

  const Hash& hash() const;  // BLAKE3 of the text
  // The header, if the text has one: golden vectors and `script run` take texts without.
  const std::optional<Header>& header() const;
  bool has(std::string_view function) const;  // a global function of that name

  // Calls the global function `function` with one table. Members of `argument` may be null (left
  // out), bool, integer, string, array, object.
  Answer call(std::string_view function, const json::object& argument, std::uint64_t budget,
              const Reads& reads);
  // The same for a flat argument, without building a tree: the hot path of before_apply.
  struct Member {
    std::string_view name;
    std::variant<std::int64_t, bool, std::string_view> value;
  };
  Answer call(std::string_view function, std::span<const Member> argument, std::uint64_t budget,
              const Reads& reads);

 private:
  struct Impl;
  explicit Script(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Reads `hook` of a compiled text strictly: unknown members, events without a function, functions
// of events that are not listed, bad names, more than 64 keys. Fault kReturn says what is wrong.
std::optional<Header> read_header(const Script& script, Answer* answer);

// What an event's return means, by the table of the governance spec 5.9. on_admit may refuse,
// on_commit returns nothing. A return that the event may not make sets fault kReturn.
struct Verdict {
  bool refused = false;
  std::string reason;
  std::optional<std::int64_t> value;  // on_param_change: the transformed value
};
Verdict read_verdict(std::string_view event, Answer* answer);

// Return of on_epoch and on_block.
struct HookResult {
  std::vector<std::pair<std::string, std::int64_t>> params;  // on_epoch only, at most 16
  std::vector<std::pair<std::string, json::value>> state;    // null erases; at most 64 keys in sum
  std::vector<std::pair<std::string, json::value>> events;   // name, data; at most 64
};
HookResult read_hook_result(std::string_view event, Answer* answer);

// Compiled scripts by hash, at most `capacity`; the least recently used goes when another comes,
// and with it what pointed to it. Not shared by threads.
class ScriptPool {
 public:
  explicit ScriptPool(std::size_t capacity = 64);
  ~ScriptPool();
  // The script of that hash, or null.
  Script* find(const Hash& hash);
  // Compiles and keeps. Null: `*answer` says why.
  Script* add(std::string_view source, Answer* answer);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockd::lua
