// Replays golden cases of the economics spec with the rules: for tests and for the vectors tool.
// Not part of the plugin. [any]
#pragma once

#include <string>
#include <string_view>

namespace economics {

// What the rules answer to one case: `input_json` is its member `input`, whose `fn` names the
// function. Returns the JSON that its member `expected` should hold. Throws std::runtime_error for
// an unknown function or an input that is no case of it.
std::string replay_economics_case(std::string_view kind, std::string_view input_json);

}  // namespace economics
