#include "kernel/config/config_watcher.hpp"

#include <condition_variable>
#include <mutex>

#include "kernel/config/tests/config_fixture.hpp"

namespace blockd {
namespace {

// Counts calls and lets a test wait for one of them.
class Calls {
 public:
  void add() {
    std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void wait_for(int n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ >= n; });
  }
  int count() {
    std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

class Watcher : public ConfigFixture, public ::testing::WithParamInterface<ConfigWatcher::Mode> {
 protected:
  std::unique_ptr<ConfigWatcher> watch(Calls& calls) {
    auto w = ConfigWatcher::start({path("node.yaml"), path(".env")}, GetParam(), 10,
                                  [&] { calls.add(); });
    EXPECT_TRUE(w.ok()) << w.status().to_string();
    return std::move(*w);
  }
};

TEST_P(Watcher, sees_a_write_a_rename_over_the_file_and_a_new_file) {
  write("node.yaml", "a");
  Calls calls;
  auto watcher = watch(calls);
  EXPECT_EQ(watcher->mode(), GetParam() == ConfigWatcher::Mode::kPoll ? "poll" : "inotify");
  write("node.yaml", "longer than before");
  calls.wait_for(1);
  const int after_write = calls.count();
  write("node.yaml.new", "what an editor saves");
  std::filesystem::rename(path("node.yaml.new"), path("node.yaml"));
  calls.wait_for(after_write + 1);
  const int after_rename = calls.count();
  write(".env", "TB_MEMPOOL_MAX=5\n");
  calls.wait_for(after_rename + 1);
  const int after_env = calls.count();
  std::filesystem::remove(path("node.yaml"));
  calls.wait_for(after_env + 1);
}

TEST_P(Watcher, other_files_of_the_directory_are_not_its_business) {
  write("node.yaml", "a");
  Calls calls;
  auto watcher = watch(calls);
  for (int i = 0; i < 20; ++i) write("other" + std::to_string(i), "x");
  write("node.yaml", "the one that counts");
  calls.wait_for(1);
  watcher.reset();
  EXPECT_LE(calls.count(), 2);  // a poll may fall between truncation and text
}

TEST_P(Watcher, ends_promptly_while_nothing_happens) {
  Calls calls;
  auto watcher = watch(calls);
  watcher.reset();
  EXPECT_EQ(calls.count(), 0);
}

INSTANTIATE_TEST_SUITE_P(Modes, Watcher,
                         ::testing::Values(ConfigWatcher::Mode::kInotify,
                                           ConfigWatcher::Mode::kPoll));

TEST(WatcherMode, a_missing_directory_falls_back_to_polling_unless_inotify_was_asked_for) {
  const std::vector<std::string> files = {"/no-such-directory/node.yaml"};
  EXPECT_EQ((*ConfigWatcher::start(files, ConfigWatcher::Mode::kAuto, 10, [] {}))->mode(), "poll");
  EXPECT_EQ(ConfigWatcher::start(files, ConfigWatcher::Mode::kInotify, 10, [] {}).status().code(),
            Code::kUnavailable);
}

}  // namespace
}  // namespace blockd
