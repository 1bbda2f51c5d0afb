#include "plugins/oracle-adapter/spool.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace oracle_adapter {
namespace {

constexpr std::size_t kMaxFileBytes = 4096;

std::string problem_of(std::string_view what, const std::string& path) {
  return tb::cat(what, " ", path, ": ", std::strerror(errno),
                 "; the reading is kept in memory only: see oracle_adapter.spool_dir");
}

bool sync_path(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  if (fd < 0) return false;
  const bool good = ::fsync(fd) == 0;
  ::close(fd);
  return good;
}

}  // namespace

// Ids come from the configuration and may hold anything, so the name is their hash.
std::string Spool::path_of(const tb::Host& host, std::string_view provider_id) const {
  return tb::cat(folder_, "/", host.blake3({provider_id}).hex().substr(0, 32), ".reading");
}

std::string Spool::put(const tb::Host& host, const Reading& reading) {
  std::error_code made;
  std::filesystem::create_directories(folder_, made);
  const std::string path = path_of(host, reading.provider_id), temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    const std::string row = tb::encode_row(reading);
    file.write(row.data(), static_cast<std::streamsize>(row.size()));
    file.close();
    if (!file) return problem_of("cannot write", temporary);
  }
  if (!sync_path(temporary, O_WRONLY)) return problem_of("cannot sync", temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return problem_of("cannot rename", temporary);
  if (!sync_path(folder_, O_RDONLY | O_DIRECTORY)) return problem_of("cannot sync", folder_);
  return {};
}

void Spool::erase(const tb::Host& host, std::string_view provider_id) {
  // A file that stays is sent once more after a restart, and refused as a replay.
  ::unlink(path_of(host, provider_id).c_str());
}

std::optional<Reading> Spool::get(const tb::Host& host, std::string_view provider_id) const {
  std::ifstream file(path_of(host, provider_id), std::ios::binary);
  if (!file) return std::nullopt;
  std::string row(kMaxFileBytes + 1, '\0');
  file.read(row.data(), static_cast<std::streamsize>(row.size()));
  row.resize(static_cast<std::size_t>(file.gcount()));
  Reading reading;
  if (row.size() > kMaxFileBytes || !tb::decode_row(row, reading) ||
      reading.provider_id != provider_id)
    return std::nullopt;
  return reading;
}

}  // namespace oracle_adapter
