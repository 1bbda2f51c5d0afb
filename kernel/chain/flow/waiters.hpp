// Waiters: who wants to hear how a command ended. At most one for a command; bounded by the callers
// of submit, each of whom waits for at most one. Every callback is called once, on the executor
// thread. Thread safe.
#pragma once

#include <memory_resource>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernel/chain/flow/fate.hpp"
#include "kernel/chain/producer.hpp"

namespace blockd {

class Waiters {
 public:
  // False when somebody waits for this command already.
  bool put(const Hash& id, CommandDone done) {
    std::lock_guard lock(mutex_);
    return waiting_.try_emplace(id, std::move(done)).second;
  }
  // Null when nobody waits.
  CommandDone take(const Hash& id) {
    std::lock_guard lock(mutex_);
    auto at = waiting_.find(id);
    if (at == waiting_.end()) return nullptr;
    CommandDone out = std::move(at->second);
    waiting_.erase(at);
    return out;
  }
  // For the executor to tell: the command will be in no block.
  void refuse(const Hash& id, Refusal refusal) {
    std::lock_guard lock(mutex_);
    auto at = waiting_.find(id);
    if (at == waiting_.end()) return;
    CommandResult result;
    result.id = id;
    result.refusal = std::move(refusal);
    refused_.emplace_back(std::move(at->second), std::move(result));
    waiting_.erase(at);
  }
  void refuse_all(const Refusal& refusal) {
    for (const Hash& id : ids()) refuse(id, refusal);
  }
  // Calls whom refuse() named. [executor]
  void tell() {
    std::vector<std::pair<CommandDone, CommandResult>> now;
    {
      std::lock_guard lock(mutex_);
      now.swap(refused_);
    }
    for (auto& [done, result] : now) done(result);
  }
  bool has_refused() const {
    std::lock_guard lock(mutex_);
    return !refused_.empty();
  }

 private:
  std::vector<Hash> ids() const {
    std::lock_guard lock(mutex_);
    std::vector<Hash> out;
    for (const auto& [id, done] : waiting_) out.push_back(id);
    return out;
  }
  mutable std::mutex mutex_;
  std::pmr::unsynchronized_pool_resource memory_;  // nodes are made and freed by different threads
  std::pmr::unordered_map<Hash, CommandDone, HashOfHash> waiting_{&memory_};
  std::vector<std::pair<CommandDone, CommandResult>> refused_;
};

}  // namespace blockd
