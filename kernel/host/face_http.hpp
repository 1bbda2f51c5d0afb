// FaceHttp: requests that faces make to other machines (tb.host.http/1), on threads of the host.
//
// At most kThreads are under way and kMaxWaiting wait; the threads start with the first request, so
// a node whose faces ask nobody has none. stop() lets what is under way end (at most kMaxTimeoutMs)
// and drops what waits.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "kernel/net/http_client.hpp"

namespace blockd {

class FaceHttp {
 public:
  static constexpr unsigned kThreads = 4;
  static constexpr std::size_t kMaxWaiting = 256;
  static constexpr std::uint32_t kDefaultTimeoutMs = 5'000, kMaxTimeoutMs = 15'000;
  static constexpr std::uint64_t kDefaultBytes = 64u << 10, kMaxBytes = 16u << 20;
  static constexpr std::size_t kMaxHeaders = 16;

  ~FaceHttp() { stop(); }

  // `done` is called once, on a thread of this pool. False, and it is never called, when too many
  // wait or this was stopped. [any]
  bool fetch(HttpClientRequest request, std::function<void(Result<HttpClientResponse>)> done);
  void stop();  // idempotent

 private:
  std::mutex mutex_;
  std::unique_ptr<HttpClient> client_;
  std::unique_ptr<WorkerPool> pool_;
  std::atomic<bool> stopped_{false};
};

}  // namespace blockd
