// Files that a face keeps, written and read by the host (draft extension tb.host.files/1): below
// the folders and files that config keys of the plugin with the unit "folder" or "file" name. The
// same in the node and in a process of its own. [face]
//
//   p.config(kFolder, "report_dir", "${data}/my_market").unit("folder").help("reports");
//   ...
//   const std::string problem = tb::Files(host_).write(tb::cat(host_.config(kFolder), "/day.json"),
//   text);
#pragma once

#include <charconv>

#include "tb/draft/host_files.h"
#include "tb/host.hpp"

namespace tb {

class Files {
 public:
  explicit Files(const Host& host)
      : host_(host.raw()),
        api_(static_cast<const tb_host_files*>(host.extension(TB_HOST_FILES_1))) {}

  // Replaces a file; readers find the old or the new text. Returns what went wrong, or nothing.
  std::string write(std::string_view path, std::string_view text) const {
    return write_as(TB_FILE_BEGIN, path, text);
  }
  // The same for a file that nobody but the node's user may read.
  std::string write_private(std::string_view path, std::string_view text) const {
    return write_as(TB_FILE_BEGIN | TB_FILE_PRIVATE, path, text);
  }
  // The text of a file of at most `most` bytes; nullopt when there is none. `problem` (not null)
  // stays empty then.
  std::optional<std::string> read(std::string_view path, std::uint64_t most,
                                  std::string* problem) const {
    if (api_ == nullptr) return *problem = kNone, std::nullopt;
    std::string text;
    for (;;) {
      const std::size_t before = text.size();
      const tb_sink into{&text, append}, say{problem, append};
      const tb_status status = api_->read(host_, to_str(path), before, kPart, &into, &say);
      if (status == TB_NOT_FOUND) problem->clear();
      if (status != TB_OK) return std::nullopt;
      if (text.size() == before) return text;
      if (text.size() > most) {
        *problem = std::string(path) + " is too large";
        return std::nullopt;
      }
    }
  }
  // fn(name, bytes) for each file of a folder, by name. A folder that is not there has none.
  template <class Fn>
  std::string list(std::string_view folder, Fn&& fn) const {
    std::vector<std::pair<std::string, std::uint64_t>> found;
    std::string problem(api_ == nullptr ? kNone : std::string_view());
    const tb_sink say{&problem, append};
    const tb_row_sink rows{&found, note};
    if (api_ != nullptr && api_->list(host_, to_str(folder), &rows, &say) == TB_NOT_FOUND)
      problem.clear();
    for (const auto& [name, bytes] : found) fn(std::string_view(name), bytes);
    return problem;
  }
  std::string remove(std::string_view path) const {
    std::string problem(api_ == nullptr ? kNone : std::string_view());
    const tb_sink say{&problem, append};
    if (api_ != nullptr) api_->remove(host_, to_str(path), &say);
    return problem;
  }
  // One part of a new version, for files that are not in memory as a whole; see host_files.h.
  std::string add(std::string_view path, std::uint32_t flags, std::string_view part) const {
    if (api_ == nullptr) return std::string(kNone);
    std::string problem;
    const tb_sink say{&problem, append};
    const tb_status status = api_->write(host_, to_str(path), flags, to_str(part), &say);
    if (status != TB_OK && problem.empty())
      problem = std::string(path) + ": cannot be written (status " + std::to_string(status) + ")";
    return problem;
  }

 private:
  std::string write_as(std::uint32_t flags, std::string_view path, std::string_view text) const {
    do {
      const std::string_view part = text.substr(0, kPart);
      text.remove_prefix(part.size());
      if (text.empty()) flags |= TB_FILE_END;
      if (std::string problem = add(path, flags, part); !problem.empty()) return problem;
      flags = 0;
    } while (!text.empty());
    return {};
  }
  static constexpr std::size_t kPart = 1u << 20;
  static constexpr std::string_view kNone = "this kernel keeps no files for faces";
  static void append(void* user, tb_str text) {
    static_cast<std::string*>(user)->append(to_view(text));
  }
  static std::uint32_t note(void* user, tb_str name, tb_str size) {
    std::uint64_t bytes = 0;
    std::from_chars(size.ptr, size.ptr + size.len, bytes);
    static_cast<std::vector<std::pair<std::string, std::uint64_t>>*>(user)->emplace_back(
        to_view(name), bytes);
    return 1;
  }

  tb_host* host_;
  const tb_host_files* api_;
};

}  // namespace tb
