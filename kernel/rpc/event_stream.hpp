// Events of committed blocks for clients: read from the block log, in chain order, at least once
// (node-and-cli spec 5.2.3).
//
// An event is named by (height, index), its place among all events of its block. A client keeps the
// cursor "<height>-<index>" of what it has seen and continues behind it. Nothing is kept for a
// client here but its position, so a slow one costs nothing and holds back nobody.
//
// One event is of no block: monitor.catalogue_changed {hash}, when plugins came, went or changed.
// Its cursor is the one that the client has already; several changes may be told as one.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/chain/chain.hpp"
#include "kernel/net/http.hpp"
#include "kernel/rpc/caller.hpp"

namespace blockd {

inline constexpr std::size_t kMaxSubscriptions = 64;     // of one WebSocket
inline constexpr std::size_t kMaxSubscribedTopics = 64;  // patterns of one subscription
inline constexpr std::size_t kMaxListedEvents = 1000;    // of one events.list
inline constexpr std::size_t kMaxScannedBlocks =
    1000;  // of one events.list, or one turn of a subscription

// The next event to look at.
struct EventPosition {
  std::uint64_t height = 0;
  std::uint32_t index = 0;
};

// "12-3": the third event of block 12 has been seen. Errors: kInvalid.
Result<EventPosition> behind_cursor(std::string_view cursor);
std::string cursor_text(std::uint64_t height, std::uint32_t index);
// The cursor behind which `at` is next.
std::string cursor_before(const EventPosition& at);

class EventLog {
 public:
  // Both outlive it. `retain` is the number of newest blocks whose events are served
  // (bus.retain_blocks).
  EventLog(Chain& chain, std::function<std::uint64_t()> retain)
      : chain_(&chain), retain_(std::move(retain)) {}

  // `from` is a cursor, "head", "start", or empty for head. Errors: kInvalid.
  Result<EventPosition> position(std::string_view from) const;
  // Where reading may begin now: `at`, or the oldest block that is served; then `*gap` is the
  // heights that are lost.
  struct Gap {
    std::uint64_t from = 0, to = 0;
  };
  // `archived`: or the oldest block in the log.
  EventPosition served(EventPosition at, bool archived, std::optional<Gap>* gap) const;

  struct Item {
    EventPosition at;
    std::uint64_t time_ms = 0;
    const Event* event = nullptr;
  };
  // Gives the events from `*at` on whose topic matches, up to the head; stops when `take` returns
  // false (that event stays next) or after kMaxScannedBlocks blocks. Leaves `*at` where reading
  // goes on; returns true if there is nothing more now. Errors: those of Chain::block.
  Result<bool> read(EventPosition* at, const std::vector<std::string>& topics,
                    const std::function<bool(const Item&)>& take);
  // The newest block, so that followers at the head read no disk.
  void set_newest(std::shared_ptr<const BlockRecord> block);

 private:
  Result<std::shared_ptr<const BlockRecord>> block(std::uint64_t height) const;

  Chain* chain_;
  std::function<std::uint64_t()> retain_;
  mutable std::mutex mutex_;
  std::shared_ptr<const BlockRecord> newest_;
};

// {"cursor","height","time_ms","topic","data"} and, first, `members` such as
// "\"subscription\":\"s1\",".
std::string event_json(const EventLog::Item& item, std::string_view members);

class RpcImpl;

// One open WebSocket: answers and events of its subscriptions go out through it. [any]
class ClientSession : public std::enable_shared_from_this<ClientSession> {
 public:
  ClientSession(RpcImpl& rpc, std::shared_ptr<const HttpRequest> request, Caller caller);

  void opened(std::shared_ptr<WsPeer> peer);
  void closed();
  void received(std::string_view text);
  // Errors: kLimit (subscriptions), kInvalid (topics, from).
  struct Subscribed {
    std::string id, cursor;
  };
  Result<Subscribed> subscribe(std::vector<std::string> topics, std::string_view from);
  bool unsubscribe(const std::string& id);
  // Sends what is new, on a worker. Calls while it runs make it look once more.
  void pump();
  // Closes when the caller's credential no longer holds.
  void check_credential();
  bool is_open() const;
  bool has_subscriptions() const;

 private:
  struct Subscription {
    std::string id;
    std::vector<std::string> topics;
    EventPosition at;
    std::string catalogue;  // hash that its client knows; empty when it did not ask for it
    bool lagged = false;
    bool told = false;  // its id is on the way to the client; nothing is sent before
  };
  void answered(std::string text);
  void close(std::string_view reason);
  void run_pump();
  bool pump_one(Subscription& s, const std::shared_ptr<WsPeer>& peer);
  bool tell_catalogue(Subscription& s, const std::shared_ptr<WsPeer>& peer);
  bool send(std::string text);

  RpcImpl& rpc_;
  const std::shared_ptr<const HttpRequest> request_;
  const Caller caller_;
  mutable std::mutex mutex_;  // peer_ and subscriptions_
  std::shared_ptr<WsPeer> peer_;
  std::vector<Subscription> subscriptions_;
  std::uint64_t next_id_ = 1;
  std::mutex pump_mutex_;  // scheduled_, again_
  bool scheduled_ = false, again_ = false;
};

}  // namespace blockd
