// Encryption of the searchable log. The node that writes needs no secret: `keys.json` in the log's
// folder holds key stores whose public half is readable, and rows are encrypted for the newest one.
// Whoever reads has the passphrase.
//
// A segment's rows follow a line with a session key that is sealed for the key; a row is
// {"id","ts","sealed"}: its number and time stay readable, what it says does not. Rows from before
// the first key are plain lines and stay readable, until rotate_log_key has gone over their
// segment.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxLogKeys = 64;
inline constexpr std::size_t kMinLogPassphrase = 8;

std::string log_keys_file(const std::string& folder);

using LogSessionKey = std::array<std::uint8_t, 32>;

// One session of a writer. One thread at a time.
class LogSealer {
 public:
  // Empty: the folder has no keys, its rows are plain. Errors: kInvalid (keys.json is damaged).
  static Result<std::unique_ptr<LogSealer>> for_folder(const std::string& folder);

  // The line that must stand before the first row of this session in a file.
  const std::string& header() const { return header_; }
  std::string seal(std::uint64_t id, std::uint64_t ts_ms, std::string_view row) const;

 private:
  LogSealer() = default;
  LogSessionKey session_{};
  std::string header_;
};

// What turns sealed lines back. One thread at a time.
class LogOpener {
 public:
  // Errors: kDenied (the passphrase opens no key), kInvalid, kNotFound (nothing is encrypted here).
  static Result<std::unique_ptr<LogOpener>> unlock(const std::string& folder,
                                                   const std::string& passphrase);

  // Takes the lines of a file in their order. The row of a sealed line; nothing for a header, and
  // for rows of a session that none of the keys opens.
  std::optional<std::string> open(std::string_view line);

 private:
  LogOpener() = default;
  std::vector<SigningKey> keys_;
  std::optional<LogSessionKey> session_;
};

// Whether a line is a session's header or a sealed row.
bool is_sealed_line(std::string_view line);

struct LogKeyChange {
  std::string key_id;
  std::uint64_t keys = 0;                // that are kept because rows of theirs are
  std::uint64_t encrypted_segments = 0;  // were plain
  std::uint64_t plain_segments = 0;      // still are: the newest, which a node may be writing
};
// Makes a new key for the rows to come and seals all keys with the new passphrase; the old one
// opens nothing any more. `old_passphrase` is not looked at where there are no keys yet. Plain
// segments but the newest are encrypted. Errors: kDenied (wrong old passphrase), kInvalid (the new
// one is too short), kLimit (64 keys have rows still), kNotFound (no such folder), kIo.
Result<LogKeyChange> rotate_log_key(const std::string& folder, const std::string& old_passphrase,
                                    const std::string& new_passphrase);

}  // namespace blockd
