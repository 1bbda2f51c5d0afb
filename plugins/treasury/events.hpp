// Events and records that the treasury issues, in the order in which they are declared.
#pragma once

#include "plugins/treasury/shapes.hpp"

namespace treasury {

// A block receipt: money left the treasury.
struct Execution {
  std::uint64_t disbursement_id = 0;
  std::string destination;
  std::uint64_t amount = 0;
  std::string memo;
  std::uint64_t scheduled_epoch = 0;
  std::string tx_hash;
  std::uint64_t executed_at = 0;
};
BOOST_DESCRIBE_STRUCT(Execution, (),
                      (disbursement_id, destination, amount, memo, scheduled_epoch, tx_hash,
                       executed_at))

struct Voted {
  std::uint64_t id = 0;
  std::string voter, choice;
  std::uint64_t operators = 0, builders = 0;
};
BOOST_DESCRIBE_STRUCT(Voted, (), (id, voter, choice, operators, builders))

inline constexpr tb::Event<RecordShape> kDisbursementEvent{0};
inline constexpr tb::Event<BalanceRow> kBalanceEvent{1};
inline constexpr tb::Event<Lease> kLeaseEvent{2};
inline constexpr tb::Event<Voted> kVotedEvent{3};
inline constexpr tb::Record<Execution> kExecutionRecord{0};

}  // namespace treasury
