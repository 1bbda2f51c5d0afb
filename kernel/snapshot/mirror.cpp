#include "kernel/snapshot/mirror.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/overlay.hpp"
#include "kernel/snapshot/format.hpp"

namespace blockd {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMirrorBuffer = 1u << 20;
constexpr std::size_t kMaxMirrorManifest = 4096;
constexpr std::size_t kMaxMirrorFiles = 10'000;  // looked at in one folder
constexpr std::string_view kStatePrefix = "state-", kStateSuffix = ".json";
constexpr std::string_view kNoteSuffix = ".needed_to";
constexpr std::size_t kMaxNote = 32;

Status remove_if_there(const std::string& path) {
  std::error_code error;
  fs::remove(path, error);
  return error ? Status(Code::kIo, "cannot remove " + path + ": " + error.message()) : Status();
}

// The height in the note, which is written with `head` where there is none.
Result<std::uint64_t> read_note(const std::string& path, std::uint64_t head) {
  Result<Bytes> text = read_file(path, kMaxNote);
  if (text.ok()) {
    if (std::optional<std::uint64_t> height = parse_u64(*text)) return *height;
  } else if (text.status().code() != Code::kNotFound) {
    return text.status();
  }
  TB_TRY(write_file_atomic(path, std::to_string(head)));
  return head;
}

std::string state_path(const std::string& dir, std::uint64_t height) {
  return dir + "/" + std::string(kStatePrefix) + std::to_string(height) + std::string(kStateSuffix);
}

// Heights of the mirrors of a folder, the newest first.
std::vector<std::uint64_t> mirrors_in(const std::string& dir) {
  std::vector<std::uint64_t> out;
  std::error_code missing;
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(dir, missing)) {
    if (++seen > kMaxMirrorFiles) break;
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kStatePrefix) || !name.ends_with(kStateSuffix)) continue;
    const auto height = parse_u64(
        name.substr(kStatePrefix.size(), name.size() - kStatePrefix.size() - kStateSuffix.size()));
    if (height) out.push_back(*height);
  }
  std::sort(out.rbegin(), out.rend());
  return out;
}

// What a killed node left of a file. The node is the only one that writes here.
Status remove_leftovers(const std::string& dir) {
  std::error_code missing;
  std::size_t seen = 0;
  for (const auto& entry : fs::directory_iterator(dir, missing)) {
    if (++seen > kMaxMirrorFiles) break;
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kStatePrefix) || !name.ends_with(".json.tmp")) continue;
    std::error_code error;
    fs::remove(entry.path(), error);
    if (error)
      return Status(Code::kIo, "cannot remove " + entry.path().string() + ": " + error.message());
  }
  return {};
}

// A file that is hashed while it is written, and that comes to its place when it is whole.
class MirrorFile {
 public:
  explicit MirrorFile(std::string path)
      : path_(std::move(path)), file_(path_ + ".tmp", {.forget = true}) {}
  ~MirrorFile() {
    if (!in_place_) ::unlink(file_.path().c_str());
  }
  MirrorFile(const MirrorFile&) = delete;
  MirrorFile& operator=(const MirrorFile&) = delete;

  Status add(std::string_view text) {
    buffer_.append(text);
    return buffer_.size() < kMirrorBuffer ? Status() : write();
  }
  Status add_row(BytesView key, BytesView value, bool first) {
    buffer_.append(first ? "\"" : ",\"");
    append_hex(buffer_, key);
    buffer_.append("\":\"");
    append_hex(buffer_, value);
    return add("\"");
  }
  Status finish() {
    TB_TRY(write());
    TB_TRY(file_.sync());
    if (::rename(file_.path().c_str(), path_.c_str()) != 0)
      return errno_status("cannot rename " + file_.path());
    in_place_ = true;
    return internal::sync_directory_of(path_);
  }
  std::uint64_t bytes() const { return file_.bytes(); }
  Hash hash() const { return hash_.finish(); }

 private:
  Status write() {
    hash_.update(buffer_);
    const Status status = file_.append(buffer_);
    buffer_.clear();
    return status;
  }

  const std::string path_;
  PacedFile file_;
  bool in_place_ = false;
  std::string buffer_;
  Blake3 hash_;
};

Status write_rows(MirrorFile& file, const std::string& space, const StateView& view,
                  std::uint64_t* rows) {
  const std::string prefix = space_prefix(space);
  Status inner;
  Bytes after;
  constexpr std::size_t kPage = 4096;
  for (std::size_t page = kPage; page == kPage;) {
    page = 0;
    TB_TRY(view.state->scan(prefix, after, kPage, [&](BytesView key, BytesView value) {
      inner = file.add_row(key.substr(prefix.size()), value, (*rows)++ == 0);
      after.assign(key);
      ++page;
      return inner.ok();
    }));
    TB_TRY(inner);
  }
  return {};
}

Status write_note(const std::string& dir, const MirrorInfo& made, const StateView& view,
                  std::uint64_t created_at) {
  Result<std::string> text = canonical_json(json::object{{"blake3", to_hex(made.blake3)},
                                                         {"block_hash", to_hex(view.head_hash)},
                                                         {"bytes", made.bytes},
                                                         {"created_at", created_at},
                                                         {"height", made.height},
                                                         {"schema_version", kMirrorFormat}});
  TB_ASSERT(text.ok());
  return write_file_atomic(dir + "/manifest.json", *text);
}

// Reads the canonical text of a mirror from the front. Nothing but that text is accepted.
class MirrorText {
 public:
  explicit MirrorText(std::string_view text) : text_(text) {}
  bool word(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  bool number(std::uint64_t* out) {
    const std::size_t digits = text_.find_first_not_of("0123456789");
    const auto value = parse_u64(text_.substr(0, digits));
    if (!value) return false;
    *out = *value;
    text_.remove_prefix(std::min(digits, text_.size()));
    return true;
  }
  bool quoted(std::string_view* out) {
    if (!word("\"")) return false;
    const std::size_t end = text_.find('"');
    if (end == std::string_view::npos) return false;
    *out = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return true;
  }
  // "hex":"hex",… up to the brace that closes them.
  bool rows(RowPairs* out, std::uint64_t* bytes) {
    while (!text_.starts_with("}")) {
      std::string_view key, value;
      if (!out->empty() && !word(",")) return false;
      if (!quoted(&key) || !word(":") || !quoted(&value)) return false;
      Result<Bytes> raw_key = from_hex(key), raw_value = from_hex(value);
      if (!raw_key.ok() || !raw_value.ok() || raw_key->empty()) return false;
      if (!out->empty() && *raw_key <= out->back().first) return false;
      *bytes += raw_key->size() + raw_value->size();
      out->emplace_back(*std::move(raw_key), *std::move(raw_value));
    }
    return word("}");
  }
  bool done() const { return text_.empty(); }

 private:
  std::string_view text_;
};

std::optional<MirrorNote> parse_note(std::string_view text) {
  const Result<json::value> value = parse_json(text);
  const json::object* object = value.ok() ? value->if_object() : nullptr;
  if (object == nullptr) return std::nullopt;
  const auto number = [&](const char* name) -> std::optional<std::uint64_t> {
    const json::value* member = object->if_contains(name);
    boost::system::error_code wrong;
    if (member == nullptr || !member->is_number()) return std::nullopt;
    const auto out = member->to_number<std::uint64_t>(wrong);
    return wrong ? std::nullopt : std::optional(out);
  };
  const auto format = number("schema_version"), height = number("height"), bytes = number("bytes");
  const json::value* hash = object->if_contains("blake3");
  if (!format || *format != kMirrorFormat || !height || !bytes || hash == nullptr ||
      !hash->is_string())
    return std::nullopt;
  const Result<Hash> blake3 = array_from_hex<32>(std::string_view(hash->get_string()));
  if (!blake3.ok()) return std::nullopt;
  return MirrorNote{*height, *bytes, *blake3};
}

Status broken(const std::string& what) {
  return Status(Code::kCorrupt, what,
                "put back the folder from a backup; or begin without it: `ignore_mirror: true` in "
                "the plugin's entry of plugins.load");
}

}  // namespace

Result<MirrorInfo> write_mirror(const std::string& dir, const std::string& space,
                                std::uint32_t schema, const StateView& view, const RowPairs& local,
                                std::uint64_t created_at) {
  TB_TRY(make_directories(dir));
  TB_TRY(remove_leftovers(dir));
  MirrorInfo out;
  out.height = view.height;
  out.path = state_path(dir, view.height);
  MirrorFile file(out.path);
  TB_TRY(file.add("{\"height\":" + std::to_string(view.height) + ",\"local\":{"));
  for (std::size_t i = 0; i < local.size(); ++i)
    TB_TRY(file.add_row(local[i].first, local[i].second, i == 0));
  TB_TRY(file.add("},\"namespace\":\"" + space + "\",\"rows\":{"));
  TB_TRY(write_rows(file, space, view, &out.rows));
  TB_TRY(file.add("},\"schema\":" + std::to_string(schema) +
                  ",\"schema_version\":" + std::to_string(kMirrorFormat) + "}"));
  TB_TRY(file.finish());
  out.bytes = file.bytes();
  out.blake3 = file.hash();
  TB_TRY(write_note(dir, out, view, created_at));
  // The one that the manifest names stays, even if files of a longer chain lie here.
  const std::vector<std::uint64_t> all = mirrors_in(dir);
  for (std::size_t i = kMirrorsKept; i < all.size(); ++i) {
    std::error_code error;
    if (all[i] != out.height) fs::remove(state_path(dir, all[i]), error);
    if (error)
      return Status(Code::kIo, "cannot remove " + state_path(dir, all[i]) + ": " + error.message());
  }
  return out;
}

Result<std::optional<MirrorNote>> read_mirror_note(const std::string& dir) {
  const std::string path = dir + "/manifest.json";
  if (!file_exists(path)) {
    const std::vector<std::uint64_t> files = mirrors_in(dir);
    if (files.empty()) return std::optional<MirrorNote>();
    return broken(path + " is missing, but there is " + state_path(dir, files.front()));
  }
  const Result<Bytes> text = read_file(path, kMaxMirrorManifest);
  if (!text.ok()) return text.status();
  const std::optional<MirrorNote> note = parse_note(*text);
  if (!note) return broken(path + " is not the manifest of a mirror");
  return note;
}

Result<Mirror> parse_mirror(std::string text, const std::string& where) {
  Mirror out;
  MirrorText in(text);
  std::uint64_t schema = 0, format = 0, bytes = 0, local_bytes = 0;
  std::string_view space;
  const bool whole = in.word("{\"height\":") && in.number(&out.state.height) &&
                     in.word(",\"local\":{") && in.rows(&out.local, &local_bytes) &&
                     in.word(",\"namespace\":") && in.quoted(&space) && in.word(",\"rows\":{") &&
                     in.rows(&out.state.rows, &bytes) && in.word(",\"schema\":") &&
                     in.number(&schema) && in.word(",\"schema_version\":") && in.number(&format) &&
                     in.word("}") && in.done();
  if (!whole || schema > UINT32_MAX || space.empty())
    return broken(where + " is not the canonical text of a mirror");
  if (format != kMirrorFormat)
    return broken(where + " has format " + std::to_string(format) + ", this program reads " +
                  std::to_string(kMirrorFormat));
  if (bytes > kMaxImportBytes)
    return Status(Code::kLimit,
                  where + " holds " + std::to_string(bytes) + " bytes of rows; an import brings " +
                      std::to_string(kMaxImportBytes) + " at most",
                  "restore a snapshot of the whole state: contract-cli snapshots restore");
  out.state.space = space;
  out.state.schema = static_cast<std::uint32_t>(schema);
  out.blake3 = blake3(text);
  out.text = std::move(text);
  return out;
}

Result<std::optional<Mirror>> load_mirror(const std::string& dir) {
  const Result<std::optional<MirrorNote>> note = read_mirror_note(dir);
  if (!note.ok()) return note.status();
  if (!*note) return std::optional<Mirror>();
  const std::string path = state_path(dir, (*note)->height);
  Result<Bytes> text = read_file(path, kMaxMirrorFile);
  if (text.status().code() == Code::kNotFound)
    return broken(path + " is missing, which manifest.json beside it names");
  if (!text.ok()) return text.status();
  if (text->size() != (*note)->bytes || blake3(*text) != (*note)->blake3)
    return broken(path + " is damaged: " + std::to_string(text->size()) + " bytes with hash " +
                  to_hex(blake3(*text)) + ", manifest.json says " + std::to_string((*note)->bytes) +
                  " with " + to_hex((*note)->blake3));
  Result<Mirror> mirror = parse_mirror(*std::move(text), path);
  if (!mirror.ok()) return mirror.status();
  if (mirror->state.height != (*note)->height)
    return broken(path + " is of height " + std::to_string(mirror->state.height));
  return std::optional<Mirror>(*std::move(mirror));
}

std::string ImportFiles::path_of(const Hash& blake3) const {
  return dir_ + "/" + to_hex(blake3) + ".json";
}

Result<std::shared_ptr<const NamespaceRows>> ImportFiles::find(const Hash& hash) {
  std::lock_guard lock(mutex_);
  if (rows_ != nullptr && known_ == hash) return rows_;
  const std::string path = path_of(hash);
  Result<Bytes> text = read_file(path, kMaxMirrorFile);
  if (text.status().code() == Code::kNotFound)
    return Status(Code::kUnavailable, path + " is missing: a block imports what it holds",
                  "put back the imports folder from a backup of the data directory");
  if (!text.ok()) return text.status();
  if (blake3(*text) != hash)
    return Status(Code::kCorrupt, path + " is damaged: it has the hash " + to_hex(blake3(*text)),
                  "put back the file from a backup of the data directory");
  Result<Mirror> mirror = parse_mirror(*std::move(text), path);
  if (!mirror.ok()) return mirror.status();
  rows_ = std::make_shared<const NamespaceRows>(std::move(mirror->state));
  known_ = hash;
  return rows_;
}

std::string ImportFiles::note_of(const Hash& blake3) const {
  return dir_ + "/" + to_hex(blake3) + std::string(kNoteSuffix);
}

Status ImportFiles::keep(const Mirror& mirror) {
  TB_TRY(make_directories(dir_));
  TB_TRY(remove_if_there(note_of(mirror.blake3)));  // blocks to come may need it again
  return write_file_atomic(path_of(mirror.blake3), mirror.text);
}

Status ImportFiles::clean(const std::vector<Hash>& wanted, std::uint64_t first_height,
                          std::uint64_t head) {
  std::set<std::string> held;
  for (const Hash& hash : wanted) held.insert(path_of(hash));
  std::set<std::string> here;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(dir_, missing))
    here.insert(entry.path().string());
  for (const std::string& path : here) {
    const auto hash = array_from_hex<sizeof(Hash)>(fs::path(path).stem().string());
    if (!hash.ok() || path != path_of(*hash) || held.contains(path)) continue;
    Result<std::uint64_t> needed_to = read_note(note_of(*hash), head);
    if (!needed_to.ok()) return needed_to.status();
    if (*needed_to >= first_height) held.insert({path, note_of(*hash)});
  }
  for (const std::string& path : here)
    if (!held.contains(path)) TB_TRY(remove_if_there(path));
  return {};
}

}  // namespace blockd
