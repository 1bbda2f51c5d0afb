#include "kernel/programs/cli/table.hpp"

#include <algorithm>

#include "kernel/log/format.hpp"
#include "kernel/programs/cli/output.hpp"

namespace blockd::cli {
namespace {

// The width that a terminal gives to UTF-8 text: one place a code point.
std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string heading(const std::string& column) {
  std::string out;
  for (const char c : column)
    out.push_back(c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c))));
  return out;
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789.-") == std::string::npos;
}

std::vector<std::string> columns_of(const json::array& rows, const Shape& shape) {
  if (!shape.columns.empty()) return shape.columns;
  std::vector<std::string> out;
  if (!rows.empty() && rows[0].is_object()) {
    for (const auto& member : rows[0].get_object()) out.emplace_back(member.key());
  }
  return out;
}

bool is_plain(const json::value& value) { return !value.is_object() && !value.is_array(); }

bool all_plain(const json::value& value) {
  if (const json::array* array = value.if_array())
    return std::all_of(array->begin(), array->end(), is_plain);
  const json::object* object = value.if_object();
  return object == nullptr || std::all_of(object->begin(), object->end(), [](const auto& member) {
           return is_plain(member.value());
         });
}

// A structure without structures in it, on one line: `a, b` and `name value, name value`.
std::string one_line(const json::value& value) {
  std::string out;
  const auto next = [&] {
    if (!out.empty()) out += ", ";
  };
  if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) {
      next();
      out += cell_text(item);
    }
  } else {
    for (const auto& member : value.get_object()) {
      next();
      out += escape_controls(member.key()) + " " + cell_text(member.value());
    }
  }
  return out.empty() ? "(none)" : out;
}

// A hash, a key or an address: nothing that has parts to be read.
bool is_long_name(const std::string& text) {
  constexpr std::size_t kLong = 24;
  return text.size() > kLong && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  c == '_' || c == ':' || c == '-';
         });
}

// Its ends.
std::string shortened(const std::string& name) {
  constexpr std::size_t kFront = 12, kBack = 6;
  return name.substr(0, kFront) + "…" + name.substr(name.size() - kBack);
}

// The front of a UTF-8 text, `width` places of it.
std::string cut(const std::string& text, std::size_t width) {
  if (display_width(text) <= width) return text;
  std::size_t at = 0;
  for (std::size_t places = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) != 0x80 && ++places == width) break;
  }
  return text.substr(0, at) + "…";
}

// On a terminal milliseconds since 1970 are a time of day.
std::string member_text(const std::string& name, const json::value& value, std::size_t width) {
  constexpr std::uint64_t kFirst = 1'000'000'000'000, kEnd = 10'000'000'000'000;
  if (width != 0 && (name == "ts" || name == "time_ms" || name.ends_with("unix_ms"))) {
    const std::uint64_t ms = value.is_uint64() ? value.get_uint64()
                             : value.is_int64() && value.get_int64() >= 0
                                 ? static_cast<std::uint64_t>(value.get_int64())
                                 : 0;
    if (ms >= kFirst && ms < kEnd) return format_time(ms);
  }
  return cell_text(value);
}

using Cells = std::vector<std::vector<std::string>>;

std::size_t column_width(const std::string& heading, const Cells& rows, std::size_t column) {
  std::size_t widest = display_width(heading);
  for (const auto& row : rows) widest = std::max(widest, display_width(row[column]));
  return widest;
}

std::size_t table_width(const std::vector<std::string>& headings, const Cells& rows) {
  std::size_t used = headings.empty() ? 0 : 2 * (headings.size() - 1);
  for (std::size_t i = 0; i < headings.size(); ++i) used += column_width(headings[i], rows, i);
  return used;
}

// Makes a table that is too wide narrower, as far as that goes: hashes and addresses keep their
// ends, but for the column `whole`, by which rows are named; then the last column is cut if it
// holds structures. A text is there to be read: it goes on in the next line. True if something was
// lost.
bool narrow(const std::vector<std::string>& headings, Cells* rows, std::size_t width,
            std::size_t whole, bool cut_last) {
  constexpr std::size_t kLeast = 20;
  if (width == 0 || headings.empty() || table_width(headings, *rows) <= width) return false;
  bool lost = false;
  for (auto& row : *rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == whole || !is_long_name(row[i])) continue;
      row[i] = shortened(row[i]);
      lost = true;
    }
  }
  const std::size_t last = headings.size() - 1, used = table_width(headings, *rows);
  if (used <= width || last == whole || !cut_last) return lost;
  const std::size_t now = column_width(headings[last], *rows, last), over = used - width;
  const std::size_t room = now > over + kLeast ? now - over : kLeast;
  for (auto& row : *rows) {
    if (display_width(row[last]) <= room) continue;
    row[last] = cut(row[last], room);
    lost = true;
  }
  return lost;
}

// A mapping of records with the same members each, such as keys to their values: their names, else
// nothing.
std::vector<std::string> columns_of_mapping(const json::object& object) {
  std::vector<std::string> names;
  if (object.size() < 2) return names;
  for (const auto& member : object) {
    const json::object* record = member.value().if_object();
    if (record == nullptr || record->empty()) return {};
    std::vector<std::string> these;
    for (const auto& one : *record) these.emplace_back(one.key());
    if (names.empty()) names = these;
    if (names != these) return {};
  }
  return names;
}

// ---- records

class Record {
 public:
  explicit Record(std::size_t width) : width_(width) {}

  std::string text(const json::object& object) {
    if (columns_of_mapping(object).empty()) {
      put(object, 0);
    } else {
      put_rows(named_rows(object), "");
    }
    return std::move(out_);
  }

 private:
  // Whether `value` stands on the line of its name.
  static bool is_short(const json::value& value, std::size_t depth) {
    if (is_plain(value) || depth >= kMaxDepth) return true;
    const json::array* array = value.if_array();
    if (array != nullptr && array->empty()) return true;
    return all_plain(value) && display_width(one_line(value)) <= kInlineWidth;
  }

  void put(const json::object& object, std::size_t depth) {
    const std::string indent(depth * 2, ' ');
    std::size_t widest = 0;
    for (const auto& member : object) {
      if (is_short(member.value(), depth))
        widest = std::max(widest, display_width(escape_controls(member.key())));
    }
    for (const auto& member : object) {
      const std::string name = escape_controls(member.key());
      if (is_short(member.value(), depth)) {
        out_ += indent + name + std::string(widest - display_width(name) + 2, ' ') +
                member_text(member.key(), member.value(), width_) + "\n";
      } else if (const json::object* inner = member.value().if_object()) {
        out_ += indent + name + ":\n";
        put(*inner, depth + 1);
      } else {
        put_list(name, member.value().get_array(), depth);
      }
    }
  }

  // The records of a mapping, each with its name in front.
  static json::array named_rows(const json::object& mapping) {
    json::array rows;
    for (const auto& member : mapping) {
      json::object row{{"name", member.key()}};
      for (const auto& one : member.value().get_object()) row.insert(one);
      rows.push_back(std::move(row));
    }
    return rows;
  }

  void put_list(const std::string& name, const json::array& list, std::size_t depth) {
    const std::string indent(depth * 2, ' ');
    const std::size_t shown = std::min(list.size(), kShownRows);
    out_ += indent + name + " (" + std::to_string(list.size()) + "):\n";
    const json::array rows(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(shown));
    const bool records = std::all_of(rows.begin(), rows.end(),
                                     [](const json::value& row) { return row.is_object(); });
    if (records) {
      put_rows(rows, indent + "  ");
    } else {
      for (const json::value& row : rows) out_ += indent + "  " + cell_text(row) + "\n";
    }
    if (shown < list.size())
      out_ += indent + "  … and " + std::to_string(list.size() - shown) + " more: --format json\n";
  }

  // As many columns, from the left, as there is room for.
  void put_rows(const json::array& rows, const std::string& indent) {
    std::vector<std::string> columns, left_out;
    for (const json::value& row : rows) {
      for (const auto& member : row.get_object()) {
        if (std::find(columns.begin(), columns.end(), member.key()) == columns.end())
          columns.emplace_back(member.key());
      }
    }
    std::size_t used = indent.size(), kept = 0;
    for (; kept < columns.size(); ++kept) {
      std::size_t widest = display_width(columns[kept]);
      for (const json::value& row : rows)
        widest = std::max(widest, display_width(cell_of(row, columns[kept])));
      used += widest + (kept > 0 ? 2 : 0);
      if (width_ != 0 && used > width_ && kept > 0) break;
    }
    left_out.assign(columns.begin() + static_cast<std::ptrdiff_t>(kept), columns.end());
    columns.resize(kept);
    std::vector<std::string> headings;
    for (const std::string& column : columns) headings.push_back(heading(column));
    std::vector<std::vector<std::string>> cells;
    for (const json::value& row : rows) {
      cells.emplace_back();
      for (const std::string& column : columns) cells.back().push_back(cell_of(row, column));
    }
    const std::string table = align(headings, cells);
    for (std::size_t at = 0; at < table.size();) {
      const std::size_t end = table.find('\n', at) + 1;
      out_ += indent + table.substr(at, end - at);
      at = end;
    }
    if (left_out.empty()) return;
    out_ += indent + "not shown, for lack of room: ";
    for (std::size_t i = 0; i < left_out.size(); ++i)
      out_ += (i > 0 ? ", " : "") + escape_controls(left_out[i]);
    out_ += "\n";
  }

  // Where room is short a hash or an address shows its ends.
  std::string cell_of(const json::value& row, const std::string& column) const {
    const json::value* cell = row.get_object().if_contains(column);
    std::string text = cell != nullptr ? member_text(column, *cell, width_) : "-";
    if (width_ == 0) return text;
    return is_long_name(text) ? shortened(text) : cut(text, kCellWidth);
  }

  const std::size_t width_;
  std::string out_;
};

}  // namespace

const json::value* member_at(const json::value& value, const std::string& path) {
  const json::value* at = &value;
  std::size_t begin = 0;
  while (at && begin <= path.size()) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const json::object* object = at->if_object();
    at = object ? object->if_contains(path.substr(begin, end - begin)) : nullptr;
    begin = end + 1;
  }
  return at;
}

const json::array* rows_of(const json::value& result, const Shape& shape) {
  if (result.is_array()) return &result.get_array();
  if (shape.list.empty()) return nullptr;
  const json::value* list = member_at(result, shape.list);
  return list ? list->if_array() : nullptr;
}

std::string escape_controls(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080..009F, in UTF-8 c2 80..9f, steer terminals too.
    const bool high =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte >= 0x20 && byte != 0x7f && !high) {
      out.push_back(text[i]);
      continue;
    }
    out.append("\\x").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    if (high) {
      const auto next = static_cast<unsigned char>(text[++i]);
      out.append("\\x").append(1, kDigits[next >> 4]).append(1, kDigits[next & 15]);
    }
  }
  return out;
}

std::string cell_text(const json::value& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return escape_controls(value.get_string());
  return !is_plain(value) && all_plain(value) ? one_line(value) : json_text(value, false);
}

std::string align(const std::vector<std::string>& headings,
                  const std::vector<std::vector<std::string>>& rows) {
  const std::size_t count = headings.size();
  std::vector<std::size_t> widths(count);
  std::vector<bool> numbers(count, !rows.empty());
  for (std::size_t i = 0; i < count; ++i) {
    widths[i] = display_width(headings[i]);
    for (const auto& row : rows) {
      widths[i] = std::max(widths[i], display_width(row[i]));
      if (!is_number(row[i])) numbers[i] = false;
    }
  }
  std::string out;
  const auto put = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string blanks(widths[i] - display_width(row[i]), ' ');
      if (i) line += "  ";
      line += numbers[i] ? blanks + row[i] : row[i] + blanks;
    }
    const std::size_t last = line.find_last_not_of(' ');
    out += (last == std::string::npos ? std::string() : line.substr(0, last + 1)) + "\n";
  };
  if (std::any_of(headings.begin(), headings.end(),
                  [](const std::string& h) { return !h.empty(); }))
    put(headings);
  for (const auto& row : rows) put(row);
  return out;
}

std::string table_text(const json::value& result, const Shape& shape, std::size_t width) {
  const json::array* rows = rows_of(result, shape);
  if (!rows) {
    const json::object* object = result.if_object();
    return object != nullptr ? Record(width).text(*object) : cell_text(result) + "\n";
  }
  std::vector<std::vector<std::string>> cells;
  const std::vector<std::string> columns = columns_of(*rows, shape);
  std::vector<std::string> headings;
  for (const std::string& column : columns) headings.push_back(heading(column));
  for (const json::value& row : *rows) {
    std::vector<std::string> line;
    for (const std::string& column : columns) {
      const json::value* cell = member_at(row, column);
      line.push_back(cell ? member_text(column, *cell, width) : "-");
    }
    if (columns.empty()) line.push_back(cell_text(row));
    cells.push_back(std::move(line));
  }
  if (columns.empty()) headings.push_back(cells.empty() ? "(none)" : "");
  const bool cut_last =
      !columns.empty() && std::any_of(rows->begin(), rows->end(), [&](const json::value& row) {
        const json::value* cell = member_at(row, columns.back());
        return cell != nullptr && !is_plain(*cell);
      });
  const auto id = std::find(columns.begin(), columns.end(), shape.id_field);
  const bool lost =
      narrow(headings, &cells, width, static_cast<std::size_t>(id - columns.begin()), cut_last);
  if (rows->empty() && width != 0 && !columns.empty()) return align(headings, {}) + "(none)\n";
  return align(headings, cells) + (lost ? "shortened, for lack of room: --format json\n" : "");
}

}  // namespace blockd::cli
