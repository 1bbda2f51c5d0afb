#include "kernel/programs/cli/cli.hpp"

#include <algorithm>
#include <ostream>

#include "kernel/programs/cli/completions.hpp"
#include "kernel/programs/cli/help.hpp"
#include "kernel/programs/cli/import.hpp"
#include "kernel/programs/cli/manual.hpp"
#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/params.hpp"
#include "kernel/programs/cli/submit.hpp"

namespace blockd::cli {
namespace {

using Words = std::vector<std::string>;

// Groups of verbs that the network's plugins are known for, so that a node without the plugin says
// so and not "unknown verb".
constexpr std::pair<std::string_view, std::string_view> kPluginOfGroup[] = {
    {"ad-market", "ad-market"},
    {"aggregator", "aggregator"},
    {"bridge", "bridge"},
    {"compute", "compute"},
    {"contract", "contract"},
    {"dex", "dex"},
    {"economics", "treasury"},
    {"energy", "energy"},
    {"explorer", "explorer"},
    {"fees", "ledger"},
    {"gateway", "gateway"},
    {"gov", "governance"},
    {"governor", "governor"},
    {"htlc", "htlc"},
    {"identity", "identity"},
    {"le", "le"},
    {"le-portal", "le"},
    {"light-client", "light-client"},
    {"light-sync", "light-client"},
    {"localnet", "range-boost"},
    {"mesh", "range-boost"},
    {"moloch", "moloch"},
    {"range-boost", "range-boost"},
    {"read-acks", "receipts"},
    {"receipts", "receipts"},
    {"relay", "range-boost"},
    {"remediation", "bridge"},
    {"scheduler", "compute"},
    {"service-badge", "service-badge"},
    {"settlement", "treasury"},
    {"snark", "contract"},
    {"storage", "storage"}};

class Run {
 public:
  Run(World& world, const Words& args) : session_{world, {}, {}}, args_(args) {}

  int run() {
    if (args_.size() > kMaxArguments)
      return session_.fail(Status(Code::kInvalid, "more than 10,000 arguments"));
    if (Status status = scan_connection(); !status.ok()) return session_.fail(status);
    const Options connection = session_.options;
    if (args_.empty()) return help({});
    const Words front(args_.begin(), args_.begin() + 1);
    if (front[0] == "help" || front[0] == "completions") return run_about(front[0]);

    // Local verbs work without a node, and are tried first.
    Split split = split_words();
    if (split.words.size() == 2 && split.words[1] == "help") return help({split.words[0]});
    std::size_t used = 0;
    const Verb local = catalogue_.find(split.words, args_, &used);
    // Words behind a verb that takes none may name a longer verb of the node.
    const bool sure =
        local && (used == split.words.size() || local.local->raw || local.local->max_words > 0);
    if (sure) return run_local(*local.local, split);
    load(false);
    int code = run_node_verb(&split);
    if (code == kExitUsage && source_ == DocumentSource::kCache && !told_) {
      // The copy may be older than the node's plugins: ask once before calling it the user's
      // mistake.
      session_.options = connection;
      load(true);
      code = run_node_verb(&split);
    }
    if (!told_) {
      told_ = true;
      return session_.fail(problem_);
    }
    return code;
  }

 private:
  // The command line cut behind the verb's path.
  struct Split {
    Words words;       // up to the first flag of the verb
    std::size_t rest;  // index in args_ of what follows `words`
  };

  // Flags that say which node is meant may stand anywhere; the description has to be fetched before
  // the verb is known.
  Status scan_connection() {
    for (std::size_t i = 0; i < args_.size() && args_[i] != "--"; ++i) {
      if (!is_flag(args_[i])) continue;
      const FlagWord flag = split_flag(args_[i]);
      static constexpr std::string_view kNames[] = {"--url",  "--rpc",         "--token",
                                                    "--auth", "--admin-token", "--timeout"};
      if (std::find(std::begin(kNames), std::end(kNames), flag.name) != std::end(kNames)) {
        const std::string value = flag.value             ? *flag.value
                                  : i + 1 < args_.size() ? args_[i + 1]
                                                         : "";
        // What is wrong here is told when the verb's flags are parsed: the verb may have a flag of
        // that name.
        [[maybe_unused]] const Status status =
            set_global_flag(*find_global_flag(flag.name), value, &session_.options);
      }
      if (flag.name == "--json" || args_[i] == "--format=json" ||
          (args_[i] == "--format" && i + 1 < args_.size() && args_[i + 1] == "json")) {
        session_.options.format = Format::kJson;
      }
    }
    return {};
  }

  // Words until a verb is complete and a flag follows; global flags before that are stepped over.
  Split split_words() const {
    Split out{{}, 0};
    std::size_t i = 0;
    for (; i < args_.size(); ++i) {
      if (!is_flag(args_[i])) {
        if (args_[i] == "--") break;
        out.words.push_back(args_[i]);
        continue;
      }
      if (find(out)) break;
      const FlagWord flag = split_flag(args_[i]);
      const GlobalFlag* global = find_global_flag(flag.name);
      if (!global) break;
      if (global->value && !flag.value) ++i;
    }
    out.rest = std::min(i, args_.size());
    return out;
  }

  Verb find(const Split& split) const {
    std::size_t used = 0;
    return catalogue_.find(split.words, args_, &used);
  }

  // What belongs to the verb: words behind its path, global flags from before it, all flags behind
  // it.
  Words rest_of(const Split& split, std::size_t used) const {
    Words out(split.words.begin() + static_cast<std::ptrdiff_t>(used), split.words.end());
    for (std::size_t i = 0; i < split.rest; ++i) {
      if (!is_flag(args_[i])) continue;
      out.push_back(args_[i]);
      const FlagWord flag = split_flag(args_[i]);
      const GlobalFlag* global = find_global_flag(flag.name);
      if (global && global->value && !flag.value && i + 1 < split.rest) out.push_back(args_[++i]);
    }
    out.insert(out.end(), args_.begin() + static_cast<std::ptrdiff_t>(split.rest), args_.end());
    return out;
  }

  void load(bool fresh) {
    Document document = load_document(session_, fresh);
    node_error_ = document.node_error;
    source_ = document.source;
    catalogue_.set_tree(std::move(document.tree));
  }

  int print(const std::string& text) {
    session_.world.out << text;
    told_ = true;
    return kExitOk;
  }

  int help(const Words& words) {
    load(true);
    std::size_t used = 0;
    const Verb verb = catalogue_.find(words, args_, &used);
    if (verb && used == words.size()) return print(verb_help(verb));
    if (!words.empty() && catalogue_.next_words(words).empty()) {
      return session_.fail(
          verb ? Status(Code::kInvalid, "'" + verb.path() + "' has no verbs below it")
               : unknown_verb(words));
    }
    std::string text = group_help(catalogue_, words);
    if (source_ == DocumentSource::kNone)
      text += "\nThe node's verbs are missing: " + node_error_.message() + "\n";
    return print(text);
  }

  // `help …` and `completions`: verbs about the catalogue.
  int run_about(const std::string& name) {
    const LocalVerb verb{
        name, "",    "",    {{"--all", "", ""}, {"--man", "", ""}, {"--shell", "SHELL", ""}},
        0,    16,    {},    {},
        {},   false, false, {}};
    Result<LocalArgs> args = parse_local(session_, verb, Words(args_.begin() + 1, args_.end()));
    if (!args.ok()) return session_.fail(args.status());
    if (session_.options.help) return help({name});
    if (name == "completions") {
      load(true);
      Result<std::string> script = completion_script(
          catalogue_, args->get("--shell", args->words.empty() ? "bash" : args->words[0]));
      return script.ok() ? print(*script) : session_.fail(script.status());
    }
    if (!args->has("--all") && !args->has("--man")) return help(args->words);
    load(true);
    if (args->has("--man")) return print(manual_page(catalogue_));
    if (session_.options.format == Format::kJson)
      return print(json_text(all_help_json(catalogue_), session_.options.pretty) + "\n");
    return print(all_help(catalogue_));
  }

  int run_local(const LocalVerb& verb, const Split& split) {
    std::size_t used = 0;
    [[maybe_unused]] const Verb same = catalogue_.find(split.words, args_, &used);
    Result<LocalArgs> args = parse_local(session_, verb, rest_of(split, used));
    const bool asks_for_help =
        verb.raw && std::any_of(args_.begin(), args_.end(),
                                [](const auto& a) { return a == "--help" || a == "-h"; });
    if (session_.options.help || asks_for_help) return print(verb_help(Verb{nullptr, &verb}));
    if (!args.ok()) return session_.fail(args.status());
    return verb.run(session_, *args);
  }

  int defer(const Status& problem) {
    problem_ = problem;
    return kExitUsage;
  }

  int run_node_verb(Split* split) {
    *split = split_words();
    std::size_t used = 0;
    const Verb verb = catalogue_.find(split->words, args_, &used);
    const bool wants_help = std::any_of(args_.begin(), args_.end(), [](const std::string& a) {
      return a == "--help" || a == "-h";
    });
    if (verb.local) {
      told_ = true;
      return run_local(*verb.local, *split);
    }
    if (!verb.node) {
      if (split->words.empty() && split->rest < args_.size() && !wants_help) {
        return defer(Status(Code::kInvalid, "no flag " + args_[split->rest] + " before a verb",
                            "try `contract-cli help`"));
      }
      const bool group = !catalogue_.next_words(split->words).empty();
      if (group && (wants_help || split->words.empty())) return help_for(split->words);
      return defer(unknown_verb(split->words));
    }
    Result<json::object> params = parse_params(session_, *verb.node, rest_of(*split, used));
    if (wants_help && session_.options.help) return print(verb_help(verb));
    if (!params.ok()) return defer(params.status());
    told_ = true;
    if (!verb.node->row_fields.empty()) return run_import(session_, *verb.node, *params);
    return send(*verb.node, *std::move(params));
  }

  int help_for(const Words& words) {
    told_ = true;
    return help(words);
  }

  int send(const CliNode& node, json::object params) {
    Result<json::value> result = call_verb(session_, node, std::move(params));
    if (!result.ok()) {
      if (session_.refused) explain_hidden(node, *session_.refused);
      return session_.fail(result.status());
    }
    const Shape shape{node.list, node.columns, node.id_field, node.format == "json", node.say};
    Result<std::string> text = format_result(session_, *result, shape);
    if (!text.ok()) return session_.fail(text.status());
    session_.world.out << *text;
    return says_no(node, *result) ? kExitRefused : kExitOk;
  }

  // Methods that a caller may not use do not exist for it.
  static void explain_hidden(const CliNode& node, RpcError& error) {
    if (error.name != "method_not_found" || node.role.empty() || node.role == "open") return;
    if (error.data.contains("hint")) return;
    error.data["hint"] = "it is for callers with the role " + node.role +
                         ", and is hidden from others: --token or --admin-token gives one, or "
                         "call over the node's local socket";
  }

  // The verb answered, and what it was asked to check does not hold.
  static bool says_no(const CliNode& node, const json::value& result) {
    if (node.ok_member.empty() || !result.is_object()) return false;
    const json::value* ok = result.get_object().if_contains(node.ok_member);
    return ok != nullptr && ok->is_bool() && !ok->get_bool();
  }

  Status unknown_verb(const Words& words) {
    std::string shown;
    for (const std::string& word : words) shown += (shown.empty() ? "" : " ") + word;
    if (source_ == DocumentSource::kNone && !node_error_.ok() &&
        catalogue_.next_words(words).empty()) {
      // Nobody could say whether the verb exists.
      const bool away =
          node_error_.code() == Code::kUnavailable || node_error_.code() == Code::kTimeout;
      const std::string advice = node_error_.hint();
      return Status(away ? node_error_.code() : Code::kDenied, node_error_.message(),
                    advice + (advice.empty() ? "" : "\n") + "'" + shown +
                        "' is none of the verbs that need no node");
    }
    const Words first(words.begin(), words.begin() + (words.empty() ? 0 : 1));
    if (!words.empty() && catalogue_.next_words(first).empty()) {
      for (const auto& [group, plugin] : kPluginOfGroup) {
        if (group != words[0]) continue;
        session_.refused = RpcError{0,
                                    "plugin_not_available",
                                    std::string(plugin),
                                    {{"hint",
                                      "this node has not loaded the plugin; `contract-cli plugin "
                                      "list` shows what it has"}}};
        return Status(Code::kAborted, session_.refused->message);
      }
    }
    const bool group = !catalogue_.next_words(words).empty();
    const auto nearest = catalogue_.nearest(words);
    return Status(
        Code::kInvalid,
        group ? "'" + shown + "' is a group of verbs" : "there is no verb '" + shown + "'",
        (nearest && !group ? "did you mean `contract-cli " + *nearest + "`?\n" : "") +
            std::string("try `contract-cli help") + (group ? " " + shown : "") + "`");
  }

  Session session_;
  const Words& args_;
  Catalogue catalogue_;
  DocumentSource source_ = DocumentSource::kNone;
  Status node_error_, problem_;
  bool told_ = false;  // result or error has been printed
};

}  // namespace

int run_cli(World& world, const std::vector<std::string>& args) { return Run(world, args).run(); }

}  // namespace blockd::cli
