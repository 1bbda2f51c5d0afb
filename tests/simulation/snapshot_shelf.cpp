#include "tests/simulation/snapshot_shelf.hpp"

#include <filesystem>

#include "kernel/base/file.hpp"
#include "kernel/chain/macro_block.hpp"

namespace blockd::sim {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kKeptSnapshots = 2;
constexpr std::size_t kMaxFileBytes = 64u << 20;

Status unwell(const std::string& what) { return Status(Code::kInternal, "snapshots: " + what); }

std::string content_of(const std::string& path) {
  Result<Bytes> bytes = read_file(path, kMaxFileBytes);
  return bytes.ok() ? std::string(*bytes) : std::string();
}

// The bytes as a dead process leaves them: all that it wrote, or with the power any beginning.
void leave(const std::string& path, std::string bytes, std::mt19937_64& random, bool power_cut) {
  if (power_cut) bytes.resize(random() % (bytes.size() + 1));
  const Status written = write_file_atomic(path, bytes);
  TB_ASSERT(written.ok());
}

}  // namespace

Status SnapshotShelf::begin(const MacroPoint& point, const std::string& chain_id) {
  if (fate_.step()) return {};
  TB_TRY(point.status());
  changed_ = true;
  auto draft = SnapshotDraft::write(point, chain_id, {dir_, {}, {}}, nullptr);
  if (!draft.ok()) return draft.status().in("snapshot");
  draft_ = *std::move(draft);
  return {};
}

Result<bool> SnapshotShelf::end(const BlockRecord& block) {
  const bool ours =
      draft_ && block.header.macro && block.header.macro->state_height == draft_->height();
  if (!ours || fate_.step()) return false;
  manifest_before_ = content_of(manifest());
  auto made = draft_->finish(block.header, block.certificate);
  if (!made.ok()) return made.status().in("snapshot");
  draft_.reset();
  newest_ = made->height;
  changed_ = true;
  if (fate_.step()) {
    cut_ = Cut::kBeforeNote;
  } else if (fate_.step()) {
    cut_ = Cut::kBeforeManifest;
  } else {
    TB_TRY(retain_snapshots(dir_, kKeptSnapshots));
  }
  return true;
}

void SnapshotShelf::crash(std::mt19937_64& random, bool power_cut) {
  if (draft_) {
    const std::string path = snapshot_path(dir_, draft_->height()) + ".tmp";
    std::string bytes = content_of(path);
    draft_.reset();
    leave(path, std::move(bytes), random, power_cut);
  }
  if (cut_ != Cut::kNowhere) {
    const std::string note =
        dir_ + "/" + fs::path(snapshot_path(dir_, *newest_)).stem().string() + ".json";
    const std::string lost = cut_ == Cut::kBeforeNote ? note : manifest();
    leave(lost + ".1.1.tmp", content_of(lost), random, power_cut);
    if (cut_ == Cut::kBeforeNote) fs::remove(note);
    fs::remove(manifest());
    if (!manifest_before_.empty()) leave(manifest(), manifest_before_, random, false);
  }
  cut_ = Cut::kNowhere;
}

Status SnapshotShelf::check(const Genesis& genesis,
                            const std::function<Status(const SnapshotInfo&)>& holds) {
  if (!changed_) return {};
  clean_snapshots(dir_);
  for (const auto& entry : fs::directory_iterator(dir_)) {
    if (entry.path().extension() == ".tmp")
      return unwell(entry.path().string() + " was left by a death and is still there");
  }
  std::vector<std::string> problems;
  const std::vector<SnapshotInfo> all = list_snapshots(dir_, &problems);
  if (!problems.empty()) return unwell(problems.front());
  if (!newest_) return all.empty() ? Status() : unwell("one came from nowhere");
  if (all.empty() || all.front().height != *newest_)
    return unwell("that of height " + std::to_string(*newest_) + " is lost");
  auto verified = verify_snapshot({all.front().path}, {&genesis, std::nullopt});
  if (!verified.ok()) return verified.status().in("snapshot");
  changed_ = false;
  return holds(*verified);
}

// What a death in a restore leaves beside the place must not be in the way of the next.
Status SnapshotShelf::half_restored(const std::string& place) const {
  TB_TRY(make_directories(place + ".restoring"));
  return write_file_atomic(place + ".restoring/CURRENT", "MANIFEST-000002\n");
}

Result<std::map<Bytes, Bytes>> SnapshotShelf::restore(const Genesis& genesis, std::uint64_t head) {
  std::vector<std::string> notes;
  const SnapshotTrust trust{&genesis, std::nullopt};
  const std::vector<std::string> files = newest_valid_snapshot(dir_, trust, head, &notes);
  if (files.empty())
    return unwell("none holds at or below " + std::to_string(head) +
                  (notes.empty() ? "" : ": " + notes.front()));
  const std::string place = dir_ + "/restored";
  auto info = restore_snapshot(files, trust, place,
                               [this](const SnapshotProgress&) { return !fate_.step(); });
  if (fate_.dead() && fs::exists(place)) return unwell("a restore that was killed has its name");
  if (fate_.dead()) TB_TRY(half_restored(place));
  if (!info.ok()) return info.status().in("restore");
  std::map<Bytes, Bytes> rows;
  {
    auto store = open_leveldb(place, {});
    if (!store.ok()) return store.status();
    TB_TRY((*store)->scan({}, {}, SIZE_MAX, [&](BytesView key, BytesView value) {
      rows.emplace(key, value);
      return true;
    }));
  }
  fs::remove_all(place);
  return rows;
}

}  // namespace blockd::sim
