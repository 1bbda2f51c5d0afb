#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "kernel/base/crc32c.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/snapshot/format.hpp"

namespace blockd::internal {

Result<std::unique_ptr<SnapshotReader>> SnapshotReader::open(const std::string& path) {
  std::unique_ptr<SnapshotReader> out(new SnapshotReader(path));
  out->fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (out->fd_ < 0) return errno_status("cannot open snapshot " + path);
  struct stat about {};
  if (::fstat(out->fd_, &about) != 0) return errno_status("cannot read snapshot " + path);
  if (!S_ISREG(about.st_mode)) return Status(Code::kInvalid, path + " is no file");
  out->size_ = static_cast<std::uint64_t>(about.st_size);
  const int hint = ::posix_fadvise(out->fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  static_cast<void>(hint);
  TB_TRY(out->read_head());
  return out;
}

SnapshotReader::~SnapshotReader() {
  if (fd_ >= 0) ::close(fd_);
}

Status SnapshotReader::corrupt(const std::string& what) const {
  return Status(Code::kCorrupt, "snapshot " + path_ + ": " + what,
                "use another snapshot; `contract-cli snapshots list` names those of a directory");
}

Status SnapshotReader::read(std::size_t n, Bytes* out, bool hashed) {
  if (n > size_ - position())
    return corrupt("it ends at byte " + std::to_string(size_) + ", within a part that goes on");
  out->resize(n);
  std::size_t done = 0;
  while (done < n) {
    const ssize_t got = ::read(fd_, out->data() + done, n - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_status("cannot read snapshot " + path_);
    if (got == 0) return corrupt("it became shorter while it was read");
    done += static_cast<std::size_t>(got);
  }
  position_.store(position() + n, std::memory_order_relaxed);
  if (hashed) whole_.update(*out);
  return {};
}

Status SnapshotReader::read_head() {
  Bytes front;
  if (size_ < kSnapshotMagic.size() + 4) return corrupt("it is no snapshot: too short");
  TB_TRY(read(kSnapshotMagic.size() + 4, &front));
  if (!BytesView(front).starts_with(kSnapshotMagic))
    return corrupt("it is no snapshot: the first bytes are not TBSNAP01");
  const std::uint32_t length = Reader(BytesView(front).substr(kSnapshotMagic.size())).u32();
  if (length > kMaxHeadBytes) return corrupt("the head's length is impossible");
  Bytes text;
  TB_TRY(read(length, &text));
  Result<SnapshotInfo> info = parse_head(text);
  if (!info.ok()) return corrupt(info.status().message());
  info_ = *std::move(info);
  // The file would have to hold at least its page headers and hashes: a bound on what is allocated.
  if (info_.pages > size_ / 40) return corrupt("the head names more pages than there are bytes");
  info_.path = path_;
  info_.bytes = size_;
  pages_begin_ = position();
  return {};
}

void SnapshotReader::read_ahead() {
  if (info_.pages < 2) return;  // nothing to be gained
  pipe_ = std::make_unique<PagePipe>(
      info_.pages, [this](std::uint64_t number, Bytes* out) { return load_page(number, out); });
}

Status SnapshotReader::next_page() {
  last_of_page_.assign(last_key_);
  last_key_ = last_of_page_;
  TB_TRY(pipe_ ? pipe_->next(&buffer_) : load_page(page_, &buffer_));
  ++page_;
  rest_ = Reader(buffer_);
  return {};
}

// The disk is busy with what comes while this is hashed. Asked for seldom: each time the system
// looks through all that it has already.
void SnapshotReader::fetch_ahead() {
  constexpr std::uint64_t kFetched = 8u << 20;
  if (position() + kFetched / 2 < fetched_) return;
  const std::uint64_t from = std::max(fetched_, position());
  fetched_ = from + kFetched;
  const int hint = ::posix_fadvise(fd_, static_cast<off_t>(from), kFetched, POSIX_FADV_WILLNEED);
  static_cast<void>(hint);
}

// [the pipe's thread, if there is one]
Status SnapshotReader::load_page(std::uint64_t number, Bytes* out) {
  const auto where = [&] {
    return "page " + std::to_string(number + 1) + " of " + std::to_string(info_.pages);
  };
  fetch_ahead();
  Bytes front;
  TB_TRY(read(8, &front).in(where()));
  Reader in(front);
  const std::uint32_t length = in.u32(), crc = in.u32();
  if (length == 0 || length > kMaxPageBytes) return corrupt(where() + ": impossible length");
  TB_TRY(read(length, out).in(where()));
  if (crc32c(*out) != crc) return corrupt(where() + ": its checksum does not hold");
  page_ends_.push_back(position());
  return {};
}

Status SnapshotReader::check_entry(const Entry& entry) {
  const bool known =
      entry.space < info_.namespaces.size() && info_.namespaces[entry.space].included;
  const bool ascends = !last_space_ || entry.space > *last_space_ ||
                       (entry.space == *last_space_ && entry.key > last_key_);
  if (known && ascends && (entry.put || info_.base_height)) return {};
  return corrupt("page " + std::to_string(page_) + ": an entry is " +
                 (known ? "out of order" : "of no namespace of the head"));
}

Result<std::optional<Entry>> SnapshotReader::next() {
  if (ended_) return std::optional<Entry>();
  if (rest_.rest().empty()) {
    if (page_ == info_.pages) {
      TB_TRY(read_footer());
      ended_ = true;
      return std::optional<Entry>();
    }
    TB_TRY(next_page());
  }
  Entry entry;
  if (!take_entry(rest_, &entry))
    return corrupt("page " + std::to_string(page_) + ": an entry is damaged");
  TB_TRY(check_entry(entry));
  last_space_ = entry.space;
  last_key_ = entry.key;
  ++entries_;
  return std::optional<Entry>(entry);
}

// The file's hash covers its pages and the hashes of them, so those are wanted only here: to say
// which page it is that differs.
Status SnapshotReader::damaged_page(BytesView hashes) {
  for (std::uint64_t page = 0; page < info_.pages; ++page) {
    const std::uint64_t begin = page == 0 ? pages_begin_ : page_ends_[page - 1];
    Bytes bytes(page_ends_[page] - begin, '\0');
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t got =
          ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(begin + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return errno_status("cannot read snapshot " + path_);
      if (got == 0) return corrupt("it became shorter while it was read");
      done += static_cast<std::size_t>(got);
    }
    if (view(blake3(bytes)) != hashes.substr(page * sizeof(Hash), sizeof(Hash)))
      return corrupt("page " + std::to_string(page + 1) + ": its hash is not that of the footer");
  }
  return corrupt("the hash at its end is not that of the file");
}

Status SnapshotReader::read_footer() {
  if (entries_ != info_.entries)
    return corrupt("it holds " + std::to_string(entries_) + " entries, the head says " +
                   std::to_string(info_.entries));
  Bytes page_hashes, length, header;
  TB_TRY(read(info_.pages * sizeof(Hash), &page_hashes).in("footer"));
  TB_TRY(read(4, &length).in("footer"));
  TB_TRY(read(Reader(length).u32(), &header).in("footer"));
  Result<Header> decoded = Header::decode(header);
  if (!decoded.ok()) return corrupt("footer: " + decoded.status().message());
  macro_header_ = *decoded;
  if (size_ - position() < 32 || size_ - position() - 32 > kMaxCertificateBytes)
    return corrupt("footer: the certificate's length is impossible");
  TB_TRY(read(size_ - position() - 32, &certificate_).in("footer"));
  const Hash all = whole_.finish();
  Bytes last;
  TB_TRY(read(32, &last).in("footer"));
  if (last != view(all)) return damaged_page(page_hashes);
  if (!macro_header_.macro || macro_header_.macro->state_height != info_.height ||
      macro_header_.macro->state_root != info_.state_root)
    return corrupt("footer: the macro block commits another state than the head names");
  if (macro_header_.height == info_.height + 1 && macro_header_.previous != info_.block_hash)
    return corrupt("footer: the macro block does not follow the head's block");
  info_.macro_height = macro_header_.height;
  info_.blake3 = whole_.finish();
  return {};
}

}  // namespace blockd::internal
