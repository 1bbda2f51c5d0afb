// disbursement_machine: a treasury of plain values that follows the rules, without lease, roles and
// times.
#include <boost/json/array.hpp>
#include <map>

#include "plugins/gov-core/dependencies.hpp"
#include "plugins/gov-core/disbursement.hpp"
#include "tests/plugins/gov-core/vectors.hpp"

namespace gov {
namespace {

namespace json = boost::json;

struct Record {
  Payload payload;
  Ids deps;
  Progress progress;
  HouseTally operators, builders;
  std::string tx_hash, reason;

  Windows windows() const {
    return {payload.vote_window_epochs, payload.timelock_epochs, payload.rollback_window_epochs};
  }
};

class Treasury {
 public:
  json::object run(const json::object& op) {
    const std::string what = text_in(op, "do");
    json::object out;
    std::string error;
    if (what == "accrue") {
      error = accrue(u64_in(op, "amount"));
    } else if (what == "submit") {
      error = submit(op.at("payload"), out);
    } else if (what == "votes") {
      error = votes(op);
    } else if (what == "epoch") {
      out["changed"] = boundary(u64_in(op, "epoch"));
    } else {
      error = one(what, op, out);
    }
    return close(std::move(out), error);
  }
  json::array history() const { return history_; }

 private:
  json::object close(json::object out, const std::string& error) const {
    out["ok"] = error.empty();
    if (!error.empty()) out["error"] = error;
    out["balance"] = balance_;
    return out;
  }

  void row(std::string_view event, std::int64_t delta, std::uint64_t id) {
    json::object row{
        {"id", history_.size() + 1}, {"event", event}, {"delta", delta}, {"balance", balance_}};
    if (id != 0) row["disbursement_id"] = id;
    history_.push_back(std::move(row));
  }

  // The ledger moves amounts below 2^63 only, and nothing for nothing.
  std::string accrue(std::uint64_t amount) {
    if (amount > kMaxAmount - balance_) return "amount_overflow";
    if (amount == 0) return {};
    balance_ += amount;
    row("accrual", static_cast<std::int64_t>(amount), 0);
    return {};
  }

  std::string submit(const json::value& input, json::object& out) {
    const std::optional<Payload> payload = decode_payload(input);
    if (!payload) return "invalid_params";
    if (const std::string_view error = check_payload(*payload); !error.empty())
      return std::string(error);
    for (std::uint64_t dep : payload->deps) {
      if (!records_.contains(dep)) return "dependency_missing";
    }
    const std::uint64_t id = records_.size() + 1;
    const Ids deps = canonical_deps(payload->deps, payload->memo);
    const auto deps_of = [&](std::uint64_t at) -> std::optional<Ids> {
      const auto found = records_.find(at);
      return found == records_.end() ? std::nullopt : std::optional(found->second.deps);
    };
    if (closes_cycle(id, deps, deps_of, 10'000) != Closes::kNo) return "dependency_cycle_detected";
    records_[id] = {*payload, deps, {}, {}, {}, {}, {}};
    row("queued", 0, id);
    report(id, out);
    return {};
  }

  std::string votes(const json::object& op) {
    const auto found = records_.find(u64_in(op, "id"));
    if (found == records_.end()) return "unknown_disbursement";
    const auto house = [&](std::string_view name) {
      const json::value* given = op.if_contains(name);
      if (given == nullptr) return HouseTally{};
      const json::object& in = given->as_object();
      const std::uint64_t abstain = in.contains("abstain") ? u64_in(in, "abstain") : 0;
      return HouseTally{u64_in(in, "total"), u64_in(in, "yes"), u64_in(in, "no"), abstain};
    };
    found->second.operators = house("operators");
    found->second.builders = house("builders");
    return {};
  }

  std::string one(const std::string& what, const json::object& op, json::object& out) {
    const std::uint64_t id = u64_in(op, "id");
    const auto found = records_.find(id);
    if (found == records_.end()) return "unknown_disbursement";
    const std::uint64_t epoch = u64_in(op, "epoch");
    std::string error;
    if (what == "advance") {
      error = step(id, found->second, epoch).error;
    } else if (what == "execute") {
      error = execute(id, found->second, epoch, op);
    } else if (what == "rollback") {
      error = rollback(id, found->second, epoch, text_in(op, "reason"));
    } else {
      throw std::runtime_error("unknown op " + what);
    }
    if (error.empty()) report(id, out);
    return error;
  }

  struct Moved {
    std::string error;
    bool changed = false;
  };
  Moved step(std::uint64_t id, Record& record, std::uint64_t epoch) {
    const Verdict verdict = decide(record.operators, record.builders, record.payload.quorum);
    const Step step = advance(record.progress, record.windows(), verdict, epoch);
    record.progress = step.next;
    if (step.changed && step.next.state == State::kRolledBack) {
      record.reason = step.reason;
      row("cancelled", 0, id);
    }
    return {std::string(step.error), step.changed};
  }

  json::array boundary(std::uint64_t epoch) {
    json::array changed;
    for (auto& [id, record] : records_) {
      if (!step(id, record, epoch).changed) continue;
      json::object entry;
      report(id, entry);
      changed.push_back(std::move(entry));
    }
    return changed;
  }

  static std::vector<ReceiptLine> receipts_of(const json::object& op) {
    std::vector<ReceiptLine> lines;
    const json::value* given = op.if_contains("receipts");
    if (given == nullptr) return lines;
    for (const json::value& line : given->as_array()) {
      const json::object& in = line.as_object();
      lines.push_back({text_in(in, "account"), u64_in(in, "amount")});
    }
    return lines;
  }

  std::string execute(std::uint64_t id, Record& record, std::uint64_t epoch,
                      const json::object& op) {
    std::vector<Dependency> deps;
    for (std::uint64_t dep : record.deps) {
      const auto found = records_.find(dep);
      deps.push_back(found == records_.end() ? Dependency::kMissing
                                             : dependency_of(found->second.progress.state));
    }
    const std::string_view error =
        check_execution(record.progress.state, record.payload.scheduled_epoch, epoch, deps,
                        balance_, record.payload.amount);
    if (!error.empty()) return std::string(error);
    const std::vector<ReceiptLine> given = receipts_of(op);
    if (!given.empty() && !receipts_sum_to(given, record.payload.amount))
      return "expected_receipts_mismatch";
    record.progress.state = State::kExecuted;
    record.progress.executed_epoch = epoch;
    record.tx_hash = text_in(op, "tx_hash");
    balance_ -= record.payload.amount;
    row("executed", -static_cast<std::int64_t>(record.payload.amount), id);
    return {};
  }

  std::string rollback(std::uint64_t id, Record& record, std::uint64_t epoch, std::string reason) {
    const std::string_view error = check_rollback(record.progress, record.windows(), epoch, reason);
    if (!error.empty()) return std::string(error);
    const std::uint64_t back =
        record.progress.state == State::kExecuted ? record.payload.amount : 0;
    balance_ += back;
    record.progress.state = State::kRolledBack;
    record.reason = std::move(reason);
    row("cancelled", static_cast<std::int64_t>(back), id);
    return {};
  }

  void report(std::uint64_t id, json::object& out) const {
    const Record& record = records_.at(id);
    const Progress& at = record.progress;
    json::object status{{"state", state_name(at.state)}};
    if (at.state == State::kVoting) status["vote_deadline_epoch"] = at.vote_deadline_epoch;
    if (at.state == State::kQueued) status["activation_epoch"] = at.activation_epoch;
    if (at.state == State::kTimelocked) status["ready_epoch"] = at.ready_epoch;
    if (at.state == State::kExecuted || at.state == State::kFinalized)
      status["tx_hash"] = record.tx_hash;
    if (at.state == State::kRolledBack) {
      status["reason"] = record.reason;
      if (!record.tx_hash.empty()) status["prior_tx"] = record.tx_hash;
    }
    out["id"] = id;
    out["status"] = std::move(status);
  }

  std::map<std::uint64_t, Record> records_;
  std::uint64_t balance_ = 0;
  json::array history_;
};

}  // namespace

Answered replay_disbursements(std::string_view fn, const json::object& input) {
  if (fn != "disbursement_machine") return std::nullopt;
  Treasury treasury;
  json::array results;
  for (const json::value& op : input.at("ops").as_array())
    results.push_back(treasury.run(op.as_object()));
  return json::object{{"results", results}, {"history", treasury.history()}};
}

}  // namespace gov
