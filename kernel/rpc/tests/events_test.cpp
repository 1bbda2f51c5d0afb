// Events for clients: polled, and over a WebSocket, from the block log.

#include <condition_variable>
#include <deque>

#include "kernel/rpc/event_stream.hpp"
#include "kernel/rpc/tests/rpc_world.hpp"

namespace blockd::test {
namespace {

// A client's end of a WebSocket with room for `room` messages that it has not read.
class FakePeer final : public WsPeer {
 public:
  explicit FakePeer(std::size_t room) : room_(room) {}
  bool send(std::string text) override {
    std::lock_guard lock(mutex_);
    if (!open_ || queue_.size() >= room_) {
      ++refused_;
      came_.notify_all();
      return false;
    }
    queue_.push_back(std::move(text));
    came_.notify_all();
    return true;
  }
  void close(std::uint16_t, std::string_view) override {
    std::lock_guard lock(mutex_);
    open_ = false;
    came_.notify_all();
  }
  std::size_t queue_size() const override {
    std::lock_guard lock(mutex_);
    return queue_.size();
  }
  std::size_t max_queue() const override { return room_; }
  std::size_t drop_queue() override { return 0; }
  bool is_open() const override {
    std::lock_guard lock(mutex_);
    return open_;
  }
  // The next message, waited for.
  json::value read() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return !queue_.empty() || !open_; });
    if (queue_.empty()) return nullptr;
    Result<json::value> parsed = parse_json(queue_.front());
    queue_.pop_front();
    return parsed.ok() ? *parsed : json::value(nullptr);
  }
  void wait_for(std::size_t messages) {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return queue_.size() >= messages; });
  }
  // Until something found no room.
  void wait_refused() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return refused_ > 0; });
  }
  void wait_closed() {
    std::unique_lock lock(mutex_);
    came_.wait(lock, [&] { return !open_; });
  }

 private:
  const std::size_t room_;
  std::size_t refused_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::string> queue_;
  bool open_ = true;
};

class Events : public RpcWorld {
 protected:
  void run(int n) {
    ASSERT_TRUE(local_call("bank.run", R"({"op":"put","n":)" + std::to_string(n) + "}")
                    .body.as_object()
                    .contains("result"));
  }
  void connect(std::size_t room, const std::string& bearer = {}) {
    HttpRequest r = get("/ws");
    if (!bearer.empty()) r.headers.add("Authorization", "Bearer " + bearer);
    WsAnswer answer = rpc_->accept_ws(std::make_shared<const HttpRequest>(std::move(r)));
    ASSERT_TRUE(answer.handler) << answer.refusal.body;
    handler_ = std::move(answer.handler);
    peer_ = std::make_shared<FakePeer>(room);
    handler_->on_open(peer_);
  }
  void TearDown() override {
    if (handler_) handler_->on_close();
    handler_.reset();
    RpcWorld::TearDown();
  }
  static std::string cursor_of(const json::value& message) {
    return std::string(message.at("params").at("cursor").as_string());
  }

  std::unique_ptr<WsHandler> handler_;
  std::shared_ptr<FakePeer> peer_;
};

TEST_F(Events, are_listed_behind_a_cursor) {
  for (int i = 0; i < 3; ++i) run(i);
  const Reply all = call("events.list", R"({"topics":["bank.*"],"limit":2})");
  ASSERT_EQ(all.result().at("events").as_array().size(), 2u);
  EXPECT_EQ(all.result().at("events").as_array()[0].at("cursor").as_string(), "1-0");
  EXPECT_TRUE(all.result().at("more").as_bool());
  const std::string cursor(all.result().at("cursor").as_string());
  const Reply rest = call("events.list", R"({"from":")" + cursor + "\"}");
  ASSERT_EQ(rest.result().at("events").as_array().size(), 1u);
  EXPECT_EQ(rest.result().at("events").as_array()[0].at("cursor").as_string(), "3-0");
  EXPECT_FALSE(rest.result().at("more").as_bool());
  const std::string end(rest.result().at("cursor").as_string());
  run(4);
  EXPECT_EQ(call("events.list", R"({"from":")" + end + "\"}")
                .result()
                .at("events")
                .as_array()[0]
                .at("cursor")
                .as_string(),
            "4-0");
  EXPECT_EQ(
      call("events.list", R"({"topics":["other.*"]})").result().at("events").as_array().size(), 0u);
  EXPECT_EQ(call("events.list", R"({"from":"x"})").error().at("data").at("field").as_string(),
            "from");
}

TEST_F(Events, tell_what_is_too_old) {
  reconfigure("bus.retain_blocks", 2);
  for (int i = 0; i < 4; ++i) run(i);
  const Reply r = call("events.list", R"({"from":"0-0"})");
  EXPECT_EQ(r.result().at("gap").at("from").as_int64(), 0);
  EXPECT_EQ(r.result().at("gap").at("to").as_int64(), 2);
  EXPECT_EQ(r.result().at("events").as_array().size(), 2u);
  const Reply all = call("events.list", R"({"from":"0-0","archived":true})", kAdmin);
  EXPECT_EQ(all.result().at("events").as_array().size(), 4u);
  EXPECT_FALSE(all.result().as_object().contains("gap"));
}

TEST_F(Events, come_over_a_websocket_from_a_cursor_and_live) {
  run(1);
  connect(100);
  handler_->on_message(
      R"({"jsonrpc":"2.0","id":7,"method":"events.subscribe","params":{"topics":["bank.ran"],"from":"start"}})");
  const json::value answer = peer_->read();
  EXPECT_EQ(answer.at("id").as_int64(), 7);
  const std::string subscription(answer.at("result").at("subscription").as_string());
  const json::value first = peer_->read();
  EXPECT_EQ(first.at("method").as_string(), "events.event");
  EXPECT_EQ(first.at("params").at("subscription").as_string(), subscription);
  EXPECT_EQ(cursor_of(first), "1-0");
  EXPECT_EQ(first.at("params").at("data").at("op").as_string(), "put");
  run(2);
  EXPECT_EQ(cursor_of(peer_->read()), "2-0");
  handler_->on_message(
      R"({"jsonrpc":"2.0","id":8,"method":"events.unsubscribe","params":{"subscription":")" +
      subscription + "\"}}");
  EXPECT_EQ(peer_->read().at("id").as_int64(), 8);
  handler_->on_message(
      R"({"jsonrpc":"2.0","id":9,"method":"events.unsubscribe","params":{"subscription":")" +
      subscription + "\"}}");
  EXPECT_EQ(peer_->read().at("error").at("code").as_int64(), -34006);
}

TEST_F(Events, begin_at_the_head_unless_told) {
  run(1);
  connect(100);
  handler_->on_message(
      R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"topics":["*"]}})");
  peer_->read();
  run(2);
  EXPECT_EQ(cursor_of(peer_->read()), "2-0");
}

TEST_F(Events, wait_for_a_slow_client_without_a_gap) {
  for (int i = 0; i < 5; ++i) run(i);
  connect(2);
  handler_->on_message(
      R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"topics":["*"],"from":"start"}})");
  peer_->wait_refused();
  std::vector<std::string> seen;
  bool lagged = false;
  peer_->read();
  while (seen.size() < 5) {
    while (peer_->queue_size() > 0) {
      const json::value m = peer_->read();
      if (m.at("method").as_string() == "events.lagged") {
        lagged = true;
      } else {
        seen.push_back(cursor_of(m));
      }
    }
    handler_->on_drain();
    if (seen.size() < 5) peer_->wait_for(1);
  }
  EXPECT_TRUE(lagged);
  EXPECT_EQ(seen, (std::vector<std::string>{"1-0", "2-0", "3-0", "4-0", "5-0"}));
}

TEST_F(Events, tell_that_the_catalogue_changed_without_a_block) {
  connect(100);
  handler_->on_message(
      R"({"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{"topics":["monitor.*"]}})");
  const std::string cursor(peer_->read().at("result").at("cursor").as_string());
  ASSERT_TRUE(bus_.publish(kGenerationTopic, "{}").ok());  // the same plugins: nothing to tell
  host_.show({});
  ASSERT_TRUE(bus_.publish(kGenerationTopic, "{}").ok());
  const json::value told = peer_->read();
  EXPECT_EQ(told.at("params").at("topic").as_string(), "monitor.catalogue_changed");
  EXPECT_EQ(cursor_of(told), cursor);
  EXPECT_EQ(told.at("params").at("data").at("hash"),
            call("monitor.catalogue").body.at("result").at("hash"));
}

TEST_F(Events, need_a_websocket_to_be_subscribed) {
  const Reply r = call("events.subscribe", R"({"topics":["*"]})");
  EXPECT_EQ(r.code(), -32600);
}

TEST_F(Events, refuse_foreign_pages_and_wrong_tokens) {
  HttpRequest r = get("/ws");
  r.headers.add("Origin", "https://evil.example");
  EXPECT_EQ(rpc_->accept_ws(std::make_shared<const HttpRequest>(r)).refusal.status, 403);
  r = get("/ws");
  r.headers.add("Sec-WebSocket-Protocol", "bearer.not-a-known-token");
  EXPECT_EQ(rpc_->accept_ws(std::make_shared<const HttpRequest>(r)).refusal.status, 401);
  r = get("/ws");
  r.headers.add("Sec-WebSocket-Protocol", std::string("chat, bearer.") + kAdmin);
  const WsAnswer admin = rpc_->accept_ws(std::make_shared<const HttpRequest>(r));
  EXPECT_TRUE(admin.handler);
  EXPECT_EQ(admin.subprotocol, std::string("bearer.") + kAdmin);
  EXPECT_FALSE(rpc_->accept_ws(std::make_shared<const HttpRequest>(get("/other"))).handler);
}

TEST_F(Events, end_with_the_credential) {
  const Reply made = local_call("token.create", R"({"role":"read"})");
  connect(10, std::string(made.result().at("token").as_string()));
  local_call("token.revoke",
             R"({"id":")" + std::string(made.result().at("id").as_string()) + "\"}");
  peer_->wait_closed();
  EXPECT_FALSE(peer_->is_open());
}

TEST(Cursor, names_the_event_behind_which_reading_goes_on) {
  const Result<EventPosition> at = behind_cursor("12-3");
  ASSERT_TRUE(at.ok());
  EXPECT_EQ(at->height, 12u);
  EXPECT_EQ(at->index, 4u);
  EXPECT_EQ(cursor_before(*at), "12-3");
  for (const char* bad : {"", "12", "12-", "-1", "a-b", "1-99999999999"})
    EXPECT_FALSE(behind_cursor(bad).ok()) << bad;
}

}  // namespace
}  // namespace blockd::test
