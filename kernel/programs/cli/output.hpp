// How results are printed: JSON, aligned tables, text, YAML, ids. Pure functions. [any]
//
// A terminal gets tables, a pipe JSON, unless a format is asked for. JSON is indented on a terminal
// and one line into a pipe, members in the order in which the node
// put them. Control characters that a node sends are shown as \xNN or JSON escapes, so that they
// cannot steer a terminal.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/programs/cli/table.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

// The text in the format of the session's options, with a line feed at its end; empty with --quiet.
// On a terminal, and with --format text, a verb that says something to people says it. Unless a
// format is asked for, a result that is one text is printed as it is, without quotes.
// Errors: kInvalid (ids of a result that has none).
Result<std::string> format_result(const Session& session, const json::value& result,
                                  const Shape& shape);

// Prints it; the exit code of the verb.
int print_result(Session& session, const json::value& result, const Shape& shape = {});
inline Shape shape_with_ids(std::string id_field) { return {"", {}, std::move(id_field)}; }

std::string json_text(const json::value& value, bool pretty);
std::string yaml_text(const json::value& value);
// A result that is one text: a hash, or lines such as comma-separated values. Each line ends with a
// line feed.
std::string bare_text(std::string_view text);

}  // namespace blockd::cli
