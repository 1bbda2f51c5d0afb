#include "kernel/host/face_http.hpp"

namespace blockd {

bool FaceHttp::fetch(HttpClientRequest request,
                     std::function<void(Result<HttpClientResponse>)> done) {
  std::lock_guard lock(mutex_);
  if (stopped_) return false;
  if (!pool_) {
    client_ = std::make_unique<HttpClient>();
    pool_ = std::make_unique<WorkerPool>(kThreads, kMaxWaiting);
  }
  return pool_->submit([this, request = std::move(request), done = std::move(done)] {
    if (stopped_) return done(Status(Code::kAborted, "the node is stopping"));
    done(client_->send(request));
  });
}

void FaceHttp::stop() {
  stopped_ = true;
  std::unique_ptr<WorkerPool> pool;
  {
    std::lock_guard lock(mutex_);
    pool.swap(pool_);
  }
  if (pool) pool->stop();
}

}  // namespace blockd
