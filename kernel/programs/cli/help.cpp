#include "kernel/programs/cli/help.hpp"

#include <algorithm>
#include <set>

#include "kernel/programs/cli/output.hpp"
#include "kernel/programs/cli/params.hpp"

namespace blockd::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string indented(const Rows& rows) {
  if (rows.empty()) return {};
  std::string out;
  std::size_t widest = 0;
  for (const auto& row : rows) widest = std::max(widest, std::min<std::size_t>(row[0].size(), 34));
  for (const auto& row : rows) {
    out += "  " + row[0];
    if (!row[1].empty())
      out += std::string(row[0].size() < widest ? widest - row[0].size() + 2 : 2, ' ') + row[1];
    out += '\n';
  }
  return out;
}

void add_note(std::string& out, const std::string& note) {
  if (!note.empty()) out += (out.empty() ? "" : "; ") + note;
}

// "How many kWh; 1..1000; kWh; default 5"
std::string explain(const Field& field) {
  std::string out = field.help;
  if (!field.choices.empty()) {
    std::string all;
    for (const std::string& choice : field.choices) all += (all.empty() ? "" : ", ") + choice;
    add_note(out, "one of " + all);
  }
  if (field.min || field.max) {
    add_note(out, (field.min ? u128_to_string(*field.min) : "0") + ".." +
                      (field.max ? u128_to_string(*field.max) : ""));
  }
  add_note(out, field.unit);
  if (field.default_value && !field.default_value->is_null())
    add_note(out, "default " + cell_text(*field.default_value));
  return out;
}

bool has_commands(const Verb& verb) {
  return verb.node ? verb.node->kind == MethodKind::kCommand : verb.local->sends;
}

std::string error_names(const CliNode& node) {
  std::string out;
  for (const ErrorSpec& error : node.errors) out += (out.empty() ? "" : ", ") + error.name;
  return out;
}

void put_section(std::string& out, const std::string& title, const Rows& rows) {
  if (!rows.empty()) out += "\n" + title + ":\n" + indented(rows);
}

Rows global_rows(const Verb& verb) {
  Rows out;
  for (const GlobalFlag& flag : global_flags()) {
    if (flag.command_only && !has_commands(verb)) continue;
    out.push_back(
        {std::string(flag.name) + (flag.value ? std::string(" ") + flag.value : ""), flag.help});
  }
  return out;
}

void add_own_flags(const CliNode& node, std::vector<FlagView>* out) {
  for (const CliArg& arg : node.flags)
    out->push_back({arg.flag, placeholder(arg), explain(arg.field)});
  for (const std::string& flag : node.merge_json)
    out->push_back({flag, "JSON", "Members of the request as JSON, @FILE or -"});
}

}  // namespace

std::vector<FlagView> flags_of(const Verb& verb) {
  std::vector<FlagView> out;
  if (verb.node) add_own_flags(*verb.node, &out);
  if (verb.local) {
    for (const LocalFlag& flag : verb.local->flags)
      out.push_back({flag.name, flag.value, flag.help});
    if (verb.local->raw) return out;
  }
  for (const GlobalFlag& flag : global_flags()) {
    if (flag.command_only && !has_commands(verb)) continue;
    const bool hidden = std::any_of(out.begin(), out.end(),
                                    [&](const FlagView& own) { return own.flag == flag.name; });
    if (!hidden) out.push_back({flag.name, flag.value ? flag.value : "", flag.help});
  }
  return out;
}

std::string verb_help(const Verb& verb) {
  std::string out = verb.summary() +
                    "\n\nUsage: " + (verb.node ? usage_line(*verb.node) : usage_line(*verb.local)) +
                    "\n";
  Rows own, positionals;
  std::vector<std::pair<std::string, std::string>> examples;
  if (verb.node) {
    if (!verb.node->help.empty()) out += "\n" + verb.node->help + "\n";
    for (const CliArg& arg : verb.node->positionals)
      positionals.push_back({"<" + arg.field.name + ">", explain(arg.field)});
    std::vector<FlagView> flags;
    add_own_flags(*verb.node, &flags);
    for (const FlagView& flag : flags)
      own.push_back({flag.flag + (flag.value.empty() ? "" : " " + flag.value), flag.help});
    examples = verb.node->examples;
  } else {
    for (const LocalFlag& flag : verb.local->flags)
      own.push_back({flag.name + (flag.value.empty() ? "" : " " + flag.value), flag.help});
    examples = verb.local->examples;
  }
  put_section(out, "Arguments", positionals);
  put_section(out, "Flags", own);
  if (!verb.local || !verb.local->raw) put_section(out, "Flags of every verb", global_rows(verb));
  Rows lines;
  for (const auto& [line, shows] : examples) lines.push_back({line, shows});
  put_section(out, "Examples", lines);
  if (verb.node) {
    out += "\nMethod " + verb.node->method + " of plugin " +
           (verb.node->plugin.empty() ? "kernel" : verb.node->plugin);
    if (verb.node->kind == MethodKind::kCommand) out += ", a command";
    out += "; role " + verb.node->role + "\n";
    const std::string errors = error_names(*verb.node);
    if (!errors.empty()) out += "Errors: " + errors + "\n";
  }
  return out;
}

std::string group_help(const Catalogue& catalogue, const std::vector<std::string>& words) {
  std::string prefix;
  for (const std::string& word : words) prefix += word + " ";
  std::string out = "Usage: contract-cli " + prefix + "<verb> [arguments] [flags]\n";
  Rows rows;
  for (const std::string& word : catalogue.next_words(words)) {
    std::vector<std::string> longer(words);
    longer.push_back(word);
    std::size_t used = 0;
    const Verb verb = catalogue.find(longer, {"--file"}, &used);
    const bool exact = verb && used == longer.size();
    const std::vector<std::string> below = catalogue.next_words(longer);
    std::string names;
    for (const std::string& name : below) {
      if (names.size() + name.size() > 60) {
        names += ", …";
        break;
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    rows.push_back({word, exact ? verb.summary() : names});
  }
  put_section(out, words.empty() ? "Verbs and groups" : "Verbs", rows);
  if (words.empty()) {
    out +=
        "\nThe verbs come from the node's plugins. `contract-cli <verb> --help` explains one, "
        "`help --all` lists all.\n";
  }
  return out;
}

std::string all_help(const Catalogue& catalogue) {
  Rows rows;
  for (const Verb& verb : catalogue.all()) rows.push_back({verb.path(), verb.summary()});
  return indented(rows);
}

namespace {

// "gov disburse" of "gov disburse submit": words that only lead to verbs. Asked alone they answer
// with the help of the group.
void add_groups(const std::set<std::string>& paths, json::array* commands) {
  std::set<std::string> groups;
  for (const std::string& path : paths) {
    for (std::size_t end = path.find(' '); end != path.npos; end = path.find(' ', end + 1))
      groups.insert(path.substr(0, end));
  }
  for (const std::string& group : groups) {
    if (paths.contains(group)) continue;
    commands->push_back(json::object{{"path", group},
                                     {"summary", "A group of verbs"},
                                     {"group", true},
                                     {"flags", json::array()}});
  }
}

}  // namespace

json::object all_help_json(const Catalogue& catalogue) {
  json::array commands;
  std::set<std::string> paths;
  for (const Verb& verb : catalogue.all()) {
    json::array flags;
    for (const FlagView& flag : flags_of(verb)) {
      flags.push_back(
          json::object{{"flag", flag.flag}, {"value", flag.value}, {"help", flag.help}});
    }
    const auto put = [&](const std::string& path, bool alias) {
      json::object entry = {{"path", path}, {"summary", verb.summary()}, {"flags", flags}};
      if (alias) entry["alias_of"] = verb.path();
      paths.insert(path);
      commands.push_back(std::move(entry));
    };
    put(verb.path(), false);
    for (const std::string& alias : verb.node ? verb.node->aliases : verb.local->aliases)
      put(alias, true);
  }
  add_groups(paths, &commands);
  return {{"program", "contract-cli"}, {"commands", std::move(commands)}};
}

}  // namespace blockd::cli
