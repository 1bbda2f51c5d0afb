// The file of a LevelDB table, as this project writes it: a PacedFile behind LevelDB's interface,
// and the environment in which LevelDB writes such tables. Only this folder includes this.
#pragma once

#include <leveldb/env.h>

#include <string>

#include "kernel/storage/paced_file.hpp"

namespace blockd::internal {

class TableFile final : public leveldb::WritableFile {
 public:
  TableFile(std::string path, bool paced) : file_(std::move(path), PacedFileOptions{paced}) {}

  leveldb::Status Append(const leveldb::Slice& data) override {
    return told(file_.append({data.data(), data.size()}));
  }
  // LevelDB asks for it after each block of 4 KiB; nobody reads a table before it is closed.
  leveldb::Status Flush() override { return told(failed()); }
  leveldb::Status Sync() override { return told(file_.sync()); }
  leveldb::Status Close() override { return told(file_.close()); }
  Status push() { return file_.push(); }
  // LevelDB's statuses know no code; this one is what went wrong.
  const Status& failed() const { return file_.failed(); }

 private:
  static leveldb::Status told(const Status& status) {
    return status.ok() ? leveldb::Status::OK() : leveldb::Status::IOError(status.message());
  }
  PacedFile file_;
};

// LevelDB's own environment, but for its tables, which are paced, and its logs, which are written
// nowhere without `own_log`. Lives for ever.
leveldb::Env* paced_env(bool own_log);

}  // namespace blockd::internal
