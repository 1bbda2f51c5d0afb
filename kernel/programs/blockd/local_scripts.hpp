// LocalScripts: the operator's own Lua texts on one node (config key `lua.local`). They may refuse
// what is submitted to this node and show figures of its blocks; they change no block, no state and
// no dry run, and no other node hears of them.
//
// A text defines on_admit {method, from, lane, bytes}, which may return false and a reason, and/or
// on_commit {height, epoch, commands, time_ms}, which returns nothing; both may call log.info and
// metrics.set(name, integer) -> lua_local_value{script,name}. A call that fails counts in
// lua_local_errors_total{script} and says nothing: a broken script keeps nobody out.
//
// Threads: admit() from any thread, several at once; committed() from one at a time; prepare() and
// install() from one at a time, also while the others run. A call uses a compiled text of its own,
// which waits for the next call afterwards. Without scripts admit() and committed() cost a load.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/chain/admission_policy.hpp"
#include "kernel/chain/block.hpp"
#include "kernel/config/config_loader.hpp"
#include "kernel/metrics/registry.hpp"

namespace blockd {

inline constexpr std::size_t kMaxLocalScripts = 16;       // the bound of `lua.local`
inline constexpr std::size_t kMaxLocalScriptNames = 64;   // of metrics.set, for each script
inline constexpr std::int32_t kCodeLocalPolicy = -34003;  // local_policy

class LocalScript;

class LocalScripts final : public AdmissionPolicy {
 public:
  // Any thread of the other functions. `error`: a call failed, and not as the one before it.
  using Log = std::function<void(bool error, std::string_view script, std::string_view text)>;

  // Errors: those of MetricRegistry::declare. `metrics` must outlive the object.
  static Result<std::unique_ptr<LocalScripts>> create(MetricRegistry& metrics, Log log);
  ~LocalScripts() override;

  // Reads and compiles `files`; what is in force stays. Problems name file and line; none:
  // install() takes them.
  std::vector<ConfigProblem> prepare(const std::vector<std::string>& files);
  // Puts in force what prepare() found good. Texts that have not changed go on as they are.
  void install();

  std::optional<Refusal> admit(const Command& command, Lane lane) override;
  void committed(const BlockRecord& block);

 private:
  using Set = std::vector<std::shared_ptr<LocalScript>>;
  LocalScripts(MetricFamily* values, MetricFamily* errors, Log log)
      : values_(values), errors_(errors), log_(std::move(log)) {}
  std::shared_ptr<LocalScript> make(const std::string& file, ConfigProblem* problem) const;
  std::shared_ptr<const Set> in_force() const;

  MetricFamily* const values_;
  MetricFamily* const errors_;
  const Log log_;
  std::shared_ptr<const Set> prepared_;
  std::atomic<bool> admits_{false}, commits_{false};  // somebody in `set_` has that function
  mutable std::mutex mutex_;                          // held for a pointer copy only
  std::shared_ptr<const Set> set_;
};

}  // namespace blockd
