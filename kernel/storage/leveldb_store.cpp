#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include <cstdlib>
#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/storage/kv_store.hpp"
#include "kernel/storage/leveldb_format.hpp"
#include "kernel/storage/table_file.hpp"

namespace blockd {
namespace {

using internal::kBloomBitsPerKey;
// A longer scan walks over what nobody asks for again: it must not push the rest out of the cache.
constexpr std::size_t kCachedScan = 4096;

leveldb::Slice slice(BytesView v) { return {v.data(), v.size()}; }
BytesView bytes(const leveldb::Slice& s) { return {s.data(), s.size()}; }

// LevelDB tells errors apart by text only.
Status translate(const leveldb::Status& status, const std::string& dir) {
  if (status.ok()) return {};
  const std::string text = status.ToString();
  const std::string message = "state store " + dir + ": " + text;
  auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (has("No space left") || has("Disk quota exceeded")) {
    return Status(Code::kNoSpace, message,
                  "free space on this file system; the store has to be opened again");
  }
  // A table that was cut short answers a read behind its end with EINVAL.
  if (status.IsCorruption() || status.IsNotFound() || has("Invalid argument")) {
    return Status(
        Code::kCorrupt, message,
        "stop the node and run `contract-cli storage repair --data DIR`: the state is made again "
        "from the log");
  }
  if (has("does not exist")) return Status(Code::kNotFound, message);
  if (has("lock "))
    return Status(Code::kBusy, message, "stop the process that uses this directory");
  if (has("Permission denied"))
    return Status(Code::kDenied, message, "check the owner of the directory");
  return Status(Code::kIo, message);
}

// The smallest key above all that begin with `prefix`; none for an empty one and one of FF bytes.
std::optional<Bytes> end_of(BytesView prefix) {
  Bytes end(prefix);
  while (!end.empty() && end.back() == '\xFF') end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

class LevelReader final : public KvReader {
 public:
  LevelReader(leveldb::DB* db, const std::string* dir, const leveldb::Snapshot* snapshot)
      : db_(db), dir_(dir) {
    options_.verify_checksums = true;
    options_.snapshot = snapshot;
  }
  LevelReader(const LevelReader&) = delete;
  LevelReader& operator=(const LevelReader&) = delete;
  ~LevelReader() override {
    if (options_.snapshot != nullptr) db_->ReleaseSnapshot(options_.snapshot);
  }

  Status get(BytesView key, std::optional<Bytes>* value) const override {
    value->emplace();
    leveldb::Status status = db_->Get(options_, slice(key), &**value);
    if (status.ok()) return {};
    value->reset();
    return status.IsNotFound() ? Status() : translate(status, *dir_);
  }

  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    leveldb::ReadOptions options = options_;
    options.fill_cache = limit <= kCachedScan;
    std::unique_ptr<leveldb::Iterator> it(db_->NewIterator(options));
    it->Seek(slice(std::max(prefix, after)));
    if (!after.empty() && it->Valid() && bytes(it->key()) == after) it->Next();
    for (; limit > 0 && it->Valid() && bytes(it->key()).starts_with(prefix); --limit, it->Next()) {
      if (!visit(bytes(it->key()), bytes(it->value()))) break;
    }
    return translate(it->status(), *dir_);
  }

  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    std::unique_ptr<leveldb::Iterator> it(db_->NewIterator(options_));
    // The first key behind the page: `before`, or the end of the prefix if that comes first.
    std::optional<Bytes> end = end_of(prefix);
    if (!before.empty() && (!end || before < *end)) end = Bytes(before);
    if (!end) {
      it->SeekToLast();
    } else {
      it->Seek(slice(*end));
      if (it->Valid()) {
        it->Prev();
      } else if (it->status().ok()) {
        it->SeekToLast();
      }
    }
    for (; limit > 0 && it->Valid() && bytes(it->key()).starts_with(prefix); --limit, it->Prev()) {
      if (!visit(bytes(it->key()), bytes(it->value()))) break;
    }
    return translate(it->status(), *dir_);
  }

 private:
  leveldb::DB* db_;
  const std::string* dir_;
  leveldb::ReadOptions options_;
};

class LevelDbStore final : public KvStore {
 public:
  LevelDbStore(const std::string& dir, const LevelDbOptions& options)
      : dir_(dir),
        own_log_(options.own_log),
        cache_(leveldb::NewLRUCache(options.cache_bytes)),
        filter_(leveldb::NewBloomFilterPolicy(kBloomBitsPerKey)) {
    options_.env = internal::paced_env(options.own_log);
    options_.create_if_missing = options.create_if_missing;
    options_.paranoid_checks = true;
    options_.write_buffer_size = options.write_buffer_bytes;
    options_.max_open_files = options.max_open_files;
    options_.block_cache = cache_.get();
    options_.filter_policy = filter_.get();
  }

  Status open() {
    leveldb::DB* db = nullptr;
    leveldb::Status status = leveldb::DB::Open(options_, dir_, &db);
    if (!status.ok()) return translate(status, dir_);
    db_.reset(db);
    reader_ = std::make_unique<LevelReader>(db, &dir_, nullptr);
    return {};
  }

  Status get(BytesView key, std::optional<Bytes>* value) const override {
    return reader_->get(key, value);
  }
  Status scan(BytesView prefix, BytesView after, std::size_t limit,
              const RowVisitor& visit) const override {
    return reader_->scan(prefix, after, limit, visit);
  }
  Status scan_back(BytesView prefix, BytesView before, std::size_t limit,
                   const RowVisitor& visit) const override {
    return reader_->scan_back(prefix, before, limit, visit);
  }

  Status write(std::span<const KvWrite> batch, bool sync) override {
    leveldb::WriteBatch out;
    for (const KvWrite& one : batch) add(one, &out);
    leveldb::WriteOptions options;
    options.sync = sync;
    TB_TRY(translate(db_->Write(options, &out), dir_));
    return sync && !own_log_ ? flush() : Status();
  }
  Status write_rows(std::span<const KvWrite* const> rows) override {
    leveldb::WriteBatch out;
    for (const KvWrite* one : rows) add(*one, &out);
    return translate(db_->Write({}, &out), dir_);
  }

  std::shared_ptr<const KvReader> snapshot() const override {
    return std::make_shared<LevelReader>(db_.get(), &dir_, db_->GetSnapshot());
  }

  // A synced write covers the present log only: an older one, whose table is still being written,
  // was closed without fsync. Compacting an empty range writes and syncs the tables of both; it
  // reports no error, the write behind it does.
  Status flush() override {
    const leveldb::Slice nowhere;
    db_->CompactRange(&nowhere, &nowhere);
    return sync_log();
  }

  std::uint64_t approximate_bytes() const override {
    std::string first(1, '\0'), last(64, '\xFF');
    leveldb::Range all(first, last);
    std::uint64_t size = 0;
    db_->GetApproximateSizes(&all, 1, &size);
    return size;
  }

  KvStats stats() const override {
    KvStats out;
    out.table_bytes = approximate_bytes();
    out.memory_bytes = number("leveldb.approximate-memory-usage");
    for (int level = 0; level < kLevels; ++level) {
      const std::uint64_t files = number("leveldb.num-files-at-level" + std::to_string(level));
      out.table_files += files;
      if (level == 0) out.level0_files = files;
    }
    return out;
  }

  // LevelDB tells nothing of a compaction that failed, but then it refuses the write behind it.
  Status compact(const CompactWatcher& watch) override {
    Result<std::vector<Bytes>> starts = range_starts();
    if (!starts.ok()) return starts.status();
    for (std::size_t i = 0; i < starts->size(); ++i) {
      if (watch && !watch(i, starts->size()))
        return Status(Code::kAborted, "compaction of " + dir_ + " stopped after " +
                                          std::to_string(i) + " of " +
                                          std::to_string(starts->size()) + " ranges");
      const leveldb::Slice from = slice((*starts)[i]);
      const bool last = i + 1 == starts->size();
      const leveldb::Slice to = last ? leveldb::Slice() : slice((*starts)[i + 1]);
      db_->CompactRange(&from, last ? nullptr : &to);
    }
    return sync_log();
  }

 private:
  Status sync_log() {
    leveldb::WriteOptions options;
    options.sync = true;
    leveldb::WriteBatch nothing;
    return translate(db_->Write(options, &nothing), dir_);
  }
  static void add(const KvWrite& one, leveldb::WriteBatch* out) {
    if (one.value) {
      out->Put(slice(one.key), slice(*one.value));
    } else {
      out->Delete(slice(one.key));
    }
  }
  static constexpr int kLevels = 7;
  static constexpr std::size_t kMaxRanges = 64;

  std::uint64_t number(const std::string& property) const {
    std::string text;
    if (!db_->GetProperty(property, &text)) return 0;
    return std::strtoull(text.c_str(), nullptr, 10);
  }

  // Where the rows of another kind begin: keys that differ up to the byte behind their second
  // slash.
  Result<std::vector<Bytes>> range_starts() const {
    constexpr std::size_t kKindBytes = 1;
    std::unique_ptr<leveldb::Iterator> it(db_->NewIterator({}));
    std::vector<Bytes> out;
    for (it->SeekToFirst(); it->Valid() && out.size() < kMaxRanges;) {
      Bytes key = it->key().ToString();
      const std::size_t slash = key.find('/', key.find('/') + 1);
      out.push_back(key.substr(0, (slash == Bytes::npos ? 0 : slash + 1) + kKindBytes));
      std::optional<Bytes> next = end_of(out.back());
      if (!next) break;
      it->Seek(slice(*next));
    }
    const Status status = translate(it->status(), dir_);
    return status.ok() ? Result<std::vector<Bytes>>(std::move(out)) : status;
  }

  std::string dir_;
  const bool own_log_;
  leveldb::Options options_;
  std::unique_ptr<leveldb::Cache> cache_;
  std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;
  std::unique_ptr<LevelReader> reader_;
};

// Without CURRENT LevelDB takes the directory for a new database and deletes the tables in it.
Status refuse_headless(const std::string& dir) {
  if (file_exists(dir + "/CURRENT")) return {};
  std::error_code ignored;  // a directory that is not there holds nothing
  for (const auto& entry : std::filesystem::directory_iterator(dir, ignored)) {
    const std::string name = entry.path().filename();
    if (name.ends_with(".ldb") || name.ends_with(".sst") || name.ends_with(".log") ||
        name.starts_with("MANIFEST-")) {
      return Status(Code::kCorrupt,
                    "state store " + dir + "/CURRENT is missing, but " + name + " is there",
                    "restore the newest snapshot into an empty directory and replay");
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<KvStore>> open_leveldb(const std::string& dir,
                                              const LevelDbOptions& options) {
  TB_TRY(refuse_headless(dir));
  if (!options.create_if_missing && !file_exists(dir + "/CURRENT")) {
    return Status(Code::kNotFound, "no state store in " + dir);
  }
  if (options.create_if_missing) TB_TRY(make_directories(dir));
  auto store = std::make_unique<LevelDbStore>(dir, options);
  TB_TRY(store->open());
  return std::unique_ptr<KvStore>(std::move(store));
}

}  // namespace blockd
