// What parking stores, and what the money of an open permit is.
//
//   "zone/" + name              Zone
//   "permit/" + id (u64)        Permit, while it is open
//   "end/" + until (u64) + id   nothing: open permits in the order in which they end
//   "totals"                    Totals
//
// Invariants: Totals::open is the number of permits, Totals::held the sum of their `paid`, and what
// the escrow "parking:permits" holds in the ledger.
#pragma once

#include <tb/sdk.hpp>

namespace parking {

struct Zone {
  static constexpr std::uint8_t kLayout = 1;
  std::string city;  // the account that is paid
  std::uint64_t price = 0;
  std::uint64_t sold = 0;
};
BOOST_DESCRIBE_STRUCT(Zone, (), (city, price, sold))

struct Permit {
  static constexpr std::uint8_t kLayout = 2;
  std::string zone, plate, owner;
  std::uint64_t paid = 0;
  std::uint64_t from_s = 0, until_s = 0;
  std::string kind = "car";
};
BOOST_DESCRIBE_STRUCT(Permit, (), (zone, plate, owner, paid, from_s, until_s, kind))

// A permit as version 1 wrote it. Never changed again.
struct PermitOf1 {
  static constexpr std::uint8_t kLayout = 1;
  std::string zone, plate, owner;
  std::uint64_t paid = 0;
  std::uint64_t from_s = 0, until_s = 0;
};
BOOST_DESCRIBE_STRUCT(PermitOf1, (), (zone, plate, owner, paid, from_s, until_s))

struct Totals {
  static constexpr std::uint8_t kLayout = 1;
  std::uint64_t next_id = 1;
  std::uint64_t open = 0;
  std::uint64_t held = 0;
  std::uint64_t earned = 0;
};
BOOST_DESCRIBE_STRUCT(Totals, (), (next_id, open, held, earned))

inline constexpr std::string_view kTotalsKey = "totals";
inline constexpr std::string_view kZones = "zone/";
inline constexpr std::string_view kPermits = "permit/";
inline constexpr std::string_view kEnds = "end/";
inline constexpr std::string_view kEscrow = "parking:permits";
inline constexpr std::uint64_t kHourSeconds = 3600;

inline tb::Key zone_key(std::string_view name) { return tb::Key(kZones).raw(name); }
inline tb::Key permit_key(std::uint64_t id) { return tb::Key(kPermits).u64(id); }
inline tb::Key end_key(std::uint64_t until_s, std::uint64_t id) {
  return tb::Key(kEnds).u64(until_s).u64(id);
}

// Of either layout: while a migration is under way, commands and queries meet both.
inline Permit permit_of(std::string_view row) {
  if (tb::row_layout(row) == Permit::kLayout) return tb::row_as<Permit>(row);
  auto old = tb::row_as<PermitOf1>(row);
  return Permit{std::move(old.zone), std::move(old.plate), std::move(old.owner), old.paid,
                old.from_s,          old.until_s};
}
inline std::optional<Permit> load_permit(tb::View& view, std::uint64_t id) {
  std::optional<Permit> permit;
  view.read(permit_key(id), [&](std::string_view row) { permit = permit_of(row); });
  return permit;
}

}  // namespace parking
