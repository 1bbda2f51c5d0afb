#include "kernel/net/http_server.hpp"

#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "kernel/base/json.hpp"
#include "kernel/net/tests/net_fixture.hpp"

namespace blockd::test {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

class HttpServerTest : public NetTest {};

TEST_F(HttpServerTest, answers_with_method_path_query_and_body) {
  listen();
  HttpClient client;
  auto response = client.post_json(url("/echo?a=1&b=x%20y"), "hello");
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "POST /echo a=1 b=x y hello");
}

TEST_F(HttpServerTest, keeps_the_connection_for_the_next_request) {
  listen();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(kGetEcho));
    EXPECT_TRUE(contains(client.read_until("GET /echo "), "200 OK"));
  }
  EXPECT_EQ(server.stats().connections, 1u);
}

TEST_F(HttpServerTest, answers_pipelined_requests_in_order) {
  listen();
  RawClient client(port());
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += "GET /echo?i=" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  ASSERT_TRUE(client.send(all));
  const std::string text = client.read_until("GET /echo i=", 50);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = text.find("GET /echo i=" + std::to_string(i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(HttpServerTest, head_has_the_length_but_no_body) {
  listen();
  RawClient client(port());
  ASSERT_TRUE(client.send("HEAD /big?n=5000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string text = client.read_to_end();
  EXPECT_TRUE(contains(text, "Content-Length: 5000\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, sends_continue_and_takes_chunked_bodies) {
  listen();
  RawClient client(port());
  ASSERT_TRUE(
      client.send("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n"));
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 Continue"));
  ASSERT_TRUE(client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"));
  EXPECT_TRUE(client.read_until("abcde").ends_with("POST /echo abcde"));
}

TEST_F(HttpServerTest, refuses_what_is_malformed) {
  listen();
  for (const std::string_view bad :
       {"nonsense\r\n\r\n", "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
        "GET relative HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"}) {
    RawClient client(port());
    ASSERT_TRUE(client.send(bad));
    EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 400 ")) << bad;
  }
}

TEST_F(HttpServerTest, refuses_an_oversized_head_with_431_and_body_with_413) {
  listen();
  RawClient head(port());
  head.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20000, 'h') + "\r\n\r\n");
  EXPECT_TRUE(head.read_to_end().starts_with("HTTP/1.1 431 "));
  RawClient body(port());
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n" +
            std::string(5000, 'b'));
  EXPECT_TRUE(body.read_to_end().starts_with("HTTP/1.1 413 "));
  RawClient chunked(port());
  chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, 'c') + "\r\n";
  for (int i = 0; i < 17 && chunked.send(chunk); ++i) {
  }
  EXPECT_TRUE(chunked.read_to_end().starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpServerTest, a_failing_or_silent_handler_becomes_500_and_unknown_methods_405) {
  listen();
  HttpClient client;
  EXPECT_EQ(client.get(url("/throw"))->status, 500);
  EXPECT_EQ(client.get(url("/silent"))->status, 500);
  EXPECT_EQ(client.get(url("/none"))->status, 404);
  RawClient raw(port());
  ASSERT_TRUE(raw.send("BREW / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, refuses_more_requests_in_work_than_allowed_with_retry_after) {
  HttpLimits limits;
  limits.requests_in_work = 2;
  server.set_limits(limits);
  listen();
  RawClient first(port()), second(port()), third(port());
  first.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  second.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  handler->wait_held(2);
  third.send(kGetEcho);
  const std::string refusal = third.read_until("\r\n\r\n");
  EXPECT_TRUE(refusal.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(contains(refusal, "Retry-After: 1\r\n"));
  handler->release();
  EXPECT_TRUE(contains(first.read_until("released"), "200 OK"));
  EXPECT_TRUE(contains(second.read_until("released"), "200 OK"));
  third.send(kGetEcho);
  EXPECT_TRUE(contains(third.read_until("GET /echo "), "200 OK"));
  EXPECT_EQ(server.stats().refused_requests, 1u);
}

TEST_F(HttpServerTest, refuses_more_connections_than_allowed_and_takes_them_again_later) {
  HttpLimits limits;
  limits.connections_per_ip = 2;
  server.set_limits(limits);
  listen();
  {
    RawClient first(port()), second(port());
    first.send(kGetEcho);
    first.read_until("GET /echo ");
    second.send(kGetEcho);
    second.read_until("GET /echo ");
    RawClient third(port());
    EXPECT_TRUE(third.read_to_end().starts_with("HTTP/1.1 503 "));
    EXPECT_EQ(server.stats().refused_connections, 1u);
  }
  eventually([&] { return server.stats().connections == 0; });
  RawClient again(port());
  again.send(kGetEcho);
  EXPECT_TRUE(contains(again.read_until("GET /echo "), "200 OK"));
}

TEST_F(HttpServerTest, a_crowd_over_tcp_leaves_room_for_local_clients) {
  HttpLimits limits;
  limits.connections = 1;
  server.set_limits(limits);
  listen();
  TempDir dir;
  const std::string path = dir.file("room.sock");
  ASSERT_TRUE(
      server.set_listener({.name = "local", .addresses = {"unix:" + path}, .handler = handler})
          .ok());
  RawClient outside(port());
  outside.send(kGetEcho);
  outside.read_until("GET /echo ");
  RawClient crowd(port());
  EXPECT_TRUE(crowd.read_to_end().starts_with("HTTP/1.1 503 "));
  HttpClient client;
  EXPECT_TRUE(client.get("unix:" + path + ":/who").ok());
}

TEST_F(HttpServerTest, a_crowd_is_refused_at_once_while_those_inside_are_served) {
  HttpLimits limits;
  limits.connections = 10;
  server.set_limits(limits);
  listen();
  std::vector<std::unique_ptr<RawClient>> inside;
  for (int i = 0; i < 10; ++i) {
    inside.push_back(std::make_unique<RawClient>(port()));
    inside.back()->send(kGetEcho);
    inside.back()->read_until("GET /echo ");
  }
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (int i = 0; i < 300; ++i) crowd.push_back(std::make_unique<RawClient>(port()));
  for (const auto& client : crowd) {
    EXPECT_TRUE(client->read_to_end().starts_with("HTTP/1.1 503 "));
  }
  EXPECT_EQ(server.stats().refused_connections, 300u);
  EXPECT_EQ(server.stats().connections, 10u);
  for (const auto& client : inside) {
    client->send(kGetEcho);
    EXPECT_TRUE(contains(client->read_until("GET /echo "), "200 OK"));
  }
}

// The body of an answer that the server gives by itself.
json::object refusal_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  EXPECT_NE(end, std::string::npos) << answer;
  EXPECT_TRUE(contains(answer, "Content-Type: application/json\r\n")) << answer;
  const std::string body = answer.substr(end + 4);
  EXPECT_TRUE(contains(answer, "Content-Length: " + std::to_string(body.size()) + "\r\n"));
  const Result<json::value> value = parse_json(body);
  EXPECT_TRUE(value.ok()) << answer;
  return value.ok() ? value->as_object() : json::object();
}

void expect_refusal(const std::string& answer, std::int64_t code, std::string_view message,
                    std::string_view key) {
  const json::object body = refusal_of(answer);
  ASSERT_TRUE(body.contains("error")) << answer;
  const json::object& error = body.at("error").as_object();
  EXPECT_EQ(error.at("code").as_int64(), code);
  EXPECT_EQ(error.at("message").as_string(), message);
  const json::object& data = error.at("data").as_object();
  EXPECT_TRUE(message.starts_with(std::string(data.at("name").as_string()) + ": "));
  if (key.empty()) {
    EXPECT_FALSE(data.contains("limit"));
    EXPECT_FALSE(data.at("hint").as_string().empty());
  } else {
    EXPECT_EQ(data.at("limit").as_string(), key);
    EXPECT_TRUE(
        std::string_view(data.at("hint").as_string()).ends_with(", or raise " + std::string(key)));
  }
}

constexpr HttpLimitKeys kKeys = {.head_bytes = "x.head",
                                 .body_bytes = "x.body",
                                 .header_timeout_ms = "x.head_ms",
                                 .body_timeout_ms = "x.body_ms",
                                 .connections = "x.connections",
                                 .connections_per_ip = "x.per_ip",
                                 .requests_in_work = "x.in_work"};

TEST_F(HttpServerTest, a_connection_too_many_is_told_which_limit_it_met) {
  HttpLimits limits;
  limits.keys = kKeys;
  limits.connections_per_ip = 1;
  limits.local_connections = 0;
  server.set_limits(limits);
  listen();
  RawClient inside(port());
  inside.send(kGetEcho);
  inside.read_until("GET /echo ");
  const std::string per_ip = RawClient(port()).read_to_end();
  expect_refusal(per_ip, -34005,
                 "busy: 1 connections of this address are open, as many as x.per_ip allows",
                 "x.per_ip");
  EXPECT_TRUE(contains(per_ip, "Retry-After: 1\r\n"));
  EXPECT_EQ(refusal_of(per_ip).at("jsonrpc"), "2.0") << "it may have been going to be a call";
  EXPECT_TRUE(refusal_of(per_ip).at("id").is_null());
  limits.connections = 1;
  server.set_limits(limits);
  expect_refusal(RawClient(port()).read_to_end(), -34005,
                 "busy: 1 connections are open, as many as x.connections allows", "x.connections");
  TempDir dir;
  const std::string path = dir.file("room.sock");
  ASSERT_TRUE(
      server.set_listener({.name = "local", .addresses = {"unix:" + path}, .handler = handler})
          .ok());
  HttpClient client;
  const auto local = client.get("unix:" + path + ":/who");
  ASSERT_TRUE(local.ok()) << local.status().to_string();
  EXPECT_EQ(local->status, 503);
  EXPECT_TRUE(contains(local->body,
                       "0 connections are open over local sockets, as many as this "
                       "server takes"));
}

TEST_F(HttpServerTest, a_request_too_many_is_told_so_in_the_form_of_what_it_asked) {
  HttpLimits limits;
  limits.keys = kKeys;
  limits.requests_in_work = 0;
  server.set_limits(limits);
  listen();
  const std::string message = "busy: 0 requests are in work, as many as x.in_work allows";
  RawClient call(port());
  call.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
  const std::string answer = call.read_until("}}}");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 "));
  expect_refusal(answer, -34005, message, "x.in_work");
  EXPECT_EQ(refusal_of(answer).at("jsonrpc"), "2.0");
  EXPECT_TRUE(refusal_of(answer).at("id").is_null());
  call.send(kGetEcho);  // the connection goes on
  const std::string page = call.read_until("}}}");
  expect_refusal(page, -34005, message, "x.in_work");
  EXPECT_EQ(refusal_of(page).size(), 1u) << "a page is no call";
}

TEST_F(HttpServerTest, a_request_too_large_is_told_the_limit_and_its_key) {
  HttpLimits limits;
  limits.keys = kKeys;
  limits.head_bytes = 1024;
  limits.body_bytes = 10;
  server.set_limits(limits);
  listen();
  RawClient head(port());
  head.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(2000, 'h') + "\r\n\r\n");
  expect_refusal(head.read_to_end(), -34012,
                 "limit_exceeded: the request line and headers are larger than 1024 bytes",
                 "x.head");
  RawClient body(port());
  body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n12345678901");
  expect_refusal(body.read_to_end(), -34012,
                 "limit_exceeded: the body is larger than the 10 bytes that this listener takes",
                 "x.body");
  ASSERT_TRUE(
      server
          .set_listener(
              {.name = "rpc", .addresses = {"127.0.0.1:0"}, .handler = handler, .body_bytes = 5})
          .ok());
  RawClient own(port());
  own.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n123456");
  expect_refusal(own.read_to_end(), -34012,
                 "limit_exceeded: the body is larger than the 5 bytes that this listener takes",
                 "");
}

TEST_F(HttpServerTest, a_malformed_request_is_told_what_is_wrong_with_it) {
  listen();
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"\x16\x03\x01 hello\r\n\r\n", "bad_request: this is no HTTP/1.1 request"},
      {"GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n", "bad_request: the request target is malformed"},
      {"GET / HTTP/1.1\r\n\r\n", "bad_request: the Host header is missing"},
      {"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
       "http_version_not_supported: this server speaks HTTP/1.1"}};
  for (const auto& [request, message] : cases) {
    RawClient client(port());
    ASSERT_TRUE(client.send(request));
    expect_refusal(client.read_to_end(), -32600, message, "");
  }
  RawClient method(port());
  ASSERT_TRUE(method.send("BREW / HTTP/1.1\r\nHost: x\r\n\r\n"));
  expect_refusal(method.read_until("}}}"), -32600, "method_not_allowed: this method is not served",
                 "");
}

// A client that is held up between its connection and its first byte still counts as a slow one.
HttpLimits short_limits() {
  HttpLimits limits;
  limits.header_timeout_ms = 800;
  limits.body_timeout_ms = 100;
  limits.keep_alive_ms = 100;
  limits.write_timeout_ms = 100;
  return limits;
}

class HttpTimeoutTest : public NetTest {
 protected:
  HttpTimeoutTest() : NetTest(short_limits()) {}
};

TEST_F(HttpTimeoutTest, a_byte_at_a_time_ends_in_408) {
  listen();
  RawClient client(port());
  client.send("G");
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 408 "));
  RawClient body(port());
  body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(body.read_to_end().starts_with("HTTP/1.1 408 "));
}

TEST_F(HttpTimeoutTest, a_slow_request_is_told_the_time_it_had_and_the_key_of_it) {
  HttpLimits limits = short_limits();
  limits.keys = kKeys;
  limits.body_timeout_ms = 150;
  server.set_limits(limits);
  listen();
  RawClient head(port());
  head.send("G");
  expect_refusal(head.read_to_end(), -34001,
                 "timeout: the head of the request took longer than 800 ms", "x.head_ms");
  RawClient body(port());
  body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  expect_refusal(body.read_to_end(), -34001,
                 "timeout: the body of the request took longer than 150 ms", "x.body_ms");
}

TEST_F(HttpTimeoutTest, silence_is_closed_without_a_word) {
  listen();
  RawClient never(port());
  EXPECT_EQ(never.read_to_end(), "");
  RawClient once(port());
  once.send(kGetEcho);
  once.read_until("GET /echo ");
  EXPECT_EQ(once.read_to_end(), "");
}

TEST_F(HttpTimeoutTest, a_client_that_never_reads_its_answer_is_cut) {
  HttpLimits limits = short_limits();
  server.set_limits(limits);
  listen();
  RawClient client(port(), 4096);
  client.send("GET /big?n=20000000 HTTP/1.1\r\nHost: x\r\n\r\n");
  eventually([&] { return server.stats().requests == 1; });
  eventually([&] { return server.stats().connections == 0; });
  EXPECT_LT(client.read_to_end().size(), 20000000u);
}

TEST_F(HttpServerTest, compresses_long_texts_for_those_who_ask) {
  listen();
  HttpClient client;
  HttpClientRequest request{
      .method = "GET", .url = url("/big?n=100000"), .headers = {}, .body = {}};
  EXPECT_EQ(client.send(request)->body.size(), 100000u);
  request.headers.emplace_back("Accept-Encoding", "deflate, gzip;q=0.5");
  auto packed = client.send(request);
  ASSERT_TRUE(packed.ok());
  EXPECT_EQ(packed->headers.get("content-encoding"), "gzip");
  EXPECT_LT(packed->body.size(), 2000u);
  EXPECT_EQ(packed->body.substr(0, 2), "\x1f\x8b");
  request.url = url("/big?n=1024");
  EXPECT_FALSE(client.send(request)->headers.has("Content-Encoding"));
}

TEST_F(HttpServerTest, a_port_in_use_is_named_with_its_listener) {
  listen();
  const std::string address = "127.0.0.1:" + std::to_string(port());
  const Status status =
      server.set_listener({.name = "metrics", .addresses = {address}, .handler = handler});
  EXPECT_EQ(status.code(), Code::kExists);
  EXPECT_TRUE(contains(status.message(), address)) << status.message();
  EXPECT_TRUE(contains(status.message(), "'metrics'")) << status.message();
}

TEST_F(HttpServerTest, moving_a_listener_keeps_old_connections) {
  listen();
  RawClient old(port());
  old.send(kGetEcho);
  old.read_until("GET /echo ");
  const std::uint16_t before = port();
  listen({"[::1]:0", "127.0.0.1:0"});
  listen({"localhost:0", "127.0.0.1:0"});
  const std::vector<std::string> bound = server.bound_addresses("rpc");
  ASSERT_EQ(bound.size(), 2u);
  EXPECT_EQ(bound[1], "127.0.0.1:" + std::to_string(before));
  listen({"localhost:0"});
  EXPECT_FALSE(RawClient(before).connected);
  old.send(kGetEcho);
  EXPECT_TRUE(contains(old.read_until("GET /echo "), "200 OK"));
  RawClient fresh(port());
  fresh.send(kGetEcho);
  EXPECT_TRUE(contains(fresh.read_until("GET /echo "), "200 OK"));
}

TEST_F(HttpServerTest, a_port_moves_from_one_interface_to_all) {
  // Somebody else may have this port on another interface; of a few ports one is free on all.
  std::uint16_t before = 0;
  Status moved;
  for (int tries = 0; tries < 16 && before == 0; ++tries) {
    listen();
    moved = server.set_listener(
        {.name = "rpc", .addresses = {"0.0.0.0:" + std::to_string(port())}, .handler = handler});
    if (moved.ok()) before = port();
    if (moved.code() == Code::kExists) {
      ASSERT_TRUE(server.remove_listener("rpc").ok());
    }
  }
  ASSERT_TRUE(moved.ok()) << moved.to_string();
  EXPECT_EQ(server.bound_addresses("rpc")[0], "0.0.0.0:" + std::to_string(before));
  HttpClient client;
  EXPECT_EQ(client.get(url("/echo"))->status, 200);
}

TEST_F(HttpServerTest,
       removing_a_listener_closes_idle_connections_and_ends_busy_ones_after_their_answer) {
  listen();
  RawClient idle(port()), busy(port());
  idle.send(kGetEcho);
  idle.read_until("GET /echo ");
  busy.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  handler->wait_held(1);
  ASSERT_TRUE(server.remove_listener("rpc").ok());
  EXPECT_EQ(idle.read_to_end(), "");
  handler->release();
  const std::string answer = busy.read_to_end();
  EXPECT_TRUE(contains(answer, "released"));
  EXPECT_TRUE(contains(answer, "Connection: close\r\n"));
  EXPECT_EQ(server.remove_listener("rpc").code(), Code::kNotFound);
}

TEST_F(HttpServerTest, unix_socket_has_its_mode_tells_the_peer_and_goes_away) {
  TempDir dir;
  const std::string path = dir.file("rpc.sock");
  ASSERT_TRUE(server
                  .set_listener({.name = "local",
                                 .addresses = {"unix:" + path},
                                 .handler = handler,
                                 .unix_mode = 0660})
                  .ok());
  struct stat file {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777u, 0660u);
  HttpClient client;
  auto response = client.get("unix:" + path + ":/who");
  ASSERT_TRUE(response.ok()) << response.status().to_string();
  EXPECT_EQ(response->body, "local ip= uid=" + std::to_string(::getuid()) + " tls=no cn=-");
  HttpServer second(pool, {});
  const Status taken =
      second.set_listener({.name = "local", .addresses = {"unix:" + path}, .handler = handler});
  EXPECT_EQ(taken.code(), Code::kExists);
  ASSERT_TRUE(server.remove_listener("local").ok());
  EXPECT_NE(::stat(path.c_str(), &file), 0);
}

TEST_F(HttpServerTest, stop_lets_requests_in_work_finish) {
  listen();
  RawClient idle(port()), busy(port());
  idle.send(kGetEcho);
  idle.read_until("GET /echo ");
  busy.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  handler->wait_held(1);
  auto stopped = std::async(std::launch::async, [&] { return server.stop(60000); });
  EXPECT_EQ(idle.read_to_end(), "");
  handler->release();
  EXPECT_TRUE(contains(busy.read_to_end(), "released"));
  EXPECT_TRUE(stopped.get().ok());
}

TEST_F(HttpServerTest, stop_cuts_what_does_not_end_and_says_how_many) {
  listen();
  RawClient busy(port());
  busy.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  handler->wait_held(1);
  const Status status = server.stop(0);
  EXPECT_EQ(status.code(), Code::kTimeout);
  EXPECT_TRUE(contains(status.message(), "cut 1 ")) << status.message();
  EXPECT_EQ(busy.read_to_end(), "");
}

TEST_F(HttpServerTest, many_clients_at_once_get_their_own_answers) {
  listen();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      HttpClient client;
      for (int i = 0; i < 100; ++i) {
        const std::string body = std::to_string(t * 1000 + i);
        auto response = client.post_json(url("/echo"), body);
        if (response.ok() && response->body == "POST /echo " + body) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right.load(), 800);
}

TEST_F(HttpServerTest, tells_the_observer_about_every_answer) {
  struct Counter : HttpObserver {
    void on_request(std::string_view listener, std::uint64_t, int status) override {
      if (listener == "seen" && status == 404) ++count;
    }
    std::atomic<int> count{0};
  };
  auto counter = std::make_shared<Counter>();
  HttpServer watched(pool, {}, counter);
  ASSERT_TRUE(
      watched.set_listener({.name = "seen", .addresses = {"127.0.0.1:0"}, .handler = handler})
          .ok());
  HttpClient client;
  const std::string target = "http://127.0.0.1:" + std::to_string(watched.port("seen")) + "/none";
  EXPECT_EQ(client.get(target)->status, 404);
  EXPECT_EQ(client.get(target)->status, 404);
  eventually([&] { return counter->count.load() == 2; });
}

}  // namespace
}  // namespace blockd::test
