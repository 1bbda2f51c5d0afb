// Snapshots: the mirror of the market's state in files, for backup and drills (specification 9.3).
// The source of truth is the block log; nothing here is ever read back by the machine. [face]
//
//   <market_dir>/state-<height>.json   canonical JSON {height, local, rows, schema_version}: every
//   row
//                                      of the state, and this node's lists of slashes and timeline,
//                                      keys and values in hexadecimal
//   <market_dir>/manifest.json         {blake3, block_hash, bytes, created_at, height,
//                                      schema_version} of the newest one; block_hash is null in a
//                                      snapshot made while the node stops, when nobody can be asked
//
// Files are written beside their place under a name that nobody else has, synced, renamed, and the
// folder is synced; the newest kSnapshotsKept stay. write() may be called on any worker, of any
// face of this plugin; of one face one at a time does the work.
#pragma once

#include <mutex>
#include <optional>
#include <tb/sdk.hpp>

namespace energy {

inline constexpr std::size_t kSnapshotsKept = 3;
inline constexpr std::uint64_t kSnapshotSchema = 1;

struct WrittenSnapshot {
  std::string path;
  std::uint64_t height = 0, bytes = 0;
  tb::Hash blake3;
  std::string problem;  // why there is none; else empty
};

class Snapshots {
 public:
  explicit Snapshots(tb::Host host) : host_(host) {}

  // Of the newest committed state. `ask_node`: whether the node may be asked for the block's hash.
  WrittenSnapshot write(const std::string& folder, bool ask_node);
  std::uint64_t last_height();
  // The height that the manifest of `folder` names; nullopt when there is none that can be read.
  static std::optional<std::uint64_t> height_in(const std::string& folder);

 private:
  void write_state(tb::View& view, const std::string& folder, WrittenSnapshot& out);
  void write_manifest(const std::string& folder, const WrittenSnapshot& made,
                      const std::string& block_hash);
  std::string hash_of_block(std::uint64_t height);

  tb::Host host_;
  std::mutex mutex_;
  std::uint64_t last_height_ = 0;
};

}  // namespace energy
