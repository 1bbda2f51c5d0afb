#include "kernel/storage/space_guard.hpp"

#include <sys/statvfs.h>

#include <filesystem>

namespace blockd {
namespace {

constexpr std::size_t kMaxMeasuredFiles = 100'000;

Status full(const std::string& what, std::string hint) {
  return Status(Code::kNoSpace, "disk full: " + what, std::move(hint));
}

}  // namespace

std::uint64_t directory_bytes(const std::string& dir) {
  std::error_code failed;
  std::uint64_t sum = 0;
  std::size_t files = 0;
  auto it = std::filesystem::recursive_directory_iterator(
      dir, std::filesystem::directory_options::skip_permission_denied, failed);
  for (; !failed && it != std::filesystem::end(it) && files < kMaxMeasuredFiles;
       it.increment(failed), ++files) {
    std::error_code gone;  // a table may be deleted while we look
    if (!it->is_regular_file(gone) || gone) continue;
    const std::uintmax_t size = it->file_size(gone);
    if (!gone) sum += size;
  }
  return sum;
}

void SpaceGuard::set_limits(const SpaceLimits& limits) {
  std::lock_guard lock(mutex_);
  limits_ = limits;
  measured_ = false;
}

void SpaceGuard::measure() {
  const std::uint64_t now = clock_.monotonic_us();
  if (measured_ && !refused_ && now - measured_at_us_ < kMeasureUs) return;
  free_ = UINT64_MAX;
  for (Measured& one : stores_) {
    one.bytes = one.store.bytes ? one.store.bytes() : directory_bytes(one.store.dir);
    struct statvfs info {};
    // A directory that is not there yet is measured when it is.
    if (limits_.reserve_bytes == 0 || ::statvfs(one.store.dir.c_str(), &info) != 0) continue;
    free_ =
        std::min<std::uint64_t>(free_, static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize);
  }
  measured_at_us_ = now;
  measured_ = true;
}

Status SpaceGuard::check(const std::vector<Write>& writes) const {
  std::uint64_t total = 0, added = 0;
  for (const Measured& one : stores_) total += one.bytes;
  for (const Write& write : writes) {
    added += write.bytes;
    for (const Measured& one : stores_) {
      if (one.store.name != write.store || limits_.store_bytes == 0) continue;
      if (one.bytes + write.bytes > limits_.store_bytes)
        return full("store " + one.store.name + " (" + one.store.dir + ") has " +
                        std::to_string(one.bytes) + " bytes and storage.limit_bytes is " +
                        std::to_string(limits_.store_bytes),
                    "raise storage.limit_bytes (TB_SIMPLE_DB_LIMIT_BYTES), or prune and compact");
    }
  }
  if (limits_.total_bytes != 0 && total + added > limits_.total_bytes)
    return full("the stores have " + std::to_string(total) +
                    " bytes and storage.total_limit_bytes is " +
                    std::to_string(limits_.total_bytes),
                "raise storage.total_limit_bytes, or prune and compact");
  if (limits_.reserve_bytes != 0 && free_ < limits_.reserve_bytes + added)
    return full("the file system of " + stores_.front().store.dir + " has " +
                    std::to_string(free_) + " bytes left and storage.reserve_bytes is " +
                    std::to_string(limits_.reserve_bytes),
                "make room on it");
  return {};
}

Status SpaceGuard::admit(const std::vector<Write>& writes) {
  std::lock_guard lock(mutex_);
  if (limits_.store_bytes == 0 && limits_.total_bytes == 0 && limits_.reserve_bytes == 0) return {};
  measure();
  Status status = check(writes);
  refused_ = !status.ok();
  if (refused_) return status;
  for (const Write& write : writes) {
    if (free_ != UINT64_MAX) free_ -= std::min(free_, write.bytes);
    for (Measured& one : stores_) {
      if (one.store.name == write.store) one.bytes += write.bytes;
    }
  }
  return {};
}

}  // namespace blockd
