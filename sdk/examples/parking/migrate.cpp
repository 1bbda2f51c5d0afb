// From schema 1 to 2: permits learn what kind of vehicle they are for.
#include "parking.hpp"

namespace parking {

// One step: as many rows as it is given, behind the cursor. The node calls again with the next
// block, until no cursor is put; commands run in between, so permit_of() reads both layouts.
// [machine]
tb::Status migrate(tb::Ctx& ctx, tb::Migration& step) {
  std::vector<std::pair<std::string, Permit>> rows;
  ctx.scan(kPermits, step.cursor, step.rows, [&](std::string_view key, std::string_view row) {
    rows.emplace_back(key, permit_of(row));
  });
  for (const auto& [key, permit] : rows) ctx.store(key, permit);
  if (rows.size() == step.rows) step.next(rows.back().first);
  return tb::ok();
}

}  // namespace parking
