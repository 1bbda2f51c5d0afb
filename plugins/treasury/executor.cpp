#include "plugins/treasury/executor.hpp"

#include <algorithm>

#include "tb/text.hpp"

namespace treasury {
namespace {

// The node, not the disbursement, is in trouble.
bool trips_breaker(std::string_view error) {
  return error == "consensus_timeout" || error == "ledger_unavailable" ||
         error == "execution_failed";
}

// The account's nonce was used, or is waiting, by another command or by this one.
bool nonce_is_used(std::string_view error) { return error == "duplicate" || error == "nonce_gap"; }

// Answers of the command itself: the intent has come to its end.
bool is_final(std::string_view error) {
  constexpr std::string_view kNames[] = {
      "requires_approval",  "still_timelocked",  "not_matured",          "invalid_state",
      "dependency_missing", "dependency_failed", "dependency_pending",   "insufficient_funds",
      "stale_nonce",        "lease_not_held",    "unknown_disbursement", "not_authorized",
      "safe_mode",          "unknown_account",   "not_allowed",          "hook_rejected"};
  return error.starts_with("lua_") ||
         std::find(std::begin(kNames), std::end(kNames), error) != std::end(kNames);
}

}  // namespace

void Executor::set(const ExecutorSettings& settings) {
  settings_ = settings;
  settings_.lease_secs = std::max<std::uint64_t>(settings.lease_secs, 5);
  breaker_.set(settings.breaker);
}

void Executor::restore(std::vector<Intent> intents) {
  for (Intent& intent : intents) {
    last_staged_ = std::max(last_staged_, intent.nonce);
    if (intents_.size() < kMaxIntents) intents_[intent.disbursement_id] = std::move(intent);
  }
}

std::vector<Intent> Executor::intents() const {
  std::vector<Intent> all;
  for (const auto& [id, intent] : intents_) all.push_back(intent);
  return all;
}

void Executor::on_timer() {
  if (stopped_ || !settings_.enabled) return;
  const std::uint64_t now = outside_.now();
  if (ticking_) {
    // Whole seconds: one more, so that no answer gets less than it was promised.
    if (now > started_at_ + settings_.submit_timeout_secs) time_out();
    return;
  }
  if (now >= next_tick_at_) start_tick();
}

std::uint64_t Executor::ask(Asked what, std::uint64_t id) {
  questions_[++cookie_] = {what, id, tick_};
  return cookie_;
}

void Executor::start_tick() {
  ticking_ = true;
  failed_ = false;
  ++tick_;
  questions_.clear();
  batch_.clear();
  next_ = 0;
  account_nonce_.reset();
  started_at_ = outside_.now();
  const Outlook outlook = outside_.look();
  pending_matured_ = outlook.pending_matured;
  const bool renew =
      outlook.lease_ours && outlook.lease_expires_at < started_at_ + settings_.lease_secs / 2;
  if (outlook.lease_free || renew) return outside_.acquire(ask(Asked::kAcquire, 0));
  if (!outlook.lease_ours) {
    error(tb::cat("lease_held_by ", outlook.lease_holder), 0, "another executor holds the lease");
    return end_tick();
  }
  work(outlook);
}

void Executor::work(const Outlook& outlook) {
  if (breaker_.at(outside_.now()) == BreakerState::kOpen) {
    error("circuit_breaker_open", 0, "too many failures; gov treasury circuit shows and resets it");
    return end_tick();
  }
  if (!outlook.cycle.empty()) {
    std::string ids;
    for (std::uint64_t id : outlook.cycle) ids += tb::cat(ids.empty() ? "" : " -> ", id);
    error("dependency_cycle_detected", outlook.cycle.front(), ids);
  }
  drop_stale(outlook);
  last_staged_ = std::max(last_staged_, outlook.lease_last_nonce);
  std::uint64_t left = outlook.balance;
  for (const Outlook::Ready& ready : outlook.ready) {
    if (batch_.size() == kMaxBatch) break;
    if (std::find(outlook.cycle.begin(), outlook.cycle.end(), ready.id) != outlook.cycle.end())
      continue;
    if (ready.amount > left) {
      error(
          "insufficient_funds", ready.id,
          tb::cat("disbursement ", ready.id, " needs ", ready.amount, ", the treasury has ", left));
      outside_.count_result("cancelled");
      continue;
    }
    left -= ready.amount;
    batch_.push_back(ready);
  }
  next_intent();
}

// What was executed meanwhile, or has a nonce that the lease has seen, can never be applied.
void Executor::drop_stale(const Outlook& outlook) {
  const std::size_t before = intents_.size();
  std::erase_if(intents_, [&](const auto& entry) {
    const bool ready = std::any_of(outlook.ready.begin(), outlook.ready.end(),
                                   [&](const Outlook::Ready& r) { return r.id == entry.first; });
    return !ready || entry.second.nonce <= outlook.lease_last_nonce;
  });
  if (intents_.size() != before) outside_.save(intents());
}

// One signature at a time, so that account nonces follow each other; commits are waited for
// together.
void Executor::next_intent() {
  while (next_ < batch_.size()) {
    const std::uint64_t id = batch_[next_++].id;
    const auto staged = intents_.find(id);
    if (staged != intents_.end()) {
      submit(staged->second);
      continue;
    }
    if (intents_.size() >= kMaxIntents) break;
    return outside_.sign(ask(Asked::kSign, id), id, last_staged_ + 1, account_nonce_);
  }
  end_if_done();
}

void Executor::submit(Intent& intent) {
  snapshot_.last_submitted_nonce = std::max(snapshot_.last_submitted_nonce, intent.nonce);
  outside_.submit(ask(Asked::kSubmit, intent.disbursement_id), intent.tx_bytes);
}

void Executor::on_answer(std::uint64_t cookie, const NodeAnswer& answer) {
  const auto found = questions_.find(cookie);
  if (found == questions_.end()) return;  // of a tick that is over: the intent is still staged
  const Question question = found->second;
  questions_.erase(found);
  switch (question.what) {
    case Asked::kAcquire: {
      if (answer.ok) return work(outside_.look());
      const std::string holder = outside_.look().lease_holder;
      error(answer.error == "lease_held" ? tb::cat("lease_held_by ", holder) : answer.error, 0,
            answer.text);
      return end_tick();
    }
    case Asked::kSign:
      return on_sign(question.id, answer);
    case Asked::kSubmit:
      return on_submit(question.id, answer);
    case Asked::kStatus:
      return on_status(question.id, answer);
  }
}

void Executor::on_sign(std::uint64_t id, const NodeAnswer& answer) {
  if (!answer.ok) {
    settle(id, false, answer.error.empty() ? "execution_failed" : answer.error, answer.text);
    return next_intent();
  }
  Intent intent{id, ++last_staged_, answer.envelope, answer.tx_hash, outside_.now()};
  account_nonce_ = answer.account_nonce + 1;
  intents_[id] = intent;
  if (outside_.save(intents())) {
    submit(intents_[id]);
  } else {
    intents_.erase(id);
    error("execution_failed", id, "the staged intent could not be written; nothing was submitted");
  }
  next_intent();
}

void Executor::on_submit(std::uint64_t id, const NodeAnswer& answer) {
  if (answer.ok) {
    settle(id, true, {}, {});
  } else if (nonce_is_used(answer.error)) {
    if (const auto staged = intents_.find(id); staged != intents_.end())
      return outside_.status(ask(Asked::kStatus, id), staged->second.tx_hash);
  } else if (is_final(answer.error)) {
    settle(id, false, answer.error, answer.text);
  } else {
    error(answer.error == "timeout" ? "consensus_timeout"
          : answer.error.empty()    ? "execution_failed"
                                    : answer.error,
          id, answer.text);  // the intent stays, and the same command goes in again
  }
  end_if_done();
}

// The command was included, or another one took its place in the account's row: then the execution
// is signed anew, with the same nonce of the treasury.
void Executor::on_status(std::uint64_t id, const NodeAnswer& answer) {
  if (answer.ok && answer.included) {
    settle(id, answer.outcome == "applied",
           answer.error.empty() ? "execution_failed" : answer.error, answer.text);
    return end_if_done();
  }
  const auto staged = intents_.find(id);
  if (staged == intents_.end() || answer.waits) return end_if_done();
  const std::uint64_t nonce = staged->second.nonce;
  intents_.erase(staged);
  if (last_staged_ == nonce) last_staged_ = nonce - 1;
  outside_.save(intents());
  outside_.sign(ask(Asked::kSign, id), id, nonce, std::nullopt);
}

void Executor::settle(std::uint64_t id, bool executed, std::string_view name,
                      std::string_view text) {
  if (intents_.erase(id) != 0) outside_.save(intents());
  if (executed) {
    breaker_.succeeded(outside_.now());
    outside_.count_result("success");
    return;
  }
  // What a voted policy holds is no failure of the executor: it asks again in the next tick.
  outside_.count_result(name == "hook_rejected" ? "cancelled" : "error");
  error(name, id, text);
}

void Executor::error(std::string_view name, std::uint64_t id, std::string_view detail) {
  failed_ = true;
  snapshot_.last_error = name;
  snapshot_.last_error_detail = tb::cat("disbursement ", id, ": ", detail);
  if (id == 0) snapshot_.last_error_detail = detail;
  snapshot_.last_error_at = outside_.now();
  if (trips_breaker(name)) breaker_.failed(outside_.now());
  outside_.count_error(name);
  outside_.log_error(name, id, detail);
}

// Commands that nobody has answered for stay staged.
void Executor::time_out() {
  for (const auto& [cookie, question] : questions_) {
    error("consensus_timeout", question.id,
          tb::cat("no answer within ", settings_.submit_timeout_secs, " s"));
  }
  end_tick();
}

void Executor::end_if_done() {
  if (ticking_ && questions_.empty() && next_ >= batch_.size()) end_tick();
}

void Executor::end_tick() {
  ticking_ = false;
  questions_.clear();
  const std::uint64_t now = outside_.now();
  snapshot_.last_tick_at = now;
  if (!failed_) {
    snapshot_.last_success_at = now;
    snapshot_.last_error.clear();
    snapshot_.last_error_detail.clear();
  }
  next_tick_at_ = started_at_ + settings_.poll_secs;
  outside_.tick_done(started_at_);
}

void Executor::stop() {
  if (stopped_ || !settings_.enabled) return;
  stopped_ = true;
  if (outside_.look().lease_ours) outside_.release();
}

}  // namespace treasury
