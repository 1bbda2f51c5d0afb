// PacedFile: a large file that is written from its beginning to its end beside work that must not
// wait for it.
//
// Written the plain way it would lie in the page cache until its fsync, and then every sync of
// another file, above all of the block log, waits for all of it. So it goes to the disk in pieces:
// the system begins with each at once, and the next waits until the one before is there. At most
// kPieceBytes of a file are on their way, and its sync finds as much. [one thread]
#pragma once

#include <cstdint>
#include <string>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

struct PacedFileOptions {
  // Without: the system begins with each piece at once too, but nobody waits for it. For files that
  // are written while nothing else wants the disk.
  bool paced = true;
  // Rests for as long as it has waited for the disk, so that half of the disk's time is left to
  // others, however slow it is. For files that nobody waits for.
  bool rests = false;
  // What is on the disk leaves the page cache to others. For files that nobody reads soon.
  bool forget = false;
  // Blocks of the file that are taken at once, ahead of the writing; 0: none. What is behind the
  // end goes back with sync(). With it a piece is written into blocks that the file has already,
  // and its sync need not wait for the file system's journal.
  std::uint64_t reserve_bytes = 0;
};

class PacedFile {
 public:
  // Of 1 MiB, a sync of the log beside it takes twice as long at its worst; this is still several
  // times as fast as tables and snapshots come.
  static constexpr std::size_t kPieceBytes = 256u << 10;
  static constexpr std::uint64_t kMostRestUs = 100'000;  // so that who stops the work need not wait

  // Makes the file, or empties it. What went wrong is told by failed() and by all that follows.
  explicit PacedFile(std::string path, PacedFileOptions options = {});
  ~PacedFile();  // without sync() nothing is promised
  PacedFile(const PacedFile&) = delete;
  PacedFile& operator=(const PacedFile&) = delete;

  // Errors here and below: kNoSpace, kIo, kDenied; the first one stays.
  Status append(BytesView data);
  // Hands what waits in memory to the system.
  Status push();
  // push(), and all of it is on the disk.
  Status sync();
  // push(), and the file takes no more.
  Status close();

  const Status& failed() const { return failed_; }
  const std::string& path() const { return path_; }
  std::uint64_t bytes() const { return written_ + waiting_.size(); }

 private:
  Status fail(const char* what);
  Status reserve();
  Status await_piece();

  const std::string path_;
  const PacedFileOptions options_;
  int fd_;
  std::uint64_t written_ = 0, reserved_ = 0;
  std::uint64_t piece_ = 0;  // where the piece on its way to the disk begins
  Status failed_;
  Bytes waiting_;
};

}  // namespace blockd
