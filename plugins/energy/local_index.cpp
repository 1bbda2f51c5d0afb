#include "plugins/energy/local_index.hpp"

#include <algorithm>

#include "plugins/energy/queries.hpp"

namespace energy {
namespace {

constexpr std::string_view kCountsKey = "counts";
constexpr std::uint64_t kLatencyWindowSecs = 300;

tb::Hash hash_of(const tb::Value& value) {
  const std::string_view bytes = value.text();
  if (bytes.size() == 32) return tb::Hash::from(bytes);
  const auto parsed = parse_meter_hash(bytes);  // events may arrive as they stand in the log
  return parsed ? to_tb(*parsed) : tb::Hash{};
}

void reduce(std::uint64_t& count, std::uint64_t by) { count -= std::min(count, by); }

TimelineRow row_for(const tb::ChainEvent& event, std::string_view type,
                    std::string_view provider_field) {
  TimelineRow row;
  row.event_id = event.data["event_id"].u64();
  row.event_type = type;
  row.provider_id = event.data[provider_field].text();
  row.meter_hash = hash_of(event.data["meter_hash"]);
  row.block_height = event.data["height"].u64();
  row.recorded_at = event.data["recorded_at"].u64();
  return row;
}

}  // namespace

tb::Status LocalIndex::apply(const tb::ChainEvent& event) {
  const std::lock_guard lock(mutex_);
  load();
  Counts next = *counts_;
  if (event.height < next.height || (event.height == next.height && event.index <= next.index))
    return tb::ok();
  take(event, next);
  next.height = event.height;
  next.index = event.index;
  const tb::Status stored = host_.store_put(kCountsKey, tb::encode_row(next));
  if (stored) counts_ = next;
  return stored;
}

Counts LocalIndex::counts() {
  const std::lock_guard lock(mutex_);
  load();
  return *counts_;
}

void LocalIndex::count_again() {
  const std::lock_guard lock(mutex_);
  host_.store_erase(kCountsKey).ignore();
  counts_.reset();
  load();
}

// A node without a row begins with a count over the state as it is: what happened up to there is in
// it.
void LocalIndex::load() {
  if (counts_) return;
  if (const auto row = host_.store_get(kCountsKey)) {
    counts_ = tb::row_as<Counts>(*row);
  } else {
    Counts counts;
    count_credits(counts);
    counts_ = counts;
  }
}

void LocalIndex::count_credits(Counts& counts) {
  host_
      .with_view([&](tb::View& view) {
        Reader reader(view, false);
        reader.walk(reader.keys().credit_places(), false,
                    [&](std::string_view key, std::string_view) {
                      const auto place = reader.keys().read_credit_place(key);
                      if (!place || *place <= reader.totals().expired_below) return true;
                      if (const auto credit =
                              reader.load<Credit>(reader.keys().credit(place->meter_hash))) {
                        counts.pending_credits += 1;
                        counts.pending_kwh += credit->amount_kwh;
                      }
                      return true;
                    });
        counts.height = counts.from_height = view.height();
        counts.index = ~std::uint32_t{0};
        return tb::ok();
      })
      .ignore();
}

void LocalIndex::take(const tb::ChainEvent& event, Counts& counts) {
  const std::string_view topic = event.topic;
  if (topic == "energy.reading_accepted")
    return take_reading(event.data, counts, event.data["height"].u64());
  if (topic == "energy.settled") return take_settled(event, counts);
  if (topic == "energy.slashed") return take_slash(event);
  if (topic == "energy.dispute_opened") return take_dispute(event, counts, "dispute_opened");
  if (topic == "energy.dispute_resolved") return take_dispute(event, counts, "dispute_resolved");
  if (topic == "energy.credit_expired") {
    reduce(counts.pending_credits, 1);
    reduce(counts.pending_kwh, event.data["amount_kwh"].u64());
  } else if (topic == "energy.credit_revived") {
    counts.pending_credits += 1;
    counts.pending_kwh += event.data["amount_kwh"].u64();
  }
}

void LocalIndex::take_reading(const tb::Value& data, Counts& counts, std::uint64_t height) {
  const std::uint64_t kwh = data["amount_kwh"].u64();
  counts.pending_credits += kwh > 0 ? 1 : 0;
  counts.pending_kwh += kwh;
  const std::string provider(data["provider_id"].text());
  oracles_[provider] = height;
  host_.store_put("o/" + provider, tb::encode_row(OracleRow{height})).ignore();
  const std::pair sample{data["block_time"].u64(), data["latency_secs"].u64()};
  if (latencies_.size() < kMaxLatencies) {
    latencies_.push_back(sample);
  } else {
    latencies_[next_latency_] = sample;
    next_latency_ = (next_latency_ + 1) % kMaxLatencies;
  }
}

void LocalIndex::take_settled(const tb::ChainEvent& event, Counts& counts) {
  const tb::Value& data = event.data;
  if (data["was_pending"].boolean()) {
    reduce(counts.pending_kwh, data["kwh_delivered"].u64());
    if (data["credit_left_kwh"].u64() == 0) reduce(counts.pending_credits, 1);
  }
  counts.last_settlement = event.time_ms / 1000;
  TimelineRow row = row_for(event, "receipt", "seller");
  row.buyer = data["buyer"].text();
  row.kwh_delivered = data["kwh_delivered"].u64();
  row.price_paid = data["price_paid"].u64();
  row.treasury_fee = data["treasury_fee"].u64();
  row.slash_amount = data["slash_applied"].u64();
  keep(row);
}

void LocalIndex::take_slash(const tb::ChainEvent& event) {
  TimelineRow row = row_for(event, "slash", "provider_id");
  row.slash_amount = event.data["slash_amount"].u64();
  row.reason = event.data["reason"].text();
  keep(row);
  const SlashRow slash{event.data["seq"].u64(), row.provider_id, row.meter_hash,
                       row.slash_amount,        row.reason,      row.block_height,
                       row.recorded_at};
  host_.store_put(tb::Key("s/").u64(slash.seq), tb::encode_row(slash)).ignore();
  if (slash.seq > kSlashesKept)
    host_.store_erase(tb::Key("s/").u64(slash.seq - kSlashesKept)).ignore();
}

void LocalIndex::take_dispute(const tb::ChainEvent& event, Counts& counts, std::string_view type) {
  const tb::Value& data = event.data;
  TimelineRow row = row_for(event, type, "provider_id");
  row.dispute_id = data["dispute_id"].u64();
  row.reason = data["reason"].text();
  row.reporter = data["reporter"].text();
  row.opened_at = data["opened_at"].u64();
  row.resolved_at = data["resolved_at"].u64();
  row.resolver = data["resolver"].text();
  row.outcome = data["outcome"].text();
  if (!data["resolution_note"].absent())
    row.resolution_note = std::string(data["resolution_note"].text());
  keep(row);
  const std::uint64_t voided = data["voided_kwh"].u64();
  if (voided > 0 && data["was_pending"].boolean()) {
    reduce(counts.pending_credits, 1);
    reduce(counts.pending_kwh, voided);
  }
}

void LocalIndex::keep(const TimelineRow& row) {
  host_.store_put(tb::Key("t/").u64(row.event_id), tb::encode_row(row)).ignore();
  if (row.event_id > kTimelineKept)
    host_.store_erase(tb::Key("t/").u64(row.event_id - kTimelineKept)).ignore();
}

std::uint64_t LocalIndex::active_oracles(Height height, std::uint64_t window) {
  const std::lock_guard lock(mutex_);
  if (!oracles_loaded_) {
    std::string at;
    for (bool more = true; more;) {
      std::uint32_t rows = 0;
      const tb::Status status =
          host_.store_scan("o/", at, 1000, [&](std::string_view key, std::string_view value) {
            at = key;
            ++rows;
            oracles_.try_emplace(std::string(key.substr(2)), tb::row_as<OracleRow>(value).height);
            return true;
          });
      more = status.ok() && rows == 1000;
    }
    oracles_loaded_ = true;
  }
  return static_cast<std::uint64_t>(
      std::count_if(oracles_.begin(), oracles_.end(),
                    [&](const auto& oracle) { return oracle.second + window >= height; }));
}

std::uint64_t LocalIndex::latency_p95(std::uint64_t now_s) {
  std::vector<std::uint64_t> recent;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [time, latency] : latencies_) {
      if (time + kLatencyWindowSecs >= now_s) recent.push_back(latency);
    }
  }
  if (recent.empty()) return 0;
  const std::size_t rank = (recent.size() * 95 + 99) / 100;  // nearest rank, from 1
  std::nth_element(recent.begin(), recent.begin() + static_cast<std::ptrdiff_t>(rank - 1),
                   recent.end());
  return recent[rank - 1];
}

}  // namespace energy
