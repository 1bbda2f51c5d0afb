// The file of a LevelDB table, as this project writes it: in pieces that the disk begins with at
// once. A table that stays in the page cache until its fsync lets every sync of the block log wait
// for all of it. Only this folder includes this.
#pragma once

#include <leveldb/env.h>

#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd::internal {

class TableFile final : public leveldb::WritableFile {
 public:
  // Paced: at most one piece is on its way to the disk. What went wrong is told by failed().
  TableFile(std::string path, bool paced);
  TableFile(const TableFile&) = delete;
  TableFile& operator=(const TableFile&) = delete;
  ~TableFile() override;

  leveldb::Status Append(const leveldb::Slice& data) override;
  // LevelDB asks for it after each block of 4 KiB; nobody reads a table before it is closed.
  leveldb::Status Flush() override { return told(); }
  leveldb::Status Sync() override;
  leveldb::Status Close() override;
  // Hands what waits to the system.
  leveldb::Status push();
  // LevelDB's statuses know no code; this one is what went wrong.
  const Status& failed() const { return failed_; }

 private:
  leveldb::Status told() const;
  const std::string path_;
  const bool paced_;
  int fd_;
  std::uint64_t written_ = 0;
  Status failed_;
  Bytes waiting_;
};

// LevelDB's own environment, but for its tables, which are paced, and its logs, which are written
// nowhere without `own_log`. Lives for ever.
leveldb::Env* paced_env(bool own_log);

}  // namespace blockd::internal
