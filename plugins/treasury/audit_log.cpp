#include "plugins/treasury/audit_log.hpp"

#include "plugins/gov-core/text.hpp"

namespace treasury {
namespace {

constexpr std::uint32_t kCallMs = 60'000;
constexpr std::uint32_t kLogPage = 1000;
constexpr std::string_view kPending = "treasury/pending", kMemo = "disb:";
constexpr std::size_t kMaxAccounts = 4'000'000;

// A number of an answer: large ones travel as decimal texts.
std::uint64_t number(tb::Value value) {
  if (!value.text().empty()) return gov::digits_to_u64(value.text()).value_or(0);
  return value.u64();
}
gov::Wide signed_number(tb::Value value) {
  const std::string_view text = value.text();
  if (text.empty()) return value.i64() != 0 ? gov::Wide{value.i64()} : gov::Wide{value.u64()};
  const bool negative = text.starts_with('-');
  const gov::Wide magnitude = gov::digits_to_u64(text.substr(negative ? 1 : 0)).value_or(0);
  return negative ? -magnitude : magnitude;
}
std::optional<std::uint64_t> optional_number(tb::Value value) {
  return value.absent() ? std::nullopt : std::optional(number(value));
}

tb::Status incomplete(tb::LocalCall& call, std::string_view why) {
  return call.fail(kAuditLog, tb::cat("the log cannot be replayed: ", why,
                                      "; audit a node that keeps the whole log"));
}

void take_tariff(std::uint64_t height, std::uint64_t amount, AuditLog* log) {
  if (log->rows.empty()) {
    log->tariff_before_rows[height] += amount;
  } else {
    log->tariff_paid += amount;
  }
}

void take_move(tb::Value data, std::uint64_t height, AuditLog* log) {
  const std::string_view from = data["from"].text(), to = data["to"].text(),
                         memo = data["memo"].text();
  const std::uint64_t amount = number(data["amount"]);
  log->ledger.move(from, to, amount);
  if (data["kind"].text() == "levy" && to == "treasury") take_tariff(height, amount, log);
  if ((from != kPending && to != kPending) || !memo.starts_with(kMemo)) return;
  const auto id = gov::digits_to_u64(memo.substr(kMemo.size()));
  if (!id) return;
  log->moves.push_back(
      {std::string(data["kind"].text()), std::string(from), std::string(to), amount, *id});
}

void take_row(tb::Value data, AuditLog* log) {
  gov::BalanceRow row;
  row.id = number(data["id"]);
  row.balance = number(data["balance"]);
  row.delta = signed_number(data["delta"]);
  row.height = number(data["height"]);
  row.event = data["event"].text();
  row.disbursement_id = optional_number(data["disbursement_id"]);
  row.source = data["source"].text();
  if (log->rows.empty()) {
    for (const auto& [height, paid] : log->tariff_before_rows) {
      if (height >= row.height) log->tariff_paid += paid;
    }
    log->tariff_before_rows.clear();
  }
  log->rows.push_back(std::move(row));
}

void take_record(tb::Value data, AuditLog* log) {
  gov::Payment& payment = log->records[number(data["id"])];
  const std::string before = payment.state;
  payment.state = data["status"]["state"].text();
  payment.destination = data["destination"].text();
  payment.amount = number(data["amount"]);
  payment.was_executed |= payment.state == "executed" || before == "executed";
  payment.has_receipts = data["receipts"].size() > 0;
  payment.receipts_sum = 0;
  const tb::Value proposal = data["proposal"];
  RestText rest;
  rest.put(data["proposer"].text()).put(data["memo"].text()).put(number(data["scheduled_epoch"]));
  rest.put(proposal["title"].text()).put(proposal["summary"].text());
  for (const tb_value& dep : data["deps"].items()) rest.put(number(tb::Value(&dep)));
  for (const tb_value& item : data["receipts"].items()) {
    const tb::Value receipt(&item);
    payment.receipts_sum += number(receipt["amount"]);
    rest.put(receipt["account"].text()).put(number(receipt["amount"]));
  }
  for (const tb_value& item : data["timeline"].items()) {
    const tb::Value entry(&item);
    rest.put(entry["state"].text()).put(number(entry["height"]));
  }
  payment.record = rest.take();
}

// One page of events; `*cursor` moves on.
struct Reader {
  tb::LocalCall& call;
  const AuditRange& range;
  AuditLog* log;
  std::string cursor = "start";
  bool done = false, noted = false;

  void note_then(std::uint64_t height) {
    if (noted || height < range.then_height) return;
    log->treasury_then = log->ledger.balance("treasury");
    noted = true;
  }
  void take(tb::Value event) {
    const std::uint64_t height = number(event["height"]);
    if (height > range.height) {
      done = true;
      return;
    }
    note_then(height);
    const std::string_view topic = event["topic"].text();
    if (topic == "ledger.moved") {
      take_move(event["data"], height, log);
    } else if (topic == "treasury.balance") {
      take_row(event["data"], log);
    } else {
      take_record(event["data"], log);
    }
  }
  tb::Status page() {
    std::string problem;
    const tb::Status status = call.host().call(
        "events.list",
        [&](tb::Out& out) {
          out.put("from", std::string_view(cursor));
          out.put("limit", kLogPage);
          out.put("archived", true);
          out.list("topics", [](tb::Out& list) {
            for (std::string_view topic :
                 {"ledger.moved", "treasury.balance", "treasury.disbursement"})
              list.element(topic);
          });
        },
        kCallMs,
        [&](const tb::Reply& reply) {
          if (!reply.ok) {
            problem = reply.value["message"].text("events.list was refused");
            return;
          }
          if (!reply.value["gap"].absent()) problem = "older blocks are pruned";
          for (const tb_value& event : reply.value["events"].items()) {
            if (!done) take(tb::Value(&event));
          }
          cursor = reply.value["cursor"].text();
          if (!reply.value["more"].boolean()) done = true;
        });
    if (!problem.empty()) return incomplete(call, problem);
    return status.ok() ? tb::ok() : incomplete(call, "events.list does not answer");
  }
};

tb::Status read_genesis(tb::LocalCall& call, AuditLog* log) {
  std::string problem;
  const auto must_begin = [&](const tb::Reply& reply) {
    if (!reply.ok) problem = reply.value["message"].text("block 0 is not there");
  };
  tb::Status status = call.host().call(
      "block.get", [](tb::Out& out) { out.put("height", std::uint64_t{0}); }, kCallMs, must_begin);
  if (!problem.empty()) return incomplete(call, problem);
  status = call.host().call(
      "block.genesis", [](tb::Out&) {}, kCallMs,
      [&](const tb::Reply& reply) {
        if (!reply.ok) {
          problem = reply.value["message"].text("block.genesis was refused");
          return;
        }
        for (const tb_value& entry : reply.value["alloc"].items()) {
          const tb::Value account(&entry);
          log->ledger.allocate(std::string(account.name()), number(account));
        }
      });
  if (!problem.empty()) return incomplete(call, problem);
  return status.ok() ? tb::ok() : incomplete(call, "block.genesis does not answer");
}

}  // namespace

tb::Status read_audit_log(tb::LocalCall& call, const AuditRange& range, AuditLog* log) {
  if (auto s = read_genesis(call, log); !s) return s;
  Reader reader{call, range, log};
  while (!reader.done) {
    if (auto s = reader.page(); !s) return s;
    if (log->ledger.accounts().size() > kMaxAccounts)
      return incomplete(call, "it holds more than 4,000,000 accounts");
  }
  reader.note_then(UINT64_MAX);
  return tb::ok();
}

}  // namespace treasury
