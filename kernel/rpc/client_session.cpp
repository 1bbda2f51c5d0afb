// WebSockets: JSON-RPC one request a frame, and the events of subscriptions as notifications
// (node-and-cli spec 5.2.3).
//
// Back pressure: when the client does not read, its queue fills and sending stops; nothing is
// dropped. When it reads again it is told events.lagged with the cursor at which the stream goes
// on.

#include <algorithm>

#include "kernel/bus/bus.hpp"
#include "kernel/rpc/log_pages.hpp"
#include "kernel/rpc/rpc_impl.hpp"

namespace blockd {
namespace {

constexpr std::uint16_t kPolicyViolation = 1008;

std::string notification(std::string_view method, std::string_view params) {
  return "{\"jsonrpc\":\"2.0\",\"method\":\"" + std::string(method) +
         "\",\"params\":" + std::string(params) + "}";
}

// What the HTTP server holds; the session lives on while answers are under way.
class SessionHandler final : public WsHandler {
 public:
  explicit SessionHandler(std::shared_ptr<ClientSession> session) : session_(std::move(session)) {}
  void on_open(std::shared_ptr<WsPeer> peer) override { session_->opened(std::move(peer)); }
  void on_message(std::string_view text) override { session_->received(text); }
  void on_drain() override { session_->pump(); }
  void on_close() override { session_->closed(); }

 private:
  std::shared_ptr<ClientSession> session_;
};

}  // namespace

WsAnswer RpcImpl::accept_ws(std::shared_ptr<const HttpRequest> request) {
  WsAnswer answer;
  const std::string& l = request->listener;
  const bool tail = request->path == "/logs/tail";
  if ((request->path != "/ws" && !tail) || (l != "rpc" && l != "metrics" && l != "socket"))
    return answer;
  const std::shared_ptr<const Access> now = access();
  Caller caller = now->credentials->identify(*request);
  if (auto refused = take_tokens(caller, 1)) {
    answer.refusal = error_response(*refused);
    return answer;
  }
  if (auto foreign = foreign_origin(*now, *request)) {
    answer.refusal = *std::move(foreign);
    return answer;
  }
  if (caller.bad_credential ||
      (now->credentials->credential_required() && !caller.has_credential)) {
    answer.refusal = error_response(
        rpc_error(-34000, "unauthorized", "this node demands a valid bearer token", 401));
    return answer;
  }
  // A browser that offers its token as subprotocol must see it chosen.
  const std::string_view offered = request->headers.get("Sec-WebSocket-Protocol");
  if (const std::size_t at = offered.find("bearer."); at != std::string_view::npos) {
    answer.subprotocol = std::string(offered.substr(at, offered.find_first_of(", ", at) - at));
  }
  if (tail) {
    WsAnswer followed = accept_log_tail(*this, *now, *request, caller);
    followed.subprotocol = answer.subprotocol;
    return followed;
  }
  auto session = std::make_shared<ClientSession>(*this, std::move(request), std::move(caller));
  watch(session);
  answer.handler = std::make_unique<SessionHandler>(std::move(session));
  return answer;
}

ClientSession::ClientSession(RpcImpl& rpc, std::shared_ptr<const HttpRequest> request,
                             Caller caller)
    : rpc_(rpc), request_(std::move(request)), caller_(std::move(caller)) {}

void ClientSession::opened(std::shared_ptr<WsPeer> peer) {
  std::lock_guard lock(mutex_);
  peer_ = std::move(peer);
}

void ClientSession::closed() {
  std::lock_guard lock(mutex_);
  peer_ = nullptr;
  subscriptions_.clear();
}

bool ClientSession::is_open() const {
  std::lock_guard lock(mutex_);
  return peer_ != nullptr;
}

bool ClientSession::has_subscriptions() const {
  std::lock_guard lock(mutex_);
  return peer_ && !subscriptions_.empty();
}

bool ClientSession::send(std::string text) {
  std::shared_ptr<WsPeer> peer;
  {
    std::lock_guard lock(mutex_);
    peer = peer_;
  }
  return peer && peer->send(std::move(text));
}

void ClientSession::received(std::string_view text) {
  auto answer = [self = shared_from_this()](std::string out, int, std::uint64_t) {
    self->answered(std::move(out));
  };
  if (auto refused = rpc_.take_tokens(caller_, 1))
    return answer(error_text("null", *refused), 200, 0);
  rpc_.handle_text(request_, caller_, rpc_.credentials(), std::string(text), {}, std::move(answer),
                   shared_from_this());
}

void ClientSession::answered(std::string text) {
  if (!text.empty() && !send(std::move(text))) {
    // A client that does not read its own answers has no use for more of them.
    close("answers are not read");
    return;
  }
  bool fresh = false;
  {
    std::lock_guard lock(mutex_);
    for (Subscription& s : subscriptions_) fresh = !std::exchange(s.told, true) || fresh;
  }
  if (fresh) pump();
}

void ClientSession::check_credential() {
  const std::shared_ptr<const Credentials> now = rpc_.credentials();
  const Caller again = now->identify(*request_);
  const bool holds = !again.bad_credential && again.level >= caller_.level &&
                     again.side_roles == caller_.side_roles &&
                     (again.has_credential || !now->credential_required());
  if (!holds) close("the credential no longer holds");
}

void ClientSession::close(std::string_view reason) {
  std::shared_ptr<WsPeer> peer;
  {
    std::lock_guard lock(mutex_);
    peer = peer_;
  }
  if (peer) peer->close(kPolicyViolation, reason);
}

Result<ClientSession::Subscribed> ClientSession::subscribe(std::vector<std::string> topics,
                                                           std::string_view from) {
  Result<EventPosition> at = rpc_.events().position(from);
  if (!at.ok()) return at.status();
  Subscribed out;
  const bool watches_catalogue =
      std::any_of(topics.begin(), topics.end(),
                  [](const std::string& topic) { return topic_matches(topic, kCatalogueTopic); });
  std::string catalogue = watches_catalogue ? rpc_.catalogue_hash() : "";
  {
    std::lock_guard lock(mutex_);
    if (subscriptions_.size() >= kMaxSubscriptions) {
      return Status(
          Code::kLimit,
          "a connection has at most " + std::to_string(kMaxSubscriptions) + " subscriptions",
          "name several topics in one, or open another connection");
    }
    out.id = "s" + std::to_string(next_id_++);
    out.cursor = cursor_before(*at);
    subscriptions_.push_back({out.id, std::move(topics), *at, std::move(catalogue)});
  }
  return out;
}

bool ClientSession::unsubscribe(const std::string& id) {
  std::lock_guard lock(mutex_);
  return std::erase_if(subscriptions_, [&](const Subscription& s) { return s.id == id; }) > 0;
}

void ClientSession::pump() {
  {
    std::lock_guard lock(pump_mutex_);
    again_ = true;
    if (scheduled_) return;
    scheduled_ = true;
  }
  rpc_.run_later([self = shared_from_this()] { self->run_pump(); });
}

// One at a time. Works on copies, so that no lock is held while blocks are read.
void ClientSession::run_pump() {
  {
    std::lock_guard lock(pump_mutex_);
    again_ = false;
  }
  std::vector<Subscription> work;
  std::shared_ptr<WsPeer> peer;
  {
    std::lock_guard lock(mutex_);
    for (const Subscription& s : subscriptions_) {
      if (s.told) work.push_back(s);
    }
    peer = peer_;
  }
  bool more = false;
  for (Subscription& s : work) {
    if (!peer) break;
    more = pump_one(s, peer) || more;
    std::lock_guard lock(mutex_);
    for (Subscription& mine : subscriptions_) {
      if (mine.id == s.id) mine = s;
    }
  }
  {
    std::lock_guard lock(pump_mutex_);
    if (!more && !again_) {
      scheduled_ = false;
      return;
    }
  }
  rpc_.run_later([self = shared_from_this()] { self->run_pump(); });
}

// True if there is more to send now. A full queue is no such case: on_drain comes then.
bool ClientSession::pump_one(Subscription& s, const std::shared_ptr<WsPeer>& peer) {
  const std::string member = "\"subscription\":\"" + s.id + "\",";
  if (s.lagged) {
    if (!peer->send(notification("events.lagged",
                                 "{" + member + "\"cursor\":\"" + cursor_before(s.at) + "\"}")))
      return false;
    s.lagged = false;
  }
  std::optional<EventLog::Gap> gap;
  const EventPosition at = rpc_.events().served(s.at, false, &gap);
  if (gap) {
    const std::string params = "{" + member + "\"from\":" + std::to_string(gap->from) +
                               ",\"to\":" + std::to_string(gap->to) + "}";
    s.lagged = !peer->send(notification("events.gap", params));
    if (s.lagged) return false;
    s.at = at;
  }
  Result<bool> end = rpc_.events().read(&s.at, s.topics, [&](const EventLog::Item& item) {
    s.lagged = !peer->send(notification("events.event", event_json(item, member)));
    return !s.lagged;
  });
  if (!end.ok()) {
    // Nothing can be promised any more; the client comes again with its cursor.
    peer->close(1011, end.status().message().substr(0, 120));
    return false;
  }
  if (s.lagged) return false;
  return tell_catalogue(s, peer) && !*end;
}

// False when the client's queue is full: on_drain comes then.
bool ClientSession::tell_catalogue(Subscription& s, const std::shared_ptr<WsPeer>& peer) {
  if (s.catalogue.empty()) return true;
  std::string now = rpc_.catalogue_hash();
  if (now == s.catalogue) return true;
  const StateViewPtr view = rpc_.parts().chain->view();
  const std::string params = "{\"subscription\":\"" + s.id + "\",\"cursor\":\"" +
                             cursor_before(s.at) + "\",\"height\":" + std::to_string(view->height) +
                             ",\"time_ms\":" + std::to_string(view->time_ms) + ",\"topic\":\"" +
                             std::string(kCatalogueTopic) + "\",\"data\":{\"hash\":\"" + now +
                             "\"}}";
  if (!peer->send(notification("events.event", params))) return false;
  s.catalogue = std::move(now);
  return true;
}

}  // namespace blockd
