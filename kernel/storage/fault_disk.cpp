#include "kernel/storage/fault_disk.hpp"

#include <algorithm>

namespace blockd {
namespace {

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

Status not_found(const std::string& path) {
  return Status(Code::kNotFound, path + ": no such file");
}

}  // namespace

class FaultDisk::File final : public DiskFile {
 public:
  File(FaultDisk& disk, InodePtr inode, std::string path)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), crashes_(disk.crashes_) {}

  Status write_at(std::uint64_t offset, BytesView data) override {
    std::lock_guard lock(disk_.mutex_);
    TB_TRY(alive());
    return disk_.write(*inode_, path_, offset, data);
  }
  Result<Bytes> read_at(std::uint64_t offset, std::uint64_t n) const override {
    std::lock_guard lock(disk_.mutex_);
    TB_TRY(alive());
    if (offset >= inode_->now.size()) return Bytes();
    return inode_->now.substr(offset, n);
  }
  Status sync() override {
    std::lock_guard lock(disk_.mutex_);
    TB_TRY(alive());
    return disk_.sync(*inode_, path_);
  }
  Status truncate(std::uint64_t size) override {
    std::lock_guard lock(disk_.mutex_);
    TB_TRY(alive());
    return disk_.resize(*inode_, path_, size);
  }
  Status preallocate(std::uint64_t size) override {
    std::lock_guard lock(disk_.mutex_);
    TB_TRY(alive());
    return size <= inode_->now.size() ? Status() : disk_.resize(*inode_, path_, size);
  }
  Result<std::uint64_t> size() const override {
    std::lock_guard lock(disk_.mutex_);
    TB_TRY(alive());
    return std::uint64_t{inode_->now.size()};
  }

 private:
  Status alive() const {
    if (crashes_ == disk_.crashes_) return {};
    return Status(Code::kAborted,
                  path_ + ": the machine has lost power since this file was opened");
  }
  FaultDisk& disk_;
  InodePtr inode_;
  std::string path_;
  std::uint64_t crashes_;
};

void FaultDisk::crash() {
  std::lock_guard lock(mutex_);
  ++crashes_;
  const std::map<InodePtr, bool> renamed = toss_renames();
  Names all = durable_;
  all.insert(now_.begin(), now_.end());
  Names left;
  for (const auto& [path, unused] : all) {
    const auto before = durable_.find(path);
    const auto after = now_.find(path);
    const InodePtr old = before == durable_.end() ? nullptr : before->second;
    const InodePtr fresh = after == now_.end() ? nullptr : after->second;
    auto decided = fresh == old ? renamed.end() : renamed.find(fresh);
    if (decided == renamed.end() && fresh != old) decided = renamed.find(old);
    const bool keep_new = fresh == old || (decided != renamed.end() ? decided->second : coin());
    if (const InodePtr kept = keep_new ? fresh : old) left[path] = kept;
  }
  std::set<InodePtr> done;
  for (const auto& [path, inode] : left) {
    if (done.insert(inode).second) crash_file(*inode);
  }
  now_ = durable_ = left;
}

// For each file whose name was changed and not synced: whether it has the new one.
std::map<FaultDisk::InodePtr, bool> FaultDisk::toss_renames() {
  auto differs = [](const Names& other, const std::string& path, const InodePtr& inode) {
    const auto at = other.find(path);
    return at == other.end() || at->second != inode;
  };
  std::set<InodePtr> left_a_name;
  for (const auto& [path, inode] : durable_) {
    if (differs(now_, path, inode)) left_a_name.insert(inode);
  }
  std::map<InodePtr, bool> out;
  for (const auto& [path, inode] : now_) {
    if (differs(durable_, path, inode) && left_a_name.contains(inode)) out.emplace(inode, coin());
  }
  return out;
}

// Keeps what the platter holds of sectors `first` to `last`. Before they change.
void FaultDisk::will_change(Inode& inode, std::uint64_t first, std::uint64_t last) {
  if (first > last) return;
  auto run = inode.unsynced.upper_bound(first);
  const auto end = [](const auto& at) { return at->first + at->second.sectors; };
  if (run == inode.unsynced.begin() || end(std::prev(run)) < first) {
    run = inode.unsynced.emplace_hint(run, first, Run{});
  } else {
    --run;
  }
  Run& kept = run->second;
  while (end(run) <= last) {
    const auto next = std::next(run);
    const bool alone = next == inode.unsynced.end();
    if (!alone && next->first == end(run)) {
      kept.before += next->second.before;
      kept.sectors += next->second.sectors;
      inode.unsynced.erase(next);
      continue;
    }
    const std::uint64_t stop = alone ? last + 1 : std::min(last + 1, next->first);
    const std::uint64_t from = end(run) * kSectorBytes;
    const std::uint64_t to = std::min(stop * kSectorBytes, inode.durable_size);
    if (from < to) kept.before.append(inode.now, from, to - from);
    kept.sectors = stop - run->first;
  }
}

Bytes FaultDisk::durable_content(const Inode& inode) {
  Bytes out = inode.now;
  out.resize(inode.durable_size, '\0');
  for (const auto& [first, run] : inode.unsynced) {
    if (!run.before.empty()) out.replace(first * kSectorBytes, run.before.size(), run.before);
  }
  return out;
}

void FaultDisk::crash_file(Inode& inode) {
  Bytes out = durable_content(inode);
  const std::size_t size = coin() ? inode.now.size() : inode.durable_size;
  out.resize(size, '\0');
  for (const auto& [first, run] : inode.unsynced) {
    for (std::uint64_t sector = first; sector < first + run.sectors; ++sector) {
      const std::uint64_t from = sector * kSectorBytes;
      if (from >= size || from >= inode.now.size() || !coin()) continue;
      const std::size_t n = std::min({kSectorBytes, size - from, inode.now.size() - from});
      out.replace(from, n, inode.now, from, n);
    }
  }
  inode.now = std::move(out);
  inode.durable_size = size;
  inode.unsynced.clear();
}

void FaultDisk::set_capacity(std::optional<std::uint64_t> bytes) {
  std::lock_guard lock(mutex_);
  capacity_ = bytes;
}

void FaultDisk::fail_sync(std::uint64_t nth) {
  std::lock_guard lock(mutex_);
  sync_to_fail_ = nth;
}

void FaultDisk::flip_bit(const std::string& path, std::uint64_t offset, unsigned bit) {
  std::lock_guard lock(mutex_);
  Inode& inode = *now_.at(path);
  const auto flip = [&](Bytes& bytes, std::uint64_t at) {
    if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
  };
  flip(inode.now, offset);
  for (auto& [first, run] : inode.unsynced) {
    if (offset >= first * kSectorBytes) flip(run.before, offset - first * kSectorBytes);
  }
}

Bytes FaultDisk::content(const std::string& path) const {
  std::lock_guard lock(mutex_);
  return now_.at(path)->now;
}

std::uint64_t FaultDisk::syncs() const {
  std::lock_guard lock(mutex_);
  return syncs_;
}

std::uint64_t FaultDisk::used() const {
  std::uint64_t sum = 0;
  for (const auto& [path, inode] : now_) sum += inode->now.size();
  return sum;
}

Status FaultDisk::write(Inode& inode, const std::string& path, std::uint64_t offset,
                        BytesView data) {
  Status status;
  const std::uint64_t end = offset + data.size();
  if (capacity_ && end > inode.now.size()) {
    const std::uint64_t others = used() - inode.now.size();
    const std::uint64_t room = *capacity_ > others ? *capacity_ - others : 0;
    if (end > room) {
      status = Status(Code::kNoSpace, "cannot write " + path + ": no space left");
      data = data.substr(0, std::max(room, offset) - offset);
    }
  }
  if (data.empty()) return status;
  will_change(inode, offset / kSectorBytes, (offset + data.size() - 1) / kSectorBytes);
  if (inode.now.size() < offset + data.size()) inode.now.resize(offset + data.size(), '\0');
  inode.now.replace(offset, data.size(), data);
  return status;
}

Status FaultDisk::resize(Inode& inode, const std::string& path, std::uint64_t size) {
  const std::uint64_t old_size = inode.now.size();
  if (size > old_size && capacity_ && used() - old_size + size > *capacity_) {
    return Status(Code::kNoSpace, "cannot reserve space for " + path + ": no space left");
  }
  const std::uint64_t last = std::max<std::uint64_t>(std::max(size, old_size), 1) - 1;
  will_change(inode, std::min(size, old_size) / kSectorBytes, last / kSectorBytes);
  inode.now.resize(size, '\0');
  return {};
}

Status FaultDisk::sync(Inode& inode, const std::string& path) {
  ++syncs_;
  if (sync_to_fail_ != 0 && --sync_to_fail_ == 0) {
    return Status(Code::kIo, "cannot fdatasync " + path + ": input/output error");
  }
  inode.durable_size = inode.now.size();
  inode.unsynced.clear();
  return {};
}

Result<std::unique_ptr<DiskFile>> FaultDisk::open(const std::string& path, bool create) {
  std::lock_guard lock(mutex_);
  auto found = now_.find(path);
  if (found == now_.end()) {
    if (!create || !dirs_.contains(directory_of(path))) return not_found(path);
    found = now_.emplace(path, std::make_shared<Inode>()).first;
  }
  return std::unique_ptr<DiskFile>(std::make_unique<File>(*this, found->second, path));
}

Result<std::vector<std::string>> FaultDisk::list(const std::string& dir) const {
  std::lock_guard lock(mutex_);
  if (!dirs_.contains(dir)) return not_found(dir);
  std::vector<std::string> out;
  for (const auto& [path, inode] : now_) {
    if (directory_of(path) == dir) out.push_back(path.substr(dir.size() + 1));
  }
  return out;
}

std::uint64_t FaultDisk::free_bytes(const std::string&) const {
  std::lock_guard lock(mutex_);
  if (!capacity_) return UINT64_MAX;
  return *capacity_ - std::min(*capacity_, used());
}

Status FaultDisk::make_dir(const std::string& dir) {
  std::lock_guard lock(mutex_);
  dirs_.insert(dir);
  return {};
}

Status FaultDisk::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  auto found = now_.find(from);
  if (found == now_.end()) return not_found(from);
  InodePtr inode = found->second;
  now_.erase(found);
  now_[to] = std::move(inode);
  return {};
}

Status FaultDisk::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  return now_.erase(path) != 0 ? Status() : not_found(path);
}

Status FaultDisk::sync_dir(const std::string& dir) {
  std::lock_guard lock(mutex_);
  auto inside = [&](const auto& entry) { return directory_of(entry.first) == dir; };
  std::erase_if(durable_, inside);
  for (const auto& entry : now_) {
    if (inside(entry)) durable_.insert(entry);
  }
  return {};
}

}  // namespace blockd
