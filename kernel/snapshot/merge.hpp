// MergedSnapshot: the state that a whole snapshot and its increments make together, row by row in
// order, held against the roots that the newest of them names. Memory: a page a file, a few of the
// whole one. One thread, and one that reads the whole one.
#pragma once

#include <memory>
#include <vector>

#include "kernel/snapshot/format.hpp"

namespace blockd::internal {

class MergedSnapshot {
 public:
  // Errors: those of SnapshotReader::open; kInvalid when the files do not follow one another.
  static Result<std::unique_ptr<MergedSnapshot>> open(const std::vector<std::string>& files);

  // What the newest file says; complete when walk() has succeeded.
  const SnapshotInfo& info() const { return files_.back().reader->info(); }
  const Header& macro_header() const { return files_.back().reader->macro_header(); }
  BytesView certificate() const { return files_.back().reader->certificate(); }

  // Shows each row (namespace, key, value) until all are through; an error of `visit` ends it.
  // Errors: kCorrupt (file and page, or the root that differs), kAborted (by `watch`), kIo.
  using Visit = std::function<Status(std::string_view space, BytesView key, BytesView value)>;
  Status walk(const Visit& visit, const SnapshotWatcher& watch);

 private:
  struct File {
    std::unique_ptr<SnapshotReader> reader;
    std::optional<Entry> entry;  // the next one; none: at its end
    std::string_view space() const { return reader->info().namespaces[entry->space].id; }
  };
  Status advance(File& file);
  File* smallest();
  Status step(const Visit& visit);
  Status compare_roots();
  Status tell(const SnapshotWatcher& watch) const;

  std::vector<File> files_;  // base first
  StateSummaryBuilder summary_;
  Bytes key_;
  std::string space_;
};

}  // namespace blockd::internal
