// A producer on a fake chain, with a clock that stands still unless a test moves it.
#pragma once

#include <filesystem>
#include <future>

#include "kernel/chain/flow_tests/fake_chain.hpp"
#include "kernel/chain/producer.hpp"

namespace blockd {

// Collects how commands end.
class Ends {
 public:
  CommandDone one() {
    return [this](const CommandResult& result) {
      std::lock_guard lock(mutex_);
      ends_.push_back(result);
      changed_.notify_all();
    };
  }
  std::vector<CommandResult> await(std::size_t n) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ends_.size() >= n; });
    return ends_;
  }
  std::size_t size() {
    std::lock_guard lock(mutex_);
    return ends_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<CommandResult> ends_;
};

class ProducerTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.empty_block_interval_ms = 0;
    dir_ = std::filesystem::temp_directory_path() /
           ("flow-" + std::to_string(::getpid()) + "-" +
            testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  void TearDown() override {
    chain_.release();
    producer_.reset();
    std::filesystem::remove_all(dir_);
  }
  void start() {
    Result<std::unique_ptr<Producer>> started =
        Producer::start(chain_, clock_, options_, admission_);
    ASSERT_TRUE(started.ok()) << started.status().to_string();
    producer_ = std::move(*started);
  }
  std::string word(const std::optional<Refusal>& refusal) { return refusal ? refusal->name : "ok"; }
  std::optional<Refusal> submit(const CommandPtr& command) {
    return producer_->submit(command, false, ends_.one());
  }
  // Returns when the executor has gone round once: what was due before is done.
  void turn() {
    std::promise<void> done;
    producer_->run_between_blocks([&] { done.set_value(); });
    done.get_future().wait();
  }

  HandClock clock_;
  FakeChain chain_{clock_};
  ProducerOptions options_;
  AdmissionOptions admission_;
  std::filesystem::path dir_;
  Ends ends_;  // outlives the producer
  std::unique_ptr<Producer> producer_;
  SigningKey a_ = test_key(1), b_ = test_key(2);
};

}  // namespace blockd
