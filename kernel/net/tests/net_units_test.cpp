#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "kernel/net/http.hpp"
#include "kernel/net/io_pool.hpp"
#include "kernel/net/url.hpp"
#include "kernel/net/worker_pool.hpp"

namespace blockd {
namespace {

TEST(UrlTest, takes_urls_apart) {
  auto url = parse_url("http://[::1]:8545/rpc?x=1#part");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->port, 8545);
  EXPECT_EQ(url->target, "/rpc?x=1");
  EXPECT_EQ(url->authority(), "[::1]:8545");
  EXPECT_EQ(parse_url("https://node.example")->port, 443);
  EXPECT_EQ(parse_url("https://node.example")->authority(), "node.example");
  EXPECT_EQ(parse_url("ws://h?q")->target, "/?q");
}

TEST(UrlTest, takes_unix_urls_apart) {
  EXPECT_EQ(parse_url("unix:node-data/rpc.sock")->socket_path, "node-data/rpc.sock");
  EXPECT_EQ(parse_url("unix:/run/rpc.sock:/ws?a=b")->target, "/ws?a=b");
  EXPECT_EQ(parse_url("unix:///run/rpc.sock")->socket_path, "/run/rpc.sock");
  EXPECT_EQ(parse_url("unix:/run/rpc.sock:/ws")->origin(), "unix:/run/rpc.sock");
}

TEST(UrlTest, refuses_bad_urls) {
  for (const char* bad : {"", "node:8545", "ftp://x", "http://", "http://h:0", "http://h:65536",
                          "http://h:", "http://u:p@h/", "http://h/a b", "http://[::1",
                          "http://h/\r\nX: y", "unix:"}) {
    EXPECT_EQ(parse_url(bad).status().code(), Code::kInvalid) << bad;
  }
  EXPECT_EQ(parse_url("http://u:secret@h/").status().message().find("secret"), std::string::npos);
}

TEST(UrlTest, decodes_queries) {
  auto pairs = parse_query("a=1&b=x+y%26&flag&&=v");
  ASSERT_TRUE(pairs);
  EXPECT_EQ(*pairs, (QueryPairs{{"a", "1"}, {"b", "x y&"}, {"flag", ""}, {"", "v"}}));
  EXPECT_FALSE(parse_query("a=%4"));
  EXPECT_FALSE(parse_query("a=%00"));
  std::string many;
  for (int i = 0; i < 257; ++i) many += "a&";
  EXPECT_FALSE(parse_query(many));
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
}

TEST(UrlTest, reads_listen_addresses) {
  EXPECT_EQ(parse_listen_address("0.0.0.0:9000")->to_string(), "0.0.0.0:9000");
  EXPECT_EQ(parse_listen_address("[::]:0")->host, "::");
  EXPECT_EQ(parse_listen_address("unix:/run/x")->socket_path, "/run/x");
  for (const char* bad : {"8545", "127.0.0.1", ":8545", "h:x", "unix:"}) {
    EXPECT_FALSE(parse_listen_address(bad).ok()) << bad;
  }
}

TEST(HttpHeadersTest, compare_names_without_case_and_keep_the_first) {
  HttpHeaders headers;
  headers.add("Content-Type", "a");
  headers.add("X-Empty", "");
  headers.add("content-type", "b");
  EXPECT_EQ(headers.get("CONTENT-TYPE"), "a");
  EXPECT_TRUE(headers.has("x-empty"));
  EXPECT_FALSE(headers.has("x"));
  EXPECT_EQ(headers.size(), 3u);
}

TEST(WorkerPoolTest, refuses_when_full_and_runs_what_it_took) {
  WorkerPool pool(1, 2);
  std::promise<void> started, go;
  std::atomic<int> ran{0};
  ASSERT_TRUE(pool.submit([&] {
    started.set_value();
    go.get_future().wait();
    ++ran;
  }));
  started.get_future().wait();
  EXPECT_TRUE(pool.submit([&] { ++ran; }));
  EXPECT_TRUE(pool.submit([&] { ++ran; }));
  EXPECT_FALSE(pool.submit([&] { ++ran; }));
  EXPECT_EQ(pool.queue_size(), 2u);
  go.set_value();
  pool.stop();
  EXPECT_EQ(ran.load(), 3);
  EXPECT_FALSE(pool.submit([] {}));
}

TEST(IoPoolTest, runs_posted_and_delayed_functions_unless_cancelled) {
  IoPool pool(2);
  std::promise<void> posted, delayed;
  std::atomic<bool> cancelled_ran{false};
  IoTimer never = pool.post_after(3600000, [&] { cancelled_ran = true; });
  EXPECT_TRUE(never.cancel());
  EXPECT_FALSE(never.cancel());
  pool.post([&] { posted.set_value(); });
  IoTimer timer = pool.post_after(1, [&] { delayed.set_value(); });
  posted.get_future().wait();
  delayed.get_future().wait();
  EXPECT_FALSE(timer.cancel());
  EXPECT_FALSE(cancelled_ran.load());
}

}  // namespace
}  // namespace blockd
