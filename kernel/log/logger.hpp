// Structured log: one line per event, `ts level target msg key=value…` or the same as JSON.
//
// A Logger owns a bounded queue and one writer thread; log() formats on the caller's thread and
// never waits for the disk. When the queue is full the oldest line is dropped and counted, when a
// target writes more than `lines_per_second` the rest of that second is counted and one line with
// `suppressed=n` follows. Levels are per target. A Secret prints as ***, and a text given to
// add_secret() is replaced in every line.
//
// Threads: all functions, from any thread. A LogTarget points into its Logger, which must outlive
// it; asking enabled() costs one relaxed load, so guard expensive arguments with it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/status.hpp"
#include "kernel/log/secret.hpp"

namespace blockd {

inline constexpr std::size_t kMaxLogTargets = 1024;  // further ones share the target "other"
inline constexpr std::size_t kMaxLogSecrets = 1024;
inline constexpr std::size_t kMinSecretBytes = 4;       // shorter texts would mask ordinary words
inline constexpr std::size_t kMaxLogLineBytes = 16384;  // the rest of a longer line is cut

enum class LogLevel : unsigned char { kTrace, kDebug, kInfo, kWarn, kError, kOff };

std::string_view log_level_name(LogLevel level);

// Levels by target, from text such as "info,mempool=debug,storage=warn"; the part without a target
// is for all others.
struct LogLevels {
  LogLevel general = LogLevel::kInfo;
  std::vector<std::pair<std::string, LogLevel>> targets;

  LogLevel of(std::string_view target) const;
  // Errors: kInvalid "log level 'loud': expected trace, debug, info, warn, error or off".
  static Result<LogLevels> parse(std::string_view text);
};

// One key and its value. Text is borrowed for the call.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, bool, double>;
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const Secret&) : key(k), value(kSecretMask) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k) {
    if constexpr (std::is_signed_v<T>) {
      value = static_cast<std::int64_t>(v);
    } else {
      value = static_cast<std::uint64_t>(v);
    }
  }
  std::string_view key;
  Value value;
};
using LogFields = std::initializer_list<LogField>;

enum class LogDrop : unsigned char { kRateLimit, kQueueFull, kDisk };
std::string_view log_drop_name(LogDrop reason);  // "rate_limit", "queue_full", "disk"

struct LogOptions {
  std::string file;                         // empty: none
  LogLevel stderr_from = LogLevel::kTrace;  // lines of this level and above; kOff: none
  bool json = false;
  LogLevels levels = {};
  std::size_t queue_lines = 8192;
  std::uint64_t max_file_bytes = 100ull << 20;
  unsigned max_files = 7;                // the present one and <file>.1 … <file>.6
  std::uint64_t lines_per_second = 100;  // per target; 0 = no limit
  Clock* clock = nullptr;                // null: system_clock()
  // Called for each line written and for lines dropped, from any thread, under no lock of ours: for
  // log_emit_total and log_drop_total{reason}. Must not log.
  std::function<void()> on_emit = {};
  std::function<void(LogDrop, std::uint64_t)> on_drop = {};
  // Gets every line that is written, on the writer's thread, without newline: for the log index and
  // for tests.
  std::function<void(std::string_view)> on_line = {};
};

class LogTarget {
 public:
  bool enabled(LogLevel level) const;
  void log(LogLevel level, std::string_view msg, LogFields fields = {}) const;
  void trace(std::string_view msg, LogFields f = {}) const { log(LogLevel::kTrace, msg, f); }
  void debug(std::string_view msg, LogFields f = {}) const { log(LogLevel::kDebug, msg, f); }
  void info(std::string_view msg, LogFields f = {}) const { log(LogLevel::kInfo, msg, f); }
  void warn(std::string_view msg, LogFields f = {}) const { log(LogLevel::kWarn, msg, f); }
  void error(std::string_view msg, LogFields f = {}) const { log(LogLevel::kError, msg, f); }

 private:
  friend class Logger;
  struct State;
  LogTarget(class Logger* logger, State* state) : logger_(logger), state_(state) {}
  class Logger* logger_;
  State* state_;
};

class Logger {
 public:
  // Makes the file's directory if needed. Errors: kIo, kDenied (file), kInvalid (options).
  static Result<std::unique_ptr<Logger>> open(LogOptions options);
  // Writes what is queued, then ends the thread.
  ~Logger();
  Logger(const Logger&) = delete;
  Logger& operator=(const Logger&) = delete;

  LogTarget target(std::string_view name);
  // Hot change, for all targets at once.
  void set_levels(LogLevels levels);
  void set_json(bool json);
  // `text` is replaced by *** in all later lines. Ignored below kMinSecretBytes. Errors: kLimit.
  Status add_secret(std::string_view text);
  // Closes and opens the file under its name again (SIGUSR1, after an outside rotation); takes
  // effect before the next line.
  void reopen();
  // Returns when every line logged before is written. Waits for the disk: not for hot paths.
  void flush();
  // Lines that wait for the writer right now.
  std::size_t queued() const;

 private:
  friend class LogTarget;
  class Impl;
  explicit Logger(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockd
