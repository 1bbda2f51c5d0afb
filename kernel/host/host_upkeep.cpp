// What the host looks after by itself: images that outlive their drain, images that stay mapped,
// and libraries that the roster needs and that arrive while the chain waits.

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "kernel/base/file.hpp"
#include "kernel/chain/producer.hpp"
#include "kernel/host/host_impl.hpp"

namespace blockd {
namespace {

// Time, size and inode of a file; empty when there is none.
std::string stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return std::to_string(info.st_mtim.tv_sec) + "." + std::to_string(info.st_mtim.tv_nsec) + "/" +
         std::to_string(info.st_size) + "/" + std::to_string(info.st_ino);
}

std::vector<std::string> libraries_in(const std::string& dir) {
  std::vector<std::string> out;
  std::error_code error;
  for (auto it = std::filesystem::directory_iterator(dir, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    if (it->path().extension() == ".so") out.push_back(it->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

void HostImpl::look_after() {
  look_after_drains();
  look_for_missing();
}

void HostImpl::look_after_drains() {
  const LogTarget log = options_.log->target("host");
  const std::uint64_t now = options_.clock->monotonic_us();
  std::vector<std::array<std::string, 3>> late;
  bool in_use = false;
  {
    std::lock_guard lock(switch_mutex_);
    std::erase_if(old_images_, [](const OldImage& image) { return image.library.expired(); });
    in_use = !old_images_.empty();
    for (OldImage& image : old_images_) {
      if (image.told || now - image.since_us < kDrainMs * 1000) continue;
      image.told = true;
      late.push_back({image.id, image.version, image.held_by()});
    }
  }
  if (MethodCaller* caller = services_.caller; in_use && caller) caller->plugins_changed();
  for (const auto& [id, version, by] : late)
    log.warn("an image is still in use after the drain; it stays mapped until its last call ends",
             {{"plugin", id}, {"version", version}, {"held_by", by}});
  const std::vector<std::string> leaks = leaked_images();
  for (; leaks_told_ < leaks.size(); ++leaks_told_)
    log.error("an image was closed and is still mapped", {{"image", leaks[leaks_told_]}});
}

// Only while the chain waits for a library. Each file is tried once, and again when it has changed.
void HostImpl::look_for_missing() {
  Chain* chain = chain_;
  if (!running_ || chain == nullptr || chain->stalled().code() != Code::kUnavailable) {
    arrivals_.clear();
    return;
  }
  std::map<std::string, Missing> missing;
  std::set<std::string> known;  // files that run here already
  {
    std::lock_guard lock(switch_mutex_);
    missing = missing_;
    for (const auto& [id, plugin] : plugins_) known.insert(plugin->library()->file().path);
  }
  std::vector<std::string> candidates;
  {
    std::lock_guard operation(operation_mutex_);
    for (const auto& [id, what] : missing) candidates.push_back(path_of(request_for(id)));
  }
  for (const std::string& dir : options_.library_dirs) {
    for (std::string& path : libraries_in(dir)) candidates.push_back(std::move(path));
  }
  std::size_t tried = 0;
  for (const std::string& path : candidates) {
    const std::string stamp = stamp_of(path);
    if (stamp.empty() || arrivals_[path] == stamp) continue;
    arrivals_[path] = stamp;
    if (known.contains(path) && !missing.contains(std::filesystem::path(path).stem().string()))
      continue;
    if (try_arrival(path, missing) || ++tried == kMaxArrivals) return;
  }
}

bool HostImpl::try_arrival(const std::string& path, const std::map<std::string, Missing>& missing) {
  std::lock_guard operation(operation_mutex_);
  if (!running_) return true;
  const LogTarget log = options_.log->target("host");
  Result<std::shared_ptr<Plugin>> loaded = load_plugin(path);
  if (!loaded.ok()) {
    log.debug("a file is not the library that is missing",
              {{"file", path}, {"reason", loaded.status().message()}});
    return false;
  }
  std::shared_ptr<Plugin> next = *loaded;
  const Manifest& m = next->manifest();
  const auto wanted = missing.find(m.id);
  if (wanted == missing.end() || !implements(m, wanted->second.entry)) return false;
  if (Status status = check_against_others(m); !status.ok()) {
    log.error("the missing library arrived and does not fit",
              {{"file", path}, {"reason", status.message()}});
    return false;
  }
  if (Status status = store_->note(*next->library()); !status.ok()) {
    log.error("the missing library arrived and cannot be kept",
              {{"file", path}, {"reason", status.message()}});
    return false;
  }
  log.info("the missing library arrived",
           {{"plugin", m.id}, {"sm", wanted->second.entry.sm}, {"file", path}});
  {
    std::lock_guard lock(switch_mutex_);
    staged_[m.id].swap(next);  // one that was staged before ends after the lock
  }
  producer_->run_between_blocks([] {});
  producer_->cut_now();
  return true;
}

}  // namespace blockd
