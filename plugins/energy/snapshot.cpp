#include "plugins/energy/snapshot.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <tb/blake3.hpp>

#include "plugins/energy/metrics.hpp"

namespace energy {
namespace {

namespace fs = std::filesystem;
constexpr std::uint32_t kSnapshotPage = 1000;
constexpr std::uint32_t kAskMs = 5'000;
constexpr std::size_t kManifestBytes = 4096;
constexpr std::string_view kPrefix = "state-", kSuffix = ".json", kTemporary = ".tmp";
constexpr ::mode_t kMode = 0644;
// A temporary file that is older belongs to a node that was killed: nobody writes that long.
constexpr std::chrono::hours kStale{1};

void append_hex(std::string& out, std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
}

[[noreturn]] void fail(std::string_view what, const std::string& path) {
  throw std::runtime_error(tb::cat(what, " ", path, ": ", std::strerror(errno)));
}

// A file that is hashed while it is written, and that comes to its place when it is whole. Until
// then it has a name of its own: while a plugin is reloaded, its old and its new face may write the
// same snapshot at once.
class NewFile {
 public:
  explicit NewFile(std::string path)
      : path_(std::move(path)), temporary_(tb::cat(path_, ".XXXXXX", kTemporary)) {
    const int fd = ::mkostemps(temporary_.data(), static_cast<int>(kTemporary.size()), O_CLOEXEC);
    if (fd < 0) fail("cannot write", temporary_);
    const bool readable = ::fchmod(fd, kMode) == 0;
    ::close(fd);
    file_.open(temporary_, std::ios::binary | std::ios::trunc);
    if (!readable || !file_) {
      ::unlink(temporary_.c_str());
      fail("cannot write", temporary_);
    }
  }
  ~NewFile() {
    if (!renamed_) ::unlink(temporary_.c_str());
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  void write(std::string_view text) {
    hash_.update(text);
    bytes_ += text.size();
    file_.write(text.data(), static_cast<std::streamsize>(text.size()));
  }
  void finish() {
    file_.close();
    if (!file_) fail("cannot write", temporary_);
    sync(temporary_, O_WRONLY);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("cannot rename", temporary_);
    renamed_ = true;
    sync(fs::path(path_).parent_path().string(), O_RDONLY | O_DIRECTORY);
  }
  tb::Hash hash() { return hash_.finish(); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  static void sync(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0) fail("cannot open", path);
    const int result = ::fsync(fd);
    ::close(fd);
    if (result != 0) fail("cannot sync", path);
  }

  std::string path_, temporary_;
  std::ofstream file_;
  tb::Blake3 hash_;
  std::uint64_t bytes_ = 0;
  bool renamed_ = false;
};

// Members of an object of rows, in pages.
class RowWriter {
 public:
  explicit RowWriter(NewFile& file) : file_(file) {}
  void add(std::string_view key, std::string_view value) {
    text_ += first_ ? "\"" : ",\"";
    append_hex(text_, key);
    text_ += "\":\"";
    append_hex(text_, value);
    text_ += '"';
    first_ = false;
    after_ = key;
    count_ += 1;
  }
  // Writes what was added; true if it was a full page.
  bool flush() {
    file_.write(text_);
    text_.clear();
    return std::exchange(count_, 0u) == kSnapshotPage;
  }
  const std::string& after() const { return after_; }

 private:
  NewFile& file_;
  std::string text_, after_;
  bool first_ = true;
  std::uint32_t count_ = 0;
};

// The height in "state-<height>.json"; nullopt for other names.
std::optional<std::uint64_t> height_of(const std::string& name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t height = 0;
  const char* end = name.data() + name.size() - kSuffix.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, height);
  return error == std::errc() && stop == end ? std::optional(height) : std::nullopt;
}

// Another face may remove the same files at the same time: what is gone already is no error.
void remove_old(const std::string& folder) {
  std::vector<std::pair<std::uint64_t, fs::path>> found;
  std::error_code gone;
  const auto stale_before = fs::file_time_type::clock::now() - kStale;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (const auto height = height_of(name)) {
      found.emplace_back(*height, entry.path());
    } else if (name.ends_with(kTemporary) && entry.last_write_time(gone) < stale_before && !gone) {
      fs::remove(entry.path(), gone);
    }
  }
  std::sort(found.rbegin(), found.rend());
  for (std::size_t i = kSnapshotsKept; i < found.size(); ++i) fs::remove(found[i].second, gone);
}

}  // namespace

void Snapshots::write_state(tb::View& view, const std::string& folder, WrittenSnapshot& out) {
  out.height = view.height();
  out.path = tb::cat(folder, "/", kPrefix, out.height, kSuffix);
  NewFile file(out.path);
  file.write(tb::cat(R"({"height":)", out.height, R"(,"local":{)"));
  RowWriter local(file);
  for (std::string_view prefix : {"s/", "t/"}) {
    host_
        .store_scan(prefix, {}, 2 * kSnapshotPage,
                    [&](std::string_view key, std::string_view value) {
                      local.add(key, value);
                      return true;
                    })
        .ignore();
    local.flush();
  }
  file.write(R"(},"rows":{)");
  RowWriter rows(file);
  do {
    view.scan({}, rows.after(), kSnapshotPage,
              [&](std::string_view key, std::string_view value) { rows.add(key, value); });
  } while (rows.flush());
  file.write(tb::cat(R"(},"schema_version":)", kSnapshotSchema, "}"));
  file.finish();
  out.bytes = file.bytes();
  out.blake3 = file.hash();
}

std::string Snapshots::hash_of_block(std::uint64_t height) {
  std::string hash;
  host_
      .call(
          "block.get", [&](tb::Out& out) { out.put("height", height); }, kAskMs,
          [&](const tb::Reply& reply) {
            if (reply.ok) hash = reply.value["hash"].text();
          })
      .ignore();
  return hash;
}

void Snapshots::write_manifest(const std::string& folder, const WrittenSnapshot& made,
                               const std::string& block_hash) {
  NewFile file(folder + "/manifest.json");
  file.write(tb::cat(R"({"blake3":")", made.blake3.hex(), R"(","block_hash":)",
                     block_hash.empty() ? "null" : tb::cat('"', block_hash, '"'), R"(,"bytes":)",
                     made.bytes, R"(,"created_at":)", host_.unix_ms() / 1000, R"(,"height":)",
                     made.height, R"(,"schema_version":)", kSnapshotSchema, "}"));
  file.finish();
}

WrittenSnapshot Snapshots::write(const std::string& folder, bool ask_node) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t begin = host_.unix_ms();
  WrittenSnapshot out;
  try {
    fs::create_directories(folder);
    const std::optional<std::uint64_t> before = height_in(folder);
    host_
        .with_view([&](tb::View& view) {
          write_state(view, folder, out);
          return tb::ok();
        })
        .ignore();
    if (out.bytes == 0) throw std::runtime_error("the state cannot be read");
    // The other face of a reload may have written a newer one meanwhile: that stays.
    const std::optional<std::uint64_t> after = height_in(folder);
    if (after == before || after.value_or(0) <= out.height)
      write_manifest(folder, out, ask_node ? hash_of_block(out.height) : std::string());
    remove_old(folder);
    last_height_ = out.height;
  } catch (const std::exception& e) {
    out.problem = e.what();
    host_.add(kSnapshotFailures);
    host_.log(TB_LOG_ERROR, tb::cat("energy snapshot failed reason=write: ", out.problem));
  }
  host_.observe(kSnapshotSeconds, static_cast<std::int64_t>(host_.unix_ms() - begin));
  return out;
}

std::optional<std::uint64_t> Snapshots::height_in(const std::string& folder) {
  std::ifstream file(folder + "/manifest.json", std::ios::binary);
  std::string text(kManifestBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  constexpr std::string_view kMember = R"("height":)";
  const std::size_t at = text.find(kMember);
  if (at == std::string::npos) return std::nullopt;
  std::uint64_t height = 0;
  const auto [stop, error] =
      std::from_chars(text.data() + at + kMember.size(), text.data() + text.size(), height);
  return error == std::errc() ? std::optional(height) : std::nullopt;
}

std::uint64_t Snapshots::last_height() {
  const std::lock_guard lock(mutex_);
  return last_height_;
}

}  // namespace energy
