#include "kernel/snapshot/create.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include "kernel/base/clock.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/machine_set.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/snapshot/merge.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;
using internal::Entry;
using internal::MergedSnapshot;
using internal::SnapshotWriter;
constexpr std::size_t kCursorRows = 512;
constexpr std::uint64_t kManifestVersion = 1;
constexpr std::uint64_t kMaxNoteBytes = 1u << 20;

// The rows of some namespaces of a state, one after another. One thread.
class StateCursor {
 public:
  StateCursor(const KvReader& state, std::vector<std::string> spaces)
      : state_(state), spaces_(std::move(spaces)) {}
  // Moves to the next row. Errors of the store.
  Status advance() {
    if (++at_ < page_.size()) return {};
    at_ = 0;
    while (true) {
      page_.clear();
      if (place_ == spaces_.size()) return {};
      const std::string prefix = space_prefix(spaces_[place_]);
      TB_TRY(state_.scan(prefix, after_, kCursorRows, [&](BytesView key, BytesView value) {
        page_.emplace_back(key.substr(prefix.size()), value);
        after_.assign(key);
        return true;
      }));
      if (!page_.empty()) return {};
      ++place_;
      after_.clear();
    }
  }
  bool at_end() const { return page_.empty(); }
  const std::string& space() const { return spaces_[place_]; }
  const Bytes& key() const { return page_[at_].first; }
  const Bytes& value() const { return page_[at_].second; }
  // <0, 0, >0: this row stands before, at, behind that one.
  int compare(std::string_view other_space, BytesView other_key) const {
    const int by_space = std::string_view(space()).compare(other_space);
    return by_space != 0 ? by_space : BytesView(key()).compare(other_key);
  }

 private:
  const KvReader& state_;
  const std::vector<std::string> spaces_;
  std::size_t place_ = 0, at_ = 0;
  std::vector<std::pair<Bytes, Bytes>> page_;
  Bytes after_;
};

// Takes a change: nullopt for a row that is gone.
using OnChange =
    std::function<Status(std::string_view space, BytesView key, std::optional<BytesView> value)>;

// What turns the state of `base` into that of the point, in order.
Status visit_changes(const MacroPoint& point, const std::vector<std::string>& base,
                     const std::vector<std::string>& spaces, const OnChange& change,
                     const SnapshotWatcher& watch) {
  Result<std::unique_ptr<MergedSnapshot>> below = MergedSnapshot::open(base);
  if (!below.ok()) return below.status();
  StateCursor now(*point.state, spaces);
  TB_TRY(now.advance());
  const auto wanted = [&](std::string_view space) {
    return std::find(spaces.begin(), spaces.end(), space) != spaces.end();
  };
  const auto visit = [&](std::string_view space, BytesView key, BytesView value) -> Status {
    if (!wanted(space)) return {};
    while (!now.at_end() && now.compare(space, key) < 0) {
      TB_TRY(change(now.space(), now.key(), BytesView(now.value())));
      TB_TRY(now.advance());
    }
    if (now.at_end() || now.compare(space, key) > 0) return change(space, key, std::nullopt);
    if (now.value() != value) TB_TRY(change(space, key, BytesView(now.value())));
    return now.advance();
  };
  TB_TRY((*below)->walk(visit, watch));
  while (!now.at_end()) {
    TB_TRY(change(now.space(), now.key(), BytesView(now.value())));
    TB_TRY(now.advance());
  }
  return {};
}

Result<std::uint32_t> schema_of(const KvReader& state, const std::string& space) {
  if (space == kChainSpace) return 1u;
  std::optional<Bytes> row;
  TB_TRY(state.get(std::string(kPluginRows) + space, &row));
  if (!row) return 0u;  // rows of a plugin that is no longer in the roster
  Result<RosterEntry> entry = parse_roster_row(*row);
  if (!entry.ok()) return entry.status();
  return entry->schema;
}

Status not_there(const std::string& space, const std::vector<NamespaceSummary>& all) {
  std::string names;
  for (const NamespaceSummary& one : all) names += (names.empty() ? "" : ", ") + one.id;
  return Status(Code::kNotFound, "the state has no namespace '" + space + "'", "it has: " + names);
}

// The head but for entries and pages.
Result<SnapshotInfo> describe(const MacroPoint& point, const std::string& chain_id,
                              const std::string& only) {
  SnapshotInfo info;
  info.chain_id = chain_id;
  info.height = point.height;
  info.block_hash = point.block_hash;
  info.state_root = point.root();
  bool found = only.empty();
  for (const NamespaceSummary& one : point.namespaces()) {
    Result<std::uint32_t> schema = schema_of(*point.state, one.id);
    if (!schema.ok()) return schema.status();
    const bool included = only.empty() || one.id == only;
    found = found || included;
    info.namespaces.push_back({one.id, one.entries, one.root, *schema, included});
    if (!included) continue;
    info.entries += one.entries;
    info.pages += one.pages;
  }
  if (!found) return not_there(only, point.namespaces());
  return info;
}

std::vector<std::string> included_spaces(const SnapshotInfo& info) {
  std::vector<std::string> out;
  for (const SnapshotNamespace& space : info.namespaces) {
    if (space.included) out.push_back(space.id);
  }
  return out;
}

std::uint16_t number_of_space(const SnapshotInfo& info, std::string_view id) {
  std::uint16_t number = 0;
  while (info.namespaces[number].id != id) ++number;
  return number;
}

// Makes the head that of an increment: its base, namespaces that are gone since, counts.
Status describe_increment(const MacroPoint& point, const SnapshotRequest& request,
                          const SnapshotWatcher& watch, SnapshotInfo* info) {
  Result<SnapshotInfo> base = read_snapshot_info(request.base.back());
  if (!base.ok()) return base.status();
  if (base->chain_id != info->chain_id || base->height >= info->height)
    return Status(Code::kInvalid, base->path + " is no older snapshot of this chain",
                  "name a snapshot of chain '" + info->chain_id + "' below height " +
                      std::to_string(info->height));
  info->base_height = base->height;
  info->base_hash = base->block_hash;
  for (const SnapshotNamespace& old : base->namespaces) {
    const auto at = std::lower_bound(
        info->namespaces.begin(), info->namespaces.end(), old.id,
        [](const SnapshotNamespace& a, const std::string& id) { return a.id < id; });
    const bool here = at != info->namespaces.end() && at->id == old.id;
    const bool included = here ? at->included : request.space.empty();
    if (included && !old.included)
      return Status(Code::kInvalid, base->path + " does not hold namespace " + old.id,
                    "take a base that does");
    if (!here) info->namespaces.insert(at, {old.id, 0, kZeroHash, old.schema, included});
  }
  info->entries = 0;
  PageCutter cutter;
  std::string last;
  TB_TRY(visit_changes(
      point, request.base, included_spaces(*info),
      [&](std::string_view space, BytesView key, std::optional<BytesView> value) {
        if (space != last) {
          cutter.end_space();
          last.assign(space);
        }
        cutter.add(kStateEntryBytes + key.size() + (value ? value->size() : 0));
        ++info->entries;
        return Status();
      },
      watch));
  info->pages = cutter.pages();
  return {};
}

Status write_changes(const MacroPoint& point, const SnapshotRequest& request,
                     const SnapshotInfo& info, const SnapshotWatcher& watch,
                     SnapshotWriter& writer) {
  return visit_changes(
      point, request.base, included_spaces(info),
      [&](std::string_view space, BytesView key, std::optional<BytesView> value) {
        return writer.add(
            Entry{value.has_value(), number_of_space(info, space), key, value.value_or("")});
      },
      watch);
}

Status write_all_rows(const MacroPoint& point, const SnapshotInfo& info,
                      const SnapshotWatcher& watch, SnapshotWriter& writer) {
  SnapshotProgress progress;
  for (const NamespaceSummary& one : point.namespaces()) progress.total_bytes += one.bytes;
  std::uint64_t told = 0;
  for (std::uint16_t number = 0; number < info.namespaces.size(); ++number) {
    const SnapshotNamespace& space = info.namespaces[number];
    if (!space.included) continue;
    const std::size_t prefix = space_prefix_size(space.id);
    Status inner;
    TB_TRY(point.state->scan(
        space_prefix(space.id), {}, SIZE_MAX, [&](BytesView key, BytesView value) {
          inner = writer.add(Entry{true, number, key.substr(prefix), value});
          if (inner.ok() && watch != nullptr && writer.bytes() >= told + kStatePageBytes) {
            told = progress.done_bytes = writer.bytes();
            if (!watch(progress)) inner = Status(Code::kAborted, "stopped");
          }
          return inner.ok();
        }));
    TB_TRY(inner);
  }
  return {};
}

std::string sidecar(const std::string& path) { return path.substr(0, path.size() - 4) + ".json"; }

}  // namespace

SnapshotDraft::~SnapshotDraft() = default;

Result<std::unique_ptr<SnapshotDraft>> SnapshotDraft::write(const MacroPoint& point,
                                                            const std::string& chain_id,
                                                            const SnapshotRequest& request,
                                                            const SnapshotWatcher& watch) {
  TB_TRY(point.status());
  Result<SnapshotInfo> info = describe(point, chain_id, request.space);
  if (!info.ok()) return info.status();
  if (!request.base.empty()) TB_TRY(describe_increment(point, request, watch, &*info));
  TB_TRY(make_directories(request.dir));
  const std::string path = snapshot_path(request.dir, point.height);
  if (file_exists(path))
    return Status(Code::kExists, path + " is there already",
                  "it is the snapshot of the same block");
  Result<std::unique_ptr<SnapshotWriter>> writer = SnapshotWriter::create(path, *info);
  if (!writer.ok()) return writer.status();
  TB_TRY(request.base.empty() ? write_all_rows(point, *info, watch, **writer)
                              : write_changes(point, request, *info, watch, **writer));
  TB_TRY((*writer)->end_pages());
  std::unique_ptr<SnapshotDraft> out(new SnapshotDraft());
  out->info_ = *std::move(info);
  out->dir_ = request.dir;
  out->writer_ = *std::move(writer);
  return out;
}

Result<SnapshotInfo> SnapshotDraft::finish(const Header& macro, BytesView certificate) {
  if (!macro.macro || macro.macro->state_height != info_.height ||
      macro.macro->state_root != info_.state_root)
    return Status(Code::kInternal, "block " + std::to_string(macro.height) +
                                       " does not commit the state after block " +
                                       std::to_string(info_.height));
  TB_TRY(writer_->finish(macro, certificate, &info_));
  const std::string text = snapshot_manifest(info_, system_clock().unix_ms() / 1000);
  TB_TRY(write_file_atomic(sidecar(info_.path), text));
  TB_TRY(write_file_atomic(dir_ + "/manifest.json", text));
  return info_;
}

std::string snapshot_manifest(const SnapshotInfo& info, std::uint64_t created_at) {
  json::array stores;
  for (const SnapshotNamespace& space : info.namespaces) {
    if (space.included) stores.push_back(json::value(space.id));
  }
  const json::object out{
      {"base_height", info.base_height ? json::value(*info.base_height) : json::value(nullptr)},
      {"blake3", to_hex(info.blake3)},
      {"block_hash", to_hex(info.block_hash)},
      {"bytes", info.bytes},
      {"created_at", created_at},
      {"height", info.height},
      {"macro_height", info.macro_height},
      {"path", fs::path(info.path).filename().string()},
      {"state_root", to_hex(info.state_root)},
      {"stores", std::move(stores)},
      {"version", kManifestVersion}};
  Result<std::string> text = canonical_json(out);
  TB_ASSERT(text.ok());
  return *text + "\n";
}

std::optional<SnapshotNote> read_snapshot_note(const std::string& path) {
  const Result<Bytes> text = read_file(sidecar(path), kMaxNoteBytes);
  if (!text.ok()) return std::nullopt;
  Result<json::value> value = parse_json(*text);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  if (object == nullptr) return std::nullopt;
  const json::value* hash = object->if_contains("blake3");
  const json::value* at = object->if_contains("created_at");
  if (hash == nullptr || !hash->is_string() || at == nullptr || !at->is_number())
    return std::nullopt;
  boost::system::error_code wrong;
  const auto seconds = at->to_number<std::uint64_t>(wrong);
  if (wrong) return std::nullopt;
  return SnapshotNote{std::string(hash->get_string()), seconds};
}

void clean_snapshots(const std::string& dir) { internal::remove_temporary_files(dir); }

Status retain_snapshots(const std::string& dir, std::size_t keep) {
  const std::vector<SnapshotInfo> all = list_snapshots(dir);
  std::set<std::string> kept;
  for (std::size_t i = 0; i < std::min(keep, all.size()); ++i) {
    const Result<std::vector<std::string>> files = snapshot_chain(all[i].path);
    kept.insert(all[i].path);
    if (files.ok()) kept.insert(files->begin(), files->end());
  }
  for (const SnapshotInfo& one : all) {
    if (kept.contains(one.path)) continue;
    std::error_code error;
    fs::remove(one.path, error);
    if (!error) fs::remove(sidecar(one.path), error);
    if (error) return Status(Code::kIo, "cannot remove " + one.path + ": " + error.message());
  }
  return {};
}

}  // namespace blockd
