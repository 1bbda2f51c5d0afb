#include "kernel/host/library_there.hpp"

#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/base/json.hpp"

namespace blockd {
namespace {

constexpr std::size_t kMaxSuggestions = 1000;

}  // namespace

Status library_there(const std::string& id, const std::string& path,
                     const std::vector<std::string>& dirs) {
  if (file_exists(path)) return {};
  std::vector<std::string> ids;
  for (const std::string& dir : dirs) {
    std::error_code ec;
    for (std::filesystem::directory_iterator it(dir, ec), end;
         !ec && it != end && ids.size() < kMaxSuggestions; it.increment(ec)) {
      if (it->path().extension() == ".so") ids.push_back(it->path().stem().string());
    }
  }
  const std::optional<std::string> nearest = nearest_name(id, ids);
  return Status(
      Code::kNotFound, "no library of a plugin '" + id + "': there is no " + path,
      nearest && *nearest != id ? "did you mean " + *nearest + "?" : "give the path of its file");
}

Status library_is(const std::string& id, const std::string& path, const std::string& found) {
  if (id == found) return {};
  return Status(Code::kInvalid,
                path + ": it is plugin '" + found + "', the configuration names it '" + id + "'");
}

}  // namespace blockd
