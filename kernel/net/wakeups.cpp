// The check behind HttpLimits::idle_poll_ms: does any socket wait for an event that was never told?
//
// One poll(2) for up to kAskedAtOnce sockets, the next ones at the next check. A socket that is
// ready has usually been told just now, so a wait counts as forgotten only when the same wait is
// still there after the backoff. The connection itself decides on its own strand.
#include <poll.h>

#include <algorithm>

#include "kernel/net/server_core.hpp"

namespace blockd {
namespace {

constexpr std::size_t kAskedAtOnce = 1024;
constexpr std::uint32_t kSoonest = 1;

}  // namespace

std::vector<ServerCore::Asked> ServerCore::waiting() {
  std::vector<Asked> out;
  std::lock_guard lock(mutex_);
  std::size_t at = 0, skipped = asked_;
  for (Connection* connection : connections_) {
    if (++at <= skipped) continue;
    if (out.size() == kAskedAtOnce) break;
    asked_ = at;
    const std::uint64_t wait = connection->wait();
    if (connection->watched_fd_ < 0 || Connection::kind_of(wait) == Connection::Wait::kNothing)
      continue;
    if (auto alive = connection->weak_from_this().lock()) out.push_back({std::move(alive), wait});
  }
  if (asked_ >= connections_.size()) asked_ = 0;
  return out;
}

std::uint32_t ServerCore::check_wakeups() {
  const HttpLimits limits = this->limits();
  const std::vector<Asked> asked = waiting();
  std::vector<pollfd> sockets;
  sockets.reserve(asked.size());
  for (const Asked& one : asked) {
    const bool reads = Connection::kind_of(one.wait) == Connection::Wait::kRead;
    const short events = reads ? POLLIN : POLLOUT;
    sockets.push_back({one.connection->watched_fd_, events, 0});
  }
  std::uint32_t next = std::max(limits.idle_poll_ms, kSoonest);
  if (sockets.empty() || ::poll(sockets.data(), sockets.size(), 0) <= 0) return next;
  const std::uint64_t now = now_ms();
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Connection& connection = *asked[i].connection;
    const std::uint64_t wait = asked[i].wait;
    if (sockets[i].revents == 0 || connection.wait() != wait) continue;
    const std::uint32_t backoff = Connection::kind_of(wait) == Connection::Wait::kRead
                                      ? limits.read_backoff_ms
                                      : limits.write_backoff_ms;
    next = std::min(next, std::max(backoff, kSoonest));
    if (connection.ready_wait_ != wait) {
      connection.ready_wait_ = wait;
      connection.ready_since_ms_ = now;
    } else if (now - connection.ready_since_ms_ >= backoff) {
      connection.retry(wait);
    }
  }
  return next;
}

}  // namespace blockd
