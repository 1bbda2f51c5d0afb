#include "plugins/economics/files.hpp"

#include <cstdio>
#include <tb/files.hpp>

namespace economics {

std::string SnapshotFiles::path_of(std::uint64_t epoch) const {
  char name[40];
  std::snprintf(name, sizeof name, "/epoch-%020llu.json", static_cast<unsigned long long>(epoch));
  return folder_ + name;
}

bool SnapshotFiles::write(const tb::Host& host, std::uint64_t epoch, std::string_view json) const {
  return folder_.empty() || tb::Files(host).write(path_of(epoch), json).empty();
}

bool SnapshotFiles::agrees(const tb::Host& host, std::uint64_t epoch, std::string_view json) const {
  if (folder_.empty()) return true;
  std::string problem;
  const auto text = tb::Files(host).read(path_of(epoch), json.size(), &problem);
  return text ? *text == json : problem.empty();
}

}  // namespace economics
