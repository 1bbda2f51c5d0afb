// What the tests of net share: a server on free ports, a handler with known routes, a raw client
// that sends what it likes, certificates made with the openssl program.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>

#include "kernel/net/http_client.hpp"
#include "kernel/net/http_server.hpp"

#include <netinet/in.h>

namespace blockd::test {

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/blockd-net-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Runs until `condition`; the test's own time-out is the only limit.
template <class Condition>
void eventually(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

// GET /echo: method, path, query, body; /big?n=: n bytes; /held: answered by release(); /who: who
// asks; else 404. WebSockets on /ws (echo) and /flood (sends until the queue refuses).
class TestHandler : public HttpHandler {
 public:
  void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) override {
    HttpResponse response;
    response.content_type = "text/plain";
    if (request->path == "/big") {
      response.body.assign(std::stoul(std::string(request->query_value("n", "0"))), 'x');
    } else if (request->path == "/held") {
      std::lock_guard lock(mutex_);
      held_.push_back(std::move(reply));
      changed_.notify_all();
      return;
    } else if (request->path == "/who") {
      response.body = request->listener + " ip=" + request->remote_ip + " uid=" +
                      (request->over_unix_socket ? std::to_string(request->peer_uid) : "-") +
                      " tls=" + (request->over_tls ? "yes" : "no") + " cn=" +
                      (request->tls_client_cert ? request->tls_client_cert->common_name +
                                                      " fp=" + request->tls_client_cert->fingerprint
                                                : "-");
    } else if (request->path == "/throw") {
      throw std::runtime_error("broken handler");
    } else if (request->path == "/silent") {
      return;
    } else if (request->path == "/echo") {
      response.body = request->method + " " + request->path;
      for (const auto& [name, value] : request->query) response.body += " " + name + "=" + value;
      response.body += " " + request->body;
    } else {
      response = text_response(404, "nothing here");
    }
    reply(std::move(response));
  }

  WsAnswer accept_ws(std::shared_ptr<const HttpRequest> request) override;

  void wait_held(std::size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_.size() >= n; });
  }
  void release() {
    std::vector<HttpReply> held;
    {
      std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (const HttpReply& reply : held) reply(text_response(200, "released"));
  }

  // Of the newest WebSocket.
  std::promise<std::shared_ptr<WsPeer>> flooded;
  std::promise<void> closed;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<HttpReply> held_;
};

class EchoSocket : public WsHandler {
 public:
  EchoSocket(TestHandler& owner, bool flood) : owner_(owner), flood_(flood) {}
  void on_open(std::shared_ptr<WsPeer> peer) override {
    peer_ = std::move(peer);
    if (!flood_) return;
    while (peer_->send(std::string(65536, 'f'))) {
    }
    owner_.flooded.set_value(peer_);
  }
  void on_message(std::string_view text) override {
    if (text == "close") return peer_->close(4000, "as you wish");
    peer_->send(std::string(text));
  }
  void on_drain() override { peer_->send("drained"); }
  void on_close() override { owner_.closed.set_value(); }

 private:
  TestHandler& owner_;
  const bool flood_;
  std::shared_ptr<WsPeer> peer_;
};

inline WsAnswer TestHandler::accept_ws(std::shared_ptr<const HttpRequest> request) {
  WsAnswer answer;
  if (request->path != "/ws" && request->path != "/flood") return answer;
  answer.subprotocol = request->headers.get("Sec-WebSocket-Protocol");
  answer.handler = std::make_unique<EchoSocket>(*this, request->path == "/flood");
  return answer;
}

// A TCP connection to this machine that does exactly what it is told.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_buffer != 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawClient() { ::close(fd_); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }
  // Reads until `mark` has come `times` times, or the end. What was read is taken away.
  std::string read_until(std::string_view mark, int times = 1) {
    while (count(mark) < times && more()) {
    }
    return std::exchange(in_, std::string());
  }
  std::string read_to_end() {
    while (more()) {
    }
    return std::exchange(in_, std::string());
  }

  std::uint16_t local_port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  bool connected = false;

 private:
  bool more() {
    char buffer[65536];
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n > 0) in_.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }
  int count(std::string_view mark) const {
    int n = 0;
    for (std::size_t at = in_.find(mark); at != std::string::npos; at = in_.find(mark, at + 1)) ++n;
    return n;
  }
  int fd_ = -1;
  std::string in_;
};

class NetTest : public ::testing::Test {
 protected:
  explicit NetTest(const HttpLimits& limits = {}) : server(pool, limits) {}
  ~NetTest() override {
    handler->release();
    (void)server.stop(10000);
  }
  void listen(std::vector<std::string> addresses = {"127.0.0.1:0"}) {
    const Status status =
        server.set_listener({.name = "rpc", .addresses = std::move(addresses), .handler = handler});
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  std::uint16_t port() const { return server.port("rpc"); }
  std::string url(const std::string& target = "/", const std::string& scheme = "http") const {
    return scheme + "://127.0.0.1:" + std::to_string(port()) + target;
  }
  std::shared_ptr<TestHandler> handler = std::make_shared<TestHandler>();
  IoPool pool{2};
  HttpServer server;
};

inline constexpr std::string_view kGetEcho = "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n";

}  // namespace blockd::test
