// How far an import got, in a small file beside the rows, and the report of the rows that were
// refused.
//
// Both survive kill -9 together: the report is synced before the progress that counts it, and what
// it holds beyond that count is cut off when an import goes on. The progress says, too, up to which
// line rows may have been sent without being counted (`ahead`): such a row can be in the chain
// although nobody has seen its answer. One import of a file at a time (a lock on the progress
// file). One thread.
#pragma once

#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd::cli {

struct ImportCount {
  std::uint64_t accepted = 0;  // rows that this import brought into the chain
  std::uint64_t already = 0;   // that were there, sent before an interruption
  std::uint64_t rejected = 0;
  std::uint64_t rows() const { return accepted + already + rejected; }
};

struct ImportState {
  std::string chain;  // hash of the genesis that the rows went to
  std::string method;
  std::uint64_t line = 0;  // the last one that is done
  std::uint64_t offset = 0;
  Hash prefix{};            // of the file up to `offset`
  std::uint64_t ahead = 0;  // rows up to this line may have been sent
  std::uint64_t report_bytes = 0;
  ImportCount count;
};

class ImportProgress {
 public:
  // Takes up the progress of `rows` at `path`, or begins. Errors: kBusy (another import of the
  // file runs), kInvalid (the progress of another chain or method, a damaged file), kIo.
  static Result<ImportProgress> open(const std::string& path, const std::string& report,
                                     const ImportState& fresh, bool restart);
  ImportProgress(ImportProgress&& other) noexcept;
  ImportProgress& operator=(ImportProgress&&) = delete;
  ~ImportProgress();

  ImportState state;
  // Adds a line to the report; kept for good by the next save().
  Status reject(const json::object& entry);
  // Makes report and state durable.
  Status save();

 private:
  ImportProgress(std::string path, std::string report)
      : path_(std::move(path)), report_(std::move(report)) {}
  Status open_report();

  std::string path_, report_;
  int lock_fd_ = -1, report_fd_ = -1;
};

}  // namespace blockd::cli
