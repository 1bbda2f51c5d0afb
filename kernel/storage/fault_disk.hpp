// FaultDisk: a disk in memory that fails on demand, for tests and the simulator. Driven by its seed
// alone, so the same calls give the same outcome.
//
// What a disk may do, this one does: written sectors (512 bytes) reach the platter one by one, in
// any order, unless the file is synced; names appear and disappear durably only with sync_dir.
// crash() is a power cut: each unsynced sector, size and name keeps its old or its new state by a
// coin; a file that was renamed has either its old name or its new one. Handles from before a crash
// answer kAborted.
//
// Thread: any, calls are serialised.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "kernel/storage/disk.hpp"

namespace blockd {

class FaultDisk final : public Disk {
 public:
  static constexpr std::uint64_t kSectorBytes = 512;

  explicit FaultDisk(std::uint64_t seed) : random_(seed) {}

  // Loses power now; what is left is what later opens see.
  void crash();
  // All files together hold at most this many bytes; then kNoSpace, after a part of the write.
  // nullopt: no limit.
  void set_capacity(std::optional<std::uint64_t> bytes);
  // The n-th sync of a file from now on (1 is the next) answers kIo and makes nothing durable.
  void fail_sync(std::uint64_t nth);
  // Damages stored and durable content alike. REQUIRES: the file is there and longer.
  void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
  // Content as a reader sees it now. REQUIRES: the file is there.
  Bytes content(const std::string& path) const;
  std::uint64_t syncs() const;  // file syncs so far

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool create) override;
  Result<std::vector<std::string>> list(const std::string& dir) const override;
  Status make_dir(const std::string& dir) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& dir) override;
  std::uint64_t free_bytes(const std::string& dir) const override;

 private:
  // Sectors that were changed since the last sync, and what the platter holds of them, as far as
  // the file reaches there. So a sync costs nothing, however long the file is.
  struct Run {
    std::uint64_t sectors = 0;
    Bytes before;
  };
  struct Inode {
    Bytes now;
    std::uint64_t durable_size = 0;
    std::map<std::uint64_t, Run> unsynced;  // by first sector; runs do not overlap
  };
  using InodePtr = std::shared_ptr<Inode>;
  using Names = std::map<std::string, InodePtr>;
  class File;

  Status write(Inode& inode, const std::string& path, std::uint64_t offset, BytesView data);
  Status resize(Inode& inode, const std::string& path, std::uint64_t size);
  Status sync(Inode& inode, const std::string& path);
  static void will_change(Inode& inode, std::uint64_t first, std::uint64_t last);
  static Bytes durable_content(const Inode& inode);
  std::map<InodePtr, bool> toss_renames();
  void crash_file(Inode& inode);
  std::uint64_t used() const;
  bool coin() { return (random_() & 1) != 0; }

  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  Names now_;
  Names durable_;
  std::set<std::string> dirs_;
  std::optional<std::uint64_t> capacity_;
  std::uint64_t sync_to_fail_ = 0;  // 0: none
  std::uint64_t syncs_ = 0;
  std::uint64_t crashes_ = 0;
};

}  // namespace blockd
