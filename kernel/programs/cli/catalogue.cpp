#include "kernel/programs/cli/catalogue.hpp"

#include <algorithm>
#include <set>
#include <sstream>

#include "kernel/programs/cli/monitor_verbs.hpp"

namespace blockd::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += (i ? " " : "") + words[i];
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, at);) out.push_back(part);
  return out;
}

// A line of a tool's catalogue, see local_tool.hpp.
LocalVerb verb_of_tool(const std::string& line, const LocalTool& tool) {
  std::vector<std::string> parts = split(line, '\t');
  parts.resize(std::max<std::size_t>(parts.size(), 3));
  LocalVerb verb;
  verb.path = parts[0];
  verb.positionals = parts[1];
  verb.summary = parts[2];
  for (std::size_t i = 3; i + 1 < parts.size(); i += 2) {
    const std::size_t blank = parts[i].find(' ');
    verb.flags.push_back({parts[i].substr(0, blank),
                          blank == std::string::npos ? "" : parts[i].substr(blank + 1),
                          parts[i + 1]});
  }
  verb.raw = true;
  verb.run = [path = verb.path, run = tool.run](Session& session, const LocalArgs& args) {
    std::vector<std::string> words = split(path, ' ');
    words.insert(words.end(), args.words.begin(), args.words.end());
    return run(words, session.world.out, session.world.err);
  };
  return verb;
}

bool answers_to(const LocalVerb& verb, const std::string& path) {
  return verb.path == path ||
         std::find(verb.aliases.begin(), verb.aliases.end(), path) != verb.aliases.end();
}

bool mentions(const std::vector<std::string>& words, const std::string& flag) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return split_flag(word).name == flag; });
}

// `governance` is another name of the group `gov`, whichever plugin a verb comes from.
std::optional<std::vector<std::string>> with_short_group(const std::vector<std::string>& words) {
  if (words.empty() || words[0] != "governance") return std::nullopt;
  std::vector<std::string> renamed = words;
  renamed[0] = "gov";
  return renamed;
}

}  // namespace

std::string LocalArgs::get(const std::string& flag, const std::string& otherwise) const {
  const auto at = flags.find(flag);
  return at == flags.end() ? otherwise : at->second.back();
}

Catalogue::Catalogue() {
  for (auto* topic :
       {wallet_verbs,     wallet_send_verbs, signer_verbs,    node_verbs,       config_verbs,
        plugin_verbs,     transaction_verbs, misc_verbs,      storage_verbs,    maintenance_verbs,
        repair_verbs,     audit_verbs,       script_verbs,    governance_verbs, release_verbs,
        snapshot_verbs,   backup_verbs,      top_verbs,       doctor_verbs,     monitor_verbs,
        checkpoint_verbs, log_verbs,         telemetry_verbs, tls_verbs,        node_key_verbs,
        state_verbs,      import_toml_verbs}) {
    for (LocalVerb& verb : topic()) locals_.push_back(std::move(verb));
  }
  for (const LocalTool& tool : local_tools()) {
    for (const std::string& line : split(tool.catalogue(), '\n')) {
      if (!line.empty()) locals_.push_back(verb_of_tool(line, tool));
    }
  }
}

const LocalVerb* Catalogue::find_local(const std::vector<std::string>& words,
                                       const std::vector<std::string>& all,
                                       std::size_t* used) const {
  for (std::size_t count = std::min<std::size_t>(words.size(), 16); count > 0; --count) {
    const std::string path = joined(words, count);
    for (const LocalVerb& verb : locals_) {
      if (!answers_to(verb, path)) continue;
      if (!verb.only_with.empty() && !mentions(all, verb.only_with)) continue;
      *used = count;
      return &verb;
    }
  }
  *used = 0;
  return nullptr;
}

Verb Catalogue::find(const std::vector<std::string>& words, const std::vector<std::string>& all,
                     std::size_t* used) const {
  const Verb found = find_as_said(words, all, used);
  const auto renamed = with_short_group(words);
  if (!renamed) return found;
  std::size_t short_used = 0;
  const Verb other = find_as_said(*renamed, all, &short_used);
  if (short_used <= *used) return found;
  *used = short_used;
  return other;
}

Verb Catalogue::find_as_said(const std::vector<std::string>& words,
                             const std::vector<std::string>& all, std::size_t* used) const {
  std::size_t local_used = 0, node_used = 0;
  const LocalVerb* local = find_local(words, all, &local_used);
  const CliNode* node = tree_.find(words, &node_used);
  if (local && local_used >= node_used) {
    *used = local_used;
    return {nullptr, local};
  }
  *used = node ? node_used : 0;
  return {node, nullptr};
}

std::vector<std::string> Catalogue::next_words(const std::vector<std::string>& words) const {
  std::set<std::string> found = next_words_as_said(words);
  if (const auto renamed = with_short_group(words)) found.merge(next_words_as_said(*renamed));
  return {found.begin(), found.end()};
}

std::set<std::string> Catalogue::next_words_as_said(const std::vector<std::string>& words) const {
  const std::vector<std::string> from_tree = tree_.next_words(words);
  std::set<std::string> found(from_tree.begin(), from_tree.end());
  const std::string prefix = words.empty() ? "" : joined(words, words.size()) + " ";
  const auto look = [&](const std::string& path) {
    if (!path.starts_with(prefix)) return;
    found.insert(path.substr(prefix.size(), path.find(' ', prefix.size()) - prefix.size()));
  };
  for (const LocalVerb& verb : locals_) {
    look(verb.path);
    for (const std::string& alias : verb.aliases) look(alias);
  }
  return found;
}

std::optional<std::string> Catalogue::nearest(const std::vector<std::string>& words) const {
  std::set<std::string> known;  // verbs and groups
  for (const Verb& verb : all()) {
    const std::string path = verb.path();
    for (std::size_t end = path.find(' '); end != std::string::npos; end = path.find(' ', end + 1))
      known.insert(path.substr(0, end));
    known.insert(path);
  }
  const std::vector<std::string> paths(known.begin(), known.end());
  // A word that stands deeper: `settle` for `energy settle`.
  const std::string ending = " " + joined(words, words.size());
  for (const std::string& path : paths) {
    if (path.ends_with(ending)) return path;
  }
  // The words behind the path are positionals: try with fewer of them.
  for (std::size_t count = std::min<std::size_t>(words.size(), 4); count > 0; --count) {
    if (auto near = nearest_name(joined(words, count).substr(0, 128), paths)) return near;
  }
  return std::nullopt;
}

std::vector<Verb> Catalogue::all() const {
  std::map<std::string, Verb> found;
  for (const CliNode& node : tree_.nodes) found[node.path] = Verb{&node, nullptr};
  for (const LocalVerb& verb : locals_) {
    if (verb.only_with.empty() || !found.contains(verb.path))
      found[verb.path] = Verb{nullptr, &verb};
  }
  std::vector<Verb> out;
  for (const auto& [path, verb] : found) out.push_back(verb);
  return out;
}

std::string usage_line(const LocalVerb& verb) {
  std::string out = "contract-cli " + verb.path;
  if (!verb.positionals.empty()) out += " " + verb.positionals;
  for (const LocalFlag& flag : verb.flags) {
    out += " [" + flag.name + (flag.value.empty() ? "" : " " + flag.value) + "]";
  }
  return out;
}

Result<LocalArgs> parse_local(Session& session, const LocalVerb& verb,
                              const std::vector<std::string>& words) {
  LocalArgs out;
  if (verb.raw) {
    out.words = words;
    return out;
  }
  const std::string usage = "usage: " + usage_line(verb);
  bool only_words = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!only_words && words[i] == "--") {
      only_words = true;
      continue;
    }
    if (only_words || !is_flag(words[i])) {
      if (out.words.size() == verb.max_words)
        return Status(Code::kInvalid, "unexpected '" + words[i] + "'", usage);
      out.words.push_back(words[i]);
      continue;
    }
    const FlagWord flag = split_flag(words[i]);
    const auto own = std::find_if(verb.flags.begin(), verb.flags.end(),
                                  [&](const LocalFlag& f) { return f.name == flag.name; });
    const GlobalFlag* global = find_global_flag(flag.name);
    if (global && global->command_only && !verb.sends) global = nullptr;
    if (own == verb.flags.end() && !global) {
      std::vector<std::string> names;
      for (const LocalFlag& f : verb.flags) names.push_back(f.name);
      const auto near = nearest_name(flag.name, names);
      return Status(Code::kInvalid, "'" + verb.path + "' has no flag " + flag.name,
                    (near ? "did you mean " + *near + "?\n" : "") + usage);
    }
    const bool wants_value =
        own != verb.flags.end() ? !own->value.empty() : global->value != nullptr;
    std::string value = flag.value.value_or("");
    if (wants_value && !flag.value) {
      if (i + 1 == words.size())
        return Status(Code::kInvalid, flag.name + ": a value is missing", usage);
      value = words[++i];
    }
    if (!wants_value && flag.value)
      return Status(Code::kInvalid, flag.name + ": takes no value", usage);
    if (own != verb.flags.end()) {
      out.flags[flag.name].push_back(value);
    } else {
      TB_TRY(set_global_flag(*global, value, &session.options));
    }
  }
  if (!session.options.help && out.words.size() < verb.min_words)
    return Status(Code::kInvalid, "an argument is missing", usage);
  return out;
}

}  // namespace blockd::cli
