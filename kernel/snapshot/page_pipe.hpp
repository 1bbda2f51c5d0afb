// PagePipe: pages that a thread of its own reads and checks while another walks over their entries,
// so that a verification uses two cores. At most kPages pages are under way; the buffers go round.
//
// next() from one thread; what `load` uses belongs to the pipe until next() has answered the last
// page or an error, or the pipe is gone.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "kernel/base/bytes.hpp"
#include "kernel/base/status.hpp"

namespace blockd::internal {

class PagePipe {
 public:
  static constexpr std::size_t kPages = 4;
  // Puts page `number` into `*out`, whose memory is kept.
  using Load = std::function<Status(std::uint64_t number, Bytes* out)>;

  PagePipe(std::uint64_t pages, Load load);
  ~PagePipe();
  PagePipe(const PagePipe&) = delete;
  PagePipe& operator=(const PagePipe&) = delete;

  // The page behind the one before, in the place of what `*page` held. REQUIRES: there is one.
  // Errors: those of `load`.
  Status next(Bytes* page);

 private:
  void run();

  const std::uint64_t pages_;
  const Load load_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Bytes> full_, free_;
  std::uint64_t taken_ = 0;
  Status failed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace blockd::internal
