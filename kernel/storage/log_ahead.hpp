// LogAhead: the next segment of the block log, made before it is needed.
//
// A commit is quick when fdatasync finds data to write and nothing else: no new blocks of the file,
// no new length, so that it need not wait for the file system's journal and what others have in
// it. So a segment is a file of zeros, written and synced before the first record goes into it. It
// is made as `log-ahead.new`, gets the name `log-ahead` once it is durable, and take() hands it to
// the appending thread, which writes to it at once. Its name as a segment it gets beside the
// appending: the segment before it is cut to its records and synced, then comes the rename, then a
// sync of the directory ("settling"). So at most one file is named `log-ahead`; it is the last of
// the log if anything but zeros is in it, and only then may the segment before it end in zeros.
//
// Less is made than was wanted where the file system is small: at most 1/kShareOfFree of what is
// free, and nothing below min(kLeastBytes, wanted). The log then grows its open segment in steps.
//
// The work is done a step at a time, each one operation on the disk: by a thread of its own, or
// (kStepped) by whoever calls step(), so that a simulator can cut the power between any two.
//
// Thread: want(), take(), settle(), step() from the appending thread; the others from any.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "kernel/storage/log_record.hpp"

namespace blockd::internal {

inline constexpr std::string_view kAheadName = "log-ahead";
inline constexpr std::string_view kAheadMaking = "log-ahead.new";

class LogAhead {
 public:
  static constexpr std::uint64_t kLeastBytes = 1u << 20;
  static constexpr std::uint64_t kPieceBytes = 1u << 20;   // written at once
  static constexpr std::uint64_t kSyncedBytes = 4u << 20;  // written between two syncs
  static constexpr std::uint64_t kShareOfFree = 16;
  static constexpr std::uint64_t kRest = 1024;  // calls of want() after there was no room

  struct Made {
    std::unique_ptr<DiskFile> file;
    std::uint64_t bytes = 0;
  };
  // What becomes of names and lengths when a made segment is taken.
  struct Closing {
    std::shared_ptr<Segment> before;  // the segment that ends
    std::uint64_t end = 0;            // of its records
    std::string path;                 // of the new one
  };

  LogAhead(Disk& disk, std::string dir, LogAheadMode mode);
  ~LogAhead();  // finishes the step that is going on; the rest is left for the next opening

  // One that was found whole at the opening. Before everything else.
  void start_with(Made made);
  // Begins to make one of about `bytes`, unless there is one or one is being made.
  void want(std::uint64_t bytes);
  // The made one, and what is to be settled for it; nullopt when none is ready.
  std::optional<Made> take(const Closing& closing);
  // Waits until the names are as they should be. Errors: kNoSpace (try again later), or what ended
  // the log.
  Status settle();
  // One operation on the disk, if there is one to do; with a thread: nothing.
  void step();

  bool ready() const { return ready_.load(std::memory_order_acquire); }
  // The disk failed, or names and lengths of the log are uncertain: no record may follow.
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  Status failure() const;
  std::uint64_t made_bytes() const { return ready() ? bytes_.load() : 0; }

 private:
  enum class Stage {
    kIdle,
    kCreate,
    kZeros,
    kSync,
    kName,
    kNameSync,
    kReady,
    kCut,
    kRename,
    kLast
  };

  void run();
  bool has_work() const { return stage_ != Stage::kIdle && stage_ != Stage::kReady; }
  Status work(Stage stage);
  void went(Stage stage, const Status& status);
  bool settling(Stage stage) const { return stage >= Stage::kCut; }
  std::uint64_t size_for(std::uint64_t wanted) const;
  Status create();
  Status write_zeros();
  std::string path(std::string_view name) const { return dir_ + "/" + std::string(name); }

  Disk& disk_;
  const std::string dir_;
  const LogAheadMode mode_;
  std::atomic<bool> ready_{false}, failed_{false};
  std::atomic<std::uint64_t> bytes_{0};
  std::uint64_t rest_ = 0;  // of the appending thread

  // Of whoever works, and of the appending thread while nobody does.
  std::unique_ptr<DiskFile> file_;
  std::uint64_t wanted_ = 0, written_ = 0;
  Closing closing_;

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  Stage stage_ = Stage::kIdle;
  Status last_;  // of the newest step of settling
  Status failure_;
  bool no_room_ = false;  // the newest attempt to make one found no room, or was not allowed
  bool stop_ = false;
  std::thread thread_;
};

// What the name `log-ahead` stands for, found at an opening.
struct FoundAhead {
  LogAhead::Made made;  // its file is empty when there is nothing, or nothing of use
  bool used = false;    // records are in it: it is the last segment
  std::string spoilt;   // why it is of no use and is to be removed; empty: it is not
};
// Changes nothing. Errors: kCorrupt: it holds synced records that cannot be read.
Result<FoundAhead> find_ahead(Disk& disk, const std::string& dir);

}  // namespace blockd::internal
