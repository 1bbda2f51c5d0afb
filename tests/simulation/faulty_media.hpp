// What the simulated process writes to, and what is left of it when the power goes: a disk and a
// state store that share one counter of steps, so that a crash can be placed before any of them.
//
// After the crash every further operation answers kAborted (the process is dead) until revive().
// [one thread]
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "kernel/storage/fault_disk.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd::sim {

// The moment of death, counted in operations that change something durable.
class Fate {
 public:
  // Dies before the `steps`-th operation from now on (1: the next).
  void crash_in(std::uint64_t steps) { left_ = steps; }
  void revive() { dead_ = false, left_ = 0; }
  void kill() { dead_ = true; }
  bool dead() const { return dead_; }
  bool armed() const { return left_ > 0; }
  // Called before each such operation; true: dead.
  bool step() {
    if (left_ > 0 && --left_ == 0) dead_ = true;
    return dead_;
  }

 private:
  std::uint64_t left_ = 0;
  bool dead_ = false;
};

class MortalDisk final : public Disk {
 public:
  MortalDisk(std::uint64_t seed, Fate& fate) : disk_(seed), fate_(fate) {}
  FaultDisk& inner() { return disk_; }
  // Bytes of all files in `dir`.
  std::uint64_t used(const std::string& dir) const;

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, bool create) override;
  Result<std::vector<std::string>> list(const std::string& dir) const override {
    return disk_.list(dir);
  }
  Status make_dir(const std::string& dir) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_dir(const std::string& dir) override;

 private:
  FaultDisk disk_;
  Fate& fate_;
};

// A state store as LevelDB keeps it behind a memory: whole batches, lost from the end backwards
// unless flushed; what is held, and what came after it, is never on the medium.
class MortalState {
 public:
  explicit MortalState(Fate& fate) : fate_(fate) {}
  // A store over what survived; the one before must be gone. What that one held is lost.
  std::unique_ptr<KvStore> open();
  // What a power cut leaves: a prefix of the batches that were not flushed. Call once after a
  // death.
  void crash(std::mt19937_64& random);
  void lose_all();
  bool empty() const { return durable_.empty() && unflushed_.empty(); }
  // What was there is lost, and these rows are durable.
  void replace(std::map<Bytes, Bytes> rows);

 private:
  friend class MortalStore;
  using Batch = std::vector<KvWrite>;
  static void apply(std::map<Bytes, Bytes>& rows, const Batch& batch);
  // The batches that the medium may have.
  std::size_t free_batches() const { return held_.empty() ? unflushed_.size() : held_.front(); }
  void flush();

  Fate& fate_;
  std::map<Bytes, Bytes> durable_;
  std::vector<Batch> unflushed_;
  std::deque<std::size_t> held_;  // places in unflushed_
};

}  // namespace blockd::sim
