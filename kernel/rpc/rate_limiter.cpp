#include "kernel/rpc/rate_limiter.hpp"

#include <algorithm>

namespace blockd {
namespace {
constexpr std::uint64_t kToken = 1'000'000;  // micro-tokens of one request
constexpr std::uint64_t kMaxElapsedUs = 3'600'000'000;
}  // namespace

void RateLimiter::set_limits(const RateLimits& limits) {
  std::lock_guard lock(mutex_);
  limits_ = limits;
}

RateLimiter::Client& RateLimiter::client(const std::string& key, std::uint64_t now_us,
                                         std::uint64_t full) {
  auto it = index_.find(key);
  if (it != index_.end()) {
    clients_.splice(clients_.begin(), clients_, it->second);
    Client& c = clients_.front();
    if (now_us - c.last_us > limits_.idle_ms * 1000 && now_us >= c.banned_until_us) {
      c.micro_tokens = full;
      c.last_us = now_us;
      c.passes_us.clear();
    }
    return c;
  }
  if (clients_.size() >= kMaxClients) {
    index_.erase(clients_.back().key);
    clients_.pop_back();
  }
  clients_.push_front(Client{key, full, now_us, 0, {}});
  index_[key] = clients_.begin();
  return clients_.front();
}

bool RateLimiter::refill_and_take(Client& c, std::uint64_t now_us, std::uint64_t rate,
                                  std::uint64_t cost, std::uint64_t* retry_after_ms) {
  const std::uint64_t full = std::max<std::uint64_t>(rate, 1) * kToken;
  const std::uint64_t elapsed = std::min(now_us - c.last_us, kMaxElapsedUs);
  c.micro_tokens = std::min(full, c.micro_tokens + elapsed * rate);
  c.last_us = now_us;
  const std::uint64_t price = cost * kToken;
  if (c.micro_tokens >= price) {
    c.micro_tokens -= price;
    return true;
  }
  if (retry_after_ms)
    *retry_after_ms = (price - c.micro_tokens) / std::max<std::uint64_t>(rate, 1) / 1000 + 1;
  return false;
}

RateLimiter::Verdict RateLimiter::take(const std::string& ip, std::uint64_t cost,
                                       std::uint64_t* retry_after_ms) {
  std::lock_guard lock(mutex_);
  const std::uint64_t now = clock_.monotonic_us();
  Client& c = client(ip, now, limits_.tokens_per_sec * kToken);
  if (now < c.banned_until_us) {
    *retry_after_ms = (c.banned_until_us - now) / 1000 + 1;
    return Verdict::kBanned;
  }
  if (refill_and_take(c, now, limits_.tokens_per_sec, std::min(cost, limits_.tokens_per_sec),
                      retry_after_ms))
    return Verdict::kPass;
  if (limits_.ban_ms > 0) {
    c.banned_until_us = now + limits_.ban_ms * 1000;
    *retry_after_ms = limits_.ban_ms;
  }
  return Verdict::kLimited;
}

bool RateLimiter::bucket(const std::string& scope, const std::string& ip, std::uint64_t rate,
                         std::uint64_t* retry_after_ms) {
  std::lock_guard lock(mutex_);
  const std::uint64_t now = clock_.monotonic_us();
  return refill_and_take(client(scope + "|" + ip, now, std::max<std::uint64_t>(rate, 1) * kToken),
                         now, rate, 1, retry_after_ms);
}

bool RateLimiter::window(const std::string& scope, const std::string& ip, std::uint64_t limit,
                         std::uint64_t* retry_after_ms) {
  limit = std::min<std::uint64_t>(limit, kMaxWindow);
  std::lock_guard lock(mutex_);
  const std::uint64_t now = clock_.monotonic_us();
  Client& c = client(scope + "|" + ip, now, 0);
  c.last_us = now;
  std::erase_if(c.passes_us, [&](std::uint64_t at) { return at + 1'000'000 <= now; });
  if (c.passes_us.size() >= limit) {
    *retry_after_ms =
        c.passes_us.empty() ? 1000 : (c.passes_us.front() + 1'000'000 - now) / 1000 + 1;
    return false;
  }
  c.passes_us.push_back(now);
  return true;
}

std::size_t RateLimiter::clients() const {
  std::lock_guard lock(mutex_);
  return clients_.size();
}

std::uint64_t RateLimiter::fewest_tokens(std::uint64_t otherwise) const {
  std::lock_guard lock(mutex_);
  std::uint64_t least = otherwise * kToken;
  for (const Client& c : clients_) {
    if (c.key.find('|') == std::string::npos) least = std::min(least, c.micro_tokens);
  }
  return least / kToken;
}

}  // namespace blockd
