#include "kernel/storage/renewable_store.hpp"

#include <sys/statvfs.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <unordered_set>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

Status gone() {
  return Status(Code::kUnavailable, "the store is being opened again after the disk was full",
                "ask again");
}

class RenewableReader;

// One life of the engine. Users are counted; close() waits for them and takes the engine away from
// all snapshots, since those must be released before it.
class Life {
 public:
  explicit Life(std::unique_ptr<KvStore> engine) : engine_(std::move(engine)) {}

  bool enter() {
    if ((users_.fetch_add(1) & kClosed) == 0) return true;
    leave();
    return false;
  }
  void leave() {
    if (users_.fetch_sub(1) == (kClosed | 1)) users_.notify_all();
  }
  KvStore& engine() { return *engine_; }
  void add(RenewableReader* reader) {
    std::lock_guard lock(mutex_);
    readers_.insert(reader);
  }
  void remove(RenewableReader* reader);
  void close();

 private:
  static constexpr std::uint64_t kClosed = 1ull << 63;
  std::atomic<std::uint64_t> users_{0};           // and kClosed
  std::mutex mutex_;                              // guards readers_ and what they point to
  std::unordered_set<RenewableReader*> readers_;  // bounded by the views that requests hold
  std::unique_ptr<KvStore> engine_;
};

// For the time of one call.
class Use {
 public:
  explicit Use(const std::shared_ptr<Life>& life)
      : life_(life.get()), in_(life_ && life_->enter()) {}
  ~Use() {
    if (in_) life_->leave();
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  explicit operator bool() const { return in_; }
  KvStore* operator->() { return &life_->engine(); }

 private:
  Life* const life_;
  const bool in_;
};

class RenewableReader final : public KvReader {
 public:
  RenewableReader(std::shared_ptr<Life> life, std::shared_ptr<const KvReader> inner)
      : life_(std::move(life)), inner_(std::move(inner)) {
    life_->add(this);
  }
  RenewableReader(const RenewableReader&) = delete;
  RenewableReader& operator=(const RenewableReader&) = delete;
  ~RenewableReader() override { life_->remove(this); }

  Status get(BytesView key, std::optional<Bytes>* value) const override {
    Use use(life_);
    return use ? inner_->get(key, value) : gone();
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    Use use(life_);
    return use ? inner_->scan(prefix, after, limit, visit) : gone();
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    Use use(life_);
    return use ? inner_->scan_back(prefix, before, limit, visit) : gone();
  }
  void drop() { inner_.reset(); }

 private:
  std::shared_ptr<Life> life_;
  std::shared_ptr<const KvReader> inner_;
};

void Life::remove(RenewableReader* reader) {
  std::lock_guard lock(mutex_);
  readers_.erase(reader);
  reader->drop();
}

void Life::close() {
  users_.fetch_or(kClosed);
  for (std::uint64_t users = users_.load(); users != kClosed; users = users_.load())
    users_.wait(users);
  std::lock_guard lock(mutex_);
  for (RenewableReader* reader : readers_) reader->drop();
  engine_.reset();
}

class RenewableStore final : public KvStore {
 public:
  RenewableStore(std::unique_ptr<KvStore> engine, StoreOpener open,
                 std::function<Status()> has_room)
      : open_(std::move(open)),
        has_room_(std::move(has_room)),
        life_(std::make_shared<Life>(std::move(engine))) {}
  ~RenewableStore() override {
    if (life_) life_->close();
  }

  Status get(BytesView key, std::optional<Bytes>* value) const override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->get(key, value) : gone();
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->scan(prefix, after, limit, visit) : gone();
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->scan_back(prefix, before, limit, visit) : gone();
  }
  Status write(std::span<const KvWrite> batch, bool sync) override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->write(batch, sync) : gone();
  }
  Status write_rows(std::span<const KvWrite* const> rows) override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->write_rows(rows) : gone();
  }
  std::shared_ptr<const KvReader> snapshot() const override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    if (!use) return std::make_shared<NoReader>();
    return std::make_shared<RenewableReader>(life, use->snapshot());
  }
  Status flush() override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->flush() : gone();
  }
  std::uint64_t approximate_bytes() const override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->approximate_bytes() : 0;
  }
  KvStats stats() const override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->stats() : KvStats();
  }
  Status compact(const CompactWatcher& watch) override {
    const std::shared_ptr<Life> life = this->life();
    Use use(life);
    return use ? use->compact(watch) : gone();
  }

  Status reopen() override {
    if (has_room_) TB_TRY(has_room_());
    std::shared_ptr<Life> old;
    {
      std::lock_guard lock(mutex_);
      old.swap(life_);
    }
    if (old) old->close();
    Result<std::unique_ptr<KvStore>> engine = open_();
    if (!engine.ok()) return engine.status();
    std::lock_guard lock(mutex_);
    life_ = std::make_shared<Life>(*std::move(engine));
    return {};
  }

 private:
  class NoReader final : public KvReader {
    Status get(BytesView, std::optional<Bytes>*) const override { return gone(); }
    Status scan(BytesView, BytesView, std::size_t, const RowVisitor&) const override {
      return gone();
    }
    Status scan_back(BytesView, BytesView, std::size_t, const RowVisitor&) const override {
      return gone();
    }
  };
  std::shared_ptr<Life> life() const {
    std::lock_guard lock(mutex_);
    return life_;
  }

  const StoreOpener open_;
  const std::function<Status()> has_room_;
  mutable std::mutex mutex_;
  std::shared_ptr<Life> life_;  // null after a reopen() that failed
};

}  // namespace

// Opening makes tables of what stands in the engine's own logs, then a new log and a manifest.
Status room_to_reopen(const std::string& dir) {
  constexpr std::uint64_t kBesidesBytes = 2u << 20;
  struct statvfs info {};
  if (::statvfs(dir.c_str(), &info) != 0) return errno_status("cannot look at " + dir);
  std::uint64_t needed = kBesidesBytes;
  std::error_code gone;  // a file that goes away meanwhile needs no room
  for (const auto& entry : std::filesystem::directory_iterator(dir, gone)) {
    const std::uint64_t bytes = entry.path().extension() == ".log" ? entry.file_size(gone) : 0;
    if (!gone) needed += bytes;
  }
  const std::uint64_t left = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  if (left >= needed) return {};
  return Status(Code::kNoSpace,
                "disk full: the file system of " + dir + " has " + std::to_string(left) +
                    " bytes left, the store needs " + std::to_string(needed) + " to go on",
                "make room on it");
}

std::unique_ptr<KvStore> make_renewable(std::unique_ptr<KvStore> engine, StoreOpener open,
                                        std::function<Status()> has_room) {
  return std::make_unique<RenewableStore>(std::move(engine), std::move(open), std::move(has_room));
}

}  // namespace blockd
