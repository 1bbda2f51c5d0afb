#include "plugins/treasury/describe.hpp"

#include "plugins/treasury/events.hpp"
#include "plugins/treasury/params.hpp"

namespace treasury {

void describe_effects(tb::Plugin& p) {
  p.event(kDisbursementEvent, "treasury.disbursement")
      .help("A disbursement entered another state: the whole record");
  p.event(kBalanceEvent, "treasury.balance").help("A row of the balance history");
  p.event(kLeaseEvent, "treasury.lease").help("The executor's lease was taken or given back");
  p.event(kVotedEvent, "treasury.voted").help("A ballot on a disbursement");
  p.record(kExecutionRecord, "treasury_execution").help("Money left the treasury into escrow");
  p.param(kMaxOpen, "treasury_max_open_disbursements", 1024, 1, 65'536)
      .unit("records")
      .timelock(2)
      .rollback(1)
      .help("drafts, votes, queued and timelocked disbursements at a time");
  p.param(kMaxOpenPerProposer, "treasury_max_open_per_proposer", 32, 1, 65'536)
      .unit("records")
      .timelock(2)
      .rollback(1)
      .help("the same of one proposer");
}

}  // namespace treasury
