#include "kernel/bus/bus.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace blockd {
namespace detail {

// Messages of one drain task, so that one busy subscriber does not keep a pool thread for itself.
inline constexpr int kDrainBatch = 64;

struct BusSubscriber : std::enable_shared_from_this<BusSubscriber> {
  std::vector<std::string> patterns;
  std::size_t max_queue = 0;
  BusExecutor executor;
  BusCallback callback;
  std::shared_ptr<std::atomic<std::uint64_t>> total_dropped;

  mutable std::mutex mutex;
  std::condition_variable idle;
  std::deque<BusMessage> queue;
  std::uint64_t dropped = 0;
  std::uint64_t dropped_unseen = 0;
  bool scheduled = false;  // a drain task is posted or runs
  bool in_callback = false;
  bool closed = false;
  std::thread::id running_on;

  bool wants(std::string_view topic) const {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const std::string& p) { return topic_matches(p, topic); });
  }

  void push(const BusMessage& message) {
    {
      std::lock_guard lock(mutex);
      if (closed) return;
      if (queue.size() >= max_queue) {
        queue.pop_front();
        ++dropped;
        ++dropped_unseen;
        total_dropped->fetch_add(1);
      }
      queue.push_back(message);
      if (scheduled) return;
      scheduled = true;
    }
    post();
  }

  void post() {
    executor([self = shared_from_this()] { self->drain(); });
  }

  void drain() {
    std::unique_lock lock(mutex);
    for (int n = 0; n < kDrainBatch && !queue.empty() && !closed; ++n) {
      BusMessage message = std::move(queue.front());
      queue.pop_front();
      const std::uint64_t lost = std::exchange(dropped_unseen, 0);
      in_callback = true;
      running_on = std::this_thread::get_id();
      lock.unlock();
      callback(message, lost);
      lock.lock();
      in_callback = false;
      if (closed) callback = nullptr;
      idle.notify_all();
    }
    if (queue.empty() || closed) {
      scheduled = false;
      return;
    }
    lock.unlock();
    post();
  }

  void close() {
    std::unique_lock lock(mutex);
    closed = true;
    queue.clear();
    idle.wait(lock, [&] { return !in_callback || running_on == std::this_thread::get_id(); });
    // What the callback holds (a plugin's code, maybe) goes now, not when the bus forgets this
    // subscriber.
    if (!in_callback) callback = nullptr;
  }

  bool is_closed() const {
    std::lock_guard lock(mutex);
    return closed;
  }
};

}  // namespace detail

namespace {

bool is_topic(std::string_view t) {
  if (t.empty() || t.size() > kMaxTopicBytes || t.front() == '.' || t.back() == '.') return false;
  return std::all_of(t.begin(), t.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

bool is_pattern(std::string_view p) {
  if (p == "*") return true;
  if (p.ends_with(".*")) p.remove_suffix(2);
  return is_topic(p);
}

}  // namespace

bool topic_matches(std::string_view pattern, std::string_view topic) {
  if (pattern == "*") return true;
  if (!pattern.ends_with(".*")) return pattern == topic;
  pattern.remove_suffix(1);  // keep the dot: "energy.*" is not "energyx.y"
  return topic.size() > pattern.size() && topic.starts_with(pattern);
}

BusSubscription& BusSubscription::operator=(BusSubscription&& other) noexcept {
  if (this != &other) {
    close();
    subscriber_ = std::move(other.subscriber_);
  }
  return *this;
}

void BusSubscription::close() {
  if (subscriber_ == nullptr) return;
  subscriber_->close();
  subscriber_.reset();
}

std::uint64_t BusSubscription::dropped() const {
  if (subscriber_ == nullptr) return 0;
  std::lock_guard lock(subscriber_->mutex);
  return subscriber_->dropped;
}

std::size_t BusSubscription::queued() const {
  if (subscriber_ == nullptr) return 0;
  std::lock_guard lock(subscriber_->mutex);
  return subscriber_->queue.size();
}

Bus::Bus(std::size_t max_subscribers)
    : max_subscribers_(std::min(max_subscribers, kMaxBusSubscribers)),
      dropped_(std::make_shared<std::atomic<std::uint64_t>>(0)) {}

Bus::~Bus() = default;

Status Bus::publish(std::string_view topic, std::string json) {
  if (!is_topic(topic)) {
    return Status(
        Code::kInvalid,
        "bus: '" + std::string(topic.substr(0, kMaxTopicBytes)) +
            "' is not a topic: expected words of letters, digits, _ or - with dots between");
  }
  if (json.size() > kMaxBusMessageBytes) {
    return Status(Code::kLimit, "bus: message on " + std::string(topic) + " has " +
                                    std::to_string(json.size()) + " bytes, at most " +
                                    std::to_string(kMaxBusMessageBytes) + " are taken");
  }
  BusMessage message{std::string(topic), std::make_shared<const std::string>(std::move(json)), 0};
  // Exclusive, so that sequence and order of delivery agree for every subscriber.
  std::vector<std::shared_ptr<detail::BusSubscriber>> targets;
  std::unique_lock lock(mutex_);
  message.sequence = ++published_;
  for (const auto& s : subscribers_) {
    if (s->wants(topic)) targets.push_back(s);
  }
  // The executor only posts; it runs under the lock so that two publishers cannot overtake each
  // other.
  for (const auto& s : targets) s->push(message);
  return {};
}

Result<BusSubscription> Bus::subscribe(std::vector<std::string> patterns, std::size_t max_queue,
                                       BusExecutor executor, BusCallback callback) {
  if (patterns.empty() || patterns.size() > kMaxBusPatterns) {
    return Status(Code::kInvalid, "bus: a subscription has 1 to 64 patterns");
  }
  for (const std::string& p : patterns) {
    if (!is_pattern(p)) {
      return Status(Code::kInvalid,
                    "bus: '" + p + "' is not a pattern: expected a topic, 'word.*' or '*'");
    }
  }
  if (max_queue == 0 || max_queue > kMaxBusQueue) {
    return Status(Code::kInvalid,
                  "bus: queue of " + std::to_string(max_queue) + ": expected 1..65536");
  }
  auto s = std::make_shared<detail::BusSubscriber>();
  s->patterns = std::move(patterns);
  s->max_queue = max_queue;
  s->executor = std::move(executor);
  s->callback = std::move(callback);
  s->total_dropped = dropped_;
  std::unique_lock lock(mutex_);
  forget_closed_locked();
  if (subscribers_.size() >= max_subscribers_) {
    return Status(Code::kLimit,
                  "bus: " + std::to_string(max_subscribers_) + " subscribers are connected already",
                  "raise bus.max_subscribers or close some");
  }
  subscribers_.push_back(s);
  return BusSubscription(std::move(s));
}

void Bus::forget_closed_locked() {
  std::erase_if(subscribers_, [](const auto& s) { return s->is_closed(); });
}

void Bus::set_max_subscribers(std::size_t n) {
  std::unique_lock lock(mutex_);
  max_subscribers_ = std::min(n, kMaxBusSubscribers);
}

std::size_t Bus::subscribers() const {
  std::shared_lock lock(mutex_);
  return static_cast<std::size_t>(std::count_if(subscribers_.begin(), subscribers_.end(),
                                                [](const auto& s) { return !s->is_closed(); }));
}

}  // namespace blockd
