#include "kernel/chain/flow/journal.hpp"

#include <algorithm>

#include "kernel/base/crc32c.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kHeadBytes = 16;  // length, checksum, entry time
constexpr std::uint64_t kReadPiece = 1u << 20;

std::uint64_t record_bytes(const JournalRecord& record) {
  return kHeadBytes + record.command->envelope.size();
}

void put_record(Bytes& out, const JournalRecord& record) {
  Bytes time;
  put_u64(time, record.entered_ms);
  put_u32(out, static_cast<std::uint32_t>(record.command->envelope.size()));
  put_u32(out, crc32c(record.command->envelope, crc32c(time)));
  out.append(time).append(record.command->envelope);
}

enum class Read { kRecord, kDamaged, kEnd };

// The record at the front of `rest`, which is then behind it. kDamaged: its bytes are all there but
// do not verify.
Read read_record(BytesView& rest, std::uint64_t* entered_ms, BytesView* envelope) {
  Reader reader(rest);
  const std::uint32_t size = reader.u32(), sum = reader.u32();
  const BytesView covered = reader.take(sizeof(std::uint64_t) + std::uint64_t{size});
  if (!reader.ok() || size > kMaxEnvelopeBytes) return Read::kEnd;
  rest = reader.rest();
  if (crc32c(covered) != sum) return Read::kDamaged;
  Reader body(covered);
  *entered_ms = body.u64();
  *envelope = body.rest();
  return Read::kRecord;
}

Result<Bytes> read_whole(const DiskFile& file) {
  Result<std::uint64_t> size = file.size();
  if (!size.ok()) return size.status();
  Bytes out;
  out.reserve(*size);
  while (out.size() < *size) {
    Result<Bytes> piece = file.read_at(out.size(), std::min(kReadPiece, *size - out.size()));
    if (!piece.ok()) return piece.status();
    if (piece->empty()) break;
    out.append(*piece);
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(Disk& disk, const std::string& dir,
                                               std::vector<JournalRecord>* found,
                                               std::vector<std::string>* notes) {
  std::unique_ptr<Journal> out(new Journal(disk, dir));
  TB_TRY(disk.make_dir(dir));
  Result<std::unique_ptr<DiskFile>> file = disk.open(out->path(), true);
  if (!file.ok()) return file.status().in("journal of the pool");
  out->file_ = std::move(*file);
  TB_TRY(disk.sync_dir(dir));
  TB_TRY(out->read_all(found, notes).in(out->path()));
  return out;
}

Status Journal::read_all(std::vector<JournalRecord>* found, std::vector<std::string>* notes) {
  Result<Bytes> content = read_whole(*file_);
  if (!content.ok()) return content.status();
  BytesView rest = *content;
  std::uint64_t good_end = 0, damaged = 0, counted_damaged = 0;
  for (;;) {
    JournalRecord record;
    BytesView envelope;
    const Read read = read_record(rest, &record.entered_ms, &envelope);
    if (read == Read::kEnd) break;
    if (read == Read::kDamaged) {
      ++damaged;
      continue;
    }
    // What is damaged in front of a good record is a lost command; behind the last good one it is a
    // torn tail.
    good_end = content->size() - rest.size();
    counted_damaged = damaged;
    ParsedCommand parsed = parse_envelope(Bytes(envelope));
    if (parsed.refusal) {
      notes->push_back(path() + ": a record holds no command: " + parsed.refusal->message);
      continue;
    }
    record.command = std::move(parsed.command);
    keep(record);
    found->push_back(std::move(record));
  }
  end_ = good_end;
  if (counted_damaged > 0) {
    notes->push_back(path() + ": " + std::to_string(counted_damaged) +
                     " accepted commands do not verify and are lost; check the disk, and ask their "
                     "senders to repeat them");
  }
  if (good_end == content->size()) return {};
  notes->push_back(path() + ": cut " + std::to_string(content->size() - good_end) +
                   " bytes of an unfinished write off the end");
  TB_TRY(file_->truncate(good_end));
  return file_->sync();
}

Status Journal::append(const CommandPtr& command, std::uint64_t entered_ms) {
  std::unique_lock lock(mutex_);
  if (!broken_.ok()) return broken_;
  if (open_batch_ == nullptr) open_batch_ = std::make_shared<Batch>();
  std::shared_ptr<Batch> batch = open_batch_;
  batch->records.push_back({entered_ms, command});
  while (!batch->done) {
    if (writing_) {
      written_.wait(lock);
    } else {
      write(lock);
    }
  }
  return batch->status;
}

// Writes the open batch as the one writer; the lock is free meanwhile.
void Journal::write(std::unique_lock<std::mutex>& lock) {
  std::shared_ptr<Batch> batch = std::move(open_batch_);
  open_batch_.reset();
  Status status = broken_;
  if (status.ok()) {
    writing_ = true;
    const bool anew = mostly_dead();
    std::vector<JournalRecord> live = anew ? live_records() : std::vector<JournalRecord>();
    lock.unlock();
    // Without room for a new file the old one still serves.
    if (anew) status = rewrite(live);
    if (status.ok() || status.code() == Code::kNoSpace) status = write_records(batch->records);
    lock.lock();
    writing_ = false;
  }
  if (status.ok()) {
    for (const JournalRecord& record : batch->records) keep(record);
  } else if (status.code() != Code::kNoSpace) {
    broken_ = Status(
        Code::kIo, path() + ": " + status.message(),
        "the pool's journal is not to be trusted any more: restart the node, and check the disk");
    status = broken_;
  }
  batch->status = status;
  batch->done = true;
  written_.notify_all();
}

Status Journal::write_records(const std::vector<JournalRecord>& records) {
  Bytes bytes;
  for (const JournalRecord& record : records) put_record(bytes, record);
  std::uint64_t at = file_bytes();
  if (Status written = file_->write_at(at, bytes); !written.ok()) {
    if (written.code() != Code::kNoSpace) return written;
    // What got to disk of a refused command must not come back after a restart.
    Status cut = file_->truncate(at);
    return cut.ok() ? written : cut;
  }
  if (Status synced = file_->sync(); !synced.ok())
    return Status(Code::kIo, synced.message(), synced.hint());
  std::lock_guard lock(mutex_);
  end_ = at + bytes.size();
  return {};
}

Status Journal::rewrite(const std::vector<JournalRecord>& records) {
  Bytes bytes;
  for (const JournalRecord& record : records) put_record(bytes, record);
  const std::string fresh_path = path() + ".new";
  Result<std::unique_ptr<DiskFile>> fresh = disk_.open(fresh_path, true);
  if (!fresh.ok()) return fresh.status();
  TB_TRY((*fresh)->truncate(0));
  TB_TRY((*fresh)->write_at(0, bytes));
  TB_TRY((*fresh)->sync());
  fresh->reset();
  TB_TRY(disk_.rename(fresh_path, path()));
  // From here on the old file is gone: whatever fails now is final.
  auto final = [](const Status& status) {
    return Status(Code::kIo, status.message(), status.hint());
  };
  if (Status synced = disk_.sync_dir(dir_); !synced.ok()) return final(synced);
  Result<std::unique_ptr<DiskFile>> reopened = disk_.open(path(), false);
  if (!reopened.ok()) return final(reopened.status());
  file_ = std::move(*reopened);
  std::lock_guard lock(mutex_);
  end_ = bytes.size();
  return {};
}

void Journal::forget(const Hash& id) {
  std::lock_guard lock(mutex_);
  auto at = live_.find(id);
  if (at == live_.end()) return;
  live_bytes_ -= record_bytes(at->second);
  live_.erase(at);
}

void Journal::keep(const JournalRecord& record) {
  auto [at, fresh] = live_.try_emplace(record.command->id, record);
  if (fresh) {
    live_bytes_ += record_bytes(record);
    return;
  }
  // A second record of the same command replaces the first, which is dead now. Envelopes may differ
  // in their co-signers.
  live_bytes_ += record_bytes(record) - record_bytes(at->second);
  at->second = record;
}

std::vector<JournalRecord> Journal::live_records() const {
  std::vector<JournalRecord> out;
  out.reserve(live_.size());
  for (const auto& [id, record] : live_) out.push_back(record);
  std::sort(out.begin(), out.end(), [](const JournalRecord& a, const JournalRecord& b) {
    return a.entered_ms != b.entered_ms ? a.entered_ms < b.entered_ms
                                        : a.command->nonce < b.command->nonce;
  });
  return out;
}

std::uint64_t Journal::file_bytes() const {
  std::lock_guard lock(mutex_);
  return end_;
}
std::uint64_t Journal::live_bytes() const {
  std::lock_guard lock(mutex_);
  return live_bytes_;
}

}  // namespace blockd
