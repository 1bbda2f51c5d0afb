// LocalIndex: what this node keeps of the market's events in the plugin's local store: slashes,
// timeline, the market-wide counts of pending credits, when each oracle last reported, when
// something last settled. [face]
//
// apply() is called from on_event only, in the order of the chain; an event that was applied
// already is passed over, so that a retry after a crash counts nothing twice. Readers may run on
// other threads at the same time.
//
//   t/<event_id>   TimelineRow, the newest kTimelineKept       s/<seq>   SlashRow, the newest
//   kSlashesKept o/<provider>   OracleRow                                   counts    Counts
#pragma once

#include <map>
#include <mutex>

#include "plugins/energy/market.hpp"

namespace energy {

inline constexpr std::uint64_t kSlashesKept = 512;
inline constexpr std::uint64_t kTimelineKept = 1024;

struct TimelineRow {
  std::uint64_t event_id = 0;
  std::string event_type, provider_id;
  tb::Hash meter_hash;
  std::uint64_t block_height = 0, recorded_at = 0;
  // Details; which of them are meant follows from the type.
  std::string buyer;
  std::uint64_t kwh_delivered = 0, price_paid = 0, treasury_fee = 0, slash_amount = 0;
  std::uint64_t dispute_id = 0, opened_at = 0, resolved_at = 0;
  std::string reason, reporter, resolver, outcome;
  std::optional<std::string> resolution_note;
};
BOOST_DESCRIBE_STRUCT(TimelineRow, (),
                      (event_id, event_type, provider_id, meter_hash, block_height, recorded_at,
                       buyer, kwh_delivered, price_paid, treasury_fee, slash_amount, dispute_id,
                       opened_at, resolved_at, reason, reporter, resolver, outcome,
                       resolution_note))

struct SlashRow {
  std::uint64_t seq = 0;
  std::string provider_id;
  tb::Hash meter_hash;
  std::uint64_t slash_amount = 0;
  std::string reason;
  std::uint64_t block_height = 0, recorded_at = 0;
};
BOOST_DESCRIBE_STRUCT(SlashRow, (),
                      (seq, provider_id, meter_hash, slash_amount, reason, block_height,
                       recorded_at))

struct Counts {
  std::uint64_t height = 0;  // of the chain; events up to (height, index) are in
  std::uint32_t index = 0;
  std::uint64_t from_height = 0;  // the lists begin here
  std::uint64_t pending_credits = 0, pending_kwh = 0;
  std::uint64_t last_settlement = 0;  // block time, Unix seconds; 0: none
};
BOOST_DESCRIBE_STRUCT(Counts, (),
                      (height, index, from_height, pending_credits, pending_kwh, last_settlement))

struct OracleRow {
  std::uint64_t height = 0;
};
BOOST_DESCRIBE_STRUCT(OracleRow, (), (height))

class LocalIndex {
 public:
  explicit LocalIndex(tb::Host host) : host_(host) {}

  tb::Status apply(const tb::ChainEvent& event);

  Counts counts();
  // Forgets the counts: the state has become another without events. The lists stay.
  void count_again();
  // fn(row) -> bool, newest first.
  template <class Row, class Fn>
  tb::Status newest(std::string_view prefix, Fn&& fn) {
    return host_.store_scan_back(
        prefix, {}, static_cast<std::uint32_t>(kTimelineKept),
        [&](std::string_view, std::string_view value) { return fn(tb::row_as<Row>(value)); });
  }
  tb::Status timeline(const auto& fn) { return newest<TimelineRow>("t/", fn); }
  tb::Status slashes(const auto& fn) { return newest<SlashRow>("s/", fn); }

  // Providers with a reading not older than `window` blocks at `height`.
  std::uint64_t active_oracles(Height height, std::uint64_t window);
  // Nearest-rank 95th percentile of the latencies of the 300 s before `now`, 0 without readings.
  std::uint64_t latency_p95(std::uint64_t now_s);

 private:
  void load();
  void count_credits(Counts& counts);
  void take(const tb::ChainEvent& event, Counts& counts);
  void take_reading(const tb::Value& data, Counts& counts, std::uint64_t height);
  void take_settled(const tb::ChainEvent& event, Counts& counts);
  void take_slash(const tb::ChainEvent& event);
  void take_dispute(const tb::ChainEvent& event, Counts& counts, std::string_view type);
  void keep(const TimelineRow& row);

  static constexpr std::size_t kMaxLatencies = 65'536;

  tb::Host host_;
  std::mutex mutex_;
  std::optional<Counts> counts_;
  bool oracles_loaded_ = false;
  std::map<std::string, std::uint64_t, std::less<>> oracles_;  // bounded by the number of providers
  std::vector<std::pair<std::uint64_t, std::uint64_t>> latencies_;  // (block time, seconds), a ring
  std::size_t next_latency_ = 0;
};

}  // namespace energy
