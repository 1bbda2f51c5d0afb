#include "plugins/governance/scripts.hpp"

#include <algorithm>

#include "plugins/gov-core/text.hpp"
#include "plugins/governance/params.hpp"
#include "plugins/governance/script_runs.hpp"
#include "plugins/governance/verbs.hpp"
#include "tb/blake3.hpp"

namespace governance {
namespace {

constexpr std::size_t kMaxSource = 65'536;

tb::Key script_key(std::string_view name) { return name_key("script/", name); }
tb::Key source_key(std::string_view name) { return name_key("source/", name); }

void write_active(tb::Ctx& ctx) {
  ActiveScripts active;
  ctx.scan("script/", {}, kMaxScripts, [&](std::string_view, std::string_view row) {
    Script script = tb::row_as<Script>(row);
    if (script.status == "active")
      active.scripts.push_back({std::move(script.header), script.hash});
  });
  std::sort(active.scripts.begin(), active.scripts.end(),
            [](const ActiveScript& a, const ActiveScript& b) {
              return a.header.priority != b.header.priority ? a.header.priority < b.header.priority
                                                            : a.header.name < b.header.name;
            });
  ctx.store(kActiveKey, active);
}

void store_script(tb::Ctx& ctx, const Script& script) {
  ctx.store(script_key(script.header.name), script);
  ctx.set(kScriptDisabledGauge, script.status == "active" ? 0 : 1, {script.header.name});
}

// What a rollback needs to know of the script as it was.
void keep_for_rollback(tb::Ctx& ctx, const std::string& name, std::uint64_t proposal_id) {
  Undo undo;
  undo.script = ctx.load<Script>(script_key(name));
  undo.source = ctx.get(source_key(name)).value_or(std::string());
  ctx.store(id_key("undo/", proposal_id), undo);
}

// A script is asked about a parameter under its own key: under another name it never would be.
Refused check_keys(tb::View& view, std::string_view list, const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (key == "*") continue;
    const std::optional<Spec> spec = find_spec(view, key);
    if (spec && spec->key == key) continue;
    std::vector<std::string> names;
    if (!spec) {
      for (Spec& one : all_specs(view)) names.push_back(std::move(one.key));
    }
    const std::string near = spec ? spec->key : gov::nearest_name(key, names);
    return Refusal(kUnknownParam,
                   tb::cat("hook.", list, ": no parameter '", key, "', so the script would never ",
                           "be asked", near.empty() ? "" : tb::cat("; did you mean '", near, "'?"),
                           "; `gov params list` shows all"));
  }
  return std::nullopt;
}

// What a text may say and still be of no use: names that nothing has.
Refused check_names(tb::View& view, const Checked& checked) {
  if (auto refused = check_keys(view, "keys", checked.header.keys)) return refused;
  if (auto refused = check_keys(view, "owns", checked.header.owns)) return refused;
  if (checked.unknown_methods.empty()) return std::nullopt;
  return Refusal(kInvalidPayload, tb::cat("hook.methods: ", checked.unknown_methods.front(),
                                          "; the script would never be asked"));
}

Refused check_owned(tb::View& view, const ScriptHeader& header) {
  for (const std::string& key : header.owns) {
    if (!find_spec(view, key)) return Refusal(kUnknownParam, tb::cat("no parameter '", key, "'"));
    for (const ActiveScript& other : active_scripts(view).scripts) {
      if (other.header.name != header.name && lists(other.header.owns, key))
        return Refusal(kGroupRule, tb::cat(key, " is owned by script ", other.header.name));
    }
  }
  return std::nullopt;
}

Refused check_room(tb::View& view, const std::string& name) {
  const std::uint32_t rows =
      view.scan("script/", {}, kMaxScripts, [](std::string_view, std::string_view) {});
  if (rows >= kMaxScripts && !view.has(script_key(name)))
    return Refusal(kTooManyOpen, tb::cat("a chain keeps at most ", kMaxScripts, " scripts"));
  return std::nullopt;
}

struct ProposeScriptParams {
  std::string_view source;
  std::optional<tb::Hash> hash;
  std::optional<std::string_view> name;
  std::optional<std::vector<std::string>> events, keys, owns;
  std::optional<std::int64_t> priority;
  std::optional<std::vector<std::uint64_t>> deps;
  std::optional<std::uint64_t> vote_window;
  std::optional<std::string_view> reason;
};
BOOST_DESCRIBE_STRUCT(ProposeScriptParams, (),
                      (source, hash, name, events, keys, owns, priority, deps, vote_window, reason))

// A text is known by its BLAKE3 alone: what a house votes on, what comes into force and what runs
// is the text of that hash, or nothing.
Refused check_hash(std::string_view source, const tb::Hash& voted, std::string_view next) {
  const tb::Hash found = tb::blake3(source);
  if (found == voted) return std::nullopt;
  return Refusal(kScriptHashMismatch,
                 tb::cat("the text has the hash ", found.hex(), ", not ", voted.hex(), "; ", next));
}

bool same(const std::optional<std::vector<std::string>>& given,
          const std::vector<std::string>& read) {
  return !given || *given == read;
}

// What the request says beside the text must be what the text says: the text is voted on.
Refused check_claims(const ProposeScriptParams& in, const ScriptHeader& header) {
  const bool holds = (!in.name || *in.name == header.name) && same(in.events, header.on) &&
                     same(in.keys, header.keys) && same(in.owns, header.owns) &&
                     (!in.priority || *in.priority == header.priority);
  if (holds) return std::nullopt;
  return Refusal(kInvalidPayload,
                 "name, events, keys, owns or priority differ from the text's "
                 "own `hook` table");
}

Refused propose_text(tb::Ctx& ctx, const ProposeScriptParams& in, Proposal* opened,
                     ScriptPayload* payload) {
  if (in.source.size() > kMaxSource)
    return Refusal(kInvalidPayload, tb::cat("a script has at most ", kMaxSource, " bytes"));
  if (in.hash) {
    if (auto refused =
            check_hash(in.source, *in.hash, "send the file as `gov script check` has seen it"))
      return refused;
  }
  if (auto refused = check_source(ctx, in.source, HookNames::kMustExist, payload)) return refused;
  if (auto refused = check_claims(in, payload->header)) return refused;
  Draft draft;
  draft.kind = ProposalKind::kScript;
  draft.subject = payload->header.name;
  draft.same = payload->hash.hex();
  draft.deps = in.deps.value_or(std::vector<std::uint64_t>{});
  draft.reason = in.reason.value_or(std::string_view());
  if (auto refused = check_deps(ctx, draft.deps)) return refused;
  if (auto refused = check_owned(ctx, payload->header)) return refused;
  if (auto refused = check_room(ctx, payload->header.name)) return refused;
  if (auto refused = read_deadline(ctx, {in.vote_window, {}, {}}, {}, &draft.deadline))
    return refused;
  if (auto refused = check_limits(ctx, draft)) return refused;
  *opened = open_proposal(ctx, draft);
  store_payload(ctx, *opened, *payload);
  return std::nullopt;
}

tb::Status propose_script(tb::Ctx& ctx, const ProposeScriptParams& in, tb::Out& out) {
  Proposal opened;
  ScriptPayload payload;
  if (const auto refused = propose_text(ctx, in, &opened, &payload)) return refused->fail(ctx);
  put_opened(opened, out);
  out.put("name", payload.header.name);
  out.put("script_hash", payload.hash);
  return tb::ok();
}

struct SourceParams {
  std::string_view source;
};
BOOST_DESCRIBE_STRUCT(SourceParams, (), (source))

// What propose_script would say of a text, but for what is open and active at that moment.
tb::Status check_on_chain(tb::View& view, const SourceParams& in, tb::Out& out) {
  ScriptPayload payload;
  if (in.source.size() > kMaxSource)
    return view.fail(kInvalidPayload, tb::cat("a script has at most ", kMaxSource, " bytes"));
  if (const auto refused = check_source(view, in.source, HookNames::kMustExist, &payload))
    return refused->fail(view);
  if (const auto refused = check_owned(view, payload.header)) return refused->fail(view);
  out.put("name", payload.header.name);
  out.put("script_hash", payload.hash);
  return tb::ok();
}

struct DisableParams {
  std::string_view name;
  std::optional<std::uint64_t> vote_window;
  std::optional<std::string_view> reason;
};
BOOST_DESCRIBE_STRUCT(DisableParams, (), (name, vote_window, reason))

Refused propose_off(tb::Ctx& ctx, const DisableParams& in, Proposal* opened) {
  const auto script = ctx.load<Script>(script_key(in.name));
  if (!script) return Refusal(kUnknownScript, tb::cat("there is no script '", in.name, "'"));
  if (script->status == "disabled")
    return Refusal(kInvalidPayload, tb::cat("script ", in.name, " is disabled already"));
  Draft draft;
  draft.kind = ProposalKind::kScriptDisable;
  draft.subject = in.name;
  draft.reason = in.reason.value_or(std::string_view());
  if (auto refused = read_deadline(ctx, {in.vote_window, {}, {}}, {}, &draft.deadline))
    return refused;
  if (auto refused = check_limits(ctx, draft)) return refused;
  *opened = open_proposal(ctx, draft);
  store_payload(ctx, *opened, DisablePayload{std::string(in.name)});
  return std::nullopt;
}

tb::Status propose_disable(tb::Ctx& ctx, const DisableParams& in, tb::Out& out) {
  Proposal opened;
  if (const auto refused = propose_off(ctx, in, &opened)) return refused->fail(ctx);
  put_opened(opened, out);
  return tb::ok();
}

void put_script(const Script& script, tb::Out& out) {
  out.put("name", script.header.name);
  out.put("version", script.header.version);
  out.put("hash", script.hash);
  out.put("status", script.status);
  out.put("failures", script.failures);
  out.put("events", script.header.on);
  out.put("keys", script.header.keys);
  out.put("owns", script.header.owns);
  out.put("methods", script.header.methods);
  out.put("priority", script.header.priority);
  out.put("proposal_id", script.proposal_id);
  out.put("activated_epoch", script.activated_epoch);
}

tb::Status list_scripts(tb::View& view, tb::Out& out) {
  out.list("scripts", [&](tb::Out& list) {
    view.scan("script/", {}, kMaxScripts, [&](std::string_view, std::string_view row) {
      list.record({}, [&](tb::Out& item) { put_script(tb::row_as<Script>(row), item); });
    });
  });
  return tb::ok();
}

struct NameParams {
  std::string_view name;
};
BOOST_DESCRIBE_STRUCT(NameParams, (), (name))

tb::Status show_script(tb::View& view, const NameParams& in, tb::Out& out) {
  const auto script = view.load<Script>(script_key(in.name.substr(0, 255)));
  if (!script) return view.fail(kUnknownScript, tb::cat("there is no script '", in.name, "'"));
  put_script(*script, out);
  const std::string source = view.get(source_key(in.name)).value_or(std::string());
  out.put("intact", tb::blake3(source) == script->hash);
  out.put("source", source);
  const tb::Key prefix = sstate_prefix(in.name);
  out.list("state", [&](tb::Out& list) {
    view.scan(prefix, {}, kMaxOwnKeys, [&](std::string_view key, std::string_view value) {
      list.record({}, [&](tb::Out& item) {
        item.put("key", key.substr(prefix.view().size()));
        if (value.starts_with('s')) return item.put("value", value.substr(1));
        std::uint64_t number = 0;
        for (std::size_t i = value.size(); i-- > 1;)
          number = number << 8 | static_cast<std::uint8_t>(value[i]);
        item.put("value", static_cast<std::int64_t>(number));
      });
    });
  });
  return tb::ok();
}

}  // namespace

Refused check_source(tb::View& view, std::string_view source, HookNames names,
                     ScriptPayload* payload) {
  auto checked = view.ask(kCheck, {source});
  if (!checked) return refusal_of(checked);
  if (names == HookNames::kMustExist) {
    if (auto refused = check_names(view, checked.value)) return refused;
  }
  payload->header = std::move(checked.value.header);
  payload->hash = checked->hash;
  payload->source = source;
  return std::nullopt;
}

Refused install_script(tb::Ctx& ctx, const ScriptPayload& payload, std::uint64_t proposal_id) {
  if (auto refused =
          check_hash(payload.source, payload.hash,
                     "the stored text is not the one that was voted on: this state is "
                     "damaged; stop the node, move its directory state away and start it"))
    return refused;
  // The text was compiled when it was proposed; by now the sandbox may be another one.
  ScriptPayload now;
  if (auto refused = check_source(ctx, payload.source, HookNames::kMayBeGone, &now)) return refused;
  if (auto refused = check_owned(ctx, now.header)) return refused;
  if (auto refused = check_room(ctx, now.header.name)) return refused;
  const std::string& name = now.header.name;
  if (proposal_id != 0) keep_for_rollback(ctx, name, proposal_id);
  Script script;
  script.header = now.header;
  script.hash = now.hash;
  script.proposal_id = proposal_id;
  script.activated_epoch = ctx.epoch();
  ctx.put(source_key(name), payload.source);
  store_script(ctx, script);
  write_active(ctx);
  return std::nullopt;
}

Refused disable_script(tb::Ctx& ctx, const std::string& name, std::uint64_t proposal_id) {
  auto script = ctx.load<Script>(script_key(name));
  if (!script) return Refusal(kUnknownScript, tb::cat("there is no script '", name, "'"));
  keep_for_rollback(ctx, name, proposal_id);
  script->status = "disabled";
  store_script(ctx, *script);
  write_active(ctx);
  ctx.emit(kScriptDisabled, {name, script->status, "voted"});
  return std::nullopt;
}

Refused roll_back_script(tb::Ctx& ctx, const Proposal& proposal) {
  const auto undo = ctx.load<Undo>(id_key("undo/", proposal.id));
  if (!undo) return Refusal(kRollbackCode, "superseded", "what it replaced is not kept any more");
  const auto now = ctx.load<Script>(script_key(proposal.subject));
  const bool disabled = proposal.kind_of() == ProposalKind::kScriptDisable;
  if (!now || (disabled ? now->status != "disabled" : now->proposal_id != proposal.id))
    return Refusal(kRollbackCode, "superseded", "the script was changed since");
  if (undo->script) {
    ctx.put(source_key(proposal.subject), undo->source);
    store_script(ctx, *undo->script);
  } else {
    ctx.erase(script_key(proposal.subject));
    ctx.erase(source_key(proposal.subject));
    ctx.set(kScriptDisabledGauge, 0, {proposal.subject});
  }
  write_active(ctx);
  return std::nullopt;
}

std::vector<DamagedScript> damaged_scripts(tb::View& view) {
  std::vector<DamagedScript> damaged;
  for (const ActiveScript& script : active_scripts(view).scripts) {
    const auto source = view.get(source_key(script.header.name));
    const tb::Hash found = source ? tb::blake3(*source) : tb::Hash{};
    if (!source || found != script.hash)
      damaged.push_back({script.header.name, script.hash.hex(), source ? found.hex() : ""});
  }
  return damaged;
}

void note_failures(tb::Ctx& ctx, const std::string& name, std::uint32_t failures,
                   std::string_view reason) {
  auto script = ctx.load<Script>(script_key(name));
  if (!script || (script->failures == failures && failures < kFailuresToSuspend)) return;
  script->failures = failures;
  const bool suspend = failures >= kFailuresToSuspend && script->status == "active";
  if (suspend) script->status = "suspended";
  store_script(ctx, *script);
  if (!suspend) return;
  write_active(ctx);
  ctx.emit(kScriptDisabled, {name, script->status, reason});
  ctx.log(TB_LOG_WARN, tb::cat("script ", name, " is suspended: ", reason));
}

void describe_scripts(tb::Plugin& p) {
  auto& method = p.command("gov.propose_script", &propose_script)
                     .role("open")
                     .summary("Propose a Lua script; its header stands in its `hook` table")
                     .error(kInvalidPayload)
                     .error(kMissingDependency)
                     .error(kUnknownParam)
                     .error(kGroupRule, "another script owns the key")
                     .error(kTooManyOpen)
                     .error(kDuplicateProposal);
  lua_errors(method);
  method.field("source")
      .help("the text")
      .field("hash")
      .help("BLAKE3 of the text, as `gov script check` prints it; another text is refused")
      .field("name")
      .help("if given, what the text must say")
      .field("events")
      .alias("on")
      .field("vote_window")
      .unit("epochs");
  verb(method, "gov script propose")
      .positional("source")
      .flag("source", "--source")
      .file_field("source")
      .example("contract-cli gov script propose price-guard.lua",
               "proposes the script of the file");
  auto& check = p.query("gov.script_check", &check_on_chain)
                    .role("read")
                    .summary("Check a script's text, and that its parameters and commands exist")
                    .error(kInvalidPayload)
                    .error(kUnknownParam)
                    .error(kGroupRule, "another script owns the key");
  lua_errors(check);
  check.field("source").help("the text");
  auto& off = p.command("gov.propose_script_disable", &propose_disable)
                  .role("open")
                  .summary("Propose to disable a script")
                  .error(kUnknownScript)
                  .error(kInvalidPayload)
                  .error(kTooManyOpen)
                  .error(kDuplicateProposal)
                  .field("name")
                  .max(64);
  verb(off, "gov script disable").positional("name");
  verb(p.query("gov.scripts", &list_scripts).role("open").summary("Voted scripts"),
       "gov script list")
      .list("scripts")
      .columns({"name", "version", "status", "events", "priority", "failures"})
      .id_field("name");
  auto& show = p.query("gov.script", &show_script)
                   .role("open")
                   .summary("A script with its text and its store")
                   .error(kUnknownScript)
                   .field("name")
                   .max(255);
  verb(show, "gov script show").positional("name");
}

}  // namespace governance
