// LogIndex: the newest log lines of a node, kept so that they can be searched by what they speak
// of.
//
// Rows are lines of JSON in segments of a folder, numbered by an id that only grows. Bounded by
// bytes and by age: whole segments go, the oldest first. Rows are not synced: after a power cut the
// newest may be missing; a torn last row is passed over. Where the folder has keys (log_cipher.hpp)
// rows are encrypted, within a second of the first key. Thread safe; a search reads the files and
// may take long, so it belongs on a worker.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/log/log_cipher.hpp"

namespace blockd {

inline constexpr std::uint64_t kLogSegmentBytes = 8u << 20;
inline constexpr std::size_t kMaxLogRows = 1000;  // of one search

struct LogIndexLimits {
  std::uint64_t max_bytes = 1u << 30;
  std::uint64_t max_age_ms = 7ull * 24 * 3600 * 1000;
};

// What a row speaks of; empty members are not there.
struct LogRow {
  std::uint64_t id = 0, ts_ms = 0;
  std::string level, target, msg;
  std::string peer, tx, block, correlation;
};

struct LogQuery {
  std::string peer, tx, block, correlation;  // empty: any
  std::string level;                         // this one or a graver one; empty: any
  std::uint64_t since_ms = 0, until_ms = UINT64_MAX;
  std::optional<std::uint64_t> after_id;  // ascending from there; unset: the newest rows
  std::size_t limit = 100;                // 1..kMaxLogRows
};

class LogIndex {
 public:
  // Makes the folder if needed. Errors: kIo, kDenied, kNoSpace.
  static Result<std::unique_ptr<LogIndex>> open(const std::string& folder, LogIndexLimits limits);
  ~LogIndex();
  LogIndex(const LogIndex&) = delete;
  LogIndex& operator=(const LogIndex&) = delete;

  // Gives the row its id. A row that cannot be written is lost and counted.
  void add(LogRow row);
  // A line as the logger writes it, plain or JSON; lines below `info` are not taken.
  void add_line(std::string_view line, std::uint64_t now_ms);

  // Rows in ascending order. Errors: kIo, kDenied (rows are encrypted).
  Result<std::vector<LogRow>> search(const LogQuery& query) const;
  // The same on the folder of a node that does not run; `opener` for encrypted rows. Errors:
  // kNotFound "log database unavailable", kDenied.
  static Result<std::vector<LogRow>> search_folder(const std::string& folder, const LogQuery& query,
                                                   LogOpener* opener = nullptr);

  std::uint64_t indexed() const { return indexed_.load(); }  // rows since the start
  std::uint64_t lost() const { return lost_.load(); }
  std::uint64_t bytes() const { return bytes_.load(); }

 private:
  LogIndex(std::string folder, LogIndexLimits limits)
      : folder_(std::move(folder)), limits_(limits) {}
  Status roll();
  Status begin_session();
  void look_for_keys(std::uint64_t now_ms);
  bool write_line(const std::string& line);
  void forget_old(std::uint64_t now_ms);

  const std::string folder_;
  const LogIndexLimits limits_;
  mutable std::mutex mutex_;  // of the file that is written
  int fd_ = -1;
  std::uint64_t next_id_ = 1, segment_bytes_ = 0;
  std::unique_ptr<LogSealer> sealer_;  // null: rows are plain
  std::uint64_t keys_looked_ms_ = 0, keys_stamp_ = 0;
  std::atomic<std::uint64_t> indexed_{0}, lost_{0}, bytes_{0};
};

// %016x of the height: of all that belongs to a block.
std::string correlation_of_block(std::uint64_t height);
// The first eight bytes, in hexadecimal, of the hash of a command's id.
std::string correlation_of_command(std::string_view id_bytes);
std::string log_row_json(const LogRow& row);

}  // namespace blockd
