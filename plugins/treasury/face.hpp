// Face: the outward half. Balance with its history, the executor and its answers to operators. It
// changes replicated state only by commands.
//
//   b/<id>   BalanceRow, the newest kBalanceRowsKept     from   height at which the list begins
//
// The executor lives on the face's thread; queries read a copy of what it shows.
#pragma once

#include <mutex>

#include "plugins/treasury/executor.hpp"
#include "plugins/treasury/lists.hpp"
#include "plugins/treasury/views.hpp"

namespace treasury {

inline constexpr std::uint64_t kBalanceRowsKept = 2048;

struct HistoryParams {
  std::optional<std::uint64_t> cursor;
  std::uint64_t limit = kPage;
};
BOOST_DESCRIBE_STRUCT(HistoryParams, (), (cursor, limit))

// ListParams, and the rows of the balance.
struct FetchParams {
  std::optional<std::uint64_t> cursor;
  std::uint64_t limit = kPage;
  std::optional<std::string> status, destination;
  std::optional<std::uint64_t> min_epoch, max_epoch, min_amount, max_amount, min_created_at,
      max_created_at, min_status_ts, max_status_ts;
  bool archived = false;
  bool history = false;
  std::optional<std::uint64_t> history_after_id;
  std::uint64_t history_limit = kPage;
};
BOOST_DESCRIBE_STRUCT(FetchParams, (),
                      (cursor, limit, status, destination, min_epoch, max_epoch, min_amount,
                       max_amount, min_created_at, max_created_at, min_status_ts, max_status_ts,
                       archived, history, history_after_id, history_limit))

struct PipelineParams {
  std::uint64_t limit = kPage;
};
BOOST_DESCRIBE_STRUCT(PipelineParams, (), (limit))

struct CircuitParams {
  std::optional<std::string> action;
};
BOOST_DESCRIBE_STRUCT(CircuitParams, (), (action))

// Every way in which older tools spell a payment without a vote.
struct ScheduleParams {
  std::optional<std::string> destination, memo;
  std::optional<std::uint64_t> amount, epoch;
};
BOOST_DESCRIBE_STRUCT(ScheduleParams, (), (destination, memo, amount, epoch))

class Face final : private Outside {
 public:
  explicit Face(tb::Host host);
  ~Face() override;

  tb::Status balance(tb::View& view, tb::Out& out);
  tb::Status history(tb::View& view, const HistoryParams& in, tb::Out& out);
  tb::Status fetch(tb::View& view, const FetchParams& in, tb::Out& out);
  tb::Status executor_status(tb::View& view, tb::Out& out);
  tb::Status pipeline(tb::View& view, const PipelineParams& in, tb::Out& out);
  tb::Status lease(tb::View& view, tb::Out& out);
  tb::Status circuit(tb::LocalCall& call, const CircuitParams& in, tb::Out& out);
  tb::Status schedule(tb::LocalCall& call, const ScheduleParams& in, tb::Out& out);

  tb::Status on_event(const tb::ChainEvent& event);
  void on_reply(std::uint64_t cookie, const tb::Reply& reply);
  void on_config();
  void on_timer();

 private:
  // What queries show, copied on each change.
  struct Shown {
    bool enabled = false;
    ExecutorSnapshot snapshot;
    std::vector<Intent> intents;
    std::string circuit = "closed";
    std::uint64_t failures = 0, successes = 0;
  };
  Shown shown() const;
  void put_balance(tb::View& view, tb::Out& out);
  void put_executor(tb::View& view, tb::Out& out);
  tb::Status put_history(tb::View& view, const HistoryParams& in, tb::Out& out);
  void share();
  void show_ages();
  void operate_circuit();

  // Outside.
  std::uint64_t now() override { return host_.unix_ms() / 1000; }
  Outlook look() override;
  void acquire(std::uint64_t cookie) override;
  void release() override;
  void sign(std::uint64_t cookie, std::uint64_t id, std::uint64_t nonce,
            std::optional<std::uint64_t> account_nonce) override;
  void submit(std::uint64_t cookie, const std::string& tx_bytes) override;
  void status(std::uint64_t cookie, const std::string& tx_hash) override;
  bool save(const std::vector<Intent>& intents) override;
  void log_error(std::string_view error, std::uint64_t id, std::string_view detail) override;
  void count_result(std::string_view result) override;
  void count_error(std::string_view error) override;
  void tick_done(std::uint64_t started_at) override;
  void ask_commit(std::uint64_t cookie, const std::string& tx_hash);
  void on_commit_state(std::uint64_t cookie, const NodeAnswer& answer);
  template <class Fill>
  void post(std::string_view method, std::uint64_t cookie, Fill&& fill);

  tb::Host host_;
  Executor executor_;
  ExecutorSettings settings_;
  std::string file_;
  // Of this tick: submissions without an answer, and those that were taken in and are in no block
  // yet, by cookie. At most kMaxBatch together.
  std::set<std::uint64_t> submitted_;
  std::map<std::uint64_t, std::string> uncommitted_;
  std::uint64_t tick_started_ms_ = 0, ages_shown_at_ = 0;
  bool configured_ = false;

  mutable std::mutex mutex_;
  Shown shown_;
  std::string asked_circuit_;  // open, close or reset, by an operator, until the next timer
};

}  // namespace treasury
