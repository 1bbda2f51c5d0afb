// Lists of disbursements: newest id first, by filters, paged by the id of the last one (5.14).
// Readers of a view; a walk looks at no more than kMaxWalked records a call. [face]
#pragma once

#include "plugins/treasury/shapes.hpp"

namespace treasury {

inline constexpr std::uint64_t kMaxWalked = 20'000;
inline constexpr std::uint64_t kPage = 50, kMaxPage = 200, kMaxListing = 10'000;

struct ListParams {
  std::optional<std::uint64_t> cursor;
  std::uint64_t limit = kPage;
  std::optional<std::string> status, destination;
  std::optional<std::uint64_t> min_epoch, max_epoch, min_amount, max_amount, min_created_at,
      max_created_at, min_status_ts, max_status_ts;
  bool archived = false;
};
BOOST_DESCRIBE_STRUCT(ListParams, (),
                      (cursor, limit, status, destination, min_epoch, max_epoch, min_amount,
                       max_amount, min_created_at, max_created_at, min_status_ts, max_status_ts,
                       archived))

// Fails with invalid_params for a status that is none. `next` is set where the list goes on.
tb::Status find_disbursements(tb::View& view, const ListParams& in, std::uint64_t limit,
                              std::vector<RecordShape>* found, std::optional<std::uint64_t>* next);

// The queries gov.treasury.disbursements, .list, .disbursement, .show and .pipeline's parts.
void describe_list_fields(tb::Method& method);
void describe_lists(tb::Plugin& p);

}  // namespace treasury
