#include "kernel/net/tests/net_fixture.hpp"

namespace blockd::test {
namespace {

class WebSocketTest : public NetTest {};

TEST_F(WebSocketTest, echoes_messages_of_all_frame_sizes_and_the_subprotocol) {
  listen();
  auto client = WsClient::connect(url("/ws", "ws"), {}, {{"Sec-WebSocket-Protocol", "bearer.abc"}});
  ASSERT_TRUE(client.ok()) << client.status().to_string();
  EXPECT_EQ((*client)->subprotocol(), "bearer.abc");
  for (const std::size_t size : {0u, 5u, 125u, 126u, 65535u, 65536u, 1000000u}) {
    ASSERT_TRUE((*client)->send(std::string(size, 'm')).ok());
    auto message = (*client)->receive(60000);
    ASSERT_TRUE(message.ok()) << message.status().to_string();
    EXPECT_EQ(message->size(), size);
  }
  EXPECT_EQ(server.stats().websockets, 1u);
  (*client)->close();
  handler->closed.get_future().wait();
}

TEST_F(WebSocketTest, refuses_paths_that_the_handler_does_not_accept) {
  listen();
  auto client = WsClient::connect(url("/elsewhere", "ws"));
  EXPECT_EQ(client.status().code(), Code::kDenied);
  EXPECT_NE(client.status().message().find("HTTP 404"), std::string::npos);
}

TEST_F(WebSocketTest, the_server_closes_with_code_and_reason) {
  listen();
  auto client = WsClient::connect(url("/ws", "ws"));
  ASSERT_TRUE(client.ok());
  EXPECT_EQ((*client)->receive(0).status().code(), Code::kTimeout);
  ASSERT_TRUE((*client)->send("close").ok());
  auto end = (*client)->receive(60000);
  EXPECT_EQ(end.status().code(), Code::kUnavailable);
  EXPECT_NE(end.status().message().find("4000 as you wish"), std::string::npos);
}

TEST_F(WebSocketTest, a_message_above_the_limit_closes_with_1009) {
  HttpLimits limits;
  limits.ws_message_bytes = 1000;
  server.set_limits(limits);
  listen();
  auto client = WsClient::connect(url("/ws", "ws"));
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE((*client)->send(std::string(1001, 'm')).ok());
  EXPECT_NE((*client)->receive(60000).status().message().find("1009"), std::string::npos);
}

TEST_F(WebSocketTest, a_client_that_does_not_read_fills_its_own_queue_only) {
  HttpLimits limits;
  limits.ws_queue_messages = 16;
  server.set_limits(limits);
  listen();
  auto lazy = WsClient::connect(url("/flood", "ws"));
  ASSERT_TRUE(lazy.ok());
  auto peer = handler->flooded.get_future().get();  // the queue has refused a message
  EXPECT_EQ(peer->max_queue(), 16u);
  EXPECT_LE(peer->queue_size(), 16u);
  HttpClient other;
  EXPECT_EQ(other.get(url("/echo"))->status, 200);
  EXPECT_LE(peer->drop_queue(), 16u);
  // Once it reads, what was under way arrives, and then word that the queue is empty.
  for (;;) {
    auto message = (*lazy)->receive(60000);
    ASSERT_TRUE(message.ok()) << message.status().to_string();
    if (*message == "drained") break;
    ASSERT_EQ(message->size(), 65536u);
  }
}

TEST_F(WebSocketTest, a_client_that_never_reads_is_cut_after_the_idle_time) {
  HttpLimits limits;
  limits.ws_idle_ms = 200;
  limits.ws_queue_bytes = 64 << 20;
  limits.ws_queue_messages = 1024;
  server.set_limits(limits);
  listen();
  auto lazy = WsClient::connect(url("/flood", "ws"));
  ASSERT_TRUE(lazy.ok());
  auto peer = handler->flooded.get_future().get();
  handler->closed.get_future().wait();
  EXPECT_FALSE(peer->is_open());
  EXPECT_FALSE(peer->send("too late"));
}

TEST_F(WebSocketTest, stop_says_going_away) {
  listen();
  auto client = WsClient::connect(url("/ws", "ws"));
  ASSERT_TRUE(client.ok());
  auto stopped = std::async(std::launch::async, [&] { return server.stop(60000); });
  auto end = (*client)->receive(60000);
  EXPECT_NE(end.status().message().find("1001"), std::string::npos) << end.status().to_string();
  (*client)->close();
  EXPECT_TRUE(stopped.get().ok());
}

}  // namespace
}  // namespace blockd::test
