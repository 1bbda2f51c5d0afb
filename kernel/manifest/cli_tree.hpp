// The verbs of contract-cli, rebuilt from a node's OpenRPC document: the CLI has no line of code
// for a plugin. [any]
#pragma once

#include "kernel/manifest/manifest.hpp"

namespace blockd {

// One param of a verb.
struct CliArg {
  Field field;        // type, default, choices, help, as the plugin declared them
  std::string flag;   // "--page-size"; empty for a positional without a flag of its own
  bool file = false;  // the flag names a file, "-", or holds inline JSON
};

struct CliNode {
  std::string path;                  // "energy oracle keys status"
  std::vector<std::string> aliases;  // other paths
  std::string method, plugin, role, summary, help;
  MethodKind kind = MethodKind::kQuery;
  std::vector<CliArg> positionals;  // in order
  std::vector<CliArg>
      flags;  // in declared order; a positional with a declared flag is in both lists
  std::vector<std::string> merge_json;  // flags whose JSON object is spread over the params
  std::string list, id_field, format;
  std::string ok_member;  // bool of the result; false ends the verb with exit code 1
  std::string say;        // text for people, with members of the result in braces
  std::string now_field;  // filled with the present time, in seconds, when it is not given
  std::vector<std::pair<std::string, std::string>> given;  // texts of fields that are not given
  std::vector<std::string> columns;
  std::vector<ErrorSpec> errors;
  std::vector<std::pair<std::string, std::string>> examples;
  // Of a verb that sends the method once for each row of a file; empty: it is none.
  std::vector<CliArg> row_fields;
  ImportSpec imports;

  // The argument of `flag` ("--limit"; underscores count as hyphens; older names of its field
  // count, too), or nullptr.
  const CliArg* find_flag(std::string_view flag) const;
};

struct CliTree {
  std::vector<CliNode> nodes;  // sorted by path

  // The verb that the longest beginning of `words` names, by path or alias, underscores counting as
  // hyphens; `*used` is the number of words that it took. nullptr: none.
  const CliNode* find(const std::vector<std::string>& words, std::size_t* used) const;
  // The words that may follow `words`, sorted, each once: for help and completion.
  std::vector<std::string> next_words(const std::vector<std::string>& words) const;
  // The path nearest to what was typed, for "did you mean".
  std::optional<std::string> nearest(const std::vector<std::string>& words) const;
};

// Methods without a CLI declaration are left out. Unknown members are ignored, so that an older CLI
// reads a newer node. Errors: kInvalid naming the method whose "x-tb" does not hold.
Result<CliTree> parse_cli_tree(const json::value& openrpc);

// "page_size" -> "--page-size".
std::string default_flag(std::string_view field);

}  // namespace blockd
