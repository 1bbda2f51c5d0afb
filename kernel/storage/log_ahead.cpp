#include "kernel/storage/log_ahead.hpp"

#include <algorithm>
#include <chrono>

namespace blockd::internal {
namespace {

constexpr auto kRetryRename = std::chrono::seconds(1);  // there was no room for a longer name

}  // namespace

LogAhead::LogAhead(Disk& disk, std::string dir, LogAheadMode mode)
    : disk_(disk), dir_(std::move(dir)), mode_(mode) {
  if (mode_ == LogAheadMode::kThread) thread_ = std::thread([this] { run(); });
}

LogAhead::~LogAhead() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LogAhead::start_with(Made made) {
  std::lock_guard lock(mutex_);
  bytes_ = made.bytes;
  file_ = std::move(made.file);
  stage_ = Stage::kReady;
  ready_.store(true, std::memory_order_release);
}

void LogAhead::want(std::uint64_t bytes) {
  if (ready()) return;
  if (rest_ != 0 && --rest_ != 0) return;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(no_room_, false)) rest_ = kRest;
    if (rest_ != 0 || stage_ != Stage::kIdle) return;
    wanted_ = bytes;
    stage_ = Stage::kCreate;
  }
  changed_.notify_all();
}

std::optional<LogAhead::Made> LogAhead::take(const Closing& closing) {
  if (!ready()) return std::nullopt;
  Made out;
  {
    std::lock_guard lock(mutex_);
    ready_.store(false, std::memory_order_release);
    out = {std::move(file_), bytes_.load()};
    closing_ = closing;
    stage_ = Stage::kCut;
  }
  changed_.notify_all();
  return out;
}

Status LogAhead::settle() {
  std::unique_lock lock(mutex_);
  last_ = {};
  while (settling(stage_)) {
    if (!failure_.ok()) return failure_;
    if (!last_.ok()) return last_;
    if (mode_ == LogAheadMode::kThread) {
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    step();
    lock.lock();
  }
  return failure_;
}

Status LogAhead::failure() const {
  std::lock_guard lock(mutex_);
  return failure_;
}

void LogAhead::step() {
  if (mode_ != LogAheadMode::kStepped) return;
  Stage stage;
  {
    std::lock_guard lock(mutex_);
    if (!has_work() || !failure_.ok()) return;
    stage = stage_;
  }
  went(stage, work(stage));
}

void LogAhead::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || (has_work() && failure_.ok()); });
    if (stop_) return;
    const Stage stage = stage_;
    lock.unlock();
    const Status status = work(stage);
    went(stage, status);
    lock.lock();
    if (!status.ok() && settling(stage) && failure_.ok())
      changed_.wait_for(lock, kRetryRename, [this] { return stop_; });
  }
}

Status LogAhead::work(Stage stage) {
  switch (stage) {
    case Stage::kCreate:
      return create();
    case Stage::kZeros:
      return write_zeros();
    case Stage::kSync:
      return file_->sync();
    case Stage::kName:
      return disk_.rename(path(kAheadMaking), path(kAheadName));
    case Stage::kCut:
      TB_TRY(closing_.before->file->truncate(closing_.end));
      return closing_.before->file->sync();
    case Stage::kRename:
      return disk_.rename(path(kAheadName), closing_.path);
    case Stage::kNameSync:
    case Stage::kLast:
      return disk_.sync_dir(dir_);
    case Stage::kIdle:
    case Stage::kReady:
      break;
  }
  return {};
}

// Moves on from `stage`, which answered `status`.
void LogAhead::went(Stage stage, const Status& status) {
  Stage next = static_cast<Stage>(static_cast<int>(stage) + 1);
  if (stage == Stage::kZeros && status.ok() && written_ < bytes_) next = Stage::kZeros;
  if (stage == Stage::kLast) next = Stage::kIdle;
  const bool making = !settling(stage);
  if (!status.ok() && making) {
    file_.reset();
    // A failure here as well leaves a part, which the next attempt and the next opening remove.
    static_cast<void>(disk_.remove(path(stage == Stage::kNameSync ? kAheadName : kAheadMaking)));
    next = Stage::kIdle;
  } else if (!status.ok()) {
    next = stage;
  }
  {
    std::lock_guard lock(mutex_);
    stage_ = next;
    if (settling(stage)) last_ = status;
    const bool again = making ? status.code() != Code::kIo
                              : stage == Stage::kRename && status.code() == Code::kNoSpace;
    if (!status.ok() && again && making) no_room_ = true;
    if (!status.ok() && !again) {
      failure_ = status;
      failed_.store(true, std::memory_order_release);
    }
    if (next == Stage::kIdle) closing_ = {};
    if (next == Stage::kReady) ready_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
}

std::uint64_t LogAhead::size_for(std::uint64_t wanted) const {
  const std::uint64_t room = disk_.free_bytes(dir_) / kShareOfFree;
  if (room >= wanted) return wanted;
  return room < std::min(kLeastBytes, wanted) ? 0 : room / kPieceBytes * kPieceBytes;
}

Status LogAhead::create() {
  const std::uint64_t bytes = size_for(wanted_);
  if (bytes == 0) return Status(Code::kNoSpace, dir_ + ": too little is free to write ahead");
  Result<std::unique_ptr<DiskFile>> file = disk_.open(path(kAheadMaking), true);
  if (!file.ok()) return file.status();
  file_ = *std::move(file);
  bytes_ = bytes;
  written_ = 0;
  TB_TRY(file_->truncate(0));  // what an attempt before has left
  TB_TRY(file_->preallocate(bytes));
  return file_->write_at(0, kSegmentMagic);
}

Status LogAhead::write_zeros() {
  const std::uint64_t from = std::max<std::uint64_t>(written_, kSegmentMagic.size());
  const std::uint64_t end = std::min(written_ + kPieceBytes, bytes_.load());
  if (end > from) TB_TRY(file_->write_at(from, Bytes(end - from, '\0')));
  written_ = end;
  // Often, so that no commit finds a long queue in front of it.
  if (written_ % kSyncedBytes == 0 && written_ < bytes_) return file_->sync();
  return {};
}

// ---- at an opening

Result<FoundAhead> find_ahead(Disk& disk, const std::string& dir) {
  FoundAhead out;
  const std::string path = dir + "/" + std::string(kAheadName);
  Result<std::unique_ptr<DiskFile>> file = disk.open(path, false);
  if (!file.ok()) return file.status();
  Segment segment{0, 0, path, *std::move(file)};
  Result<std::uint64_t> size = segment.file->size();
  if (!size.ok()) return size.status();
  Result<Bytes> front = segment.file->read_at(0, kSegmentMagic.size() + kRecordHeaderBytes);
  if (!front.ok()) return front.status();
  const bool magic = BytesView(*front).substr(0, kSegmentMagic.size()) == kSegmentMagic;
  Result<TailCheck> content = check_tail(segment, kSegmentMagic.size(), *size);
  if (!content.ok()) return content.status();
  if (magic && content->only_zeros) {
    out.made = {std::move(segment.file), *size};
    return out;
  }
  if (!magic && !content->only_zeros)
    return damage(segment, 0, "this is not a segment of a block log");
  if (magic && decode_header(BytesView(*front).substr(kSegmentMagic.size()))) {
    out.made = {std::move(segment.file), *size};
    out.used = true;
    return out;
  }
  if (content->witness) {
    return damage(segment, kSegmentMagic.size(),
                  "the record here does not verify, but the one at offset " +
                      std::to_string(*content->witness) + " was written after it had been synced");
  }
  out.spoilt = magic ? "the first block in it was not written completely"
                     : "its first bytes were damaged, and no block was in it";
  return out;
}

}  // namespace blockd::internal
