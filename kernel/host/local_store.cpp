#include "kernel/host/local_store.hpp"

#include "kernel/base/file.hpp"

namespace blockd {
namespace {
// Rows of the face begin with 'd', the host's own with 'h'.
Bytes data_key(BytesView key) {
  Bytes out = "d";
  out.append(key);
  return out;
}
const Bytes kCursorKey = "hcursor";
}  // namespace

Status LocalStore::open_locked() {
  if (store_) return {};
  TB_TRY(make_directories(dir_, 0700));
  LevelDbOptions options;
  options.create_if_missing = true;
  options.write_buffer_bytes = 1u << 20;
  options.cache_bytes = 1u << 20;
  options.max_open_files = 32;
  Result<std::unique_ptr<KvStore>> store = open_leveldb(dir_, options);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  return {};
}

Status LocalStore::get(BytesView key, std::optional<Bytes>* value) {
  std::lock_guard lock(mutex_);
  TB_TRY(open_locked());
  const Bytes full = data_key(key);
  if (in_batch()) {
    if (auto it = batch_.find(full); it != batch_.end()) {
      *value = it->second;
      return {};
    }
  }
  return store_->get(full, value);
}

Status LocalStore::scan(BytesView prefix, BytesView edge, std::size_t limit, bool backwards,
                        const RowVisitor& visit) {
  std::lock_guard lock(mutex_);
  TB_TRY(open_locked());
  const Bytes full_prefix = data_key(prefix);
  const Bytes full_edge = edge.empty() ? Bytes() : data_key(edge);
  auto strip = [&](BytesView key, BytesView value) { return visit(key.substr(1), value); };
  if (!in_batch() || batch_.empty()) {
    return backwards ? store_->scan_back(full_prefix, full_edge, limit, strip)
                     : store_->scan(full_prefix, full_edge, limit, strip);
  }
  // Inside a batch: merge what the store holds with what the batch changes. The store is asked for
  // as many rows more as the batch could hide.
  std::map<Bytes, Bytes> merged;
  auto collect = [&](BytesView key, BytesView value) {
    if (!batch_.contains(Bytes(key))) merged.emplace(key, value);
    return true;
  };
  const std::size_t wide = limit + batch_.size();
  TB_TRY(backwards ? store_->scan_back(full_prefix, full_edge, wide, collect)
                   : store_->scan(full_prefix, full_edge, wide, collect));
  for (const auto& [key, value] : batch_) {
    const bool inside = key.starts_with(full_prefix) &&
                        (full_edge.empty() || (backwards ? key < full_edge : key > full_edge));
    if (inside && value) merged.emplace(key, *value);
  }
  std::size_t n = 0;
  if (backwards) {
    for (auto it = merged.rbegin(); it != merged.rend() && n++ < limit;) {
      if (!strip(it->first, it->second)) break;
      ++it;
    }
  } else {
    for (auto it = merged.begin(); it != merged.end() && n++ < limit;) {
      if (!strip(it->first, it->second)) break;
      ++it;
    }
  }
  return {};
}

Status LocalStore::put(BytesView key, std::optional<Bytes> value) {
  std::lock_guard lock(mutex_);
  TB_TRY(open_locked());
  Bytes full = data_key(key);
  if (!in_batch()) {
    const KvWrite write{std::move(full), std::move(value)};
    return store_->write({&write, 1}, true);
  }
  batch_bytes_ += full.size() + (value ? value->size() : 0);
  if (batch_bytes_ > kMaxBatchBytes)
    return Status(Code::kLimit, "a face wrote more than 64 MiB for the events of one block");
  batch_[std::move(full)] = std::move(value);
  return {};
}

Result<std::optional<std::uint64_t>> LocalStore::cursor() {
  std::lock_guard lock(mutex_);
  TB_TRY(open_locked());
  std::optional<Bytes> raw;
  TB_TRY(store_->get(kCursorKey, &raw));
  if (!raw) return std::optional<std::uint64_t>();
  Reader reader(*raw);
  const std::uint64_t height = reader.u64();
  if (!reader.done())
    return Status(
        Code::kCorrupt, dir_ + ": the cursor is damaged",
        "stop the node and remove this directory; its lists are built again from the log");
  return std::optional<std::uint64_t>(height);
}

void LocalStore::begin_batch() {
  std::lock_guard lock(mutex_);
  TB_ASSERT(batch_thread_ == std::thread::id());
  batch_thread_ = std::this_thread::get_id();
  batch_bytes_ = 0;
  batch_.clear();
}

Status LocalStore::commit_batch(std::uint64_t next_height) {
  std::lock_guard lock(mutex_);
  std::vector<KvWrite> writes;
  writes.reserve(batch_.size() + 1);
  for (auto& [key, value] : batch_) writes.push_back({key, std::move(value)});
  Bytes cursor;
  put_u64(cursor, next_height);
  writes.push_back({kCursorKey, std::move(cursor)});
  // Unsynced: after a power cut the same events are delivered again, from the older cursor.
  Status status = open_locked();
  if (status.ok()) status = store_->write(writes, false);
  batch_thread_ = {};
  batch_.clear();
  return status;
}

void LocalStore::drop_batch() {
  std::lock_guard lock(mutex_);
  batch_thread_ = {};
  batch_.clear();
}

}  // namespace blockd
