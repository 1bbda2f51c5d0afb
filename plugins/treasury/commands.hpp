// The commands of the treasury (governance and treasury 5.10 to 5.13, 7.4), one topic a file, and
// their entries in the manifest. All are applied or rejected, none is charged. [machine]
#pragma once

#include "plugins/treasury/records.hpp"

namespace treasury {

void describe_submit(tb::Plugin& p);
void describe_votes(tb::Plugin& p);
void describe_queue(tb::Plugin& p);
void describe_execute(tb::Plugin& p);
void describe_rollback(tb::Plugin& p);
void describe_lease(tb::Plugin& p);
void describe_import(tb::Plugin& p);

// One transition of a live record at `epoch`; `actor` is an account or `boundary`. The error names
// why nothing changed, empty where there was nothing to do.
struct Advanced {
  std::string_view error;
  bool changed = false;
};
tb::Status advance_record(tb::Ctx& ctx, Held& held, std::uint64_t epoch, std::string_view actor,
                          Advanced* out);

// Everything that was due at boundaries up to `epoch`, oldest first, within the rows that are left.
void work_due(tb::Ctx& ctx, std::uint64_t epoch);

// operation_expired, if a client's timestamp is more than ten minutes before the block.
tb::Status check_timestamp(tb::Ctx& ctx, const std::optional<std::uint64_t>& timestamp);

}  // namespace treasury
