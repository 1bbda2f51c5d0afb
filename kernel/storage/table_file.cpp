#include "kernel/storage/table_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "kernel/base/file.hpp"

namespace blockd::internal {
namespace {

constexpr std::size_t kTablePieceBytes = 1u << 20;

// Takes everything and keeps nothing.
class NoFile final : public leveldb::WritableFile {
 public:
  leveldb::Status Append(const leveldb::Slice&) override { return leveldb::Status::OK(); }
  leveldb::Status Close() override { return leveldb::Status::OK(); }
  leveldb::Status Flush() override { return leveldb::Status::OK(); }
  leveldb::Status Sync() override { return leveldb::Status::OK(); }
};

class PacedEnv final : public leveldb::EnvWrapper {
 public:
  explicit PacedEnv(bool own_log) : EnvWrapper(leveldb::Env::Default()), own_log_(own_log) {}
  leveldb::Status NewWritableFile(const std::string& path, leveldb::WritableFile** out) override {
    if (!own_log_ && path.ends_with(".log")) {
      *out = new NoFile();
      return leveldb::Status::OK();
    }
    if (!path.ends_with(".ldb")) return target()->NewWritableFile(path, out);
    auto file = std::make_unique<TableFile>(path, true);
    if (!file->failed().ok()) return leveldb::Status::IOError(file->failed().message());
    *out = file.release();
    return leveldb::Status::OK();
  }

 private:
  const bool own_log_;
};

}  // namespace

// LevelDB's thread may use them until the very end.
leveldb::Env* paced_env(bool own_log) {
  static PacedEnv* const with_log = new PacedEnv(true);
  static PacedEnv* const without = new PacedEnv(false);
  return own_log ? with_log : without;
}

TableFile::TableFile(std::string path, bool paced)
    : path_(std::move(path)),
      paced_(paced),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (fd_ < 0) failed_ = errno_status("cannot make " + path_);
}

TableFile::~TableFile() {
  if (fd_ >= 0) ::close(fd_);
}

leveldb::Status TableFile::told() const {
  return failed_.ok() ? leveldb::Status::OK() : leveldb::Status::IOError(failed_.message());
}

leveldb::Status TableFile::Append(const leveldb::Slice& data) {
  if (waiting_.capacity() < kTablePieceBytes)
    waiting_.reserve(kTablePieceBytes + kTablePieceBytes / 4);
  waiting_.append(data.data(), data.size());
  return waiting_.size() < kTablePieceBytes ? leveldb::Status::OK() : push();
}

leveldb::Status TableFile::push() {
  const std::uint64_t begin = written_;
  for (BytesView rest = waiting_; failed_.ok() && !rest.empty();) {
    const ssize_t n = ::write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      failed_ = errno_status("cannot write " + path_);
      break;
    }
    written_ += static_cast<std::uint64_t>(n);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  if (failed_.ok() && !waiting_.empty()) {
    int hints = 0;  // Sync() is what counts
    if (paced_ && begin > 0)
      hints |= ::sync_file_range(fd_, 0, static_cast<off_t>(begin), SYNC_FILE_RANGE_WAIT_BEFORE);
    hints |= ::sync_file_range(fd_, static_cast<off_t>(begin), static_cast<off_t>(written_ - begin),
                               SYNC_FILE_RANGE_WRITE);
    static_cast<void>(hints);
  }
  waiting_.clear();
  return told();
}

leveldb::Status TableFile::Sync() {
  if (!push().ok()) return told();
  if (::fdatasync(fd_) != 0) failed_ = errno_status("cannot sync " + path_);
  return told();
}

leveldb::Status TableFile::Close() {
  if (!push().ok()) return told();
  if (fd_ >= 0 && ::close(fd_) != 0) failed_ = errno_status("cannot close " + path_);
  fd_ = -1;
  return told();
}

}  // namespace blockd::internal
