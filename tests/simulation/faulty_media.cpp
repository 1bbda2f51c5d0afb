#include "tests/simulation/faulty_media.hpp"

namespace blockd::sim {
namespace {

Status dead() { return Status(Code::kAborted, "the simulated process has lost its power"); }

class MortalFile final : public DiskFile {
 public:
  MortalFile(std::unique_ptr<DiskFile> file, Fate& fate) : file_(std::move(file)), fate_(fate) {}
  Status write_at(std::uint64_t offset, BytesView data) override {
    return fate_.step() ? dead() : file_->write_at(offset, data);
  }
  Result<Bytes> read_at(std::uint64_t offset, std::uint64_t n) const override {
    if (fate_.dead()) return dead();
    return file_->read_at(offset, n);
  }
  Status sync() override { return fate_.step() ? dead() : file_->sync(); }
  Status truncate(std::uint64_t size) override {
    return fate_.step() ? dead() : file_->truncate(size);
  }
  Status preallocate(std::uint64_t size) override {
    return fate_.step() ? dead() : file_->preallocate(size);
  }
  Result<std::uint64_t> size() const override { return file_->size(); }

 private:
  std::unique_ptr<DiskFile> file_;
  Fate& fate_;
};

}  // namespace

std::uint64_t MortalDisk::used(const std::string& dir) const {
  std::uint64_t sum = 0;
  auto names = disk_.list(dir);
  if (!names.ok()) return 0;
  for (const std::string& name : *names) sum += disk_.content(dir + "/" + name).size();
  return sum;
}

Result<std::unique_ptr<DiskFile>> MortalDisk::open(const std::string& path, bool create) {
  if (create ? fate_.step() : fate_.dead()) return dead();
  auto file = disk_.open(path, create);
  if (!file.ok()) return file.status();
  return std::unique_ptr<DiskFile>(std::make_unique<MortalFile>(*std::move(file), fate_));
}
Status MortalDisk::make_dir(const std::string& dir) {
  return fate_.step() ? dead() : disk_.make_dir(dir);
}
Status MortalDisk::rename(const std::string& from, const std::string& to) {
  return fate_.step() ? dead() : disk_.rename(from, to);
}
Status MortalDisk::remove(const std::string& path) {
  return fate_.step() ? dead() : disk_.remove(path);
}
Status MortalDisk::sync_dir(const std::string& dir) {
  return fate_.step() ? dead() : disk_.sync_dir(dir);
}

class MortalStore final : public KvStore {
 public:
  MortalStore(MortalState& medium, std::unique_ptr<KvStore> rows)
      : medium_(medium), rows_(std::move(rows)) {}
  Status get(BytesView key, std::optional<Bytes>* value) const override {
    return rows_->get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return rows_->scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return rows_->scan_back(prefix, before, limit, visit);
  }
  Status write(std::span<const KvWrite> batch, bool sync) override {
    if (medium_.fate_.step()) return dead();
    TB_TRY(rows_->write(batch, sync));
    medium_.unflushed_.emplace_back(batch.begin(), batch.end());
    if (sync) medium_.flush();
    return {};
  }
  Status write_held(std::shared_ptr<const std::vector<KvWrite>> batch) override {
    if (medium_.fate_.step()) return dead();
    TB_TRY(rows_->write(*batch, false));
    medium_.held_.push_back(medium_.unflushed_.size());
    medium_.unflushed_.push_back(*batch);
    return {};
  }
  void release(std::size_t writes) override {
    for (; writes > 0; --writes) medium_.held_.pop_front();
  }
  bool holds() const override { return true; }
  std::shared_ptr<const KvReader> snapshot() const override { return rows_->snapshot(); }
  Status flush() override {
    if (medium_.fate_.step()) return dead();
    medium_.flush();
    return {};
  }
  std::uint64_t approximate_bytes() const override { return rows_->approximate_bytes(); }

 private:
  MortalState& medium_;
  std::unique_ptr<KvStore> rows_;
};

void MortalState::apply(std::map<Bytes, Bytes>& rows, const Batch& batch) {
  for (const KvWrite& write : batch) {
    if (write.value) {
      rows[write.key] = *write.value;
    } else {
      rows.erase(write.key);
    }
  }
}

void MortalState::flush() {
  const std::size_t count = free_batches();
  for (std::size_t i = 0; i < count; ++i) apply(durable_, unflushed_[i]);
  unflushed_.erase(unflushed_.begin(), unflushed_.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t& place : held_) place -= count;
}

std::unique_ptr<KvStore> MortalState::open() {
  flush();  // of a clean stop: the system writes it sooner or later
  held_.clear();
  unflushed_.clear();
  std::unique_ptr<KvStore> rows = open_memory();
  Batch all;
  for (const auto& [key, value] : durable_) all.push_back({key, value});
  const Status written = rows->write(all, false);
  TB_ASSERT(written.ok());
  return std::make_unique<MortalStore>(*this, std::move(rows));
}

void MortalState::crash(std::mt19937_64& random) {
  unflushed_.resize(free_batches());
  held_.clear();
  if (!unflushed_.empty()) unflushed_.resize(random() % (unflushed_.size() + 1));
  flush();
}

void MortalState::lose_all() {
  durable_.clear();
  unflushed_.clear();
  held_.clear();
}

void MortalState::replace(std::map<Bytes, Bytes> rows) {
  durable_ = std::move(rows);
  unflushed_.clear();
}

}  // namespace blockd::sim
