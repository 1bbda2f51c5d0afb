// Verbs of governance that are more than one call: a script from a file, previews that take a
// while, older spellings.
#include <chrono>
#include <ostream>
#include <thread>

#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

constexpr const char* kPlugin = "governance";
constexpr std::uint32_t kPollMs = 200;
constexpr std::uint64_t kMaxEpochs = 100'000;

int fail(Session& session, const Status& status) {
  return session.refused ? session.fail(*session.refused) : session.fail(status);
}

int send(Session& session, const std::string& method, json::object params,
         const char* plugin = kPlugin, const char* role = "open") {
  CliNode node;
  node.method = method;
  node.plugin = plugin;
  node.role = role;
  node.kind = MethodKind::kCommand;
  const Result<json::value> result = call_verb(session, node, std::move(params));
  return result.ok() ? print_result(session, *result) : fail(session, result.status());
}

Result<std::uint64_t> number(const LocalArgs& args, const std::string& flag,
                             std::uint64_t otherwise, std::uint64_t max) {
  if (!args.has(flag)) return otherwise;
  const auto value = parse_u64(args.get(flag));
  if (value && *value > 0 && *value <= max) return *value;
  return Status(Code::kInvalid, flag + ": expected a number of 1.." + std::to_string(max) +
                                    ", found '" + args.get(flag) + "'");
}

// The proposal names the hash of the text that was read here, so that a text which was changed on
// its way, or in a form, is refused instead of voted on.
json::value hash_of(std::string_view text) { return json::string(to_hex(view(blake3({text})))); }

int propose_script(Session& session, const LocalArgs& args) {
  const Result<std::string> source = read_text(session.world, args.words[0]);
  if (!source.ok()) return session.fail(source.status());
  json::object params{{"source", *source}, {"hash", hash_of(*source)}};
  if (args.has("--reason")) params["reason"] = args.get("--reason");
  if (args.has("--vote-window")) {
    const auto window = number(args, "--vote-window", 0, kMaxEpochs);
    if (!window.ok()) return session.fail(window.status());
    params["vote_window"] = *window;
  }
  return send(session, "gov.propose_script", std::move(params));
}

// A proposal of any kind from a file: {"kind": …} and the params of the method of that kind.
int submit_file(Session& session, const LocalArgs& args) {
  const std::pair<const char*, const char*> kMethods[] = {
      {"param", "gov.propose"},
      {"energy_settlement", "gov.energy_settlement"},
      {"script", "gov.propose_script"},
      {"script_disable", "gov.propose_script_disable"},
      {"house", "gov.house.propose_member"},
      {"release", "gov.propose_release"},
      {"keyset", "gov.propose_keyset"}};
  Result<json::value> file = read_json_argument(session.world, args.words[0]);
  if (!file.ok()) return session.fail(file.status());
  const json::object* object = file->if_object();
  const json::value* kind = object ? object->if_contains("kind") : nullptr;
  for (const auto& [name, method] : kMethods) {
    if (kind == nullptr || *kind != name) continue;
    json::object params = *object;
    params.erase("kind");
    const json::value* text = *kind == "script" ? params.if_contains("source") : nullptr;
    if (text != nullptr && text->is_string() && !params.contains("hash"))
      params["hash"] = hash_of(text->get_string());
    return send(session, method, std::move(params));
  }
  return session.fail(Status(Code::kInvalid, args.words[0] + ": `kind` is missing or unknown",
                             "param, energy_settlement, script, script_disable, house, release or "
                             "keyset"));
}

// Ballots on a disbursement are the treasury's: governance knows nothing of it.
int vote_by_kind(Session& session, const LocalArgs& args) {
  const std::string kind = args.get("--kind");
  if (kind != "prop" && kind != "disb")
    return session.fail(
        Status(Code::kInvalid, "--kind: expected prop or disb, found '" + kind + "'"));
  const std::string id = args.words.empty() ? args.get("--id") : args.words[0];
  const std::string choice = args.words.size() < 2 ? args.get("--choice") : args.words[1];
  const auto number = parse_u64(id);
  if (!number)
    return session.fail(
        Status(Code::kInvalid, "--id must be an unsigned integer", "found '" + id + "'"));
  json::object params{{"id", *number}, {"choice", choice}};
  return kind == "disb"
             ? send(session, "gov.treasury.vote", std::move(params), "treasury", "operator")
             : send(session, "gov.vote", std::move(params));
}

int timeline(Session& session, const LocalArgs&) {
  NodeClient client(session);
  const Result<json::value> records =
      client.call("gov.energy_settlement_history", json::object(), kPlugin);
  return records.ok() ? print_result(session, *records) : fail(session, records.status());
}

// Lists of objects as tables, all else as one line each.
void print_report(Session& session, const json::object& report) {
  for (const auto& [name, value] : report) {
    const json::array* rows = value.if_array();
    if (rows == nullptr || rows->empty() || !rows->front().is_object()) {
      session.world.out << escape_controls(name) << ": " << cell_text(value) << '\n';
      continue;
    }
    session.world.out << escape_controls(name) << ":\n" << table_text(*rows, {});
  }
}

int show_report(Session& session, const json::value& result) {
  if (session.wants_json() || !session.world.out_is_terminal || !result.is_object())
    return print_result(session, result);
  print_report(session, result.get_object());
  return kExitOk;
}

void show_progress(Session& session, const json::object& state) {
  if (!session.world.out_is_terminal || session.options.quiet) return;
  const json::value* done = state.if_contains("done");
  const json::value* total = state.if_contains("total");
  if (done == nullptr || total == nullptr) return;
  session.world.err << "\rreplayed " << cell_text(*done) << " of " << cell_text(*total)
                    << std::flush;
}

// Starts a preview on the node and waits for its end; the node works on a copy.
int preview(Session& session, json::object params) {
  params["observe"] = json::array{json::object{
      {"topic", "ledger.moved"}, {"from", "from"}, {"to", "to"}, {"amount", "amount"}}};
  NodeClient client(session);
  const Result<json::value> started = client.call("chain.preview_start", params);
  if (!started.ok()) return fail(session, started.status());
  const json::value* job =
      started->is_object() ? started->get_object().if_contains("job") : nullptr;
  if (job == nullptr) return session.fail(Status(Code::kInternal, "the node named no job"));
  for (;;) {
    const Result<json::value> state = client.call("chain.preview", json::object{{"job", *job}});
    if (!state.ok()) return fail(session, state.status());
    const json::object& now = state->as_object();
    const std::string_view word = now.at("state").as_string();
    show_progress(session, now);
    if (word == "running" || word == "waiting") {
      std::this_thread::sleep_for(std::chrono::milliseconds(kPollMs));
      continue;
    }
    if (session.world.out_is_terminal) session.world.err << "\r\x1b[K" << std::flush;
    const json::value* result = now.if_contains("result");
    if (word == "done" && result != nullptr) return show_report(session, *result);
    const json::value* why = now.if_contains("error");
    return session.fail(Status(Code::kAborted, "the preview ended as " + std::string(word) +
                                                   (why ? ": " + cell_text(*why) : "")));
  }
}

int preview_param(Session& session, const LocalArgs& args) {
  const auto epochs = number(args, "--epochs", 1, kMaxEpochs);
  if (!epochs.ok()) return session.fail(epochs.status());
  const auto value = parse_u64(args.words[1]);
  if (!value)
    return session.fail(
        Status(Code::kInvalid, "value: expected a number, found '" + args.words[1] + "'"));
  return preview(
      session, {{"epochs", *epochs},
                {"params", json::array{json::object{{"key", args.words[0]}, {"value", *value}}}}});
}

int replay_script(Session& session, const LocalArgs& args) {
  const auto epochs = number(args, "--epochs", 1, kMaxEpochs);
  if (!epochs.ok()) return session.fail(epochs.status());
  const Result<std::string> source = read_text(session.world, args.words[0]);
  if (!source.ok()) return session.fail(source.status());
  return preview(session, {{"epochs", *epochs}, {"params", json::array()}, {"script", *source}});
}

const LocalFlag kEpochs{"--epochs", "N",
                        "How many of the last epochs are executed again; default 1"};

LocalVerb sending(LocalVerb verb) {
  verb.sends = true;
  return verb;
}

LocalVerb only_with(LocalVerb verb, const std::string& flag) {
  verb.only_with = flag;
  return verb;
}

}  // namespace

std::vector<LocalVerb> governance_verbs() {
  return {
      sending(
          {"gov script propose",
           "<file>",
           "Propose the Lua script of a file; its header stands in its `hook` table",
           {{"--reason", "TEXT", "Why"}, {"--vote-window", "EPOCHS", "How long it is voted on"}},
           1,
           1,
           propose_script,
           {{"contract-cli gov script propose price-guard.lua", "Opens a proposal"}},
           {"governance script propose"}}),
      sending({"gov submit",
               "<file>",
               "Propose what a JSON file says: its `kind` and the fields of that kind",
               {},
               1,
               1,
               submit_file,
               {{"contract-cli gov submit proposal.json", "Opens a proposal"}},
               {"governance submit"}}),
      only_with(sending({"gov vote",
                         "[<id> <choice>]",
                         "Vote on a proposal (prop) or on a disbursement (disb)",
                         {{"--kind", "KIND", "prop or disb"},
                          {"--id", "N", "Of the proposal or the disbursement"},
                          {"--choice", "CHOICE", "yes, no or abstain"}},
                         0,
                         2,
                         vote_by_kind,
                         {{"contract-cli gov vote 12 yes --kind disb", "votes on disbursement 12"}},
                         {"governance vote"}}),
                "--kind"),
      only_with({"gov energy-settlement",
                 "",
                 "Changes of the energy market's settlement, newest first",
                 {{"--timeline", "", "Show the changes instead of proposing one"}},
                 0,
                 0,
                 timeline,
                 {{"contract-cli gov energy-settlement --timeline", "Prints the records"}},
                 {"governance energy-settlement"}},
                "--timeline"),
      {"gov param preview",
       "<key> <value>",
       "Execute the last epochs again with another value, and show what would have differed",
       {kEpochs},
       2,
       2,
       preview_param,
       {{"contract-cli gov param preview energy_min_stake 500 --epochs 2",
         "Shows commands, records and sums that differ; changes nothing"}},
       {"gov params preview", "governance param preview"}},
      {"gov script replay",
       "<file>",
       "Execute the last epochs again with a script, and show what would have differed",
       {kEpochs},
       1,
       1,
       replay_script,
       {{"contract-cli gov script replay price-guard.lua --epochs 2", "Changes nothing"}},
       {"governance script replay"}}};
}

}  // namespace blockd::cli
