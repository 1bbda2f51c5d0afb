// The service scripts/1: what the executor calls around commands and at the end of a block.
#include <map>
#include <set>

#include "plugins/governance/common.hpp"
#include "plugins/governance/params.hpp"
#include "plugins/governance/script_runs.hpp"
#include "plugins/governance/scripts.hpp"

namespace governance {
namespace {

Refused check_executor(std::string_view caller) {
  if (caller == "chain") return std::nullopt;
  return Refusal(kNotAuthorized, "only the kernel calls scripts/1");
}

tb::Status active(tb::View& view, std::string_view, const tb::NoArgs&, tb::Out& out) {
  const ActiveScripts all = active_scripts(view);
  bool block = false, epoch = false;
  std::map<std::string, std::pair<bool, bool>> methods;
  for (const ActiveScript& script : all.scripts) {
    block = block || lists(script.header.on, "on_block");
    epoch = epoch || lists(script.header.on, "on_epoch");
    for (const std::string& method : script.header.methods) {
      methods[method].first |= lists(script.header.on, "before_apply");
      methods[method].second |= lists(script.header.on, "after_apply");
    }
  }
  out.put("block", block);
  out.put("epoch", epoch);
  out.list("methods", [&](tb::Out& list) {
    for (const auto& [method, when] : methods) {
      list.record({}, [&, &name = method, &runs = when](tb::Out& item) {
        item.put("method", name);
        item.put("before", runs.first);
        item.put("after", runs.second);
      });
    }
  });
  return tb::ok();
}

struct ApplyArgs {
  std::string_view method, from;
  std::uint64_t height = 0;
  tb::Value params;
};
BOOST_DESCRIBE_STRUCT(ApplyArgs, (), (method, from, height, params))

bool hears_of(const ActiveScript& script, std::string_view event, std::string_view method) {
  return lists(script.header.on, event) && lists(script.header.methods, method);
}

tb::Status before_apply(tb::Ctx& ctx, std::string_view caller, const ApplyArgs& in, tb::Out& out) {
  if (const auto refused = check_executor(caller)) return refused->fail(ctx);
  std::optional<Refusal> refused;
  for (const ActiveScript& script : active_scripts(ctx).scripts) {
    if (!hears_of(script, "before_apply", in.method)) continue;
    Argument argument;
    argument.put("method", in.method).put("from", in.from).put("height", in.height);
    if (!in.params.absent()) argument.put("params", in.params);
    const auto answer = run_script(ctx, script, "before_apply", argument.value());
    if (!answer) {
      refused = refusal_of(answer);
    } else if (answer->refused) {
      refused.emplace(kHookRejected, answer->reason.empty()
                                         ? tb::cat("script ", script.header.name, " refused")
                                         : answer->reason);
    }
    if (refused) break;
  }
  out.put("refused", refused.has_value());
  out.put("reason", refused ? refused->text : std::string());
  out.put("code", std::int64_t{refused ? refused->code : 0});
  out.put("name", refused ? refused->name : std::string());
  return tb::ok();
}

struct AfterApplyArgs {
  std::string_view method, from;
  std::uint64_t height = 0;
  bool ok = false;
  std::string_view error;
};
BOOST_DESCRIBE_STRUCT(AfterApplyArgs, (), (method, from, height, ok, error))

tb::Status after_apply(tb::Ctx& ctx, std::string_view caller, const AfterApplyArgs& in, tb::Out&) {
  if (const auto refused = check_executor(caller)) return refused->fail(ctx);
  for (const ActiveScript& script : active_scripts(ctx).scripts) {
    if (!hears_of(script, "after_apply", in.method)) continue;
    Argument argument;
    argument.put("method", in.method).put("from", in.from).put("height", in.height);
    argument.put("ok", in.ok).put("error", in.error);
    [[maybe_unused]] const auto answer =
        run_script(ctx, script, "after_apply", argument.value());  // a failure has no effect
  }
  return tb::ok();
}

struct TallyArgs {
  std::string_view name;
  bool ok_since = false;
  std::uint32_t failed = 0;
};
BOOST_DESCRIBE_STRUCT(TallyArgs, (), (name, ok_since, failed))
struct BlockArgs {
  std::uint32_t commands = 0, failed = 0;
  std::vector<TallyArgs> tallies;
};
BOOST_DESCRIBE_STRUCT(BlockArgs, (), (commands, failed, tallies))

std::string bytes_of(std::int64_t number) {
  std::string row = "i";
  for (int i = 0; i < 8; ++i)
    row += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i));
  return row;
}

Refused bad_return(const ActiveScript& script, std::string what) {
  return Refusal(-32061, "lua_bad_return", tb::cat("script ", script.header.name, ": ", what));
}

// The script's own store stays within its bounds, or the return does not count.
Refused write_store(tb::Ctx& ctx, const ActiveScript& script, const RunResult& result) {
  const tb::Key prefix = sstate_prefix(script.header.name);
  for (const ScriptState& entry : result.state) {
    if (entry.key.empty() || entry.key.size() > kMaxOwnKeyBytes ||
        entry.text.size() > kMaxOwnValueBytes)
      return bad_return(script, "a key of its store, or a value, is too long");
    tb::Key key = prefix;
    key.raw(entry.key);
    if (entry.kind == "-") {
      ctx.erase(key);
    } else {
      ctx.put(key, entry.kind == "i" ? bytes_of(entry.number) : "s" + entry.text);
    }
  }
  const std::uint32_t rows =
      ctx.scan(prefix, {}, kMaxOwnKeys + 1, [](std::string_view, std::string_view) {});
  if (rows > kMaxOwnKeys) return bad_return(script, "its store has more than 64 keys");
  return std::nullopt;
}

Refused write_params(tb::Ctx& ctx, const ActiveScript& script, const RunResult& result) {
  if (result.params.size() > kMaxScriptParams)
    return bad_return(script, "more than 16 parameters at once");
  for (const ScriptParam& entry : result.params) {
    if (!lists(script.header.owns, entry.key))
      return bad_return(script, tb::cat("it does not own ", entry.key));
    const auto spec = find_spec(ctx, entry.key);
    if (!spec || entry.value < 0) return bad_return(script, tb::cat("no value for ", entry.key));
    const std::uint64_t value = static_cast<std::uint64_t>(entry.value);
    if (auto refused = check_range(*spec, value)) return refused;
    if (auto refused = check_group(ctx, *spec, value)) return refused;
    const std::uint64_t old = value_of(ctx, *spec).next;
    if (old == value) continue;
    const std::string actor = "script:" + script.header.name;
    if (auto refused = write_param(ctx, *spec, {spec->key, old, value, value},
                                   {0, "script", actor, script.header.name}))
      return refused;
  }
  return std::nullopt;
}

// All that a script answered, or nothing of it.
Refused take_result(tb::Ctx& ctx, const ActiveScript& script, const RunResult& result) {
  Refused refused;
  const tb::Status status = ctx.attempt([&] {
    refused = write_params(ctx, script, result);
    if (!refused) refused = write_store(ctx, script, result);
    if (refused) return tb::Status(TB_FAILED);
    for (const ScriptEvent& event : result.events)
      ctx.emit(kScriptEmitted, {script.header.name, event.name, event.data});
    return tb::ok();
  });
  status.ignore();
  return refused;
}

using Names = std::set<std::string>;

// Runs an event of all scripts; `*bad` gathers those whose return did not count.
void run_all(tb::Ctx& ctx, std::string_view event, Argument& argument, Names* bad) {
  const tb::Value value = argument.value();
  for (const ActiveScript& script : active_scripts(ctx).scripts) {
    if (!lists(script.header.on, event)) continue;
    const auto answer = run_script(ctx, script, event, value);
    if (!answer) continue;
    if (const auto refused = take_result(ctx, script, *answer)) {
      bad->insert(script.header.name);
      ctx.log(TB_LOG_WARN, tb::cat(refused->name, ": ", refused->text));
    }
  }
}

void count_failures(tb::Ctx& ctx, const Names& bad) {
  const ActiveScripts all = active_scripts(ctx);
  for (const ActiveScript& active : all.scripts) {
    const std::string& name = active.header.name;
    const auto tally = ctx.ask(kTally, {name});
    if (!tally || (!tally->seen && bad.count(name) == 0)) continue;
    const auto script = ctx.load<Script>(name_key("script/", name));
    if (!script) continue;
    // A return that does not count is a failure, although the run itself went well.
    const std::uint32_t failures = bad.count(name) > 0 ? script->failures + 1
                                   : tally->ok_since   ? tally->failed
                                                       : script->failures + tally->failed;
    note_failures(ctx, name, failures,
                  tb::cat(failures, " calls in a row failed; a new proposal makes it active"));
  }
}

tb::Status after_block(tb::Ctx& ctx, std::string_view caller, const BlockArgs& in, tb::Out&) {
  if (const auto refused = check_executor(caller)) return refused->fail(ctx);
  Names bad;
  Argument block;
  block.put("epoch", ctx.epoch()).put("height", ctx.height()).put("time", ctx.time_s());
  block.put("commands", in.commands).put("failed", in.failed);
  run_all(ctx, "on_block", block, &bad);
  if (ctx.last_of_epoch()) {
    Argument epoch;
    epoch.put("epoch", ctx.epoch() + 1).put("height", ctx.height()).put("time", ctx.time_s());
    epoch.put("epoch_blocks", ctx.block().epoch_length);
    run_all(ctx, "on_epoch", epoch, &bad);
  }
  count_failures(ctx, bad);
  return tb::ok();
}

struct InstallArgs {
  std::string_view source;
};
BOOST_DESCRIBE_STRUCT(InstallArgs, (), (source))

tb::Status install(tb::Ctx& ctx, std::string_view caller, const InstallArgs& in, tb::Out&) {
  if (const auto refused = check_executor(caller)) return refused->fail(ctx);
  ScriptPayload payload;
  if (const auto refused = check_source(ctx, in.source, HookNames::kMustExist, &payload))
    return refused->fail(ctx);
  if (const auto refused = install_script(ctx, payload, 0)) return refused->fail(ctx);
  return tb::ok();
}

}  // namespace

void describe_scripts_service(tb::Plugin& p) {
  tb::ServiceEntry& service = p.provides("scripts/1");
  service.function("active", &active).help("Which events and methods have a script");
  service.function("before_apply", &before_apply)
      .help("Asks the scripts that list the method")
      .error(kNotAuthorized);
  service.function("after_apply", &after_apply)
      .help("Tells the scripts that list the method")
      .error(kNotAuthorized);
  service.function("after_block", &after_block)
      .help("Runs on_block and, in the last block of an epoch, on_epoch")
      .error(kNotAuthorized);
  auto& last = service.function("install", &install)
                   .help("For a preview: installs a text as if it had been voted in")
                   .error(kNotAuthorized)
                   .error(kGroupRule)
                   .error(kInvalidPayload)
                   .error(kUnknownParam)
                   .error(kTooManyOpen);
  for (const tb::Error& error : kLuaErrors) last.error(error);
}

}  // namespace governance
