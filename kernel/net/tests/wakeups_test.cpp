// A socket whose events the event loop does not hear of any more: the kernel is made to forget it,
// by taking it out of the loop's epoll instance. What the server still does, it does by asking the
// socket itself.
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "kernel/net/tests/net_fixture.hpp"

namespace blockd::test {
namespace {

namespace fs = std::filesystem;
constexpr int kMaxFds = 1024;

// This process's end of the connection whose other end has that port; -1: not accepted yet.
int server_end(std::uint16_t client_port) {
  for (int fd = 0; fd < kMaxFds; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
        peer.sin_family == AF_INET && ntohs(peer.sin_port) == client_port)
      return fd;
  }
  return -1;
}

// The epoll instance that watches `fd` for all of `events`; -1: none.
int watcher_of(int fd, std::uint32_t events) {
  std::error_code gone;
  for (int epoll = 0; epoll < kMaxFds; ++epoll) {
    const std::string name = std::to_string(epoll);
    if (fs::read_symlink("/proc/self/fd/" + name, gone) != "anon_inode:[eventpoll]") continue;
    std::ifstream info("/proc/self/fdinfo/" + name);
    for (std::string line; std::getline(info, line);) {
      int watched = -1;
      unsigned int mask = 0;
      if (std::sscanf(line.c_str(), "tfd: %d events: %x", &watched, &mask) == 2 && watched == fd &&
          (mask & events) == events)
        return epoll;
    }
  }
  return -1;
}

void forget(int fd, std::uint32_t events) {
  int epoll = -1;
  eventually([&] { return (epoll = watcher_of(fd, events)) >= 0; });
  // Past the C library: a sanitizer sees a thread use another's descriptors there, as it is meant.
  ASSERT_EQ(::syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_DEL, fd, nullptr), 0);
}

HttpLimits quick() {
  HttpLimits limits;
  limits.idle_poll_ms = limits.read_backoff_ms = limits.write_backoff_ms = 2;
  return limits;
}

class WakeupsTest : public NetTest {
 protected:
  WakeupsTest() : NetTest(quick()) {}
};

TEST_F(WakeupsTest, a_request_that_no_event_tells_of_is_read_anyhow) {
  listen();
  RawClient client(port());
  ASSERT_TRUE(client.send(kGetEcho));
  ASSERT_NE(client.read_until("GET /echo "), "");
  EXPECT_EQ(server.stats().reads_without_ready, 0u);
  forget(server_end(client.local_port()), EPOLLIN);
  // A request that is there before the server waits for it needs no event: until one comes later.
  while (server.stats().reads_without_ready == 0) {
    ASSERT_TRUE(client.send(kGetEcho));
    ASSERT_NE(client.read_until("GET /echo ").find("200 OK"), std::string::npos);
  }
  EXPECT_EQ(server.stats().writes_without_ready, 0u);
}

TEST_F(WakeupsTest, an_answer_goes_on_although_no_event_tells_that_there_is_room) {
  listen();
  constexpr std::size_t kBody = 12'000'000;  // more than both ends keep
  RawClient client(port(), 16384);
  ASSERT_TRUE(client.send("GET /big?n=" + std::to_string(kBody) +
                          " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  int fd = -1;
  eventually([&] { return (fd = server_end(client.local_port())) >= 0; });
  forget(fd, EPOLLOUT);  // watched once the answer has met a full socket
  const std::string text = client.read_to_end();
  EXPECT_EQ(text.size() - text.find("\r\n\r\n") - 4, kBody);
  EXPECT_GE(server.stats().writes_without_ready, 1u);
}

TEST_F(WakeupsTest, a_connection_that_only_waits_is_left_alone) {
  listen();
  RawClient client(port());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(client.send(kGetEcho));
    ASSERT_NE(client.read_until("GET /echo ").find("200 OK"), std::string::npos);
  }
  RawClient other(port());
  eventually([&] { return server.stats().connections == 2; });
  EXPECT_EQ(server.stats().requests, 200u);
}

}  // namespace
}  // namespace blockd::test
