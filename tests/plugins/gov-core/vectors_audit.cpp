// settlement_audit: the report without its investigation.
#include <boost/json/array.hpp>

#include "plugins/gov-core/audit.hpp"
#include "tests/plugins/gov-core/vectors.hpp"

namespace gov {

namespace json = boost::json;

Answered replay_audit(std::string_view fn, const json::object& input) {
  if (fn != "settlement_audit") return std::nullopt;
  std::vector<BalanceRow> rows;
  for (const json::value& item : input.at("history").as_array()) {
    const json::object& in = item.as_object();
    const json::value& delta = in.at("delta");
    BalanceRow row;
    row.event = text_in(in, "event");
    row.delta = delta.is_int64() ? Wide{delta.get_int64()} : Wide{u64_of(delta)};
    rows.push_back(std::move(row));
  }
  Audit audit;
  audit.totals = totals_of(u64_in(input, "initial_balance"), rows);
  audit.actual = u64_in(input, "ledger_balance");
  json::object out{{"ok", audit.ok()}, {"report", report(audit, false)}};
  if (!audit.ok()) {
    const Wide by = audit.totals.expected() - static_cast<Wide>(audit.actual);
    out["discrepancy"] = static_cast<std::uint64_t>(by < 0 ? -by : by);
  }
  return out;
}

}  // namespace gov
