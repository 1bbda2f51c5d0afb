#include "kernel/programs/cli/output.hpp"

#include <algorithm>
#include <charconv>

namespace blockd::cli {
namespace {

std::string number_text(double value) {
  char buffer[400];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  return {buffer, end};
}

void put_scalar(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      out += std::to_string(value.get_int64());
      break;
    case json::kind::uint64:
      out += std::to_string(value.get_uint64());
      break;
    case json::kind::double_:
      out += number_text(value.get_double());
      break;
    default:
      append_json_string(out, value.get_string());
  }
}

void put_json(std::string& out, const json::value& value, bool pretty, std::size_t depth) {
  const auto line = [&](std::size_t level) {
    if (pretty) out += "\n" + std::string(level * 2, ' ');
  };
  bool first = true;
  const auto next = [&] {
    if (!first) out += ',';
    first = false;
    line(depth + 1);
  };
  if (const json::object* object = value.if_object()) {
    out += '{';
    for (const auto& member : *object) {
      next();
      append_json_string(out, member.key());
      out += pretty ? ": " : ":";
      put_json(out, member.value(), pretty, depth + 1);
    }
    if (!first) line(depth);
    out += '}';
  } else if (const json::array* array = value.if_array()) {
    out += '[';
    for (const json::value& item : *array) {
      next();
      put_json(out, item, pretty, depth + 1);
    }
    if (!first) line(depth);
    out += ']';
  } else {
    put_scalar(out, value);
  }
}

// A text that YAML would read as itself stays bare; all others are written as JSON strings, which
// YAML reads.
bool is_plain_yaml(std::string_view text) {
  if (text.empty() || text.size() > 1000) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!letter(text[0]) && text[0] != '/') return false;
  static constexpr std::string_view kWords[] = {"true", "false", "null", "yes", "no",
                                                "on",   "off",   "y",    "n"};
  std::string lower;
  for (const char c : text) {
    if (!letter(c) && !(c >= '0' && c <= '9') &&
        std::string_view("-_./").find(c) == std::string_view::npos)
      return false;
    lower.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

void put_yaml_text(std::string& out, std::string_view text) {
  if (is_plain_yaml(text)) {
    out += text;
  } else {
    append_json_string(out, text);
  }
}

void put_yaml(std::string& out, const json::value& value, std::size_t depth, bool in_line);

void put_yaml_object(std::string& out, const json::object& object, std::size_t depth,
                     bool in_line) {
  for (const auto& member : object) {
    if (!in_line) out += std::string(depth * 2, ' ');
    in_line = false;
    put_yaml_text(out, member.key());
    out += ':';
    put_yaml(out, member.value(), depth + 1, false);
  }
}

void put_yaml_array(std::string& out, const json::array& array, std::size_t depth) {
  for (const json::value& item : array) {
    out += std::string(depth * 2, ' ') + "-";
    const json::object* object = item.if_object();
    if (object && !object->empty()) {
      out += ' ';
      put_yaml_object(out, *object, depth + 1, true);
    } else {
      put_yaml(out, item, depth + 1, false);
    }
  }
}

// What follows "key:" or "-".
void put_yaml(std::string& out, const json::value& value, std::size_t depth, bool in_line) {
  if (const json::object* object = value.if_object()) {
    if (object->empty()) {
      out += " {}\n";
      return;
    }
    out += '\n';
    return put_yaml_object(out, *object, depth, in_line);
  }
  if (const json::array* array = value.if_array()) {
    if (array->empty()) {
      out += " []\n";
      return;
    }
    out += '\n';
    return put_yaml_array(out, *array, depth);
  }
  out += ' ';
  if (value.is_string()) {
    put_yaml_text(out, value.get_string());
  } else {
    put_scalar(out, value);
  }
  out += '\n';
}

Result<std::string> ids_text(const json::value& result, const Shape& shape) {
  std::string out;
  const json::array* rows = rows_of(result, shape);
  const auto put = [&](const json::value& row) {
    const json::value* id =
        row.is_object() && !shape.id_field.empty() ? member_at(row, shape.id_field) : nullptr;
    if (!id && !row.is_object() && !row.is_array()) id = &row;
    if (id) out += cell_text(*id) + "\n";
    return id != nullptr;
  };
  if (!rows) {
    if (put(result)) return out;
    return Status(Code::kInvalid, "--ids: the result has no ids", "use --format json");
  }
  for (const json::value& row : *rows) {
    if (!put(row))
      return Status(Code::kInvalid, "--ids: the rows have no ids", "use --format json");
  }
  return out;
}

}  // namespace

std::string json_text(const json::value& value, bool pretty) {
  std::string out;
  put_json(out, value, pretty, 0);
  return out;
}

std::string yaml_text(const json::value& value) {
  std::string out;
  const json::object* object = value.if_object();
  const json::array* array = value.if_array();
  if (object && !object->empty()) {
    put_yaml_object(out, *object, 0, false);
  } else if (array && !array->empty()) {
    put_yaml_array(out, *array, 0);
  } else {
    put_yaml(out, value, 0, false);
    out.erase(0, 1);
  }
  return out;
}

namespace {

// The template with the result's members in place of `{name}`; nothing if one of them is missing: a
// dry run, or a command that nobody waited for.
std::optional<std::string> spoken(const json::value& result, std::string_view say) {
  std::string out;
  while (!say.empty()) {
    const std::size_t open = std::min(say.find('{'), say.size());
    out.append(say.substr(0, open));
    if (open == say.size()) break;
    const std::size_t close = say.find('}', open);
    if (close == std::string_view::npos) return std::nullopt;
    const json::value* member =
        member_at(result, std::string(say.substr(open + 1, close - open - 1)));
    if (member == nullptr) return std::nullopt;
    out += cell_text(*member);
    say.remove_prefix(close + 1);
  }
  return out + "\n";
}

}  // namespace

std::string bare_text(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += escape_controls(text.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out;
}

Result<std::string> format_result(const Session& session, const json::value& result,
                                  const Shape& shape) {
  if (session.options.quiet) return std::string();
  Format format = session.options.format;
  if (format == Format::kAuto && result.is_string()) return bare_text(result.get_string());
  const bool for_people =
      format == Format::kText || (format == Format::kAuto && session.world.out_is_terminal);
  if (for_people && !shape.say.empty() && !session.options.dry_run) {
    if (std::optional<std::string> text = spoken(result, shape.say)) return *std::move(text);
  }
  if (format == Format::kAuto) {
    format = !shape.document && session.world.out_is_terminal ? Format::kTable : Format::kJson;
  }
  switch (format) {
    case Format::kIds:
      return ids_text(result, shape);
    case Format::kYaml:
      return yaml_text(result);
    case Format::kTable:
    case Format::kText:
      return table_text(result, shape, session.world.out_is_terminal ? session.world.columns : 0);
    default:
      return json_text(result, session.options.pretty || session.world.out_is_terminal) + "\n";
  }
}

int print_result(Session& session, const json::value& result, const Shape& shape) {
  const Result<std::string> text = format_result(session, result, shape);
  if (!text.ok()) return session.fail(text.status());
  session.world.out << *text;
  return kExitOk;
}

}  // namespace blockd::cli
