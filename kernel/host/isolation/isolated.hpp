// IsolatedPlugin: a plugin in a process of its own, behind the same tables as one in the node.
//
// plugin() looks like what a library exports: a machine and a face whose functions carry the call
// over to the child. Whoever calls them (steps, dry runs, the face thread, workers) need not know.
//
// Trouble of the child (a crash, a hang, more memory than it may have, a call of the system that it
// may not make, nonsense) is never an outcome: the step is poisoned, a query answers an error. The
// child is started again: at once after the first time, then later and later, up to max_pause_ms;
// kCalmMs without trouble forget the count. Meanwhile a dry run is refused; a step of a block ends
// the pause.
//
// Threads: one that starts children and waits for their end, since a child ends with the thread
// that made it. The tables may be called from any thread, up to kLanes calls at a time; more wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "kernel/chain/context.hpp"
#include "kernel/host/isolation/session.hpp"

namespace blockd::isolation {

inline constexpr std::uint64_t kFirstPauseMs = 100;
inline constexpr std::uint64_t kCalmMs = 60'000;
inline constexpr std::uint64_t kHurryMs = 250;  // a caller that is not patient waits no longer
inline constexpr std::uint64_t kPatienceMs = 60'000;
inline constexpr std::uint64_t kLaneWaitMs = 5'000;

struct IsolationOptions {
  ChildOptions child;
  ProcessLimits limits;
  std::uint64_t max_pause_ms = 5'000;
  // Both may be null, and are called on the plugin's own thread.
  std::function<void(const std::string& plugin, const Death& death, std::uint64_t pause_ms)>
      on_death;
  std::function<void(const std::string& plugin, int pid)> on_restart;
};

class IsolatedPlugin {
 public:
  // Starts the first child. Errors: as ChildProcess::start.
  static Result<std::shared_ptr<IsolatedPlugin>> start(IsolationOptions options);
  ~IsolatedPlugin();
  IsolatedPlugin(const IsolatedPlugin&) = delete;
  IsolatedPlugin& operator=(const IsolatedPlugin&) = delete;

  const tb_plugin& plugin() const { return tables_.plugin; }
  const Description& description() const { return description_; }
  const Manifest& manifest() const { return *manifest_; }

  struct State {
    int pid = 0;  // 0: none at the moment
    std::uint64_t restarts = 0;
    std::string last_trouble;
  };
  State state() const;

  // ---- for the tables
  // A lane of a living child. Holds it until it goes.
  class Hold {
   public:
    Hold() = default;
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ChildProcess& process() const { return *process_; }
    std::size_t lane() const { return lane_; }
    std::uint64_t serial() const { return serial_; }

   private:
    friend class IsolatedPlugin;
    IsolatedPlugin* owner_ = nullptr;
    std::shared_ptr<ChildProcess> process_;
    std::size_t lane_ = 0;
    std::uint64_t serial_ = 0;
  };
  // Errors: kUnavailable (no child at the moment), kBusy (all lanes are taken).
  Status take(bool face, bool patient, Hold* hold);
  // After a call that was lost: waits until the child's end is known.
  Death await_death(const Hold& hold);
  std::uint64_t step_us() const { return options_.limits.step_ms * 1000; }
  Expected& expected() { return expected_; }
  // Whether a call in that child may go on with guessed answers. Not in the one after a child that
  // ended in a call that did: if the same call ends it too, no guess has led it there.
  bool may_guess(std::uint64_t serial) const { return serial > no_guess_until_; }
  void no_guess_after(std::uint64_t serial) { no_guess_until_ = serial + 1; }
  static IsolatedPlugin& of(const tb_machine* table);
  static IsolatedPlugin& of(const tb_face* table);

 private:
  struct Tables {
    tb_machine machine{};  // must stay the first member
    tb_face face{};
    tb_plugin plugin{};
    IsolatedPlugin* owner = nullptr;
  };
  struct FaceTable;

  explicit IsolatedPlugin(IsolationOptions options) : options_(std::move(options)) {}
  Status take_description(const ChildProcess& process);
  void fill_tables();
  void supervise(std::function<void(Status)> started);
  std::uint64_t next_pause(std::uint64_t lived_ms);
  void tell_death(const Death& death, std::uint64_t pause_ms);
  bool pause(std::uint64_t ms);
  void release(const Hold& hold);

  IsolationOptions options_;
  Description description_;
  std::shared_ptr<const Manifest> manifest_;
  Tables tables_;
  Expected expected_;
  std::atomic<std::uint64_t> no_guess_until_{0};  // a serial

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<ChildProcess> process_;  // null while there is none
  std::uint64_t serial_ = 0;               // of the present child
  std::uint64_t next_start_ms_ = 0;        // on the monotonic clock; 0: it is being started
  std::uint64_t restarts_ = 0;
  std::string last_trouble_;
  std::uint32_t busy_ = 0;  // lanes, by bit
  bool stop_ = false;
  bool wanted_ = false;         // a step of a block waits for the next child
  std::uint64_t troubles_ = 0;  // supervisor only
  std::thread supervisor_;
};

// Fill the entries that the plugin has.
void fill_machine_table(const Description& description, tb_machine* table);
void fill_face_table(const Description& description, tb_face* table);

}  // namespace blockd::isolation
