// What becomes of an executed block: the log, the state, and, once its sync has ended, its readers.
#include <algorithm>
#include <array>

#include "kernel/chain/chain_impl.hpp"

namespace blockd {

// ---- into the log

// Two records and one sync, which goes on beside the executor where blocks may be in flight.
Status ChainImpl::write_log(const BlockRecord& record, const BlockOutput& output,
                            std::uint64_t time_ms, std::uint64_t* bytes) {
  const std::uint64_t height = record.header.height;
  std::size_t steps = record.steps.empty() ? output.steps.size() : record.steps.size();
  const Bytes front =
      block_front(record, static_cast<std::uint32_t>(steps), output.step_bytes.size());
  const std::array<BytesView, 3> block{front, output.step_bytes, output.delta_bytes};
  const Bytes batch = encode_batch(time_ms, record.commands);
  *bytes = batch.size() + front.size() + output.step_bytes.size() + output.delta_bytes.size();
  if (options_.admit) TB_TRY(options_.admit(*bytes, output.delta_bytes.size()));
  Status status = log_->append(LogRecordType::kBatch, height, batch);
  if (status.ok()) status = log_->append_parts(LogRecordType::kBlock, height, block);
  if (!status.ok()) {
    if (Status dropped = log_->drop_unsynced(); !dropped.ok()) return dropped;
    return status.in("block " + std::to_string(height));
  }
  status = options_.ahead_blocks == 0 ? log_->sync() : log_->begin_sync();
  return status.ok() ? status : log_failed(status.in("block " + std::to_string(height)));
}

// Nothing is synced any more, and what the disk holds of the blocks in flight is unknown.
Status ChainImpl::log_failed(const Status& status) {
  io_failed_ = true;
  const Status out = status.code() == Code::kIo ? status
                                                : Status(Code::kIo, status.message(),
                                                         "check the disk and start the node again");
  if (options_.ahead_blocks > 0) state_->refuse_held(out);
  return out;
}

Status ChainImpl::wait_for_room() {
  while (!flight_.empty() &&
         (flight_.size() >= options_.ahead_blocks || flight_bytes_ >= options_.ahead_bytes)) {
    if (Result<std::uint64_t> settled = settle(LogWait::kNext); !settled.ok())
      return settled.status();
  }
  return {};
}

// ---- into the state

// Writes the newest block into the state, and publishes what is durable. Tried again by the next
// call if the store refuses.
Status ChainImpl::finish_commit() {
  TB_TRY(write_state());
  return publish_durable();
}

// The next block is executed on these rows at once; no disk gets them before the block is durable.
Status ChainImpl::write_state() {
  if (state_full_) {
    TB_TRY(drain());  // what the state lost is written again from the log, so it must be there
    TB_TRY(renew_state());
  }
  Appended& block = *behind_;
  const bool held = options_.ahead_blocks > 0;
  const Status written =
      held ? state_->write_held(block.writes) : state_->write_shared(block.writes);
  if (!written.ok()) {
    state_full_ = written.code() == Code::kNoSpace;
    io_failed_ = io_failed_ || written.code() == Code::kIo;
    return written;
  }
  for (const KvWrite& write : *block.writes) {
    rows_.written(write.key, key_hash(write.key),
                  write.value ? std::optional<BytesView>(*write.value) : std::nullopt);
  }
  rows_.trim();
  block.writes.reset();
  block.view =
      make_view(block.height(), block.record->header.time_ms, block.hash, std::move(block.machines),
                std::move(block.params), std::move(block.scripts));
  machines_ = block.view->machines;
  params_ = block.view->params;
  scripts_ = block.view->scripts;
  flight_bytes_ += block.log_bytes;
  flight_.push_back(std::move(block));
  behind_.reset();
  return {};
}

// ---- to the readers

void ChainImpl::watch_syncs() {
  if (options_.log.sync == LogSyncMode::kInline) return;
  options_.log.on_sync = [watch = watch_,
                          told = std::move(options_.log.on_sync)](std::uint64_t us) {
    if (told) told(us);
    std::lock_guard lock(watch->mutex);
    if (watch->wake) watch->wake();
  };
}

void ChainImpl::when_synced(std::function<void()> wake) {
  std::lock_guard lock(watch_->mutex);
  watch_->wake = std::move(wake);
}

Result<std::uint64_t> ChainImpl::settle(LogWait wait) {
  if (Status status = log_->settle(wait); !status.ok()) {
    status = log_failed(status);
    set_stalled(status);
    return status;
  }
  if (Status status = publish_durable(); !status.ok()) set_stalled(status);
  return log_->head().value_or(view()->height);
}

// The log is asked anew each time: where a checkpoint is noted it may find more blocks durable.
Status ChainImpl::publish_durable() {
  Status status;
  const auto durable = [this] { return flight_.front().height() <= log_->head().value_or(0); };
  while (!flight_.empty() && durable()) {
    const Appended block = std::move(flight_.front());
    flight_.pop_front();
    flight_bytes_ -= block.log_bytes;
    if (options_.ahead_blocks > 0) state_->release(1);
    if (Status published = publish_block(block); !published.ok()) status = published;
  }
  return status;
}

// Its view, then its effects.
Status ChainImpl::publish_block(const Appended& block) {
  delta_bytes_ += block.delta_bytes;
  note_hash(block.height(), block.hash);
  show(block.view);
  if (block.record->header.macro) macro_.committed();
  if (block.macro_point) start_macro();
  if (options_.effects != nullptr) {
    for (const Effects::Metric& m : block.effects.metrics)
      options_.effects->metric(*m.plugin, m.metric, m.labels, m.value);
    for (const Effects::Line& line : block.effects.lines)
      options_.effects->log(*line.plugin, line.level, line.text, block.height());
    options_.effects->committed(block.record, view());
  }
  return tend_checkpoint(block.height());
}

void ChainImpl::note_hash(std::uint64_t height, const Hash& hash) {
  {
    std::lock_guard lock(mutex_);
    TB_ASSERT(height == hash_base_ + hashes_.size());
    hashes_.push_back(hash);
    heights_.emplace(hash, height);
  }
  if (mmr_.size() == height) mmr_.append(hash);
}

std::shared_ptr<StateView> ChainImpl::make_view(
    std::uint64_t height, std::uint64_t time_ms, const Hash& hash,
    std::shared_ptr<const MachineSet> machines, std::shared_ptr<const ParamValues> params,
    std::shared_ptr<const ActiveScripts> scripts) const {
  if (params == nullptr) {
    Result<std::shared_ptr<const ParamValues>> read = read_params(*state_, *machines);
    if (read.ok()) params = *std::move(read);  // else whoever needs one meets the store's error
  }
  auto view = std::make_shared<StateView>();
  view->height = height;
  view->time_ms = time_ms;
  view->epoch_length = options_.genesis.epoch_length;
  view->epoch = height / view->epoch_length;
  view->head_hash = hash;
  view->state = state_->snapshot();
  view->machines = std::move(machines);
  view->params = std::move(params);
  if (scripts == nullptr) scripts = find_scripts(*view);
  view->scripts = std::move(scripts);
  return view;
}

void ChainImpl::show(StateViewPtr view) {
  {
    std::lock_guard lock(mutex_);
    view_.swap(view);
  }
  // What only the view before held is freed here, outside of the lock.
}

void ChainImpl::publish(std::uint64_t height, std::uint64_t time_ms, const Hash& hash,
                        std::shared_ptr<const MachineSet> machines,
                        std::shared_ptr<const ParamValues> params,
                        std::shared_ptr<const ActiveScripts> scripts) {
  TB_ASSERT(flight_.empty());
  std::shared_ptr<StateView> view =
      make_view(height, time_ms, hash, std::move(machines), std::move(params), std::move(scripts));
  head_ = height;
  head_time_ms_ = time_ms;
  head_hash_ = hash;
  machines_ = view->machines;
  params_ = view->params;
  scripts_ = view->scripts;
  show(std::move(view));
}

}  // namespace blockd
