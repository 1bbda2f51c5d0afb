#include "kernel/storage/space_guard.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "kernel/base/file.hpp"

namespace blockd {
namespace {

class HandClock final : public Clock {
 public:
  std::uint64_t now_us = 1;
  std::uint64_t unix_ms() const override { return now_us / 1000; }
  std::uint64_t monotonic_us() const override { return now_us; }
};

TEST(SpaceGuard, refuses_what_would_pass_a_bound_and_names_it) {
  HandClock clock;
  std::uint64_t log = 1000;
  char name[] = "/tmp/blockd-space-XXXXXX";
  const std::string dir = ::mkdtemp(name);
  ASSERT_TRUE(write_file_atomic(dir + "/a", Bytes(500, 'x')).ok());
  SpaceGuard guard({{"log", "/nowhere", [&] { return log; }}, {"state", dir}}, clock);
  EXPECT_TRUE(guard.admit({{"log", 1u << 30}}).ok());  // no bound
  guard.set_limits({.store_bytes = 2000});
  EXPECT_TRUE(guard.admit({{"log", 600}, {"state", 700}}).ok());
  const Status full = guard.admit({{"log", 500}});  // 600 were admitted and count
  EXPECT_EQ(full.code(), Code::kNoSpace);
  EXPECT_NE(full.message().find("disk full: store log"), std::string::npos) << full.message();
  EXPECT_NE(full.message().find("1600 bytes"), std::string::npos) << full.message();
  log = 900;  // after a refusal it is measured again
  EXPECT_TRUE(guard.admit({{"log", 500}}).ok());
  EXPECT_EQ(guard.admit({{"state", 1501}}).code(), Code::kNoSpace);
  guard.set_limits({.store_bytes = 10'000});
  EXPECT_TRUE(guard.admit({{"state", 1501}}).ok());
  guard.set_limits({.total_bytes = 1900});
  EXPECT_TRUE(guard.admit({{"log", 100}}).ok());
  EXPECT_EQ(guard.admit({{"log", 800}, {"state", 200}}).code(), Code::kNoSpace);
  guard.set_limits({.reserve_bytes = 1ull << 60});
  EXPECT_EQ(guard.admit({{"state", 1}}).code(), Code::kNoSpace);
  guard.set_limits({.reserve_bytes = 1});
  EXPECT_TRUE(guard.admit({{"state", 1}}).ok());
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace blockd
