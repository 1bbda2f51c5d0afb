#include "plugins/economics/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace economics {
namespace {

bool write_all(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(file, text.data(), text.size());
    if (done <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return ::fsync(file) == 0;
}

}  // namespace

std::string SnapshotFiles::path_of(std::uint64_t epoch) const {
  char name[40];
  std::snprintf(name, sizeof name, "/epoch-%020llu.json", static_cast<unsigned long long>(epoch));
  return folder_ + name;
}

bool SnapshotFiles::write(std::uint64_t epoch, std::string_view json) const {
  if (folder_.empty()) return true;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  const std::string path = path_of(epoch), fresh = path + ".new";
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return false;
  const bool written = write_all(file, json);
  return (::close(file) == 0) && written && std::rename(fresh.c_str(), path.c_str()) == 0;
}

bool SnapshotFiles::agrees(std::uint64_t epoch, std::string_view json) const {
  if (folder_.empty()) return true;
  std::ifstream in(path_of(epoch), std::ios::binary);
  if (!in) return true;
  return std::string(std::istreambuf_iterator<char>(in), {}) == json;
}

}  // namespace economics
