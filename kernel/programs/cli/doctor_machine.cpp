// doctor: clock, limits and files of this machine.
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "kernel/base/file.hpp"
#include "kernel/programs/cli/doctor.hpp"
#include "kernel/storage/data_schema.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMinFreeBytes = 1ull << 30;
constexpr std::uint64_t kMinOpenFiles = 4096;
constexpr std::int64_t kMaxClockErrorUs = 1'000'000;
constexpr std::uint64_t kMaxAheadMs = 2000;
constexpr const char* kSetClock =
    "start a time service: systemctl enable --now systemd-timesyncd (or chrony); blocks carry this "
    "clock's time";

bool open_to_others(const struct stat& info) { return (info.st_mode & 0077) != 0; }

void look_at_disk(const std::string& path, Findings& out) {
  struct statvfs disk {};
  if (::statvfs(path.c_str(), &disk) != 0) {
    out.push_back({Mark::kWarn, "disk", errno_status(path).message()});
    return;
  }
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  const bool low = free < kMinFreeBytes;
  out.push_back(
      {low ? Mark::kWarn : Mark::kOk, "disk", std::to_string(free >> 20) + " MiB free",
       low ? "make room, or prune: contract-cli maintenance prune --before-height H --dry-run"
           : ""});
}

// True if it is there and can be looked into.
bool look_at_folder(const std::string& path, Findings& out) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const bool absent = errno == ENOENT;
    out.push_back(
        {absent ? Mark::kOk : Mark::kBad, "data directory",
         absent ? path + " does not exist yet: the first start makes it"
                : errno_status(path).message(),
         absent ? "" : "run as the node's user, or set data_dir (TB_DATA_DIR) to another folder"});
    return false;
  }
  if (!S_ISDIR(info.st_mode)) {
    out.push_back({Mark::kBad, "data directory", path + " is not a folder",
                   "set data_dir (TB_DATA_DIR) to a folder"});
    return false;
  }
  const bool writable = ::access(path.c_str(), R_OK | W_OK | X_OK) == 0;
  if (!writable) {
    out.push_back(
        {Mark::kBad, "data directory", path + " cannot be written by this user",
         "run as the node's user, or chown -R " + std::to_string(::getuid()) + " " + path});
  } else if (open_to_others(info)) {
    out.push_back(
        {Mark::kWarn, "data directory", path + " can be entered by others", "chmod 700 " + path});
  } else {
    out.push_back({Mark::kOk, "data directory", path});
  }
  return writable;
}

void look_at_schema(const std::string& data_dir, Findings& out) {
  const Result<std::uint32_t> found = read_data_schema(data_dir);
  if (found.ok() && *found == 0) return;  // no chain yet
  const Status status = found.ok() ? check_data_schema(data_dir) : found.status();
  out.push_back({status.ok() ? Mark::kOk : Mark::kBad, "data version",
                 status.ok() ? "read by this program" : status.message(), status.hint()});
}

// `needed`: the configuration names it, so that its absence is a fault.
void look_at_secret(const std::string& what, const std::string& path, bool needed, Findings& out) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (needed)
      out.push_back({Mark::kBad, what, errno_status(path).message(),
                     "put the file there, or take " + what + " out of the configuration"});
    return;
  }
  const bool open = open_to_others(info);
  out.push_back({open ? Mark::kBad : Mark::kOk, what, path + (open ? " can be read by others" : ""),
                 open ? "chmod 600 " + path + ", and think of making a new one" : ""});
}

}  // namespace

Finding judge_clock(int code, std::int64_t max_error_us) {
  if (code < 0) return {Mark::kWarn, "clock", "the system does not say whether it is right"};
  const std::string error = std::to_string(max_error_us / 1000) + " ms";
  if (code == TIME_ERROR || max_error_us > kMaxClockErrorUs) {
    return {Mark::kWarn, "clock", "not kept right by a time service (largest error " + error + ")",
            kSetClock};
  }
  return {Mark::kOk, "clock", "right to " + error};
}

Finding judge_chain_time(std::uint64_t block_ms, std::uint64_t now_ms) {
  if (block_ms <= now_ms + kMaxAheadMs) return {Mark::kOk, "chain time", "not ahead of the clock"};
  return {Mark::kBad, "chain time",
          "the newest block is " + std::to_string((block_ms - now_ms) / 1000) +
              " s ahead of this machine's clock",
          kSetClock};
}

void look_at_clock(Findings& out) {
  timex state{};
  const int code = ::adjtimex(&state);
  out.push_back(judge_clock(code, state.maxerror));
}

void look_at_limits(Findings& out) {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const bool low = files.rlim_max < kMinOpenFiles;
  out.push_back({low ? Mark::kWarn : Mark::kOk, "open files",
                 "at most " + std::to_string(files.rlim_max),
                 low ? "raise LimitNOFILE in the unit, or ulimit -n, to 65536" : ""});
}

void look_at_files(const Config& config, Findings& out) {
  const std::string data_dir = config.text("data_dir");
  if (look_at_folder(data_dir, out)) {
    look_at_disk(data_dir, out);
    look_at_schema(data_dir, out);
    for (const char* name : {"operator.key", "admin.key", "oracle.key"})
      look_at_secret("key", data_dir + "/keys/" + name, false, out);
  }
  for (const auto& [name, key] : config.schema().keys()) {
    const bool tls_key = name.starts_with("tls.") && name.ends_with(".key");
    const bool token_file = name.starts_with("rpc.") && name.ends_with("_file");
    if ((!tls_key && !token_file) || config.text(name).empty()) continue;
    look_at_secret(name, config.text(name), config.source(name) != ConfigSource::kDefault, out);
  }
}

}  // namespace blockd::cli
