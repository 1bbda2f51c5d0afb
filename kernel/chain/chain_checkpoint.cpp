// Checkpoints: the store has flushed the state of a height, then the log says so. The flush goes on
// beside the executor, which looks once a block whether it is done.
#include "kernel/chain/chain_impl.hpp"

namespace blockd {

Status ChainImpl::checkpoint() {
  if (behind_) TB_TRY(finish_commit());
  TB_TRY(drain());
  if (state_full_) TB_TRY(renew_state());
  forget_flush();
  TB_TRY(note_checkpoint(head_, state_->flush()));
  delta_bytes_ = 0;
  const Status synced = log_->sync();
  io_failed_ = io_failed_ || synced.code() == Code::kIo;
  return synced;
}

// The block of `height` is published. The record is synced with the next block; should it get lost,
// only a restart takes longer.
Status ChainImpl::tend_checkpoint(std::uint64_t height) {
  if (flush_ == nullptr && delta_bytes_ >= options_.checkpoint_bytes) {
    flush_ = std::make_shared<Flush>();
    flush_->height = height;
    flush_->delta_bytes = std::exchange(delta_bytes_, 0);
    state_->flush_then([flush = flush_](const Status& status) {
      flush->status = status;
      flush->done.store(true, std::memory_order_release);
    });
  }
  if (flush_ == nullptr || !flush_->done.load(std::memory_order_acquire)) return {};
  const std::shared_ptr<Flush> done = std::move(flush_);
  flush_ = nullptr;
  const Status status = note_checkpoint(done->height, done->status);
  if (!status.ok()) delta_bytes_ += done->delta_bytes;
  return status;
}

Status ChainImpl::note_checkpoint(std::uint64_t height, Status flushed) {
  state_full_ = flushed.code() == Code::kNoSpace;
  if (flushed.ok()) flushed = log_->append(LogRecordType::kCheckpoint, height, {});
  io_failed_ = io_failed_ || flushed.code() == Code::kIo;
  return flushed;
}

void ChainImpl::forget_flush() {
  if (flush_ == nullptr) return;
  delta_bytes_ += flush_->delta_bytes;
  flush_ = nullptr;
}

}  // namespace blockd
