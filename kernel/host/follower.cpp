#include "kernel/host/follower.hpp"

#include <algorithm>

namespace blockd {

void Follower::set_plugins(std::vector<std::shared_ptr<Plugin>> plugins) {
  {
    std::lock_guard lock(mutex_);
    plugins_.swap(plugins);
  }
  schedule();  // what was served before is let go after the lock
}

void Follower::committed(std::shared_ptr<const BlockRecord> block) {
  {
    std::lock_guard lock(mutex_);
    live_.push_back(std::move(block));
    if (live_.size() > kMaxLiveBlocks) live_.pop_front();
  }
  schedule();
}

void Follower::stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
}

void Follower::schedule() {
  std::lock_guard lock(mutex_);
  if (scheduled_ || stopped_) return;
  scheduled_ = services_.face_thread->post([this] { catch_up(); });
}

std::shared_ptr<const BlockRecord> Follower::block_at(std::uint64_t height) {
  {
    std::lock_guard lock(mutex_);
    if (!live_.empty() && height >= live_.front()->header.height &&
        height <= live_.back()->header.height) {
      return live_[height - live_.front()->header.height];
    }
  }
  Result<std::shared_ptr<const BlockRecord>> block = chain_.block(height);
  return block.ok() ? *block : nullptr;
}

void Follower::catch_up() {
  std::vector<std::shared_ptr<Plugin>> plugins;
  {
    std::lock_guard lock(mutex_);
    scheduled_ = false;
    if (stopped_) return;
    plugins = plugins_;
  }
  // Forget faces that are gone, so that their stores are closed.
  std::erase_if(next_, [&](const auto& entry) {
    return std::none_of(plugins.begin(), plugins.end(),
                        [&](const auto& plugin) { return plugin->store_ptr() == entry.first; });
  });
  const StateViewPtr view = chain_.view();
  bool more = false;
  for (const std::shared_ptr<Plugin>& plugin : plugins) {
    if (!plugin->has_face()) continue;
    if (plugin->library()->plugin().face->on_event && serve(*plugin, view->height)) more = true;
  }
  if (view->height != told_height_ || more) {
    for (const std::shared_ptr<Plugin>& plugin : plugins) plugin->tell_commit(view);
    told_height_ = view->height;
  }
  if (more) schedule();
}

bool Follower::serve(Plugin& plugin, std::uint64_t head) {
  auto [it, fresh] = next_.try_emplace(plugin.store_ptr(), 0);
  if (fresh) {
    Result<std::optional<std::uint64_t>> cursor = plugin.store().cursor();
    if (!cursor.ok()) {
      plugin.log(TB_LOG_ERROR, cursor.status().to_string());
      next_.erase(it);
      return false;
    }
    it->second = cursor->value_or(0);
  }
  const std::uint64_t first = chain_.first_height();
  if (it->second < first) {
    plugin.log(TB_LOG_WARN, "the log begins at height " + std::to_string(first) +
                                "; events of the blocks from " + std::to_string(it->second) +
                                " on are gone, lists that only queries read begin here");
    it->second = first;
  }
  for (std::uint64_t n = 0; it->second <= head; ++n) {
    if (n == kBlocksPerTurn) return true;
    const std::shared_ptr<const BlockRecord> block = block_at(it->second);
    if (!block) {
      plugin.log(TB_LOG_ERROR, "block " + std::to_string(it->second) +
                                   " cannot be read from the log; its events wait");
      return false;
    }
    if (!deliver_block(plugin, *block)) return false;
    ++it->second;
  }
  return false;
}

bool Follower::deliver_block(Plugin& plugin, const BlockRecord& block) {
  plugin.store().begin_batch();
  std::uint32_t index = 0;
  for (const Step& step : block.steps) {
    for (const Event& event : step.events) {
      const std::uint32_t mine = index++;
      if (!plugin.wants(event.topic)) continue;
      if (!plugin.tell_event(block.header.height, block.header.time_ms, mine, event)) {
        plugin.store().drop_batch();
        plugin.log(TB_LOG_WARN, "event " + std::to_string(block.header.height) + "-" +
                                    std::to_string(mine) + " (" + event.topic +
                                    ") was not taken; it is offered again after the next block");
        return false;
      }
    }
  }
  if (Status status = plugin.store().commit_batch(block.header.height + 1); !status.ok()) {
    plugin.log(TB_LOG_ERROR, status.to_string());
    return false;
  }
  return true;
}

}  // namespace blockd
