#include "kernel/log/log_index.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>

#include "kernel/base/blake3.hpp"
#include "kernel/base/file.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/log/format.hpp"

namespace blockd {
namespace {

constexpr std::array<std::string_view, 5> kLevels = {"trace", "debug", "info", "warn", "error"};
constexpr std::size_t kInfo = 2;
constexpr std::size_t kMaxRowBytes = 32'768;

std::size_t level_rank(std::string_view level) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (std::equal(level.begin(), level.end(), kLevels[i].begin(), kLevels[i].end(),
                   [](char a, char b) { return (a | 0x20) == b; }))
      return i;
  }
  return kLevels.size();
}

std::string segment_name(std::uint64_t first_id) {
  std::array<char, 32> name{};
  std::snprintf(name.data(), name.size(), "%016llu.log", static_cast<unsigned long long>(first_id));
  return name.data();
}

struct Segment {
  std::uint64_t first_id = 0, bytes = 0;
  std::string path;
};

std::vector<Segment> segments_of(const std::string& folder) {
  std::vector<Segment> out;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    if (entry.path().extension() != ".log") continue;
    const std::string stem = entry.path().stem().string();
    const std::size_t digits = std::min(stem.find_first_not_of('0'), stem.size() - 1);
    const auto first = parse_u64(std::string_view(stem).substr(digits));
    if (!first) continue;
    std::error_code gone;
    const std::uint64_t bytes = entry.file_size(gone);
    if (!gone) out.push_back({*first, bytes, entry.path().string()});
  }
  std::sort(out.begin(), out.end(),
            [](const Segment& a, const Segment& b) { return a.first_id < b.first_id; });
  return out;
}

// Differs when the file was replaced; 0: there is none.
std::uint64_t stamp_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return 0;
  return static_cast<std::uint64_t>(info.st_mtim.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(info.st_mtim.tv_nsec) + info.st_ino;
}

void put(std::string& out, std::string_view name, const std::string& value) {
  if (value.empty()) return;
  out.append(",\"").append(name).append("\":");
  append_json_string(out, value);
}

std::string text_in(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v && v->is_string() ? std::string(v->get_string()) : std::string();
}

std::uint64_t number_in(const json::object& o, std::string_view name) {
  const json::value* v = o.if_contains(name);
  return v && v->is_int64() && v->get_int64() >= 0 ? static_cast<std::uint64_t>(v->get_int64()) : 0;
}

std::optional<LogRow> row_of(std::string_view line) {
  Result<json::value> value = parse_json(line);
  const json::object* o = value.ok() ? value->if_object() : nullptr;
  if (o == nullptr) return std::nullopt;
  LogRow row;
  row.id = number_in(*o, "id");
  row.ts_ms = number_in(*o, "ts");
  row.level = text_in(*o, "level");
  row.target = text_in(*o, "target");
  row.msg = text_in(*o, "msg");
  row.peer = text_in(*o, "peer");
  row.tx = text_in(*o, "tx");
  row.block = text_in(*o, "block");
  row.correlation = text_in(*o, "correlation");
  return row;
}

// Cheap look before a line is parsed: does it hold each wanted text at all?
bool may_match(std::string_view line, const LogQuery& q) {
  for (const std::string* wanted : {&q.peer, &q.tx, &q.block, &q.correlation}) {
    if (!wanted->empty() && line.find(*wanted) == std::string_view::npos) return false;
  }
  return true;
}

bool matches(const LogRow& row, const LogQuery& q) {
  const auto is = [](const std::string& wanted, const std::string& there) {
    return wanted.empty() || wanted == there;
  };
  if (!is(q.peer, row.peer) || !is(q.tx, row.tx) || !is(q.block, row.block) ||
      !is(q.correlation, row.correlation))
    return false;
  if (!q.level.empty() && level_rank(row.level) < level_rank(q.level)) return false;
  if (row.ts_ms < q.since_ms || row.ts_ms > q.until_ms) return false;
  return !q.after_id || row.id > *q.after_id;
}

// The value of ` name=` in a plain line.
std::string field_of(std::string_view text, std::string_view name) {
  const std::string wanted = " " + std::string(name) + "=";
  const std::size_t at = text.find(wanted);
  if (at == std::string_view::npos) return {};
  std::string_view value = text.substr(at + wanted.size());
  if (value.starts_with('"')) {
    value.remove_prefix(1);
    return std::string(value.substr(0, value.find('"')));
  }
  return std::string(value.substr(0, value.find(' ')));
}

LogRow row_of_plain(std::string_view line) {
  LogRow row;
  const auto word = [&line] {
    const std::string_view out = line.substr(0, line.find(' '));
    line.remove_prefix(std::min(line.size(), out.size() + 1));
    return std::string(out);
  };
  word();  // the time; the caller knows it
  row.level = word();
  std::transform(row.level.begin(), row.level.end(), row.level.begin(),
                 [](unsigned char c) { return static_cast<char>(c | 0x20); });
  row.target = word();
  row.msg = line;
  row.peer = field_of(line, "peer");
  row.tx = field_of(line, "tx");
  row.block = field_of(line, "block");
  if (row.block.empty()) row.block = field_of(line, "height");
  row.correlation = field_of(line, "correlation");
  return row;
}

}  // namespace

std::string correlation_of_block(std::uint64_t height) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(height));
  return text.data();
}

std::string correlation_of_command(std::string_view id_bytes) {
  return to_hex(blake3(id_bytes)).substr(0, 16);
}

std::string log_row_json(const LogRow& row) {
  std::string out = "{\"id\":" + std::to_string(row.id) + ",\"ts\":" + std::to_string(row.ts_ms);
  put(out, "level", row.level);
  put(out, "target", row.target);
  put(out, "msg", row.msg);
  put(out, "peer", row.peer);
  put(out, "tx", row.tx);
  put(out, "block", row.block);
  put(out, "correlation", row.correlation);
  return out + "}";
}

Result<std::unique_ptr<LogIndex>> LogIndex::open(const std::string& folder, LogIndexLimits limits) {
  TB_TRY(make_directories(folder, 0700));
  std::unique_ptr<LogIndex> index(new LogIndex(folder, limits));
  const std::vector<Segment> there = segments_of(folder);
  for (const Segment& segment : there) index->bytes_ += segment.bytes;
  if (!there.empty()) {
    index->next_id_ = there.back().first_id;
    std::ifstream last(there.back().path);
    for (std::string line; std::getline(last, line);) {
      if (const auto row = row_of(line)) index->next_id_ = std::max(index->next_id_, row->id + 1);
    }
  }
  TB_TRY(index->roll());
  return index;
}

LogIndex::~LogIndex() {
  if (fd_ >= 0) ::close(fd_);
}

// REQUIRES: mutex_ held, or nobody else has the object.
Status LogIndex::roll() {
  const std::string path = folder_ + "/" + segment_name(next_id_);
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return errno_status(path);
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  const off_t size = ::lseek(fd_, 0, SEEK_END);
  segment_bytes_ = size > 0 ? static_cast<std::uint64_t>(size) : 0;
  keys_stamp_ = stamp_of(log_keys_file(folder_));
  return begin_session();
}

// A session for the newest key, where there is one. REQUIRES: mutex_ held, or nobody else has the
// object.
Status LogIndex::begin_session() {
  Result<std::unique_ptr<LogSealer>> sealer = LogSealer::for_folder(folder_);
  if (!sealer.ok()) return sealer.status();
  sealer_ = *std::move(sealer);
  if (sealer_ != nullptr && !write_line(sealer_->header())) return errno_status(folder_);
  return {};
}

// Whether somebody has changed the keys, once a second. A damaged file leaves the session as it is.
// REQUIRES: mutex_ held.
void LogIndex::look_for_keys(std::uint64_t now_ms) {
  if (now_ms < keys_looked_ms_ + 1000 && now_ms >= keys_looked_ms_) return;
  keys_looked_ms_ = now_ms;
  const std::uint64_t stamp = stamp_of(log_keys_file(folder_));
  if (stamp == keys_stamp_) return;
  if (begin_session().ok()) keys_stamp_ = stamp;
}

bool LogIndex::write_line(const std::string& line) {
  if (::write(fd_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) return false;
  bytes_ += line.size();
  segment_bytes_ += line.size();
  return true;
}

void LogIndex::forget_old(std::uint64_t now_ms) {
  std::vector<Segment> there = segments_of(folder_);
  for (std::size_t i = 0; i + 1 < there.size(); ++i) {
    struct stat info {};
    const bool old = ::stat(there[i].path.c_str(), &info) == 0 &&
                     static_cast<std::uint64_t>(info.st_mtime) * 1000 + limits_.max_age_ms < now_ms;
    if (!old && bytes_.load() <= limits_.max_bytes) break;
    if (::unlink(there[i].path.c_str()) != 0) break;
    bytes_ -= std::min(bytes_.load(), there[i].bytes);
  }
}

void LogIndex::add(LogRow row) {
  std::lock_guard lock(mutex_);
  row.id = next_id_;
  if (row.msg.size() > kMaxRowBytes) row.msg.resize(kMaxRowBytes);
  look_for_keys(row.ts_ms);
  const std::string text = log_row_json(row);
  if (!write_line(sealer_ != nullptr ? sealer_->seal(row.id, row.ts_ms, text) : text + "\n")) {
    ++lost_;
    return;
  }
  ++next_id_;
  ++indexed_;
  if (segment_bytes_ < kLogSegmentBytes) return;
  if (!roll().ok()) ++lost_;
  forget_old(row.ts_ms);
}

void LogIndex::add_line(std::string_view line, std::uint64_t now_ms) {
  LogRow row;
  if (line.starts_with('{')) {
    auto parsed = row_of(line);
    if (!parsed) return;
    row = *std::move(parsed);
  } else {
    row = row_of_plain(line);
  }
  const std::size_t rank = level_rank(row.level);
  if (rank < kInfo || rank == kLevels.size()) return;
  row.ts_ms = now_ms;
  add(std::move(row));
}

Result<std::vector<LogRow>> LogIndex::search(const LogQuery& query) const {
  return search_folder(folder_, query);
}

Result<std::vector<LogRow>> LogIndex::search_folder(const std::string& folder,
                                                    const LogQuery& query, LogOpener* opener) {
  std::error_code none;
  if (!std::filesystem::is_directory(folder, none))
    return Status(Code::kNotFound, "log database unavailable: no folder " + folder);
  const std::size_t limit = std::clamp<std::size_t>(query.limit, 1, kMaxLogRows);
  const std::vector<Segment> there = segments_of(folder);
  std::deque<LogRow> found;
  for (std::size_t i = 0; i < there.size(); ++i) {
    // A segment whose successor begins at or below the wanted id holds older rows only.
    if (query.after_id && i + 1 < there.size() && there[i + 1].first_id <= *query.after_id)
      continue;
    std::ifstream file(there[i].path);
    for (std::string line; std::getline(file, line);) {
      if (is_sealed_line(line)) {
        if (opener == nullptr)
          return Status(Code::kDenied, "the log is encrypted", "give its passphrase");
        std::optional<std::string> opened = opener->open(line);
        if (!opened) continue;
        line = *std::move(opened);
      }
      if (!may_match(line, query)) continue;
      std::optional<LogRow> row = row_of(line);
      if (!row || !matches(*row, query)) continue;
      found.push_back(*std::move(row));
      if (found.size() <= limit) continue;
      if (query.after_id) {
        found.pop_back();
        return std::vector<LogRow>(found.begin(), found.end());
      }
      found.pop_front();
    }
  }
  return std::vector<LogRow>(found.begin(), found.end());
}

}  // namespace blockd
