#include "kernel/storage/table_file.hpp"

namespace blockd::internal {
namespace {

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

}  // namespace blockd::internal
