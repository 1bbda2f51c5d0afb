// gov script check, run and test: a script in the sandbox, without a node.
#include <algorithm>
#include <ostream>
#include <sstream>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/lua/cases.hpp"
#include "kernel/lua/source.hpp"
#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/programs/cli/node_client.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

constexpr std::int32_t kScriptCode = -32061;  // governance spec 5.0
constexpr std::string_view kChunk = "script:";

struct Source {
  std::string path, text;

  // "script:12: …" as "FILE:12: …", so that an editor finds the line.
  std::string placed(const std::string& what) const {
    return what.starts_with(kChunk) ? path + ":" + what.substr(kChunk.size()) : path + ": " + what;
  }
};

Result<Source> read_source(Session& session, const LocalArgs& args) {
  Result<std::string> text = read_text(session.world, args.words[0]);
  if (!text.ok()) return text.status();
  return Source{args.words[0], *std::move(text)};
}

int refuse(Session& session, const Source& source, const lua::Answer& answer) {
  if (!answer.aborted.ok()) return session.fail(answer.aborted);
  return session.fail(RpcError{
      kScriptCode, std::string(lua::fault_name(answer.fault)), source.placed(answer.text), {}});
}

json::array list(const std::vector<std::string>& words) {
  json::array out;
  for (const std::string& word : words) out.emplace_back(word);
  return out;
}

json::object shown(const lua::Script& script, const lua::Header& header) {
  return {{"name", header.name},
          {"version", header.version},
          {"hash", to_hex(view(script.hash()))},
          {"on", list(header.on)},
          {"keys", list(header.keys)},
          {"owns", list(header.owns)},
          {"methods", list(header.methods)},
          {"priority", header.priority}};
}

int check_script(Session& session, const LocalArgs& args) {
  const Result<Source> source = read_source(session, args);
  if (!source.ok()) return session.fail(source.status());
  lua::Answer answer;
  const auto script = lua::Script::compile(source->text, &answer);
  const auto header = script ? lua::read_header(*script, &answer) : std::nullopt;
  if (!header) return refuse(session, *source, answer);
  const std::vector<std::string> absent = lua::absent_names(source->text);
  if (absent.empty() && args.has("--on-chain")) {
    NodeClient client(session);
    const Result<json::value> told =
        client.call("gov.script_check", json::object{{"source", source->text}}, "governance");
    if (!told.ok())
      return session.refused ? session.fail(*session.refused) : session.fail(told.status());
  }
  if (absent.empty()) return print_result(session, shown(*script, *header));
  std::string others;
  for (std::size_t i = 1; i < absent.size(); ++i) others += source->placed(absent[i]) + '\n';
  return session.fail(
      RpcError{kScriptCode, "unknown_name", source->placed(absent[0]), {{"hint", others}}});
}

// A flag that is a number, into `member` of the change.
Status take_number(const LocalArgs& args, const std::string& flag, std::string_view member,
                   std::int64_t otherwise, json::object* change) {
  if (!args.has(flag)) {
    if (!change->contains(member)) (*change)[member] = otherwise;
    return {};
  }
  const auto value = parse_u64(args.get(flag));
  if (!value || *value > static_cast<std::uint64_t>(INT64_MAX))
    return Status(Code::kInvalid,
                  flag + ": expected a number of at least 0, found '" + args.get(flag) + "'");
  (*change)[member] = static_cast<std::int64_t>(*value);
  return {};
}

Status take_object(Session& session, const LocalArgs& args, const std::string& flag,
                   json::object* out) {
  if (!args.has(flag)) return {};
  const Result<json::value> value = read_json_argument(session.world, args.get(flag));
  if (!value.ok()) return value.status().in(flag);
  if (!value->is_object()) return Status(Code::kInvalid, flag + ": expected a JSON object");
  *out = value->get_object();
  return {};
}

// The members that the table of an event has in a chain, for those that --argument leaves out.
void fill_argument(std::string_view event, json::object* argument) {
  struct Row {
    std::string_view event;
    std::vector<const char*> numbers, words;
  };
  static const std::vector<Row> rows = {
      {"on_epoch", {"epoch", "height", "time", "epoch_blocks"}, {}},
      {"on_block", {"epoch", "height", "time", "commands", "failed"}, {}},
      {"before_apply", {"height"}, {"method", "from"}},
      {"after_apply", {"height"}, {"method", "from"}}};
  for (const Row& row : rows) {
    if (row.event != event) continue;
    for (const char* name : row.numbers)
      if (!argument->contains(name)) (*argument)[name] = 0;
    for (const char* name : row.words)
      if (!argument->contains(name)) (*argument)[name] = "";
  }
}

// Which function is called: that of --event, on_param_change, or the only one that there is.
Result<std::string> event_of(const std::optional<lua::Header>& header, const LocalArgs& args) {
  const std::string usual = "on_param_change";
  if (args.has("--event") || !header || header->on.empty()) return args.get("--event", usual);
  if (header->on.size() == 1) return header->on[0];
  if (std::find(header->on.begin(), header->on.end(), usual) != header->on.end()) return usual;
  std::string all;
  for (const std::string& event : header->on) all += (all.empty() ? "" : ", ") + event;
  return Status(Code::kInvalid, "--event is missing", "the script has " + all);
}

// The case that the flags describe, for run_once().
Result<json::object> input_of(Session& session, const LocalArgs& args, const std::string& event) {
  json::object input, argument;
  TB_TRY(take_object(session, args, "--reads", &input));
  TB_TRY(take_object(session, args, "--argument", &argument));
  if (event != "on_param_change") {
    input["fn"] = "script_call";
    input["event"] = event;
    fill_argument(event, &argument);
    input["argument"] = std::move(argument);
    return input;
  }
  if (args.has("--key")) argument["key"] = args.get("--key");
  if (!args.has("--value") && !argument.contains("new"))
    return Status(
        Code::kInvalid, "--value is missing",
        "it calls on_param_change: contract-cli gov script run FILE --key K --value V; another "
        "function is chosen by --event");
  TB_TRY(take_number(args, "--value", "new", 0, &argument));
  TB_TRY(take_number(args, "--old", "old", 0, &argument));
  TB_TRY(take_number(args, "--min", "min", 0, &argument));
  TB_TRY(take_number(args, "--max", "max", INT64_MAX, &argument));
  constexpr std::pair<const char*, const char*> kWords[] = {
      {"kind", "activate"}, {"stage", "submit"}, {"unit", ""}, {"proposer", ""}};
  for (const auto& [name, word] : kWords)
    if (!argument.contains(name)) argument[name] = word;
  for (const char* name : {"epoch", "height", "proposal_id"})
    if (!argument.contains(name)) argument[name] = 0;
  input["fn"] = "param_change_hook";
  input["change"] = std::move(argument);
  return input;
}

// A parameter that the answer sets although the script does not own it; empty if there is none.
std::string not_owned(const std::optional<lua::Header>& header, const json::object& outcome) {
  const json::value* params = outcome.if_contains("params");
  if (!header || params == nullptr || !params->is_object()) return {};
  for (const auto& entry : params->get_object()) {
    if (std::find(header->owns.begin(), header->owns.end(), entry.key()) == header->owns.end())
      return std::string(entry.key());
  }
  return {};
}

int run(Session& session, const LocalArgs& args) {
  const Result<Source> source = read_source(session, args);
  if (!source.ok()) return session.fail(source.status());
  lua::Answer answer;
  const auto script = lua::Script::compile(source->text, &answer);
  if (!script) return refuse(session, *source, answer);
  const auto header = lua::read_header(*script, &answer);
  const Result<std::string> event = event_of(header, args);
  if (!event.ok()) return session.fail(event.status());
  const Result<json::object> input = input_of(session, args, *event);
  if (!input.ok()) return session.fail(input.status());
  const Result<json::object> outcome = lua::run_once(*script, *input);
  if (!outcome.ok()) return session.fail(outcome.status());
  if (const json::value* text = outcome->if_contains("text")) {
    const std::string name(outcome->at("result").get_string());
    return session.fail(
        RpcError{kScriptCode, name, source->placed(std::string(text->get_string())), {}});
  }
  if (const std::string key = not_owned(header, *outcome); !key.empty()) {
    return session.fail(RpcError{
        kScriptCode,
        "lua_bad_return",
        source->placed(*event + ": params: " + key + " is not in `owns`, so the chain refuses it"),
        {}});
  }
  if (const int code = print_result(session, *outcome); code != kExitOk) return code;
  return outcome->at("result") == "ok" ? kExitOk : kExitRefused;
}

std::string cases_beside(const std::string& path) {
  const std::string stem = path.ends_with(".lua") ? path.substr(0, path.size() - 4) : path;
  return stem + ".cases.jsonl";
}

int test(Session& session, const LocalArgs& args) {
  const Result<Source> source = read_source(session, args);
  if (!source.ok()) return session.fail(source.status());
  const Result<std::string> cases =
      read_text(session.world, args.get("--cases", cases_beside(source->path)));
  if (!cases.ok()) return session.fail(cases.status());
  std::ostringstream lines;
  const lua::Tally tally = lua::run_cases(source->text, *cases, lines);
  const bool good = tally.failed == 0 && tally.passed > 0;
  if (session.options.format == Format::kJson) {
    const int code = print_result(
        session,
        json::object{{"passed", tally.passed}, {"failed", tally.failed}, {"report", lines.str()}});
    return code != kExitOk || good ? code : kExitRefused;
  }
  session.world.out << lines.str() << tally.passed << " passed, " << tally.failed << " failed\n";
  return good ? kExitOk : kExitRefused;
}

}  // namespace

std::vector<LocalVerb> script_verbs() {
  return {
      {"gov script check",
       "<file>",
       "Check a script: syntax, floats, header, names that do not exist",
       {{"--on-chain", "",
         "Ask the node as well whether its chain has the parameters and commands of the header"}},
       1,
       1,
       check_script,
       {{"contract-cli gov script check price-guard.lua", "Prints name, hash and events"}},
       {"governance script check"}},
      {"gov script run",
       "<file>",
       "Call one function of a script and print what it decides",
       {{"--event", "EVENT",
         "on_param_change, on_epoch, … (the only one of the script, if it has one)"},
        {"--key", "KEY", "Parameter of the change"},
        {"--value", "N", "Its new value"},
        {"--old", "N", "Its value before (0)"},
        {"--min", "N", "Lowest value (0)"},
        {"--max", "N", "Highest value (2^63-1)"},
        {"--argument", "JSON", "The table that the function gets; inline, @file or -"},
        {"--reads", "JSON", "What it reads: {\"params\",\"state\",\"econ\",\"treasury\"}"}},
       1,
       1,
       run,
       {{"contract-cli gov script run price-guard.lua --key energy_min_stake --old 1000 "
         "--value 5000",
         "Prints the value that would be stored"}},
       {"governance script run"}},
      {"gov script test",
       "<file>",
       "Run the cases of a script",
       {{"--cases", "FILE", "JSON Lines of cases (the script's name with .cases.jsonl)"}},
       1,
       1,
       test,
       {{"contract-cli gov script test price-guard.lua", "Runs price-guard.cases.jsonl"}},
       {"governance script test"}}};
}

}  // namespace blockd::cli
