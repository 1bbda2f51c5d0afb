// RowFile: the rows of an import, one after the other, each with its line and where it ends.
//
// A `.csv` file names its fields in the first line (RFC 4180, but a row is one line: no line feed
// inside quotes); in any other file each line is a JSON object. Empty lines are no rows. A row that
// cannot be read is told with its reason and does not end the import. One thread.
#pragma once

#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/blake3.hpp"
#include "kernel/manifest/cli_tree.hpp"
#include "kernel/programs/cli/world.hpp"

namespace blockd::cli {

inline constexpr std::size_t kMaxRowBytes = 262'144;  // the largest command, too
inline constexpr std::size_t kMaxColumns = 256;

struct Row {
  std::uint64_t line = 0;  // of the file, from 1
  std::uint64_t end = 0;   // offset behind its line feed
  std::string text;        // as it stands in the file
  json::object params;     // when `problem` is ok
  Status problem;          // why it cannot be sent
};

class RowFile {
 public:
  // Errors: kInvalid (no file, a column that is no field, a required field without column).
  static Result<RowFile> open(World& world, const CliNode& verb, const std::string& path);

  std::uint64_t size() const { return size_; }
  // Goes behind `end`, where an earlier import stopped behind line `line`. Errors: kInvalid when
  // the bytes before it are not those whose hash is `prefix`.
  Status skip_to(std::uint64_t end, std::uint64_t line, const Hash& prefix);
  // The next row; nullopt at the end of the file. Errors: kIo.
  Result<std::optional<Row>> next();
  // Hash of all bytes up to the end of the row that next() gave last.
  Hash prefix() const { return hash_.finish(); }

 private:
  RowFile(World& world, const CliNode& verb, std::string path)
      : world_(&world), verb_(&verb), path_(std::move(path)) {}
  bool read_line(std::string* line, bool* too_long);
  Status read_columns();
  void fill(Row* row) const;
  Status fill_from_csv(Row* row) const;

  World* world_;
  const CliNode* verb_;
  std::string path_;
  std::ifstream in_;
  Blake3 hash_;
  bool csv_ = false;
  std::vector<const CliArg*> columns_;
  std::uint64_t size_ = 0, at_ = 0, line_ = 0;
};

// The cells of a line of comma-separated values. Errors: kInvalid (a quote that does not end, text
// behind a closing quote, more than kMaxColumns cells).
Result<std::vector<std::string>> csv_cells(std::string_view line);

}  // namespace blockd::cli
