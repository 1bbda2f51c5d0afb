// Bus: ephemeral messages from the node to faces and clients.
//
// A message is a topic ("energy.reading", dots between words) and a JSON text. Nothing here is
// durable and nothing that arrives here may change replicated state; events of committed blocks are
// read from the log. Each subscriber has a bounded queue of its own: when it is full the oldest
// message is dropped and counted, so a slow subscriber never holds back the publisher or another
// subscriber.
//
// Threads: all functions, from any thread. Callbacks of one subscriber run one at a time, in order
// of publication, on the executor that it was given. The Bus must outlive its subscriptions' last
// callback.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd {

inline constexpr std::size_t kMaxBusSubscribers = 4096;
inline constexpr std::size_t kMaxBusPatterns = 64;   // of one subscriber
inline constexpr std::size_t kMaxBusQueue = 65'536;  // messages of one subscriber
inline constexpr std::size_t kMaxTopicBytes = 128;
inline constexpr std::size_t kMaxBusMessageBytes = 1 << 20;

struct BusMessage {
  std::string topic;
  std::shared_ptr<const std::string> json;
  std::uint64_t sequence = 0;  // grows by one with each message of this bus
};

// Runs a task soon, on a thread of its own choice; never inside the call, which comes under the
// bus's lock.
using BusExecutor = std::function<void(std::function<void()>)>;
// `dropped`: messages this subscriber has lost since its last callback.
using BusCallback = std::function<void(const BusMessage& message, std::uint64_t dropped)>;

// True if `topic` is `pattern`, or pattern is "*", or it ends in ".*" and topic continues its
// beginning.
bool topic_matches(std::string_view pattern, std::string_view topic);

namespace detail {
struct BusSubscriber;
}

// Keeps a subscriber alive. close() (and the destructor) returns when no callback runs and none
// will; called from inside the callback it returns at once and that callback is the last.
class BusSubscription {
 public:
  BusSubscription() = default;
  BusSubscription(BusSubscription&&) noexcept = default;
  BusSubscription& operator=(BusSubscription&& other) noexcept;
  ~BusSubscription() { close(); }
  void close();
  bool active() const { return subscriber_ != nullptr; }
  std::uint64_t dropped() const;  // since the beginning
  std::size_t queued() const;

 private:
  friend class Bus;
  explicit BusSubscription(std::shared_ptr<detail::BusSubscriber> s) : subscriber_(std::move(s)) {}
  std::shared_ptr<detail::BusSubscriber> subscriber_;
};

class Bus {
 public:
  explicit Bus(std::size_t max_subscribers = kMaxBusSubscribers);
  ~Bus();
  Bus(const Bus&) = delete;
  Bus& operator=(const Bus&) = delete;

  // Errors: kInvalid (topic), kLimit (message size).
  Status publish(std::string_view topic, std::string json);
  // Errors: kInvalid (pattern, queue size), kLimit (subscribers).
  Result<BusSubscription> subscribe(std::vector<std::string> patterns, std::size_t max_queue,
                                    BusExecutor executor, BusCallback callback);
  // Hot change of the bound; present subscribers stay. At most kMaxBusSubscribers.
  void set_max_subscribers(std::size_t n);
  std::size_t subscribers() const;
  std::uint64_t published() const { return published_.load(); }
  std::uint64_t dropped() const {
    return dropped_->load();
  }  // by all subscribers, also closed ones

 private:
  void forget_closed_locked();
  mutable std::shared_mutex mutex_;
  std::size_t max_subscribers_;
  std::vector<std::shared_ptr<detail::BusSubscriber>> subscribers_;
  std::atomic<std::uint64_t> published_{0};
  std::shared_ptr<std::atomic<std::uint64_t>> dropped_;
};

}  // namespace blockd
