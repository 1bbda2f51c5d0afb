// PluginStore: every image that may be needed again, below <data>/plugins, with an index of what
// each one is.
//
// Files are <hash>-<n>.so; the loader always writes a fresh name. One copy of each image that was
// accepted is kept, the loader removes the others when they are closed; what a crash left behind is
// removed at the next start.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "kernel/chain/machine_set.hpp"
#include "kernel/host/library.hpp"

namespace blockd {

struct StoredImage {
  std::string hash, id, version;
  std::uint32_t sm = 0, sm_min = 0, schema = 0;
  Hash consensus_hash{};
};

class PluginStore {
 public:
  // Reads the index, and removes surplus copies and files that it does not name; without an index
  // only surplus copies go. An image whose file is gone stays in the index: the file may come back.
  // REQUIRES: no image of `dir` is mapped. Errors: kCorrupt, kIo.
  static Result<std::unique_ptr<PluginStore>> open(const std::string& dir);

  // Notes an accepted library and keeps its file. Local plugins are not noted: no block needs them.
  // Errors: kLimit, kIo, kNoSpace.
  Status note(Library& library);
  // Path of an image that implements `entry`, the one noted last first; nullopt when none is here.
  // `exact`: of a build of that very version; else also of a later one that still implements it.
  std::optional<std::string> find(const RosterEntry& entry, bool exact = false) const;
  std::vector<StoredImage> list() const;
  // Names of the files with these hashes.
  std::vector<std::string> files_of(const std::vector<std::string>& hashes) const;
  // Removes the images of these hashes. Returns the file names.
  Result<std::vector<std::string>> remove(const std::vector<std::string>& hashes);

 private:
  explicit PluginStore(std::string dir) : dir_(std::move(dir)) {}
  Status save_locked() const;
  bool knows(const std::string& hash) const;
  std::string dir_;
  mutable std::mutex mutex_;
  std::vector<StoredImage> images_;
};

}  // namespace blockd
