#include "kernel/storage/bulk_load.hpp"

#include <leveldb/comparator.h>
#include <leveldb/filter_policy.h>
#include <leveldb/options.h>
#include <leveldb/table_builder.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <optional>
#include <vector>

#include "kernel/base/file.hpp"
#include "kernel/storage/disk.hpp"
#include "kernel/storage/leveldb_format.hpp"
#include "kernel/storage/table_file.hpp"

namespace blockd {
namespace {

using internal::LevelDbManifest;
using internal::TableFile;
constexpr std::uint64_t kTableBytes = 8u << 20;
constexpr std::size_t kUnsyncedTables = 8;  // the disk works on these while others are built
constexpr int kBloomBits = internal::kBloomBitsPerKey;

leveldb::Slice as_slice(BytesView v) { return {v.data(), v.size()}; }
leveldb::Slice without_trailer(const leveldb::Slice& key) {
  return {key.data(), key.size() - internal::kTrailerBytes};
}

// Tables hold keys with eight bytes behind them: those of a LevelDB's own tables are cut off before
// its filter sees them.
class UserKeyFilter final : public leveldb::FilterPolicy {
 public:
  UserKeyFilter() : inner_(leveldb::NewBloomFilterPolicy(kBloomBits)) {}
  const char* Name() const override { return inner_->Name(); }
  void CreateFilter(const leveldb::Slice* keys, int n, std::string* out) const override {
    std::vector<leveldb::Slice> cut(keys, keys + n);
    for (leveldb::Slice& key : cut) key = without_trailer(key);
    inner_->CreateFilter(cut.data(), n, out);
  }
  bool KeyMayMatch(const leveldb::Slice& key, const leveldb::Slice& filter) const override {
    return inner_->KeyMayMatch(key, filter);
  }

 private:
  std::unique_ptr<const leveldb::FilterPolicy> inner_;
};

// Index entries keep the whole last key of their block, which is in order whatever the trailer is.
class WholeKeys final : public leveldb::Comparator {
 public:
  const char* Name() const override { return "blockd.BulkLoad"; }  // stands in no file
  int Compare(const leveldb::Slice& a, const leveldb::Slice& b) const override {
    return without_trailer(a).compare(without_trailer(b));
  }
  void FindShortestSeparator(std::string*, const leveldb::Slice&) const override {}
  void FindShortSuccessor(std::string*) const override {}
};

class TableLoad final : public BulkLoad {
 public:
  explicit TableLoad(std::string dir) : dir_(std::move(dir)) {
    options_.comparator = &order_;
    options_.filter_policy = &filter_;
  }
  ~TableLoad() override {
    if (builder_) builder_->Abandon();
  }

  void begin_run() override { new_run_ = true; }

  Status add(BytesView key, BytesView value) override {
    if (!new_run_ && key <= last_)
      return Status(Code::kInvalid, "bulk load of " + dir_ + ": a row stands in front of the last");
    if (builder_ && (new_run_ || builder_->FileSize() >= kTableBytes)) TB_TRY(end_table());
    new_run_ = false;
    if (!builder_) TB_TRY(begin_table(key));
    last_.assign(key);
    key_.assign(key).append(internal::kPutTrailer);
    builder_->Add(as_slice(key_), as_slice(value));
    return file_->failed();
  }

  Status finish() override {
    if (builder_) TB_TRY(end_table());
    while (!unsynced_.empty()) TB_TRY(sync_oldest());
    std::sort(tables_.begin(), tables_.end(),
              [](const auto& a, const auto& b) { return a.smallest < b.smallest; });
    for (std::size_t i = 1; i < tables_.size(); ++i) {
      if (tables_[i - 1].largest < tables_[i].smallest) continue;
      return Status(Code::kInvalid, "bulk load of " + dir_ + ": the rows come in runs that overlap",
                    "give the rows of a key range in one run");
    }
    TB_TRY(internal::write_leveldb_manifest(dir_, tables_));
    return system_disk().sync_dir(dir_);
  }

 private:
  Status begin_table(BytesView key) {
    LevelDbManifest::Table table;
    table.number = internal::kFirstTableNumber + tables_.size();
    table.smallest.assign(key);
    char name[32];
    std::snprintf(name, sizeof name, "/%06llu.ldb", static_cast<unsigned long long>(table.number));
    file_ = std::make_unique<TableFile>(dir_ + name, false);
    TB_TRY(file_->failed());
    builder_.emplace(options_, file_.get());
    tables_.push_back(std::move(table));
    return {};
  }

  Status end_table() {
    const leveldb::Status finished = builder_->Finish();
    tables_.back().bytes = builder_->FileSize();
    tables_.back().largest = last_;
    builder_.reset();
    TB_TRY(file_->failed());
    if (!finished.ok())
      return Status(Code::kIo, "bulk load of " + dir_ + ": " + finished.ToString());
    TB_TRY(file_->push());
    unsynced_.push_back(std::move(file_));
    return unsynced_.size() > kUnsyncedTables ? sync_oldest() : Status();
  }

  Status sync_oldest() {
    const std::unique_ptr<TableFile> file = std::move(unsynced_.front());
    unsynced_.pop_front();
    return file->Sync().ok() ? Status() : file->failed();
  }

  const std::string dir_;
  const UserKeyFilter filter_;
  const WholeKeys order_;
  leveldb::Options options_;
  std::unique_ptr<TableFile> file_;
  std::optional<leveldb::TableBuilder> builder_;
  std::deque<std::unique_ptr<TableFile>> unsynced_;
  LevelDbManifest::Tables tables_;
  Bytes last_, key_;
  bool new_run_ = true;
};

}  // namespace

Result<std::unique_ptr<BulkLoad>> BulkLoad::begin(const std::string& dir) {
  TB_TRY(make_directories(dir));
  std::error_code error;
  if (!std::filesystem::is_empty(dir, error) || error)
    return Status(Code::kBusy, "bulk load: " + dir + " is not empty", "use another directory");
  return std::unique_ptr<BulkLoad>(std::make_unique<TableLoad>(dir));
}

}  // namespace blockd
