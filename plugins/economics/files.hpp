// The snapshots of this node as files: epoch-<20 digits>.json, a projection of the state. [face]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tb/host.hpp>

namespace economics {

class SnapshotFiles {
 public:
  // Where they lie; empty: none are written.
  void use(std::string folder) { folder_ = std::move(folder); }

  // Whole or not at all; the folder is made. False: it could not be.
  bool write(const tb::Host& host, std::uint64_t epoch, std::string_view json) const;
  // False if there is a file of this epoch that holds something else.
  bool agrees(const tb::Host& host, std::uint64_t epoch, std::string_view json) const;

 private:
  std::string path_of(std::uint64_t epoch) const;
  std::string folder_;
};

}  // namespace economics
