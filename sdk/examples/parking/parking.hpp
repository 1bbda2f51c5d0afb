// The parts of parking and what they say to each other: handles, errors, params, handlers.
#pragma once

#include <tb/ledger.hpp>
#include <tb/sdk.hpp>

#include "state.hpp"

namespace parking {

// Places in the manifest: number them in the order of the declarations in describe().
using Ledger = tb::Ledger<0>;
inline constexpr tb::Param kMaxHours{0};
inline constexpr tb::Param kCancelFeeBps{1};
inline constexpr tb::Counter kSold{0};
inline constexpr tb::Gauge kOpen{1};
inline constexpr tb::Gauge kHeld{2};
inline constexpr tb::Histogram kHours{3};
inline constexpr tb::Counter kSweepFailures{4};
inline constexpr tb::Config<std::uint32_t> kSettleBatch{0};

inline constexpr tb::Error kUnknownZone{-40301, "UnknownZone"};
inline constexpr tb::Error kTooLong{-40302, "TooManyHours"};
inline constexpr tb::Error kUnknownPermit{-40303, "UnknownPermit"};
inline constexpr tb::Error kNotYours{-40304, "NotYourPermit"};
inline constexpr tb::Error kTooMuch{-40305, "AmountTooLarge"};

struct Bought {
  std::uint64_t id = 0;
  std::string_view zone, plate;
  std::uint64_t paid = 0, until_s = 0;
};
BOOST_DESCRIBE_STRUCT(Bought, (), (id, zone, plate, paid, until_s))
inline constexpr tb::Event<Bought> kBought{0};

// How the money of a permit was divided at its end.
struct Closed {
  std::uint64_t id = 0;
  std::uint64_t earned = 0, returned = 0;
};
BOOST_DESCRIBE_STRUCT(Closed, (), (id, earned, returned))
inline constexpr tb::Event<Closed> kClosed{1};

struct ZoneParams {
  std::string_view zone;
  std::uint64_t price = 0;
  std::optional<tb::Address> city;
};
BOOST_DESCRIBE_STRUCT(ZoneParams, (), (zone, price, city))

struct BuyParams {
  std::string_view zone, plate;
  std::uint32_t hours = 1;
  std::string_view kind = "car";
};
BOOST_DESCRIBE_STRUCT(BuyParams, (), (zone, plate, hours, kind))

struct PermitParams {
  std::uint64_t id = 0;
};
BOOST_DESCRIBE_STRUCT(PermitParams, (), (id))

struct SettleParams {
  std::uint32_t limit = 100;
};
BOOST_DESCRIBE_STRUCT(SettleParams, (), (limit))

struct ListParams {
  std::uint64_t after = 0;
  std::uint32_t limit = 50;
};
BOOST_DESCRIBE_STRUCT(ListParams, (), (after, limit))

tb::Status set_zone(tb::Ctx& ctx, const ZoneParams& in, tb::Out& out);
tb::Status buy(tb::Ctx& ctx, const BuyParams& in, tb::Out& out);
tb::Status cancel(tb::Ctx& ctx, const PermitParams& in, tb::Out& out);
tb::Status settle(tb::Ctx& ctx, const SettleParams& in, tb::Out& out);
tb::Status migrate(tb::Ctx& ctx, tb::Migration& step);

tb::Status permit(tb::View& view, const PermitParams& in, tb::Out& out);
tb::Status permits(tb::View& view, const ListParams& in, tb::Out& out);
tb::Status totals(tb::View& view, tb::Out& out);

// The outward half: a route, and a timer that settles what has ended.
class Face {
 public:
  explicit Face(tb::Host host) : host_(host) {}
  tb::Status show(tb::View& view, const tb::HttpRequest& request, tb::HttpReply& reply);
  void sweep();
  void swept(std::uint64_t cookie, const tb::Reply& reply);

 private:
  tb::Host host_;
};

}  // namespace parking
