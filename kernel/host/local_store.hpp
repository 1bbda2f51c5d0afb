// LocalStore: what a face remembers across restarts, and its place in the log.
//
// A LevelDB below <data>/stores/<id>, opened on first use. Inside a batch (events of one block) the
// writes of the thread that began it are collected, seen by its reads, and committed together with
// the cursor; writes of other threads go in at once. [any]
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "kernel/base/status.hpp"
#include "kernel/storage/kv_store.hpp"

namespace blockd {

class LocalStore {
 public:
  static constexpr std::size_t kMaxBatchBytes = 64u << 20;

  explicit LocalStore(std::string dir) : dir_(std::move(dir)) {}

  Status get(BytesView key, std::optional<Bytes>* value);
  Status scan(BytesView prefix, BytesView edge, std::size_t limit, bool backwards,
              const RowVisitor& visit);
  Status put(BytesView key, std::optional<Bytes> value);

  // The height of the first block whose events have not been delivered; nullopt before the first.
  Result<std::optional<std::uint64_t>> cursor();
  void begin_batch();
  Status commit_batch(std::uint64_t next_height);
  void drop_batch();

 private:
  Status open_locked();
  std::string dir_;
  std::recursive_mutex mutex_;
  std::unique_ptr<KvStore> store_;
  bool in_batch() const { return batch_thread_ == std::this_thread::get_id(); }
  std::thread::id batch_thread_;  // none: no batch
  std::size_t batch_bytes_ = 0;
  std::map<Bytes, std::optional<Bytes>> batch_;
};

}  // namespace blockd
