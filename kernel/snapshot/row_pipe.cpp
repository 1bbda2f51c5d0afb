#include "kernel/snapshot/row_pipe.hpp"

#include "kernel/chain/overlay.hpp"

namespace blockd::internal {

RowPipe::RowPipe(BulkLoad& load) : load_(load), free_(kPages) {
  thread_ = std::thread([this] { run(); });
}

// Without finish() nobody wants what is under way.
RowPipe::~RowPipe() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  end();
}

void RowPipe::end() {
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

// In the store's order "a-b/" stands in front of "a/", so each namespace is a run of its own.
Status RowPipe::add(std::string_view space, BytesView key, BytesView value) {
  if (space != space_) {
    if (!filling_.sizes.empty()) TB_TRY(hand_over());
    space_.assign(space);
    prefix_ = space_prefix(space);
    filling_.begins_run = true;
  }
  filling_.bytes.append(prefix_).append(key).append(value);
  filling_.sizes.emplace_back(static_cast<std::uint32_t>(prefix_.size() + key.size()),
                              static_cast<std::uint32_t>(value.size()));
  return filling_.bytes.size() < kPageBytes ? Status() : hand_over();
}

Status RowPipe::hand_over() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !free_.empty() || !failed_.ok(); });
  if (!failed_.ok()) return failed_;
  full_.push_back(std::move(filling_));
  filling_ = std::move(free_.front());
  free_.pop_front();
  changed_.notify_all();
  return {};
}

Status RowPipe::finish() {
  {
    std::lock_guard lock(mutex_);
    full_.push_back(std::move(filling_));
  }
  end();
  return failed_;
}

void RowPipe::run() {
  std::unique_lock lock(mutex_);
  while (failed_.ok() && !stopped_) {
    changed_.wait(lock, [this] { return !full_.empty() || ended_; });
    if (full_.empty()) return;
    Page page = std::move(full_.front());
    full_.pop_front();
    lock.unlock();
    const Status status = load_page(page);
    page.bytes.clear();
    page.sizes.clear();
    page.begins_run = false;
    lock.lock();
    failed_ = status;
    free_.push_back(std::move(page));
    changed_.notify_all();
  }
}

Status RowPipe::load_page(const Page& page) {
  if (page.begins_run) load_.begin_run();
  BytesView rest = page.bytes;
  for (const auto& [key_size, value_size] : page.sizes) {
    TB_TRY(load_.add(rest.substr(0, key_size), rest.substr(key_size, value_size)));
    rest.remove_prefix(key_size + value_size);
  }
  return {};
}

}  // namespace blockd::internal
