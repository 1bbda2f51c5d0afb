// Journal: accepted commands that no block holds yet, on disk, so that they survive a crash of the
// process or the machine (node-and-cli spec 5.6.2). One file, `<dir>/journal`, of records
//
//   u32 LE length of the envelope | u32 LE CRC-32C of the rest | u64 LE entry time in ms | envelope
//
// append() returns when its record is on disk. Callers that arrive while a write is under way share
// the next one, so nobody waits longer than two syncs. Records of commands that forget() named are
// dead; once more than half of the file is, the next append writes it anew. All functions are
// thread safe.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/chain/command.hpp"
#include "kernel/chain/flow/fate.hpp"
#include "kernel/storage/disk.hpp"

namespace blockd {

struct JournalRecord {
  std::uint64_t entered_ms = 0;
  CommandPtr command;
};

class Journal {
 public:
  // Reads what is there into `*found`, in the order in which it was written, and cuts off a torn
  // tail; `*notes` receives a line for whatever was lost. All found records count as live until
  // forget(). Errors: kIo, kNoSpace, kDenied.
  static Result<std::unique_ptr<Journal>> open(Disk& disk, const std::string& dir,
                                               std::vector<JournalRecord>* found,
                                               std::vector<std::string>* notes);

  // Errors: kNoSpace (nothing is kept of this command; later ones may succeed), kIo (the file is
  // not to be trusted any more: every later call answers the same).
  Status append(const CommandPtr& command, std::uint64_t entered_ms);
  void forget(const Hash& id);

  std::uint64_t file_bytes() const;
  std::uint64_t live_bytes() const;

 private:
  // What one write takes along.
  struct Batch {
    std::vector<JournalRecord> records;
    Status status;
    bool done = false;
  };
  Journal(Disk& disk, std::string dir) : disk_(disk), dir_(std::move(dir)) {}
  std::string path() const { return dir_ + "/journal"; }
  Status read_all(std::vector<JournalRecord>* found, std::vector<std::string>* notes);
  void write(std::unique_lock<std::mutex>& lock);
  Status write_records(const std::vector<JournalRecord>& records);
  Status rewrite(const std::vector<JournalRecord>& records);
  void keep(const JournalRecord& record);
  std::vector<JournalRecord> live_records() const;
  bool mostly_dead() const { return end_ > kMinRewriteBytes && (end_ - live_bytes_) * 2 > end_; }

  static constexpr std::uint64_t kMinRewriteBytes =
      64u << 10;  // a smaller file is not worth the trouble

  Disk& disk_;
  const std::string dir_;
  std::unique_ptr<DiskFile> file_;  // of the one thread that writes
  mutable std::mutex mutex_;
  std::condition_variable written_;
  Status broken_;                      // kIo once seen
  std::shared_ptr<Batch> open_batch_;  // bounded by the callers of append()
  bool writing_ = false;
  std::uint64_t end_ = 0, live_bytes_ = 0;
  std::unordered_map<Hash, JournalRecord, HashOfHash>
      live_;  // bounded by the pool, whose entries these are
};

}  // namespace blockd
