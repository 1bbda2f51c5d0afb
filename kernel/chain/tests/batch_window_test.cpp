// The window over a logged batch: what is there, what was let go, and what damage says.
#include "kernel/chain/batch_window.hpp"

#include <gtest/gtest.h>

namespace blockd {
namespace {

constexpr std::uint64_t kTime = 1'700'000'000'123;
constexpr std::size_t kCommands = 100;

std::vector<CommandPtr> some_commands() {
  std::array<std::uint8_t, 32> seed{};
  const SigningKey key = SigningKey::from_seed(seed);
  std::vector<CommandPtr> out;
  for (std::size_t i = 0; i < kCommands; ++i) {
    CommandDraft draft;
    draft.chain = "dev";
    draft.method = "ledger.transfer";
    draft.nonce = i + 1;
    out.push_back(*sign_command(draft, key));
  }
  return out;
}

// Walks over all of it; how far it came.
std::size_t walk(BatchWindow& window, const std::vector<CommandPtr>& commands) {
  for (std::size_t i = 0; i < window.commands().size(); ++i) {
    if (!window.before(i).ok()) return i;
    EXPECT_EQ(window.commands()[i]->id, commands[i]->id);
    for (std::size_t k = 0; k < window.commands().size(); ++k) {
      const bool there = window.commands()[k] != nullptr;
      if (k + 32 > i && k <= i) {
        EXPECT_TRUE(there) << k << " at " << i;
      } else if (k <= i || k >= i + 16) {
        EXPECT_FALSE(there) << k << " at " << i;
      }
    }
  }
  return window.commands().size();
}

TEST(BatchWindow, commands_come_in_order_and_go_behind_the_running_one) {
  const std::vector<CommandPtr> commands = some_commands();
  const Bytes bytes = encode_batch(kTime, commands);
  BatchWindow window;
  ASSERT_TRUE(window.begin(bytes).ok());
  EXPECT_EQ(window.time_ms(), kTime);
  EXPECT_EQ(walk(window, commands), kCommands);
  EXPECT_EQ(walk(window, commands), kCommands);  // from the beginning again
}

TEST(BatchWindow, an_empty_batch_has_nothing) {
  const Bytes bytes = encode_batch(kTime, {});
  BatchWindow window;
  ASSERT_TRUE(window.begin(bytes).ok());
  EXPECT_TRUE(window.commands().empty());
  EXPECT_EQ(window.begin(bytes + "x").code(), Code::kCorrupt);
}

TEST(BatchWindow, damage_is_found_where_it_is) {
  const std::vector<CommandPtr> commands = some_commands();
  const Bytes bytes = encode_batch(kTime, commands);
  for (std::size_t n = 0; n < bytes.size(); n += 97) {
    const Bytes part = bytes.substr(0, n);
    BatchWindow window;
    EXPECT_TRUE(!window.begin(part).ok() || walk(window, commands) < kCommands) << n;
  }
  const Bytes longer = bytes + "x";
  BatchWindow window;
  ASSERT_TRUE(window.begin(longer).ok());
  EXPECT_EQ(walk(window, commands), kCommands / 16 * 16);  // the last of them are not believed
}

}  // namespace
}  // namespace blockd
