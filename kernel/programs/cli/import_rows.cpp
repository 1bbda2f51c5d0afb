#include "kernel/programs/cli/import_rows.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/params.hpp"

namespace blockd::cli {
namespace {

std::string underscored(std::string text) {
  std::replace(text.begin(), text.end(), '-', '_');
  return text;
}

const CliArg* arg_of_column(const CliNode& verb, const std::string& name) {
  for (const CliArg& arg : verb.row_fields) {
    const auto& aliases = arg.field.aliases;
    if (arg.field.name == underscored(name) ||
        std::find(aliases.begin(), aliases.end(), name) != aliases.end())
      return &arg;
  }
  return nullptr;
}

// A cell never names a file: structures stand in it as JSON.
Result<json::value> value_of_cell(World& world, const CliArg& arg, const std::string& cell) {
  const FieldType type = arg.field.type;
  const bool structure =
      arg.file || type == FieldType::kList || type == FieldType::kRecord || type == FieldType::kAny;
  return structure ? parse_json(cell) : value_of_text(world, arg, cell);
}

}  // namespace

Result<std::vector<std::string>> csv_cells(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false, closed = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      const bool twice = c == '"' && i + 1 < line.size() && line[i + 1] == '"';
      if (c != '"' || twice) {
        cells.back().push_back(c);
        i += twice ? 1 : 0;
      } else {
        quoted = false;
        closed = true;
      }
    } else if (c == ',') {
      if (cells.size() == kMaxColumns) return Status(Code::kInvalid, "more than 256 cells");
      cells.emplace_back();
      closed = false;
    } else if (c == '"' && cells.back().empty() && !closed) {
      quoted = true;
    } else if (closed) {
      return Status(Code::kInvalid,
                    "text behind a closing quote in cell " + std::to_string(cells.size()));
    } else {
      cells.back().push_back(c);
    }
  }
  if (quoted)
    return Status(Code::kInvalid, "the quote in cell " + std::to_string(cells.size()) +
                                      " does not end in this line");
  return cells;
}

Result<RowFile> RowFile::open(World& world, const CliNode& verb, const std::string& path) {
  RowFile file(world, verb, path);
  std::error_code error;
  file.size_ = std::filesystem::file_size(path, error);
  if (!error) file.in_.open(path, std::ios::binary);
  if (error || !file.in_)
    return Status(Code::kInvalid,
                  path + ": " + (error ? error.message() : "the file cannot be read"));
  file.csv_ = path.ends_with(".csv");
  if (file.csv_) TB_TRY(file.read_columns());
  return file;
}

Status RowFile::read_columns() {
  std::string line;
  bool too_long = false;
  if (!read_line(&line, &too_long) || too_long)
    return Status(Code::kInvalid, path_ + ":1: the first line must name the columns");
  if (line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  Result<std::vector<std::string>> names = csv_cells(line);
  if (!names.ok()) return names.status().in(path_ + ":1");
  std::vector<std::string> known;
  for (const CliArg& arg : verb_->row_fields) known.push_back(arg.field.name);
  for (const std::string& name : *names) {
    const CliArg* arg = arg_of_column(*verb_, name);
    if (arg == nullptr) {
      const auto near = nearest_name(underscored(name), known);
      return Status(Code::kInvalid, path_ + ":1: '" + name + "' is no field of " + verb_->method,
                    near ? "did you mean " + *near + "?" : "");
    }
    if (std::find(columns_.begin(), columns_.end(), arg) != columns_.end())
      return Status(Code::kInvalid, path_ + ":1: two columns are named " + arg->field.name);
    columns_.push_back(arg);
  }
  for (const CliArg& arg : verb_->row_fields) {
    if (arg.field.required && std::find(columns_.begin(), columns_.end(), &arg) == columns_.end())
      return Status(Code::kInvalid, path_ + ":1: no column is named " + arg.field.name);
  }
  return {};
}

// Takes the bytes up to the next line feed, which `*line` does not hold. False at the end.
bool RowFile::read_line(std::string* line, bool* too_long) {
  line->clear();
  *too_long = false;
  std::streambuf* buffer = in_.rdbuf();
  std::array<char, 4096> part;
  std::size_t held = 0;
  bool any = false, ended = false;
  const auto flush = [&] {
    hash_.update({part.data(), held});
    at_ += held;
    const std::size_t room = kMaxRowBytes + 1 - std::min(kMaxRowBytes + 1, line->size());
    line->append(part.data(), std::min(held, room));
    held = 0;
  };
  while (!ended) {
    const int c = buffer->sbumpc();
    if (c == std::char_traits<char>::eof()) break;
    any = true;
    ended = c == '\n';
    part[held++] = static_cast<char>(c);
    if (held == part.size()) flush();
  }
  flush();
  if (!any) return false;
  ++line_;
  *too_long = line->size() > kMaxRowBytes;
  while (line->ends_with('\n') || line->ends_with('\r')) line->pop_back();
  return true;
}

Status RowFile::skip_to(std::uint64_t end, std::uint64_t line, const Hash& prefix) {
  const Status changed(
      Code::kInvalid,
      path_ + " is not the file whose rows up to line " + std::to_string(line) + " were sent",
      "lines may be added at its end only; --restart begins again with the first row");
  if (end < at_ || end > size_) return changed;
  std::array<char, 65536> part;
  char last = '\n';
  while (at_ < end) {
    const auto want = std::min<std::uint64_t>(part.size(), end - at_);
    if (!in_.read(part.data(), static_cast<std::streamsize>(want))) return changed;
    hash_.update({part.data(), want});
    at_ += want;
    last = part[want - 1];
  }
  // A last line without line feed was a row; text added to it would be torn in two.
  const int follows = in_.rdbuf()->sgetc();
  const bool torn = last != '\n' && follows != '\n' && follows != '\r' &&
                    follows != std::char_traits<char>::eof();
  if (torn || hash_.finish() != prefix) return changed;
  line_ = line;
  if (last != '\n' && follows != std::char_traits<char>::eof()) {
    std::string rest;
    bool too_long = false;
    read_line(&rest, &too_long);
    line_ = line;
  }
  return {};
}

Result<std::optional<Row>> RowFile::next() {
  Row row;
  bool too_long = false;
  while (read_line(&row.text, &too_long)) {
    const bool blank = row.text.find_first_not_of(" \t") == std::string::npos;
    if (blank && !too_long) continue;
    row.line = line_;
    row.end = at_;
    if (too_long) {
      row.problem = Status(Code::kInvalid, "the line is longer than 262144 bytes");
      row.text.resize(256);
    } else {
      fill(&row);
    }
    return std::optional<Row>(std::move(row));
  }
  if (in_.bad()) return errno_status("reading " + path_);
  return std::optional<Row>();
}

void RowFile::fill(Row* row) const {
  if (csv_) {
    row->problem = fill_from_csv(row);
    return;
  }
  Result<json::value> value = parse_json(row->text);
  if (!value.ok()) {
    row->problem = value.status();
  } else if (!value->is_object()) {
    row->problem = Status(Code::kInvalid, "expected a JSON object");
  } else {
    row->params = std::move(value->get_object());
  }
}

Status RowFile::fill_from_csv(Row* row) const {
  Result<std::vector<std::string>> cells = csv_cells(row->text);
  if (!cells.ok()) return cells.status();
  if (cells->size() != columns_.size())
    return Status(Code::kInvalid, std::to_string(cells->size()) + " cells, the first line names " +
                                      std::to_string(columns_.size()));
  for (std::size_t i = 0; i < cells->size(); ++i) {
    if ((*cells)[i].empty()) continue;  // a field without value
    Result<json::value> value = value_of_cell(*world_, *columns_[i], (*cells)[i]);
    if (!value.ok()) return value.status().in(columns_[i]->field.name);
    row->params[columns_[i]->field.name] = *std::move(value);
  }
  return {};
}

}  // namespace blockd::cli
