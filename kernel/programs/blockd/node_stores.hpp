// NodeStores: what a node does for its stores beside the chain: opens the state and brings it back
// when it is lost or damaged, keeps the views of the log, says no before the disk is full, and
// counts all that. See docs/runbooks/store.md for the operator's side.
//
// A damaged state is set aside, never deleted: it is made again from the newest snapshot that
// verifies and the deltas of the log behind it, or from the log alone. What was done is in the
// notes.
//
// Thread: open and close from the main thread; admit() from the executor; the rest [any].
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernel/chain/chain.hpp"
#include "kernel/chain/store/log_views.hpp"
#include "kernel/config/config.hpp"
#include "kernel/metrics/registry.hpp"
#include "kernel/storage/renewable_store.hpp"
#include "kernel/storage/space_guard.hpp"

namespace blockd {

struct StoreDirs {
  std::string log, state, mmr, index, mempool, snapshots;
};

class NodeStores {
 public:
  static Result<std::unique_ptr<NodeStores>> create(StoreDirs dirs, MetricRegistry& metrics,
                                                    Clock& clock);
  ~NodeStores();

  // The limits of a generation of the configuration.
  void configure(const Config& config);
  // Fills in state, recreate_state and admit, and opens. `config` says how large the caches are,
  // and whether the whole state is compared with the log (storage.verify_state).
  Result<std::unique_ptr<Chain>> open_chain(const std::function<ChainOptions()>& make_options,
                                            const Config& config, std::vector<std::string>* notes);
  // Opens the views of `chain`, which must outlive them.
  Status open_views(Chain& chain, std::function<void(std::string)> note);
  // The chain is about to go.
  void close_views();
  LogViews* views() const { return views_.get(); }
  // What a refusal for lack of space, or the end of it, means for the counters.
  void count_full() { disk_full_->add(); }

 private:
  NodeStores(StoreDirs dirs, Clock& clock);
  Status declare(MetricRegistry& metrics);
  StoreOpener state_opener(bool create, const Config& config) const;
  Result<std::unique_ptr<KvStore>> open_state(const Genesis& genesis, const Config& config,
                                              std::vector<std::string>* notes);
  std::unique_ptr<KvStore> dressed(std::unique_ptr<KvStore> engine, const Config& config) const;
  Result<std::unique_ptr<KvStore>> bring_back(const std::string& why, const Genesis& genesis,
                                              const Config& config,
                                              std::vector<std::string>* notes);
  Status admit(std::uint64_t log_bytes, std::uint64_t state_bytes);
  void update_gauges();

  const StoreDirs dirs_;
  Clock& clock_;
  std::unique_ptr<SpaceGuard> guard_;
  std::unique_ptr<LogViews> views_;
  Counter *disk_full_ = nullptr, *recoveries_ = nullptr;
  MetricFamily* engine_[7] = {};
  // What MetricRegistry::on_render and the guard may still call: it outlives this object.
  struct Shared {
    std::mutex mutex;
    NodeStores* stores = nullptr;
    Chain* chain = nullptr;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace blockd
