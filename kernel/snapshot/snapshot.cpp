#include "kernel/snapshot/snapshot.hpp"

#include <algorithm>
#include <filesystem>

#include "kernel/base/crypto.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/chain/base_row.hpp"
#include "kernel/chain/block_codec.hpp"
#include "kernel/chain/kernel_rows.hpp"
#include "kernel/chain/macro_block.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/snapshot/merge.hpp"
#include "kernel/snapshot/row_pipe.hpp"
#include "kernel/storage/bulk_load.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;
using internal::MergedSnapshot;

Status untrusted(const SnapshotInfo& info, const std::string& why) {
  return Status(Code::kDenied, "snapshot " + info.path + ": " + why,
                "check that file and genesis (or root) belong to the same chain");
}

// The certificate of moloch spec 6.9: indexes ascend, and more than two thirds of the power signed.
Status check_certificate(const SnapshotInfo& info, const Header& macro, BytesView certificate,
                         const Genesis& genesis) {
  if (info.chain_id != genesis.chain_id)
    return untrusted(info,
                     "it is of chain '" + info.chain_id + "', not of '" + genesis.chain_id + "'");
  std::vector<std::pair<PublicKey, std::uint64_t>> set;
  std::uint64_t total = 0, power = 0;
  for (const Genesis::Validator& v : genesis.validators) {
    set.emplace_back(v.key, v.power);
    total += v.power;
  }
  if (macro.validators_hash != validators_hash(set))
    return untrusted(info, "its macro block names other validators than the genesis");
  const Bytes vote = vote_bytes(genesis.chain_id, macro.height, macro.hash());
  Reader in(certificate);
  int last = -1;
  for (std::uint16_t left = in.u16(); left > 0 && in.ok(); --left) {
    const std::uint16_t index = in.u16();
    const Signature signature = in.array<64>();
    if (!in.ok() || static_cast<int>(index) <= last || index >= set.size())
      return untrusted(info, "its certificate is malformed");
    last = index;
    if (!ed25519_verify(set[index].first, vote, signature))
      return untrusted(info, "a signature of its certificate does not hold");
    power += set[index].second;
  }
  if (!in.done()) return untrusted(info, "its certificate is malformed");
  if (power < total / 3 * 2 + total % 3 * 2 / 3 + 1)
    return untrusted(info, "its certificate has not more than two thirds of the power");
  return {};
}

Status check_trust(const MergedSnapshot& files, const SnapshotTrust& trust) {
  const SnapshotInfo& info = files.info();
  if (trust.state_root && *trust.state_root != info.state_root)
    return untrusted(info, "its state root is " + to_hex(info.state_root) + ", not " +
                               to_hex(*trust.state_root));
  if (trust.genesis == nullptr) return {};
  return check_certificate(info, files.macro_header(), files.certificate(), *trust.genesis);
}

// The kernel's row of the macro point, which every whole snapshot holds.
class MacroRowTap {
 public:
  void see(std::string_view space, BytesView key, BytesView value) {
    if (space == kChainSpace && key == kMacroRow.substr(space_prefix_size(kChainSpace)))
      row_ = Bytes(value);
  }
  bool seen() const { return row_.has_value(); }
  Result<MacroRow> check(const SnapshotInfo& info, const SnapshotTrust& trust) const {
    if (!row_)
      return Status(Code::kCorrupt, "snapshot " + info.path + " lacks the kernel's row 'macro'");
    Result<MacroRow> row = MacroRow::decode(*row_);
    if (!row.ok()) return row.status().in("snapshot " + info.path);
    if (row->point != info.height)
      return Status(Code::kCorrupt, "snapshot " + info.path + ": its state is of height " +
                                        std::to_string(row->point) + ", its head says " +
                                        std::to_string(info.height));
    if (trust.genesis != nullptr && row->genesis != trust.genesis->hash())
      return untrusted(info, "its chain was made from another genesis");
    return row;
  }

 private:
  std::optional<Bytes> row_;
};

// A directory that is removed again unless it has been moved to its place.
class NewDirectory {
 public:
  explicit NewDirectory(std::string path) : path_(std::move(path)) { remove(); }
  ~NewDirectory() { remove(); }
  const std::string& path() const { return path_; }

 private:
  void remove() {
    std::error_code ignored;  // of what is in the way the next step speaks
    fs::remove_all(path_, ignored);
  }
  std::string path_;
};

bool is_empty_place(const std::string& dir) {
  std::error_code error;
  if (!fs::exists(dir, error)) return true;
  return fs::is_directory(dir, error) && fs::is_empty(dir, error);
}

// The store tells from now on which snapshot it began as.
Status write_base(const std::string& dir, const SnapshotInfo& info, const MacroRow& macro) {
  Result<std::unique_ptr<KvStore>> store = open_leveldb(dir, {});
  if (!store.ok()) return store.status();
  const BaseRow base{info.height, macro.time_ms, info.block_hash, macro.genesis, macro.peaks};
  const std::vector<KvWrite> rows{{Bytes(kBaseRow), base.encode()},
                                  {Bytes(kHeadRow), head_row(info.height, info.block_hash)}};
  TB_TRY((*store)->write(rows, true));
  return (*store)->flush();
}

Result<SnapshotInfo> fill_store(const std::vector<std::string>& files, const SnapshotTrust& trust,
                                const std::string& dir, const SnapshotWatcher& watch) {
  Result<std::unique_ptr<MergedSnapshot>> merged = MergedSnapshot::open(files);
  if (!merged.ok()) return merged.status();
  const SnapshotInfo& info = (*merged)->info();
  if (!info.whole()) {
    return Status(Code::kInvalid, info.path + " holds only a part of the state",
                  "a node needs all namespaces: restore a snapshot that was made without "
                  "--namespace");
  }
  Result<std::unique_ptr<BulkLoad>> load = BulkLoad::begin(dir);
  if (!load.ok()) return load.status();
  internal::RowPipe rows(**load);
  MacroRowTap tap;
  TB_TRY((*merged)->walk(
      [&](std::string_view space, BytesView key, BytesView value) {
        tap.see(space, key, value);
        return rows.add(space, key, value);
      },
      watch));
  TB_TRY(check_trust(**merged, trust));
  Result<MacroRow> macro = tap.check(info, trust);
  if (!macro.ok()) return macro.status();
  TB_TRY(rows.finish());
  TB_TRY((*load)->finish());
  TB_TRY(write_base(dir, info, *macro));
  return info;
}

}  // namespace

Result<SnapshotInfo> read_snapshot_info(const std::string& path) {
  auto reader = internal::SnapshotReader::open(path);
  if (!reader.ok()) return reader.status();
  return (*reader)->info();
}

Result<std::vector<std::string>> snapshot_chain(const std::string& path) {
  std::vector<std::string> files{path};
  const std::string dir = fs::path(path).parent_path().string();
  for (std::string at = path;;) {
    Result<SnapshotInfo> info = read_snapshot_info(at);
    if (!info.ok()) {
      if (at == path || info.status().code() != Code::kNotFound) return info.status();
      return Status(Code::kNotFound,
                    files[files.size() - 2] + " needs its base " + at + ", which is not there",
                    "put the base beside it");
    }
    if (!info->base_height) break;
    if (files.size() == kMaxSnapshotFiles)
      return Status(Code::kLimit, path + " stands on more than " +
                                      std::to_string(kMaxSnapshotFiles - 1) + " files");
    at = snapshot_path(dir.empty() ? "." : dir, *info->base_height);
    files.push_back(at);
  }
  std::reverse(files.begin(), files.end());
  return files;
}

Result<SnapshotInfo> verify_snapshot(const std::vector<std::string>& files,
                                     const SnapshotTrust& trust, const SnapshotWatcher& watch) {
  Result<std::unique_ptr<MergedSnapshot>> merged = MergedSnapshot::open(files);
  if (!merged.ok()) return merged.status();
  MacroRowTap tap;
  TB_TRY((*merged)->walk(
      [&](std::string_view space, BytesView key, BytesView value) {
        tap.see(space, key, value);
        return Status();
      },
      watch));
  TB_TRY(check_trust(**merged, trust));
  const SnapshotInfo& info = (*merged)->info();
  if (info.whole() || tap.seen()) {
    Result<MacroRow> macro = tap.check(info, trust);
    if (!macro.ok()) return macro.status();
  }
  return info;
}

Result<SnapshotInfo> restore_snapshot(const std::vector<std::string>& files,
                                      const SnapshotTrust& trust, const std::string& state_dir,
                                      const SnapshotWatcher& watch) {
  if (!is_empty_place(state_dir)) {
    return Status(Code::kBusy, state_dir + " is not empty",
                  "move it away, or restore into another directory");
  }
  const NewDirectory made(state_dir + ".restoring");
  Result<SnapshotInfo> info = fill_store(files, trust, made.path(), watch);
  if (!info.ok()) return info.status();
  std::error_code error;
  fs::remove(state_dir, error);  // an empty one
  fs::rename(made.path(), state_dir, error);
  if (error)
    return Status(Code::kIo, "cannot move " + made.path() + " to its place: " + error.message());
  TB_TRY(internal::sync_directory_of(state_dir));
  return info;
}

std::vector<SnapshotInfo> list_snapshots(const std::string& dir,
                                         std::vector<std::string>* problems) {
  std::vector<SnapshotInfo> out;
  std::error_code missing;
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(dir, missing)) {
    if (++seen > kMaxSnapshotsListed) break;
    if (!internal::height_in_name(entry.path().filename().string())) continue;
    Result<SnapshotInfo> info = read_snapshot_info(entry.path().string());
    if (info.ok()) {
      out.push_back(*std::move(info));
    } else if (problems != nullptr) {
      problems->push_back(info.status().message());
    }
  }
  std::sort(out.begin(), out.end(),
            [](const SnapshotInfo& a, const SnapshotInfo& b) { return a.height > b.height; });
  return out;
}

std::vector<std::string> newest_valid_snapshot(const std::string& dir, const SnapshotTrust& trust,
                                               std::uint64_t max_height,
                                               std::vector<std::string>* notes) {
  for (const SnapshotInfo& one : list_snapshots(dir, notes)) {
    if (one.height > max_height || !one.whole()) continue;
    Result<std::vector<std::string>> files = snapshot_chain(one.path);
    Status status = files.status();
    if (files.ok()) status = verify_snapshot(*files, trust).status();
    if (status.ok()) return *files;
    if (notes != nullptr) notes->push_back(status.message());
  }
  return {};
}

}  // namespace blockd
