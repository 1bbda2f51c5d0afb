// The bytes of a snapshot file (node-and-cli spec 3.5). Integers are little-endian.
//
//   "TBSNAP01" | u32 length | head | pages | footer
//   head     canonical JSON, see SnapshotHead
//   page     u32 length | u32 CRC32C of the entries | entries
//   entry    u8 op (1 put, 0 gone since the base) | u16 number of the namespace in the head
//            | u32 length | key | u32 length | value
//   footer   BLAKE3 of each page, length and CRC included | u32 length | header of the macro block
//            | its certificate | BLAKE3 of everything before
//
// Entries ascend by namespace, then key. A page has at most kStatePageBytes of entries, unless one
// entry alone is longer, and belongs to one namespace. Only this folder includes this.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/blake3.hpp"
#include "kernel/chain/state_root.hpp"
#include "kernel/snapshot/page_pipe.hpp"
#include "kernel/snapshot/snapshot.hpp"
#include "kernel/storage/paced_file.hpp"

namespace blockd::internal {

inline constexpr BytesView kSnapshotMagic = "TBSNAP01";
inline constexpr std::uint32_t kMaxHeadBytes = 16u << 20;
inline constexpr std::uint32_t kMaxPageBytes = 256u << 20;  // of a page with one long entry
inline constexpr std::uint64_t kMaxPages = 1ull << 32;
inline constexpr std::uint32_t kMaxCertificateBytes = 1u << 20;
inline constexpr std::size_t kMaxNamespaces = 65'535;

struct Entry {
  bool put = true;
  std::uint16_t space = 0;
  BytesView key, value;
};
void append_entry(Bytes& page, const Entry& entry);
// The entry at the front of `in`; false when it is damaged.
bool take_entry(Reader& in, Entry* entry);

// `info` as the head of a file: everything but path, bytes and the macro block.
Result<std::string> head_text(const SnapshotInfo& info);
// Errors: kCorrupt.
Result<SnapshotInfo> parse_head(std::string_view text);

// Walks over the file's entries, holding one page, or with read_ahead() a few that a thread of its
// own reads and checks. The checksum of a page holds before its entries are shown; the footer is
// checked when the last page is done, and with it the hash of the file, which covers every page and
// the hashes of the pages: those serve who takes single pages, and say which one is damaged. One
// thread.
class SnapshotReader {
 public:
  // Reads the head. Errors: kNotFound, kCorrupt, kIo.
  static Result<std::unique_ptr<SnapshotReader>> open(const std::string& path);
  // REQUIRES: before next().
  void read_ahead();
  ~SnapshotReader();
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  const SnapshotInfo& info() const { return info_; }
  // The next entry, borrowed until the next call; nullopt behind the last one, when the footer has
  // been checked too. Errors: kCorrupt (page number, or what of the footer), kIo.
  Result<std::optional<Entry>> next();
  // REQUIRES: next() has said nullopt.
  const Header& macro_header() const { return macro_header_; }
  BytesView certificate() const { return certificate_; }
  std::uint64_t position() const { return position_.load(std::memory_order_relaxed); }

 private:
  explicit SnapshotReader(std::string path) : path_(std::move(path)) {}
  Status read_head();
  Status next_page();
  Status load_page(std::uint64_t number, Bytes* out);
  void fetch_ahead();
  Status read_footer();
  Status damaged_page(BytesView hashes);
  Status read(std::size_t n, Bytes* out, bool hashed = true);
  Status corrupt(const std::string& what) const;
  Status check_entry(const Entry& entry);

  std::string path_;
  int fd_ = -1;
  std::uint64_t size_ = 0, page_ = 0, entries_ = 0;
  std::atomic<std::uint64_t> position_{0};
  Blake3 whole_;
  std::uint64_t pages_begin_ = 0, fetched_ = 0;
  std::vector<std::uint64_t> page_ends_;  // of the pages that were read
  Bytes buffer_, last_of_page_;
  BytesView last_key_;  // in one of these two
  std::optional<std::uint16_t> last_space_;
  Reader rest_{BytesView()};
  bool ended_ = false;
  SnapshotInfo info_;
  Header macro_header_;
  Bytes certificate_;
  std::unique_ptr<PagePipe> pipe_;  // the last member: its thread uses those above
};

// Writes a file beside its place, hashed while it is written; finish() puts it there. One thread.
class SnapshotWriter {
 public:
  // `info` as head_text() wants it. Errors: kNoSpace, kIo, kDenied.
  static Result<std::unique_ptr<SnapshotWriter>> create(const std::string& path,
                                                        const SnapshotInfo& info);
  // Without finish() the file is taken away.
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  // REQUIRES: in order.
  Status add(const Entry& entry);
  // What add() holds goes into the file. Call once behind the last entry: the page count of the
  // head is compared then.
  Status end_pages();
  // Footer, fsync, rename, fsync of the directory. `*info` receives bytes, hash and macro height.
  Status finish(const Header& macro, BytesView certificate, SnapshotInfo* info);
  std::uint64_t bytes() const { return file_.bytes(); }

 private:
  SnapshotWriter(std::string path, const SnapshotInfo& info);
  Status write(BytesView bytes);
  Status write_page();

  const std::string path_, temporary_;
  const SnapshotInfo info_;
  PacedFile file_;
  bool in_place_ = false;
  Blake3 whole_;
  std::vector<Hash> page_hashes_;
  PageCutter cutter_;
  Bytes page_;
  std::uint16_t space_ = 0;
};

// fsync of the directory that holds `path`.
Status sync_directory_of(const std::string& path);
// Removes what killed writers left in `dir`.
void remove_temporary_files(const std::string& dir);
// snapshot-<height>.tbs; nullopt for other names.
std::optional<std::uint64_t> height_in_name(const std::string& name);

}  // namespace blockd::internal
