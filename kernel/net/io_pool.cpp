#include "kernel/net/io_pool.hpp"

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "kernel/base/assert.hpp"

namespace blockd {

namespace asio = boost::asio;

struct IoTimer::State {
  State(asio::io_context& context, std::function<void()> fn)
      : timer(context), function(std::move(fn)) {}
  asio::steady_timer timer;
  std::function<void()> function;
  std::atomic<bool> taken{false};  // by the one who runs the function or the one who cancels it
};

bool IoTimer::cancel() {
  if (!state_ || state_->taken.exchange(true)) return false;
  // The winner alone touches the timer, so no two threads do.
  asio::post(state_->timer.get_executor(), [state = state_] {
    state->timer.cancel();
    state->function = nullptr;
  });
  return true;
}

struct IoPool::Work {
  explicit Work(asio::io_context& context) : guard(context.get_executor()) {}
  asio::executor_work_guard<asio::io_context::executor_type> guard;
};

IoPool::IoPool(unsigned threads) {
  TB_ASSERT(threads >= 1 && threads <= 64);
  context_ = std::make_unique<asio::io_context>(static_cast<int>(threads));
  work_ = std::make_unique<Work>(*context_);
  threads_.reserve(threads);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { context_->run(); });
}

IoPool::~IoPool() { stop(); }

void IoPool::stop() {
  context_->stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void IoPool::post(std::function<void()> fn) { asio::post(*context_, std::move(fn)); }

IoTimer IoPool::post_after(std::uint32_t delay_ms, std::function<void()> fn) {
  auto state = std::make_shared<IoTimer::State>(*context_, std::move(fn));
  state->timer.expires_after(std::chrono::milliseconds(delay_ms));
  state->timer.async_wait([state](const boost::system::error_code& error) {
    if (error || state->taken.exchange(true)) return;
    state->function();
    state->function = nullptr;
  });
  return IoTimer(state);
}

}  // namespace blockd
