#include "kernel/net/server_core.hpp"

#include <chrono>
#include <optional>

namespace blockd {

std::uint64_t now_us() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

ConnectionSlot::~ConnectionSlot() {
  if (core_) core_->give_slot(ip_);
}

HttpLimits ServerCore::limits() const {
  std::lock_guard lock(mutex_);
  return limits_;
}

void ServerCore::set_limits(const HttpLimits& limits) {
  auto refusals = std::make_shared<const CrowdRefusals>(limits);
  {
    std::lock_guard lock(mutex_);
    limits_ = limits;
    refusals_ = std::move(refusals);
  }
  generation.fetch_add(1);
}

std::shared_ptr<const CrowdRefusals> ServerCore::refusals() const {
  std::lock_guard lock(mutex_);
  return refusals_;
}

std::optional<ConnectionSlot> ServerCore::take_slot(const std::string& ip,
                                                    std::shared_ptr<const std::string>* refusal) {
  std::lock_guard lock(mutex_);
  const auto refuse = [&](const std::string& answer) {
    *refusal = std::shared_ptr<const std::string>(refusals_, &answer);
    return std::nullopt;
  };
  if (ip.empty()) {
    if (local_ >= limits_.local_connections) return refuse(refusals_->local_connections);
    ++local_;
  } else {
    if (slots_ - local_ >= limits_.connections) return refuse(refusals_->connections);
    const auto found = per_ip_.find(ip);
    if (found != per_ip_.end() && found->second >= limits_.connections_per_ip)
      return refuse(refusals_->connections_per_ip);
    ++per_ip_[ip];
  }
  ++slots_;
  return ConnectionSlot(shared_from_this(), ip);
}

void ServerCore::give_slot(const std::string& ip) {
  std::lock_guard lock(mutex_);
  TB_ASSERT(slots_ > 0);
  --slots_;
  if (ip.empty()) {
    --local_;
  } else {
    const auto found = per_ip_.find(ip);
    TB_ASSERT(found != per_ip_.end());
    if (--found->second == 0) per_ip_.erase(found);
  }
  if (slots_ == 0) empty_.notify_all();
}

std::uint64_t ServerCore::open_slots() const {
  std::lock_guard lock(mutex_);
  return slots_;
}

bool ServerCore::wait_empty(std::uint32_t wait_ms) {
  std::unique_lock lock(mutex_);
  return empty_.wait_for(lock, std::chrono::milliseconds(wait_ms), [this] { return slots_ == 0; });
}

void ServerCore::enter(Connection* connection) {
  std::lock_guard lock(mutex_);
  connections_.insert(connection);
}

void ServerCore::leave(Connection* connection) {
  std::lock_guard lock(mutex_);
  connections_.erase(connection);
}

std::vector<std::shared_ptr<Connection>> ServerCore::connections() const {
  std::vector<std::shared_ptr<Connection>> out;
  std::lock_guard lock(mutex_);
  out.reserve(connections_.size());
  for (Connection* connection : connections_) {
    // The set holds the memory valid; the object may already be on its way out.
    if (auto alive = connection->weak_from_this().lock()) out.push_back(std::move(alive));
  }
  return out;
}

void ServerCore::sweep() {
  std::vector<std::shared_ptr<Connection>> late;
  const std::uint64_t now = now_ms();
  {
    std::lock_guard lock(mutex_);
    for (Connection* connection : connections_) {
      const std::uint64_t deadline = connection->deadline_ms();
      if (deadline == 0 || deadline > now) continue;
      if (auto alive = connection->weak_from_this().lock()) late.push_back(std::move(alive));
    }
  }
  for (const auto& connection : late) connection->on_deadline();
}

}  // namespace blockd
