// Help texts and the machine-readable list of all verbs, made from the catalogue. Pure functions.
// [any]
#pragma once

#include <string>

#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {

std::string verb_help(const Verb& verb);
// The verbs and groups below `words`; all words empty: the front page.
std::string group_help(const Catalogue& catalogue, const std::vector<std::string>& words);
// Every verb with its summary, one a line.
std::string all_help(const Catalogue& catalogue);
// {"program":"contract-cli","commands":[{"path","summary","flags":[{"flag","value","help"}]}]}; an
// alias is an entry of its own with "alias_of".
json::object all_help_json(const Catalogue& catalogue);

struct FlagView {
  std::string flag, value, help;
};
// All flags that a verb takes, its own first.
std::vector<FlagView> flags_of(const Verb& verb);

}  // namespace blockd::cli
