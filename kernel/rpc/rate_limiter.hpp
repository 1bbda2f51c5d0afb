// RateLimiter: how much one client address may ask for (node-and-cli spec 5.2, formula 6.5).
//
// A token bucket for each address with a ban after it ran empty, and windows and buckets per class
// of plugin methods. Bounded: at most kMaxClients addresses; the one that was idle longest makes
// room. [any]
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernel/base/clock.hpp"

namespace blockd {

struct RateLimits {
  std::uint64_t tokens_per_sec = 100;
  std::uint64_t ban_ms = 60'000;
  std::uint64_t idle_ms = 300'000;
};

class RateLimiter {
 public:
  static constexpr std::size_t kMaxClients = 65'536;
  static constexpr std::size_t kMaxWindow = 10'000;  // requests of one window

  explicit RateLimiter(Clock& clock) : clock_(clock) {}
  void set_limits(const RateLimits& limits);

  enum class Verdict : std::uint8_t { kPass, kLimited, kBanned };
  // Takes `cost` requests' worth of tokens from the bucket of `ip`.
  Verdict take(const std::string& ip, std::uint64_t cost, std::uint64_t* retry_after_ms);
  // Sliding window: passes if fewer than `limit` requests of `ip` in `scope` passed in the last
  // 1000 ms. Refused ones do not count.
  bool window(const std::string& scope, const std::string& ip, std::uint64_t limit,
              std::uint64_t* retry_after_ms);
  // A bucket of its own for (scope, ip): `rate` per second, size max(1, rate).
  bool bucket(const std::string& scope, const std::string& ip, std::uint64_t rate,
              std::uint64_t* retry_after_ms);
  std::size_t clients() const;
  // Tokens left of the address that has fewest, for a gauge; `otherwise` when nobody is known.
  std::uint64_t fewest_tokens(std::uint64_t otherwise) const;

 private:
  struct Client {
    std::string key;
    std::uint64_t micro_tokens = 0;
    std::uint64_t last_us = 0;
    std::uint64_t banned_until_us = 0;
    std::vector<std::uint64_t> passes_us;  // ring of the window, oldest first
  };
  using Clients = std::list<Client>;  // most recently used first
  Client& client(const std::string& key, std::uint64_t now_us, std::uint64_t full);
  static bool refill_and_take(Client& c, std::uint64_t now_us, std::uint64_t rate,
                              std::uint64_t cost, std::uint64_t* retry_after_ms);

  Clock& clock_;
  mutable std::mutex mutex_;
  RateLimits limits_;
  Clients clients_;
  std::unordered_map<std::string, Clients::iterator> index_;
};

}  // namespace blockd
