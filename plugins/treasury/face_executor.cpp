// What connects the executor with its node: configuration, questions and answers, file, metrics.
#include "plugins/treasury/book.hpp"
#include "plugins/treasury/errors.hpp"
#include "plugins/treasury/face.hpp"
#include "plugins/treasury/face_config.hpp"
#include "plugins/treasury/intents_file.hpp"
#include "plugins/treasury/metrics.hpp"

namespace treasury {
namespace {

constexpr std::uint64_t kAgesEverySecs = 15;
constexpr std::uint64_t kReleaseCookie = 0;                      // nobody waits for its answer
constexpr std::uint64_t kCommitCookie = std::uint64_t{1} << 63;  // with that of a submission

std::int64_t shown_number(std::uint64_t value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value, std::uint64_t{1} << 62));
}

// An execution that the chain rejected is answered as an error with the name of the command's.
NodeAnswer answer_of(const tb::Reply& reply) {
  NodeAnswer answer;
  answer.ok = reply.ok;
  if (!reply.ok) {
    answer.error = reply.value["data"]["name"].text();
    answer.text = reply.value["message"].text();
    return answer;
  }
  // submit_tx says in its result that a command was refused.
  if (reply.value["status"].text() == "error") {
    answer.ok = false;
    answer.error = reply.value["error"].text();
    answer.text = reply.value["message"].text();
    return answer;
  }
  answer.envelope = reply.value["envelope"].text();
  answer.tx_hash = reply.value["hash"].text(reply.value["id"].text());
  answer.account_nonce = reply.value["nonce"].u64();
  const std::string_view state = reply.value["state"].text();
  answer.included = state == "final";
  answer.waits = state == "pending" || state == "parked";
  answer.outcome = reply.value["outcome"].text();
  if (answer.included) {
    answer.error = reply.value["name"].text();
    answer.text = reply.value["message"].text();
  }
  return answer;
}

}  // namespace

void describe_config(tb::Plugin& p) {
  p.config(kExecutorOn, "executor", false)
      .env("TB_TREASURY_EXECUTOR")
      .help("runs the executor on this node");
  p.config(kExecutorId, "executor_id", "")
      .env("TB_TREASURY_EXECUTOR_ID")
      .max(64)
      .help("name of the lease's holder; made once and kept where it is empty");
  p.config(kPollSecs, "poll_interval", 15)
      .env("TB_TREASURY_POLL_SECS")
      .min(1)
      .max(3600)
      .unit("seconds")
      .help("time between ticks of the executor");
  p.config(kLeaseSecs, "executor_lease", 60)
      .env("TB_TREASURY_LEASE_SECS")
      .max(3600)
      .unit("seconds")
      .help("length of the lease; less than 5 is raised to 5");
  p.config(kSubmitTimeoutSecs, "submit_timeout", 30)
      .env("TB_TREASURY_SUBMIT_TIMEOUT_SECS")
      .min(1)
      .max(600)
      .unit("seconds")
      .help("wait for a commit, then consensus_timeout");
  p.config(kBreakerFailureLimit, "circuit_failures", 5)
      .min(1)
      .max(1000)
      .help("failures within the window that open the circuit breaker");
  p.config(kBreakerWindowSecs, "circuit_window_secs", 300).min(1).max(86'400).unit("seconds");
  p.config(kBreakerOpenSecs, "circuit_open_secs", 60)
      .min(1)
      .max(86'400)
      .unit("seconds")
      .help("until it is half-open");
  p.config(kBreakerSuccessLimit, "circuit_successes", 2)
      .min(1)
      .max(1000)
      .help("successes that close it when half-open");
  p.config(kExecutorKey, "key", "operator")
      .env("TB_TREASURY_KEY")
      .choices({"operator", "admin", "oracle"})
      .help("the node key that signs the executor's commands; its account needs the role executor");
  p.config(kAccountName, "account", "treasury")
      .env("TB_TREASURY_ACCOUNT")
      .choices({"treasury", "treasury_account_id"})
      .needs_restart()
      .help(
          "the treasury's account in the ledger, the same on every node: the genesis fixes it, and "
          "both spellings mean it");
  p.config(kExecutorFile, "executor_file", "${data}/treasury/executor.json")
      .unit("file")
      .needs_restart()
      .help("staged intents of the executor");
}

Face::Face(tb::Host host) : host_(host), executor_(*this) {}

// The lease is given back; whether the command still gets in is the chain's affair, it expires by
// itself.
Face::~Face() {
  try {
    executor_.stop();
  } catch (const std::exception& problem) {
    host_.log(TB_LOG_WARN, tb::cat("treasury_executor kept its lease: ", problem.what()));
  }
}

void Face::on_config() { configured_ = false; }

void Face::on_timer() {
  if (!configured_) {
    configured_ = true;
    settings_.enabled = host_.config(kExecutorOn);
    settings_.holder = host_.config(kExecutorId);
    if (settings_.holder.empty()) {
      std::string kept = host_.store_get("executor_id").value_or("");
      if (kept.empty()) {
        tb::Hash name;
        host_.random(name.bytes.data(), 8);
        kept = tb::cat("node_", name.hex().substr(0, 16));
        host_.store_put("executor_id", kept).ignore();
      }
      settings_.holder = kept;
    }
    settings_.poll_secs = host_.config(kPollSecs);
    settings_.lease_secs = host_.config(kLeaseSecs);
    settings_.submit_timeout_secs = host_.config(kSubmitTimeoutSecs);
    settings_.breaker = {host_.config(kBreakerFailureLimit), host_.config(kBreakerWindowSecs),
                         host_.config(kBreakerOpenSecs), host_.config(kBreakerSuccessLimit)};
    executor_.set(settings_);
    if (settings_.enabled && file_.empty()) {
      file_ = host_.config(kExecutorFile);
      std::string problem;
      executor_.restore(load_intents(host_, file_, &problem));
      if (!problem.empty()) host_.log(TB_LOG_ERROR, tb::cat("treasury_executor ", problem));
    }
  }
  operate_circuit();
  executor_.on_timer();
  for (const auto& [cookie, tx_hash] : uncommitted_) ask_commit(cookie, tx_hash);
  if (now() >= ages_shown_at_ + kAgesEverySecs) show_ages();
  share();
}

void Face::share() {
  Shown next;
  next.enabled = settings_.enabled;
  next.snapshot = executor_.snapshot();
  next.intents = executor_.intents();
  next.circuit = breaker_name(executor_.breaker().at(now()));
  next.failures = executor_.breaker().failures();
  next.successes = executor_.breaker().successes();
  const std::lock_guard lock(mutex_);
  shown_ = std::move(next);
}

void Face::show_ages() {
  ages_shown_at_ = now();
  using enum gov::State;
  host_
      .with_view([&](tb::View& view) {
        const std::uint64_t at = view.time_s();
        for (gov::State state : {kDraft, kVoting, kQueued, kTimelocked})
          host_.set(kOldestAge, shown_number(oldest_age(view, state, at)),
                    {gov::state_name(state)});
        std::uint64_t oldest = at;
        for (const Waiting& waiting : find_waiting(view, view.epoch()))
          oldest = std::min(oldest, waiting.matured_at == 0 ? at : waiting.matured_at);
        host_.set(kOldestAge, shown_number(at - oldest), {"matured"});
        const Lease lease = view.load<Lease>(kLeaseKey).value_or(Lease{});
        host_.set(kLeaseReleased, lease.released ? 1 : 0);
        host_.set(kLeaseLastNonce, shown_number(lease.last_nonce));
        return tb::ok();
      })
      .ignore();
}

tb::Status Face::circuit(tb::LocalCall& call, const CircuitParams& in, tb::Out& out) {
  if (in.action && *in.action != "open" && *in.action != "close" && *in.action != "reset")
    return call.fail(error("invalid_params"), "an action is open, close or reset");
  const std::lock_guard lock(mutex_);
  if (in.action) {
    asked_circuit_ = *in.action;
    shown_.circuit = *in.action == "open" ? "open" : "closed";
    if (*in.action != "open") shown_.failures = 0;
  }
  out.put("ok", true);
  out.put("circuit", shown_.circuit);
  out.put("failures", shown_.failures);
  out.put("successes", shown_.successes);
  return tb::ok();
}

void Face::operate_circuit() {
  std::string asked;
  {
    const std::lock_guard lock(mutex_);
    asked.swap(asked_circuit_);
  }
  if (asked == "open") executor_.breaker().open(now());
  if (asked == "close" || asked == "reset") executor_.breaker().reset();
}

Outlook Face::look() {
  if (tick_started_ms_ == 0) {
    tick_started_ms_ = host_.unix_ms();
    submitted_.clear();
    uncommitted_.clear();
  }
  Outlook found;
  const std::uint64_t at = now();
  host_
      .with_view([&](tb::View& view) {
        const Lease lease = view.load<Lease>(kLeaseKey).value_or(Lease{});
        found.lease_holder = lease.holder;
        found.lease_free = !lease.held_at(at);
        found.lease_ours = !found.lease_free && lease.holder == settings_.holder;
        found.lease_expires_at = lease.expires_at;
        found.lease_last_nonce = lease.last_nonce;
        found.balance = balance_of(view);
        const std::vector<Waiting> waiting = find_waiting(view, view.epoch());
        found.pending_matured = count_matured(waiting);
        bool blocked = false;
        for (const Waiting& w : waiting) {
          blocked = blocked || !w.blocked.empty();
          if (w.blocked.empty() && found.ready.size() < kMaxIntents)
            found.ready.push_back({w.id, w.amount});
        }
        if (blocked) found.cycle = find_pending_cycle(view);
        return tb::ok();
      })
      .ignore();
  return found;
}

template <class Fill>
void Face::post(std::string_view method, std::uint64_t cookie, Fill&& fill) {
  if (host_.post(method, fill, cookie)) return;
  NodeAnswer busy;
  busy.error = "execution_failed";
  busy.text = "the node takes no more calls of this plugin at the moment";
  if (cookie != kReleaseCookie) executor_.on_answer(cookie, busy);
}

void Face::acquire(std::uint64_t cookie) {
  post("gov.treasury.lease_acquire", cookie, [&](tb::Out& out) {
    out.put("holder", settings_.holder);
    out.put("ttl_secs", std::max<std::uint64_t>(settings_.lease_secs, 5));
  });
}

void Face::release() {
  post("gov.treasury.lease_release", kReleaseCookie,
       [&](tb::Out& out) { out.put("holder", settings_.holder); });
}

void Face::sign(std::uint64_t cookie, std::uint64_t id, std::uint64_t nonce,
                std::optional<std::uint64_t> account_nonce) {
  post("command.sign", cookie, [&](tb::Out& out) {
    out.put("method", "gov.treasury.execute_disbursement");
    out.record("params", [&](tb::Out& params) {
      params.put("id", id);
      params.put("nonce", nonce);
      params.put("holder", settings_.holder);
    });
    out.put("nonce", account_nonce);
  });
}

void Face::submit(std::uint64_t cookie, const std::string& tx_bytes) {
  submitted_.insert(cookie);
  post("submit_tx", cookie, [&](tb::Out& out) { out.put("tx", tx_bytes); });
}

void Face::status(std::uint64_t cookie, const std::string& tx_hash) {
  post("tx.status", cookie, [&](tb::Out& out) { out.put("id", tx_hash); });
}

void Face::ask_commit(std::uint64_t cookie, const std::string& tx_hash) {
  status(cookie | kCommitCookie, tx_hash);
}

// A command that was taken in is no payment yet: the executor hears of it when it is in a block.
void Face::on_reply(std::uint64_t cookie, const tb::Reply& reply) {
  if (cookie == kReleaseCookie) return;
  const NodeAnswer answer = answer_of(reply);
  if ((cookie & kCommitCookie) != 0) {
    on_commit_state(cookie & ~kCommitCookie, answer);
  } else if (submitted_.erase(cookie) != 0 && answer.ok) {
    uncommitted_[cookie] = answer.tx_hash;
    ask_commit(cookie, answer.tx_hash);
  } else {
    executor_.on_answer(cookie, answer);
  }
  share();
}

void Face::on_commit_state(std::uint64_t cookie, const NodeAnswer& answer) {
  if (uncommitted_.count(cookie) == 0 || (answer.ok && answer.waits)) return;
  NodeAnswer end = answer;
  if (!answer.ok || !answer.included) {
    end = {};
    end.error = "timeout";
    end.text = "the command left the pool without a block; it is handed in again";
  } else {
    end.ok = answer.outcome == "applied";
    if (!end.ok && end.error.empty()) end.error = "execution_failed";
  }
  uncommitted_.erase(cookie);
  executor_.on_answer(cookie, end);
}

bool Face::save(const std::vector<Intent>& intents) {
  std::string problem;
  const std::string_view circuit = breaker_name(executor_.breaker().at(now()));
  if (save_intents(host_, file_, intents, executor_.snapshot(), circuit, &problem)) return true;
  host_.log(TB_LOG_ERROR, tb::cat("treasury_executor ", problem));
  return false;
}

void Face::log_error(std::string_view name, std::uint64_t id, std::string_view detail) {
  host_.log(TB_LOG_ERROR, tb::cat("treasury_executor DisbursementError error=", name,
                                  " disbursement_id=", id, " ", detail));
}

void Face::count_result(std::string_view result) {
  host_.add(kResults, 1, {result});
  host_.add(result == "success" ? kSuccesses : kFailures);
}

void Face::count_error(std::string_view name) {
  host_.add(kErrors, 1, {reason_label(name)});
  // What the executor finds before it sends a command; refusals of commands the machine counts.
  const std::string_view reason = reason_label(name);
  if (reason == "consensus_timeout" || reason == "ledger_unavailable" ||
      reason == "execution_failed" || reason == "circular_dependency" ||
      reason == "insufficient_funds")
    host_.add(kExecutionErrors, 1, {reason});
}

void Face::tick_done(std::uint64_t) {
  const std::uint64_t ended = host_.unix_ms();
  host_.observe(kTickSeconds, shown_number(ended - std::min(ended, tick_started_ms_)));
  tick_started_ms_ = 0;
  const ExecutorSnapshot& s = executor_.snapshot();
  host_.set(kPendingMatured, shown_number(executor_.pending_matured()));
  host_.set(kStagedIntents, shown_number(executor_.staged()));
  host_.set(kLastTick, shown_number(s.last_tick_at));
  host_.set(kLastSuccess, shown_number(s.last_success_at));
  host_.set(kLastError, shown_number(s.last_error_at));
  host_.set(kLastSubmittedNonce, shown_number(s.last_submitted_nonce));
  host_.set(kBreakerState, static_cast<std::int64_t>(executor_.breaker().at(now())));
  host_.set(kBreakerFailures, shown_number(executor_.breaker().failures()));
  host_.set(kBreakerSuccesses, shown_number(executor_.breaker().successes()));
}

}  // namespace treasury
