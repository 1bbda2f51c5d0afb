#include "plugins/treasury/intents_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tb/text.hpp"

namespace treasury {
namespace {

namespace json = boost::json;
constexpr std::uintmax_t kMaxFileBytes = 64u << 20;

struct Descriptor {
  int fd;
  explicit Descriptor(int opened) : fd(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool write_synced(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  return file.fd >= 0 && write_all(file.fd, text) && ::fsync(file.fd) == 0;
}

void sync_directory(const std::filesystem::path& folder) {
  const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.fd >= 0) ::fsync(directory.fd);
}

json::value null_or(std::uint64_t value) {
  return value == 0 ? json::value(nullptr) : json::value(value);
}

Intent intent_of(const json::value& value) {
  const json::object& in = value.as_object();
  Intent intent;
  intent.disbursement_id = in.at("disbursement_id").to_number<std::uint64_t>();
  intent.nonce = in.at("nonce").to_number<std::uint64_t>();
  intent.tx_bytes = in.at("tx_bytes").as_string();
  intent.tx_hash = in.at("tx_hash").as_string();
  intent.staged_at = in.at("staged_at").to_number<std::uint64_t>();
  return intent;
}

}  // namespace

bool save_intents(const std::string& path, const std::vector<Intent>& intents,
                  const ExecutorSnapshot& snapshot, std::string_view circuit,
                  std::string* problem) {
  json::array staged;
  for (const Intent& i : intents) {
    staged.push_back(json::object{{"disbursement_id", i.disbursement_id},
                                  {"nonce", i.nonce},
                                  {"tx_bytes", i.tx_bytes},
                                  {"tx_hash", i.tx_hash},
                                  {"staged_at", i.staged_at}});
  }
  const json::object document{{"version", 1},
                              {"staged_intents", std::move(staged)},
                              {"last_tick_at", null_or(snapshot.last_tick_at)},
                              {"last_success_at", null_or(snapshot.last_success_at)},
                              {"last_submitted_nonce", snapshot.last_submitted_nonce},
                              {"circuit", circuit}};
  const std::filesystem::path target(path);
  std::error_code ignored;
  std::filesystem::create_directories(target.parent_path(), ignored);
  const std::string temporary = path + ".tmp";
  errno = 0;
  if (!write_synced(temporary, json::serialize(document) + "\n") ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    *problem = tb::cat("cannot write ", path, ": ", std::strerror(errno));
    return false;
  }
  sync_directory(target.parent_path());
  return true;
}

std::vector<Intent> load_intents(const std::string& path, std::string* problem) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory) return {};
  try {
    if (error || size > kMaxFileBytes)
      throw std::runtime_error("it cannot be read or is too large");
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    const json::value document = json::parse(text.str());
    std::vector<Intent> intents;
    for (const json::value& value : document.at("staged_intents").as_array()) {
      if (intents.size() < kMaxIntents) intents.push_back(intent_of(value));
    }
    return intents;
  } catch (const std::exception& found) {
    *problem = tb::cat(path, " does not hold staged intents (", found.what(), "); kept as ", path,
                       ".damaged; nothing is paid twice, since nonces lie in the chain");
    std::filesystem::rename(path, path + ".damaged", error);
    return {};
  }
}

}  // namespace treasury
