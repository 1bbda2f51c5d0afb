// The snapshots of this node as files: epoch-<20 digits>.json, a projection of the state. [face]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace economics {

class SnapshotFiles {
 public:
  // Where they lie; empty: none are written.
  void use(std::string folder) { folder_ = std::move(folder); }

  // Writes by a temporary file and a rename; the folder is made. False: it could not be.
  bool write(std::uint64_t epoch, std::string_view json) const;
  // False if there is a file of this epoch that holds something else.
  bool agrees(std::uint64_t epoch, std::string_view json) const;

 private:
  std::string path_of(std::uint64_t epoch) const;
  std::string folder_;
};

}  // namespace economics
