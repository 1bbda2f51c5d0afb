// The executor (7.4): takes the lease, signs an execution for each disbursement that is due, hands
// it in and sees it through a crash. Node-local; changes state only by commands.
//
// It speaks with its node through Outside, which answers later, in any order, with the cookie of
// the question; all calls come on one thread. An intent is kept in a file before its command is
// handed in, so that the same signed command goes in again after a restart, and the nonce of the
// treasury makes a second payment impossible.
//
// Errors have the names that the runbook compares: lease_held_by <holder>, circuit_breaker_open,
// dependency_cycle_detected, insufficient_funds, consensus_timeout, ledger_unavailable, and those
// of the command itself.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/treasury/breaker.hpp"

namespace treasury {

inline constexpr std::size_t kMaxIntents = 512;
inline constexpr std::size_t kMaxBatch = 100;

struct Intent {
  std::uint64_t disbursement_id = 0, nonce = 0;
  std::string tx_bytes;  // hex of the signed command
  std::string tx_hash;
  std::uint64_t staged_at = 0;
  friend bool operator==(const Intent&, const Intent&) = default;
};

struct ExecutorSettings {
  bool enabled = false;
  std::string holder;
  std::uint64_t poll_secs = 15, lease_secs = 60, submit_timeout_secs = 30;
  BreakerSettings breaker;
};

// What of the executor is shown and kept; 0 and empty stand for null.
struct ExecutorSnapshot {
  std::uint64_t last_tick_at = 0, last_success_at = 0, last_error_at = 0;
  std::string last_error, last_error_detail;
  std::uint64_t last_submitted_nonce = 0;
};

// What the newest state says, read at the start of a tick.
struct Outlook {
  std::string lease_holder;
  bool lease_ours = false;  // by name; by account is decided by the chain
  bool lease_free = false;  // none, released or expired
  std::uint64_t lease_expires_at = 0, lease_last_nonce = 0;
  std::uint64_t balance = 0;
  std::vector<std::uint64_t> cycle;
  std::uint64_t pending_matured = 0;
  struct Ready {
    std::uint64_t id = 0, amount = 0;
  };
  std::vector<Ready> ready;  // in the order of ids, at most kMaxIntents
};

// How a question to the node was answered.
struct NodeAnswer {
  bool ok = false;
  std::string error;  // its name
  std::string text;
  std::string envelope, tx_hash;    // of sign
  std::uint64_t account_nonce = 0;  // of sign
  bool included = false;            // of status: in a block
  bool waits = false;               // of status: in the pool
  std::string outcome;              // of status: applied, rejected
};

class Outside {
 public:
  virtual ~Outside() = default;
  virtual std::uint64_t now() = 0;  // Unix seconds
  virtual Outlook look() = 0;
  virtual void acquire(std::uint64_t cookie) = 0;
  virtual void release() = 0;
  // Signs an execution; `account_nonce` follows what was signed before in this tick.
  virtual void sign(std::uint64_t cookie, std::uint64_t id, std::uint64_t nonce,
                    std::optional<std::uint64_t> account_nonce) = 0;
  // Answered when the command is in a block, or was refused.
  virtual void submit(std::uint64_t cookie, const std::string& tx_bytes) = 0;
  virtual void status(std::uint64_t cookie, const std::string& tx_hash) = 0;
  // Keeps intents before anything depends on them; false: they were not kept.
  virtual bool save(const std::vector<Intent>& intents) = 0;
  virtual void log_error(std::string_view error, std::uint64_t id, std::string_view detail) = 0;
  // result: success, cancelled or error.
  virtual void count_result(std::string_view result) = 0;
  virtual void count_error(std::string_view error) = 0;
  virtual void tick_done(std::uint64_t started_at) = 0;
};

class Executor {
 public:
  explicit Executor(Outside& outside) : outside_(outside) {}

  void set(const ExecutorSettings& settings);
  void restore(std::vector<Intent> intents);

  // Once a second: starts a tick when the poll interval is over, ends one that waits too long.
  void on_timer();
  void on_answer(std::uint64_t cookie, const NodeAnswer& answer);
  // Gives the lease back; intents stay.
  void stop();

  const ExecutorSnapshot& snapshot() const { return snapshot_; }
  Breaker& breaker() { return breaker_; }
  std::size_t staged() const { return intents_.size(); }
  std::vector<Intent> intents() const;
  std::uint64_t pending_matured() const { return pending_matured_; }

 private:
  enum class Asked : std::uint8_t { kAcquire, kSign, kSubmit, kStatus };
  struct Question {
    Asked what;
    std::uint64_t id = 0;  // disbursement
    std::uint64_t tick = 0;
  };

  std::uint64_t ask(Asked what, std::uint64_t id);
  void start_tick();
  void work(const Outlook& outlook);
  void drop_stale(const Outlook& outlook);
  void next_intent();
  void submit(Intent& intent);
  void on_sign(std::uint64_t id, const NodeAnswer& answer);
  void on_submit(std::uint64_t id, const NodeAnswer& answer);
  void on_status(std::uint64_t id, const NodeAnswer& answer);
  void settle(std::uint64_t id, bool executed, std::string_view error, std::string_view text);
  void error(std::string_view name, std::uint64_t id, std::string_view detail);
  void time_out();
  void end_if_done();
  void end_tick();

  Outside& outside_;
  ExecutorSettings settings_;
  Breaker breaker_;
  ExecutorSnapshot snapshot_;
  std::map<std::uint64_t, Intent> intents_;      // by disbursement, at most kMaxIntents
  std::map<std::uint64_t, Question> questions_;  // by cookie, at most one an intent
  std::vector<Outlook::Ready> batch_;            // of this tick, to be signed or handed in
  std::size_t next_ = 0;
  std::uint64_t cookie_ = 0, tick_ = 0, started_at_ = 0, next_tick_at_ = 0;
  std::uint64_t last_staged_ = 0, pending_matured_ = 0;
  std::optional<std::uint64_t> account_nonce_;
  bool ticking_ = false, failed_ = false, stopped_ = false;
};

}  // namespace treasury
