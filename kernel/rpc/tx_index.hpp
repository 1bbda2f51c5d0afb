// TxIndex: where the newest committed commands are. [any]
//
// A view of the log, kept in memory: the newest kMaxTransactions commands by id. Older ones are
// found by their block only.
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "kernel/base/bytes.hpp"
#include "kernel/chain/block.hpp"

namespace blockd {

inline constexpr std::size_t kMaxTransactions = 100'000;

class TxIndex {
 public:
  explicit TxIndex(std::size_t limit = kMaxTransactions) : limit_(limit) {}

  struct Place {
    std::uint64_t height = 0;
    std::uint32_t index = 0;  // in the block's commands
  };
  // Blocks come in ascending order.
  void add(const BlockRecord& block) {
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < block.commands.size(); ++i) {
      const Hash& id = block.commands[i]->id;
      if (!places_.emplace(id, Place{block.header.height, static_cast<std::uint32_t>(i)}).second)
        continue;
      order_.push_back(id);
      if (order_.size() <= limit_) continue;
      places_.erase(order_.front());
      order_.pop_front();
    }
  }
  std::optional<Place> find(const Hash& id) const {
    std::lock_guard lock(mutex_);
    const auto at = places_.find(id);
    return at == places_.end() ? std::nullopt : std::optional<Place>(at->second);
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return order_.size();
  }

 private:
  struct Hasher {  // an id is a hash already
    std::size_t operator()(const Hash& id) const {
      std::size_t out = 0;
      std::memcpy(&out, id.data(), sizeof out);
      return out;
    }
  };
  const std::size_t limit_;
  mutable std::mutex mutex_;
  std::unordered_map<Hash, Place, Hasher> places_;
  std::deque<Hash> order_;
};

}  // namespace blockd
