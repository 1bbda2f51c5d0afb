// Fates: what became of commands that left the pool without a block, for whoever asks within a day
// (node-and-cli spec 5.6.2). Bounded; the oldest goes first. [one thread at a time]
#pragma once

#include <cstring>
#include <deque>
#include <string>
#include <unordered_map>

#include "kernel/base/bytes.hpp"

namespace blockd {

// A command id is a hash already: its first bytes spread well.
struct HashOfHash {
  std::size_t operator()(const Hash& hash) const {
    std::size_t out;
    std::memcpy(&out, hash.data(), sizeof out);
    return out;
  }
};

class Fates {
 public:
  static constexpr std::size_t kMax = 100'000;
  static constexpr std::uint64_t kKeepMs = 86'400'000;

  void put(const Hash& id, std::string_view word, std::uint64_t now_ms) {
    words_[id] = {std::string(word), ++serial_};
    order_.push_back({id, now_ms, serial_});
    while (order_.size() > kMax) pop();
  }
  void erase(const Hash& id) {
    words_.erase(id);
  }  // it is back; its place in the order goes with age
  void forget_old(std::uint64_t now_ms) {
    while (!order_.empty() && order_.front().at_ms + kKeepMs <= now_ms) pop();
  }
  std::string find(const Hash& id) const {
    auto at = words_.find(id);
    return at == words_.end() ? "unknown" : at->second.text;
  }
  std::size_t size() const { return order_.size(); }

 private:
  struct Word {
    std::string text;
    std::uint64_t serial;
  };
  struct Place {
    Hash id;
    std::uint64_t at_ms, serial;
  };
  void pop() {
    auto at = words_.find(order_.front().id);
    if (at != words_.end() && at->second.serial == order_.front().serial) words_.erase(at);
    order_.pop_front();
  }
  std::unordered_map<Hash, Word, HashOfHash> words_;
  std::deque<Place> order_;
  std::uint64_t serial_ = 0;
};

}  // namespace blockd
