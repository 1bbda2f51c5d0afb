// Checkpoints: what vouches for the chain up to the last block of an epoch, signed by this node's
// validator: hash and MMR root of the block, its certificate, the validators, the number of events.
// Whoever has one can hold a chain against it without the blocks before.
//
// With every epoch that ends one is written to `<data>/checkpoints/<height>.json`, beside the
// executor and as soon as the MMR has the block; the newest kKeptCheckpoints stay. Each can be made
// again from the chain, so a file that could not be written is an error in the log, counted, and
// tried again on later blocks (missed_checkpoints.hpp). Always held by a shared pointer. Thread:
// committed() [executor], the rest [worker].
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/crypto.hpp"
#include "kernel/base/json.hpp"
#include "kernel/chain/chain.hpp"
#include "kernel/chain/store/log_views.hpp"
#include "kernel/log/logger.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/net/worker_pool.hpp"
#include "kernel/rpc/missed_checkpoints.hpp"

namespace blockd {

inline constexpr std::size_t kKeptCheckpoints = 64;

class Checkpoints : public std::enable_shared_from_this<Checkpoints> {
 public:
  struct Parts {  // all outlive this
    const Chain* chain = nullptr;
    const LogViews* views = nullptr;              // null: there is no MMR, and no checkpoint
    std::shared_ptr<const SigningKey> validator;  // null: a follower; its checkpoints are unsigned
    WorkerPool* workers = nullptr;
    Logger* log = nullptr;
    MetricRegistry* metrics = nullptr;
    std::string dir;
  };
  explicit Checkpoints(Parts parts) : parts_(std::move(parts)) {}
  Status declare();  // before the first block

  // Last block of the newest epoch that has ended; nullopt: none has.
  std::optional<std::uint64_t> newest() const;
  // That of the epoch that ends with `height`. Errors: kInvalid (no epoch ends there), kNotFound
  // (the block is not here any more), kUnavailable (the MMR has not got there yet, or there is
  // none), kLimit (too far below the head).
  Result<json::object> make(std::uint64_t height) const;
  // The newest `limit`: height, epoch, hash and time.
  json::array list(std::uint64_t limit) const;

  void committed(std::uint64_t height);

 private:
  void write_due(std::uint64_t due, std::uint64_t head);
  void write_new(std::uint64_t due);
  enum class Written : std::uint8_t { kDone, kLater, kFailed };  // kDone: or it never will be
  Written write_or_tell(std::uint64_t height);
  Status write(std::uint64_t height) const;
  Status make_room() const;
  std::vector<std::uint64_t> heights() const;
  Result<std::uint64_t> events_up_to(std::uint64_t height) const;

  const Parts parts_;
  Counter* failed_ = nullptr;
  std::atomic<bool> writing_{false};
  std::atomic<std::uint64_t> written_{0};  // the newest that was tried; 0: not known
  MissedCheckpoints missed_;               // of whoever set writing_
};

}  // namespace blockd
