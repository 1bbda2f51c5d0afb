#include "plugins/oracle-adapter/spool.hpp"

#include <tb/files.hpp>

namespace oracle_adapter {
namespace {

constexpr std::size_t kMaxFileBytes = 4096;

}  // namespace

// Ids come from the configuration and may hold anything, so the name is their hash.
std::string Spool::path_of(const tb::Host& host, std::string_view provider_id) const {
  return tb::cat(folder_, "/", host.blake3({provider_id}).hex().substr(0, 32), ".reading");
}

std::string Spool::put(const tb::Host& host, const Reading& reading) {
  const std::string problem =
      tb::Files(host).write(path_of(host, reading.provider_id), tb::encode_row(reading));
  if (problem.empty()) return {};
  return tb::cat(problem, "; the reading is kept in memory only: see oracle_adapter.spool_dir");
}

void Spool::erase(const tb::Host& host, std::string_view provider_id) {
  // A file that stays is sent once more after a restart, and refused as a replay.
  tb::Files(host).remove(path_of(host, provider_id));
}

std::optional<Reading> Spool::get(const tb::Host& host, std::string_view provider_id,
                                  std::string* problem) const {
  const std::optional<std::string> row =
      tb::Files(host).read(path_of(host, provider_id), kMaxFileBytes, problem);
  if (!row) return std::nullopt;
  Reading reading;
  if (tb::decode_row(*row, reading) && reading.provider_id == provider_id) return reading;
  *problem = tb::cat(path_of(host, provider_id), " holds no reading of ", provider_id);
  return std::nullopt;
}

}  // namespace oracle_adapter
