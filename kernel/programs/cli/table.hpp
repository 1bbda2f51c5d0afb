// Results as people read them: rows under headings, and records with their parts indented below
// their names. Pure functions. [any]
//
// A record is printed a member a line. A small record in it, or a list of plain values, stands on
// the line of its name; a list of records is a table below it, of which the first kShownRows rows
// are printed; what is left out is said, and how to see it.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/json.hpp"

namespace blockd::cli {

inline constexpr std::size_t kShownRows = 20;    // of a table within a record
inline constexpr std::size_t kInlineWidth = 60;  // of a record that stays on one line
inline constexpr std::size_t kCellWidth = 40;    // of a cell of such a table on a terminal
inline constexpr std::size_t kMaxDepth = 6;      // records within records; deeper ones are JSON

// What a verb knows of its result.
struct Shape {
  std::string list;  // member that holds the rows; empty: the result itself if it is a list
  std::vector<std::string> columns;  // empty: the members of the first row
  std::string id_field;
  bool document = false;  // JSON on a terminal too
  std::string say = {};   // text for people, with members of the result in braces
};

// `width` is that of the terminal in places: in a table within a record long names are shortened,
// and columns that do not fit are left out and named; a list that is too wide is shortened but for
// its ids, and says so; milliseconds are told as a time. 0: nothing is too wide.
std::string table_text(const json::value& result, const Shape& shape, std::size_t width = 0);
// The member at `path` ("a.b"), null if there is none.
const json::value* member_at(const json::value& value, const std::string& path);
// The rows that the result is or holds, null if it has none.
const json::array* rows_of(const json::value& result, const Shape& shape);
// Control characters as \xNN.
std::string escape_controls(std::string_view text);
// One cell: texts bare, small structures as `name value, name value`, others as JSON; control
// characters escaped.
std::string cell_text(const json::value& value);
// Rows under headings, right-aligned where all cells are numbers; columns are two blanks apart.
std::string align(const std::vector<std::string>& headings,
                  const std::vector<std::vector<std::string>>& rows);

}  // namespace blockd::cli
