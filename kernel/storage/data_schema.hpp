// The version of the files of a data directory: `<data>/schema`, a decimal number and a line feed.
//
//   1  log and state (directories without the file)
//   2  also mmr and index beside them, and pruned records in the log
//
// A program reads the version that it writes and no other: newer data are refused, older ones are
// brought up by `contract-cli migrate`. The layout of replicated rows is another matter: that
// changes inside of blocks.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::uint32_t kDataSchema = 2;

// 0: there is no chain yet. Errors: kCorrupt (the file holds no number), kIo, kDenied.
Result<std::uint32_t> read_data_schema(const std::string& data_dir);
// Notes kDataSchema in an empty directory. Errors: kInvalid with both numbers when the data are of
// another version; those of read_data_schema; kNoSpace.
Status check_data_schema(const std::string& data_dir);
Status write_data_schema(const std::string& data_dir);

// Whether the directory holds blocks.
bool holds_chain(const std::string& data_dir);

}  // namespace blockd
