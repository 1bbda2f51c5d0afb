// FileArea: the files that a plugin may keep, below places that somebody else has chosen.
//
// A place is a folder or a file. A path is allowed when it is a place, or lies below one and all
// its names below it are plain (no "..", nothing hidden, no temporary files). A new version of a
// file is made beside it and takes its place when it is whole and synced, so a crash leaves the old
// one or the new one. Areas of different writers may write the same path at the same time: each
// makes a version of its own, and the last one to end stays. What a killed process left of a
// version goes when the file is written again kAreaLeftoverAge later. Any thread; one writer must
// not overlap with itself on a path.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::uint64_t kMaxAreaFileBytes = 1ull << 30;
inline constexpr std::uint64_t kMaxAreaFolderBytes = 16ull << 30;
inline constexpr std::size_t kMaxAreaFiles = 1'000'000;   // of a folder
inline constexpr std::size_t kMaxAreaListed = 100'000;    // files that a list tells
inline constexpr std::size_t kMaxAreaText = 16u << 20;    // of one call
inline constexpr std::chrono::hours kAreaLeftoverAge{1};  // of a version that nobody adds to

class FileArea {
 public:
  // `places` are absolute; `writer` tells apart who writes.
  explicit FileArea(std::vector<std::string> places, std::uint64_t writer = 0)
      : places_(std::move(places)), writer_(writer) {}

  // Errors of all: kInvalid (the path is not allowed), kNotFound, kLimit, kNoSpace, kDenied, kIo.
  // Adds `text` to the new version of a file, which begins or ends with it. Who may read it is said
  // at its beginning.
  enum class Readers { kEverybody, kOwner };
  Status write(BytesView path, bool begin, bool end, BytesView text,
               Readers readers = Readers::kEverybody) const;
  // At most `limit` bytes from `offset` on.
  Result<Bytes> read(BytesView path, std::uint64_t offset, std::uint64_t limit) const;
  // Plain files by name, without new versions that are being made.
  using Visitor = std::function<bool(const std::string& name, std::uint64_t bytes)>;
  Status list(BytesView folder, const Visitor& visit) const;
  Status remove(BytesView path) const;

 private:
  Result<std::string> allowed(BytesView path) const;
  std::vector<std::string> places_;
  std::uint64_t writer_;
};

}  // namespace blockd
