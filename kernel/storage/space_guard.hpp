// SpaceGuard: refuses a write before there is no room for it.
//
// It knows directories by name, adds up their files, and compares with three bounds: bytes of one
// store, bytes of all, and bytes that must stay free on the file system. Sizes are measured at most
// every kMeasureUs, and estimated in between from what was admitted; after a refusal they are
// measured at each question, so that room is seen as soon as it is there. The block log
// preallocates its file, so its owner says how long it really is. All functions [any].
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/base/clock.hpp"
#include "kernel/base/status.hpp"

namespace blockd {

struct SpaceLimits {
  std::uint64_t store_bytes = 0;    // 0: off
  std::uint64_t total_bytes = 0;    // 0: off
  std::uint64_t reserve_bytes = 0;  // of free space that is left alone
};

// Bytes of all files below `dir`, at most 100,000 files; a missing one has none.
std::uint64_t directory_bytes(const std::string& dir);

class SpaceGuard {
 public:
  static constexpr std::uint64_t kMeasureUs = 10'000'000;
  struct Store {
    std::string name, dir;
    std::function<std::uint64_t()> bytes = nullptr;  // in place of adding up the files
  };
  struct Write {
    std::string_view store;
    std::uint64_t bytes = 0;
  };
  SpaceGuard(std::vector<Store> stores, Clock& clock) : clock_(clock) {
    for (Store& store : stores) stores_.push_back({std::move(store), 0});
  }

  void set_limits(const SpaceLimits& limits);
  // Whether there is room for these writes; if so they count as written. Errors: kNoSpace "disk
  // full: …" names the store, what it has and its bound.
  Status admit(const std::vector<Write>& writes);

 private:
  struct Measured {
    Store store;
    std::uint64_t bytes = 0;  // measured, and what was admitted since
  };
  void measure();
  Status check(const std::vector<Write>& writes) const;

  Clock& clock_;
  mutable std::mutex mutex_;
  SpaceLimits limits_;
  std::vector<Measured> stores_;
  std::uint64_t free_ = 0, measured_at_us_ = 0;
  bool measured_ = false, refused_ = false;
};

}  // namespace blockd
