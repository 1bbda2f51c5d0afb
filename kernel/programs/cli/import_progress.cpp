#include "kernel/programs/cli/import_progress.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>

#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"

namespace blockd::cli {
namespace {

constexpr std::uint64_t kMaxStateBytes = 64u << 10;

std::string text_of(const ImportState& s) {
  return json::serialize(json::object{{"chain", s.chain},
                                      {"method", s.method},
                                      {"line", s.line},
                                      {"offset", s.offset},
                                      {"prefix", to_hex(s.prefix)},
                                      {"ahead", s.ahead},
                                      {"report_bytes", s.report_bytes},
                                      {"accepted", s.count.accepted},
                                      {"already", s.count.already},
                                      {"rejected", s.count.rejected}}) +
         "\n";
}

Result<ImportState> state_of(const std::string& text) {
  const Status damaged(Code::kInvalid, "this is no progress of an import",
                       "--restart begins again with the first row");
  Result<json::value> value = parse_json(text);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  if (object == nullptr) return damaged;
  bool good = true;
  const auto word = [&](const char* name) {
    const json::value* member = object->if_contains(name);
    good = good && member != nullptr && member->is_string();
    return good ? std::string(member->get_string()) : std::string();
  };
  const auto number = [&](const char* name) {
    const json::value* member = object->if_contains(name);
    good = good && member != nullptr && member->is_int64() && member->get_int64() >= 0;
    return good ? static_cast<std::uint64_t>(member->get_int64()) : 0;
  };
  ImportState s;
  s.chain = word("chain");
  s.method = word("method");
  s.line = number("line");
  s.offset = number("offset");
  s.ahead = number("ahead");
  s.report_bytes = number("report_bytes");
  s.count.accepted = number("accepted");
  s.count.already = number("already");
  s.count.rejected = number("rejected");
  Result<std::array<std::uint8_t, 32>> prefix = array_from_hex<32>(word("prefix"));
  if (!good || !prefix.ok()) return damaged;
  s.prefix = *prefix;
  return s;
}

}  // namespace

ImportProgress::ImportProgress(ImportProgress&& other) noexcept
    : state(std::move(other.state)),
      path_(std::move(other.path_)),
      report_(std::move(other.report_)),
      lock_fd_(std::exchange(other.lock_fd_, -1)),
      report_fd_(std::exchange(other.report_fd_, -1)) {}

ImportProgress::~ImportProgress() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
  if (report_fd_ >= 0) ::close(report_fd_);
}

Result<ImportProgress> ImportProgress::open(const std::string& path, const std::string& report,
                                            const ImportState& fresh, bool restart) {
  ImportProgress progress(path, report);
  progress.state = fresh;
  const std::string lock = path + ".lock";
  progress.lock_fd_ = ::open(lock.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (progress.lock_fd_ < 0) return errno_status(lock);
  if (::flock(progress.lock_fd_, LOCK_EX | LOCK_NB) != 0)
    return Status(Code::kBusy, lock + ": another import of this file runs");
  if (file_exists(path) && !restart) {
    Result<Bytes> text = read_file(path, kMaxStateBytes);
    if (!text.ok()) return text.status();
    Result<ImportState> state = state_of(*text);
    if (!state.ok()) return state.status().in(path);
    if (state->chain != fresh.chain || state->method != fresh.method)
      return Status(Code::kInvalid, path + ": rows of this file went to another chain or method",
                    "--restart begins again with the first row");
    progress.state = *std::move(state);
  }
  TB_TRY(progress.open_report());
  return progress;
}

Status ImportProgress::open_report() {
  report_fd_ = ::open(report_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  if (report_fd_ < 0) return errno_status(report_);
  const off_t size = ::lseek(report_fd_, 0, SEEK_END);
  if (size < 0) return errno_status(report_);
  if (static_cast<std::uint64_t>(size) < state.report_bytes)
    return Status(Code::kInvalid, report_ + " is shorter than when the import was interrupted",
                  "--restart begins again with the first row");
  // Lines behind the last save belong to rows that are sent again.
  if (::ftruncate(report_fd_, static_cast<off_t>(state.report_bytes)) != 0 ||
      ::lseek(report_fd_, 0, SEEK_END) < 0)
    return errno_status(report_);
  return {};
}

Status ImportProgress::reject(const json::object& entry) {
  const std::string line = json::serialize(entry) + "\n";
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t wrote = ::write(report_fd_, line.data() + done, line.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno_status(report_);
    done += static_cast<std::size_t>(wrote);
  }
  state.report_bytes += line.size();
  ++state.count.rejected;
  return {};
}

Status ImportProgress::save() {
  if (::fdatasync(report_fd_) != 0) return errno_status(report_);
  return write_file_atomic(path_, text_of(state));
}

}  // namespace blockd::cli
