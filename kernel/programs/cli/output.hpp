// How results are printed: JSON, aligned tables, text, YAML, ids. Pure functions. [any]
//
// JSON is indented on a terminal and one line into a pipe, members in the order in which the node
// put them. Control characters that a node sends are shown as \xNN or JSON escapes, so that they
// cannot steer a terminal.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

// What a verb knows of its result.
struct Shape {
  std::string list;  // member that holds the rows; empty: the result itself if it is a list
  std::vector<std::string> columns;  // empty: the members of the first row
  std::string id_field;
  bool table = false;    // the default on a terminal
  std::string say = {};  // text for people, with members of the result in braces
};

// The text in the format of the session's options, with a line feed at its end; empty with --quiet.
// On a terminal, and with --format text, a verb that says something to people says it. Unless a
// format is asked for, a result that is one text is printed as it is, without quotes.
// Errors: kInvalid (ids of a result that has none).
Result<std::string> format_result(const Session& session, const json::value& result,
                                  const Shape& shape);

// Prints it; the exit code of the verb.
int print_result(Session& session, const json::value& result, const Shape& shape = {});
inline Shape table_shape(std::string id_field = "") { return {"", {}, std::move(id_field), true}; }

std::string json_text(const json::value& value, bool pretty);
std::string yaml_text(const json::value& value);
std::string table_text(const json::value& result, const Shape& shape);
// A result that is one text: a hash, or lines such as comma-separated values. Each line ends with a
// line feed.
std::string bare_text(std::string_view text);
// Control characters as \xNN.
std::string escape_controls(std::string_view text);
// One cell: texts bare, structures as JSON, control characters escaped.
std::string cell_text(const json::value& value);
// Rows under headings, right-aligned where all cells are numbers; columns are two blanks apart.
std::string align(const std::vector<std::string>& headings,
                  const std::vector<std::vector<std::string>>& rows);

}  // namespace blockd::cli
