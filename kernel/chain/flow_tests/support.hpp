// What the tests of the flow share: a clock that stands still until it is moved, and commands that
// parse.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "kernel/base/address.hpp"
#include "kernel/base/clock.hpp"
#include "kernel/chain/command.hpp"

namespace blockd {

class HandClock final : public Clock {
 public:
  std::uint64_t unix_ms() const override { return us_.load() / 1000; }
  std::uint64_t monotonic_us() const override { return us_.load(); }
  void pass_ms(std::uint64_t ms) { us_ += ms * 1000; }

 private:
  std::atomic<std::uint64_t> us_{1'700'000'000'000'000};
};

inline SigningKey test_key(std::uint8_t byte) {
  std::array<std::uint8_t, 32> seed;
  seed.fill(byte);
  return SigningKey::from_seed(seed);
}

inline CommandPtr test_command(const SigningKey& key, std::uint64_t nonce, std::uint64_t fee = 0,
                               std::string_view method = "t.do", const std::string& memo = {},
                               std::optional<std::uint64_t> expires_at_ms = std::nullopt) {
  CommandDraft draft;
  draft.chain = "dev";
  draft.method = method;
  draft.nonce = nonce;
  draft.fee = fee;
  draft.memo = memo;
  draft.expires_at_ms = expires_at_ms;
  Result<CommandPtr> made = sign_command(draft, key);
  EXPECT_TRUE(made.ok()) << made.status().to_string();
  return *made;
}

}  // namespace blockd
