#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "kernel/base/crc32c.hpp"
#include "kernel/base/file.hpp"
#include "kernel/chain/block.hpp"
#include "kernel/snapshot/format.hpp"

namespace blockd::internal {
namespace {

constexpr std::uint64_t kReserveBytes = 32u << 20;

}  // namespace

Status sync_directory_of(const std::string& path) {
  const std::string dir = std::filesystem::path(path).parent_path().string();
  const int fd = ::open(dir.empty() ? "." : dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno_status("cannot open " + dir);
  const Status status = ::fsync(fd) == 0 ? Status() : errno_status("cannot sync " + dir);
  ::close(fd);
  return status;
}

SnapshotWriter::SnapshotWriter(std::string path, const SnapshotInfo& info)
    : path_(std::move(path)),
      temporary_(path_ + ".tmp"),
      info_(info),
      file_(temporary_, {.rests = true, .forget = true, .reserve_bytes = kReserveBytes}) {}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::create(const std::string& path,
                                                               const SnapshotInfo& info) {
  Result<std::string> head = head_text(info);
  if (!head.ok()) return head.status();
  if (head->size() > kMaxHeadBytes)
    return Status(Code::kLimit, path + ": the head would be longer than 16 MiB");
  std::unique_ptr<SnapshotWriter> out(new SnapshotWriter(path, info));
  TB_TRY(out->file_.failed());
  Bytes begin(kSnapshotMagic);
  put_u32(begin, static_cast<std::uint32_t>(head->size()));
  begin.append(*head);
  TB_TRY(out->write(begin));
  return out;
}

SnapshotWriter::~SnapshotWriter() {
  if (!in_place_) ::unlink(temporary_.c_str());
}

Status SnapshotWriter::add(const Entry& entry) {
  if (entry.space != space_) {
    TB_TRY(write_page());
    cutter_.end_space();
    space_ = entry.space;
  }
  const std::size_t size = kStateEntryBytes + entry.key.size() + entry.value.size();
  if (cutter_.add(size)) TB_TRY(write_page());
  append_entry(page_, entry);
  return {};
}

Status SnapshotWriter::write_page() {
  if (page_.empty()) return {};
  Bytes front;
  put_u32(front, static_cast<std::uint32_t>(page_.size()));
  put_u32(front, crc32c(page_));
  page_hashes_.push_back(Blake3().update(front).update(page_).finish());
  TB_TRY(write(front));
  TB_TRY(write(page_));
  page_.clear();
  return {};
}

Status SnapshotWriter::end_pages() {
  TB_TRY(write_page());
  if (page_hashes_.size() == info_.pages) return file_.push();
  return Status(Code::kInternal, path_ + ": " + std::to_string(page_hashes_.size()) +
                                     " pages were written, the head says " +
                                     std::to_string(info_.pages));
}

Status SnapshotWriter::write(BytesView bytes) {
  whole_.update(bytes);
  return file_.append(bytes);
}

Status SnapshotWriter::finish(const Header& macro, BytesView certificate, SnapshotInfo* info) {
  Bytes footer;
  for (const Hash& hash : page_hashes_) footer.append(view(hash));
  const Bytes header = macro.encode();
  put_u32(footer, static_cast<std::uint32_t>(header.size()));
  footer.append(header).append(certificate);
  TB_TRY(write(footer));
  const Hash all = whole_.finish();
  TB_TRY(write(view(all)));
  TB_TRY(file_.sync());
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return errno_status("cannot rename " + temporary_);
  in_place_ = true;
  TB_TRY(sync_directory_of(path_));
  *info = info_;
  info->path = path_;
  info->macro_height = macro.height;
  info->bytes = bytes();
  info->blake3 = whole_.finish();
  return {};
}

void remove_temporary_files(const std::string& dir) {
  std::error_code ignored;  // what cannot be removed now is overwritten or removed later
  for (const auto& entry : std::filesystem::directory_iterator(dir, ignored)) {
    const std::string name = entry.path().filename();
    // Halves of snapshots, and of the small files beside them.
    const bool ours = name.starts_with("snapshot-") || name.starts_with("manifest.json.");
    if (ours && name.ends_with(".tmp")) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace blockd::internal
