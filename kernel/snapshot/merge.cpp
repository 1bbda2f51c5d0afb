#include "kernel/snapshot/merge.hpp"

#include <algorithm>

namespace blockd::internal {

Result<std::unique_ptr<MergedSnapshot>> MergedSnapshot::open(
    const std::vector<std::string>& files) {
  if (files.empty() || files.size() > kMaxSnapshotFiles) {
    return Status(Code::kInvalid, "give between 1 and " + std::to_string(kMaxSnapshotFiles) +
                                      " snapshot files, the base first");
  }
  auto out = std::make_unique<MergedSnapshot>();
  for (const std::string& path : files) {
    Result<std::unique_ptr<SnapshotReader>> reader = SnapshotReader::open(path);
    if (!reader.ok()) return reader.status();
    const SnapshotInfo& info = (*reader)->info();
    if (out->files_.empty()) {
      if (info.base_height)
        return Status(
            Code::kInvalid,
            path + " holds only what changed since height " + std::to_string(*info.base_height),
            "give the snapshot of that height in front of it");
    } else {
      const SnapshotInfo& below = out->files_.back().reader->info();
      if (!info.base_height || *info.base_height != below.height ||
          info.base_hash != below.block_hash || info.chain_id != below.chain_id)
        return Status(Code::kInvalid, path + " does not follow " + below.path,
                      "give the base first, then each increment on top of the one before");
    }
    out->files_.push_back({*std::move(reader), std::nullopt});
  }
  out->files_.front().reader->read_ahead();  // by far the largest
  return out;
}

Status MergedSnapshot::advance(File& file) {
  Result<std::optional<Entry>> entry = file.reader->next();
  if (!entry.ok()) return entry.status();
  file.entry = *entry;
  return {};
}

// The newest file with the smallest key.
MergedSnapshot::File* MergedSnapshot::smallest() {
  File* best = nullptr;
  if (files_.size() == 1) return files_.front().entry ? &files_.front() : nullptr;
  for (File& file : files_) {
    if (!file.entry) continue;
    if (best == nullptr) {
      best = &file;
      continue;
    }
    const int by_space = file.space().compare(best->space());
    if (by_space < 0 || (by_space == 0 && file.entry->key <= best->entry->key)) best = &file;
  }
  return best;
}

Status MergedSnapshot::step(const Visit& visit) {
  File* at = smallest();
  const std::string_view space = at->space();
  if (at->entry->put) {
    if (summary_.namespaces().empty() || summary_.namespaces().back().id != space)
      summary_.begin(space);
    summary_.add(at->entry->key, at->entry->value);
    TB_TRY(visit(space, at->entry->key, at->entry->value));
  }
  if (files_.size() == 1) return advance(*at);
  space_.assign(space);
  key_.assign(at->entry->key);
  for (File& file : files_) {
    if (file.entry && file.entry->key == key_ && file.space() == space_) TB_TRY(advance(file));
  }
  return {};
}

Status MergedSnapshot::tell(const SnapshotWatcher& watch) const {
  if (watch == nullptr) return {};
  SnapshotProgress progress;
  for (const File& file : files_) {
    progress.done_bytes += file.reader->position();
    progress.total_bytes += file.reader->info().bytes;
  }
  return watch(progress) ? Status() : Status(Code::kAborted, "stopped");
}

Status MergedSnapshot::walk(const Visit& visit, const SnapshotWatcher& watch) {
  for (File& file : files_) TB_TRY(advance(file));
  constexpr std::uint64_t kRowsBetweenQuestions = 1024;
  for (std::uint64_t rows = 0; smallest() != nullptr; ++rows) {
    TB_TRY(step(visit));
    if (rows % kRowsBetweenQuestions == 0) TB_TRY(tell(watch));
  }
  TB_TRY(tell(watch));
  return compare_roots();
}

Status MergedSnapshot::compare_roots() {
  summary_.finish();
  const auto differs = [&](const std::string& what) {
    return Status(Code::kCorrupt, "snapshot " + info().path + ": " + what,
                  "use another snapshot; `contract-cli snapshots list` names those of a directory");
  };
  std::vector<NamespaceSummary> all;
  auto found = summary_.namespaces().begin();
  for (const SnapshotNamespace& said : info().namespaces) {
    NamespaceSummary one{said.id, said.entries, 0, 0, said.root};
    if (said.included && said.entries > 0) {
      if (found == summary_.namespaces().end() || found->id != said.id)
        return differs("namespace " + said.id + " has no entries");
      if (found->entries != said.entries || found->root != said.root)
        return differs("the root of namespace " + said.id + " is not that of its entries");
      one = *found++;
    }
    all.push_back(std::move(one));
  }
  if (found != summary_.namespaces().end())
    return differs("namespace " + found->id + " is not in the head");
  if (state_root_of(all) != info().state_root)
    return differs("the state root is not that of the namespaces");
  return {};
}

}  // namespace blockd::internal
