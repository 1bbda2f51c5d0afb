#include "plugins/energy/state_codec.hpp"

#include <algorithm>
#include <concepts>
#include <cstring>
#include <type_traits>

namespace energy {
namespace {

// The largest value of each kind that is stored as one byte.
constexpr std::uint8_t last_of(ProviderStatus) { return 1; }
constexpr std::uint8_t last_of(DisputeOutcome) { return 1; }
constexpr std::uint8_t last_of(KeyScheme) { return 0; }

template <class T>
concept Number = std::unsigned_integral<T> || std::same_as<T, U128>;

}  // namespace

class RowBytes::Writer {
 public:
  Writer(RowBytes& out, std::uint8_t layout) : out_(out) { byte(layout); }

  template <Number T>
  void operator()(const T& value) {
    char* at = room((8 * sizeof(T) + 6) / 7);
    T rest = value;
    for (; rest >= 0x80; rest = static_cast<T>(rest >> 7))
      *at++ = static_cast<char>(static_cast<std::uint8_t>(rest | 0x80));
    *at++ = static_cast<char>(static_cast<std::uint8_t>(rest));
    out_.size_ = static_cast<std::size_t>(at - out_.begin_);
  }
  void operator()(const bool& value) { byte(value ? 1 : 0); }
  void operator()(const std::int64_t& value) {
    const auto bits = static_cast<std::uint64_t>(value);
    (*this)((bits << 1) ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }
  void operator()(std::string_view text) { put_text(text); }
  template <std::size_t N>
  void operator()(const std::array<std::uint8_t, N>& raw) {
    std::memcpy(room(N), raw.data(), N);
    out_.size_ += N;
  }
  template <class E>
  requires std::is_enum_v<E>
  void operator()(const E& kind) { byte(static_cast<std::uint8_t>(kind)); }
  // The id as sent is nearly always the padded form, which the provider's number gives already.
  void id_as_sent(std::string_view sent, ProviderId provider) {
    put_text(sent == ProviderIdText(provider).view() ? std::string_view() : sent);
  }
  template <class T, class Fields>
  void optional(const std::optional<T>& value, Fields fields) {
    byte(value ? 1 : 0);
    if (value) fields(*value);
  }

 private:
  void byte(std::uint8_t value) {
    *room(1) = static_cast<char>(value);
    ++out_.size_;
  }
  void put_text(std::string_view text) {
    (*this)(static_cast<std::uint64_t>(text.size()));
    char* const at = room(text.size());
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    out_.size_ += text.size();
  }
  // The end of what was written, with room behind it for `bytes` more.
  char* room(std::size_t bytes) {
    if (out_.capacity_ - out_.size_ < bytes) grow(bytes);
    return out_.begin_ + out_.size_;
  }
  void grow(std::size_t bytes) {
    const std::size_t capacity = 2 * (out_.size_ + bytes);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    std::memcpy(larger.get(), out_.begin_, out_.size_);
    out_.large_ = std::move(larger);
    out_.begin_ = out_.large_.get();
    out_.capacity_ = capacity;
  }
  RowBytes& out_;
};

namespace {

class Reader {
 public:
  explicit Reader(std::string_view bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}
  bool done() const { return ok_ && at_ == end_; }

  template <Number T>
  void operator()(T& value) {
    if (at_ != end_ && static_cast<std::uint8_t>(*at_) < 0x80) {
      value = static_cast<std::uint8_t>(*at_++);
    } else {
      value = long_number<T>();
    }
  }
  void operator()(bool& value) { value = flag(); }
  void operator()(std::int64_t& value) {
    std::uint64_t bits = 0;
    (*this)(bits);
    value = static_cast<std::int64_t>((bits >> 1) ^ (bits & 1 ? ~std::uint64_t{0} : 0));
  }
  void operator()(std::string& text) {
    std::uint64_t size = 0;
    (*this)(size);
    text = bytes(size);
  }
  template <std::size_t N>
  void operator()(std::array<std::uint8_t, N>& raw) {
    const std::string_view from = bytes(N);
    std::copy(from.begin(), from.end(), raw.begin());
  }
  template <class E>
  requires std::is_enum_v<E>
  void operator()(E& kind) {
    const std::uint8_t value = byte();
    if (value > last_of(E{})) fail();
    kind = ok_ ? static_cast<E>(value) : E{};
  }
  void id_as_sent(std::string& sent, ProviderId provider) {
    (*this)(sent);
    if (sent.empty()) {
      sent = format_provider_id(provider);
    } else if (sent == ProviderIdText(provider).view()) {
      fail();
    }
  }
  template <class T, class Fields>
  void optional(std::optional<T>& value, Fields fields) {
    value.reset();
    if (flag()) fields(value.emplace());
  }

 private:
  // More than one byte. One copy of the loop serves all fields of a kind: there are many.
  template <Number T>
  [[gnu::noinline]] T long_number() {
    T value = 0;
    for (unsigned shift = 0; shift < 8 * sizeof(T) && at_ != end_; shift += 7) {
      const auto next = static_cast<std::uint8_t>(*at_++);
      const T part = next & 0x7f;
      if (static_cast<T>(static_cast<T>(part << shift) >> shift) != part) break;
      value = static_cast<T>(value | static_cast<T>(part << shift));
      if (next >= 0x80) continue;
      if (next == 0) break;  // a zero at the end would be a second way to write it
      return value;
    }
    fail();
    return 0;
  }
  // Nothing more is read.
  void fail() {
    ok_ = false;
    at_ = end_;
  }
  std::string_view bytes(std::uint64_t count) {
    if (count > static_cast<std::size_t>(end_ - at_)) {
      fail();
      return {};
    }
    const char* const begin = at_;
    at_ += count;
    return {begin, static_cast<std::size_t>(count)};
  }
  std::uint8_t byte() {
    if (at_ == end_) {
      fail();
      return 0;
    }
    return static_cast<std::uint8_t>(*at_++);
  }
  bool flag() {
    const std::uint8_t value = byte();
    if (value > 1) fail();
    return ok_ && value == 1;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

// `T` or `const T`, so that one list of fields serves both directions.
template <class Row, class T>
concept Is = std::same_as<std::remove_const_t<Row>, T>;

template <class... Field>
void each(auto& io, Field&... field) {
  (io(field), ...);
}

auto plain(auto& io) {
  return [&io](auto& value) { io(value); };
}

void fields(auto& io, Is<Reputation> auto& r) {
  for (auto& pair : r.traits) each(io, pair.alpha, pair.beta);
  each(io, r.observations, r.composite_ppm);
}

// REQUIRES: `provider` has its value already.
void reading_fields(auto& io, auto& r, ProviderId provider) {
  io.id_as_sent(r.provider_id, provider);
  each(io, r.meter_address, r.kwh_reading, r.timestamp, r.nonce, r.signature);
}

void fields(auto& io, Is<Provider> auto& p) {
  each(io, p.id, p.owner, p.jurisdiction, p.meter_address, p.capacity_kwh, p.available_kwh,
       p.price_per_kwh, p.total_delivered_kwh, p.staked_balance, p.status);
  io.optional(p.last_reading,
              [&](auto& last) { each(io, last.meter_value, last.timestamp, last.nonce); });
  io.optional(p.last_settlement, plain(io));
  io.optional(p.last_fulfillment_latency_ms, plain(io));
  io(p.reputation_score_ppm);
  fields(io, p.reputation);
  each(io, p.pending_credits, p.open_disputes, p.queued_settlements, p.voided_kwh, p.purged_kwh,
       p.capacity_resets_seen, p.height_base);
}

void fields(auto& io, Is<MeterBinding> auto& m) { io(m.provider); }

template <class Row>
concept IsCredit = Is<Row, Credit> || Is<Row, CreditView>;
void fields(auto& io, IsCredit auto& c) {
  each(io, c.provider, c.amount_kwh, c.block, c.reserved_kwh);
  reading_fields(io, c.reading, c.provider);
}

void fields(auto& io, Is<CreditPlace> auto& c) { io(c.provider); }

void fields(auto& io, Is<QueuedSettlement> auto& q) {
  each(io, q.queue_id, q.due_block, q.provider, q.buyer, q.kwh_consumed, q.meter_hash, q.by_buyer);
  io.optional(q.receipt_auth, [&](auto& auth) { each(io, auth.signature, auth.nonce); });
}

void fields(auto& io, Is<Receipt> auto& r) {
  each(io, r.seq, r.buyer, r.seller, r.kwh_delivered, r.price_paid, r.block_settled, r.treasury_fee,
       r.treasury_fee_bps, r.jurisdiction_fee, r.slash_applied, r.meter_hash);
  reading_fields(io, r.reading, r.seller);
}

void fields(auto&, Is<ReceiptPlace> auto&) {}

void fields(auto& io, Is<SlashRecord> auto& s) {
  each(io, s.seq, s.provider, s.block_height, s.amount, s.recorded_at);
}

void fields(auto& io, Is<Dispute> auto& d) {
  each(io, d.id, d.provider, d.meter_hash, d.reporter, d.reason, d.opened_at, d.opened_time);
  io.optional(d.resolution, [&](auto& end) {
    io(end.resolved_at);
    io.optional(end.note, plain(io));
    each(io, end.resolver, end.outcome);
  });
}

void fields(auto& io, Is<OpenDispute> auto& d) { io(d.id); }
void fields(auto& io, Is<TrustRoot> auto& k) {
  each(io, k.public_key, k.scheme, k.registered_at_block);
}
void fields(auto& io, Is<KeyVersion> auto& v) { io(v.version); }
void fields(auto& io, Is<KeyDigest> auto& d) { io(d.digest); }

void fields(auto& io, Is<CreditCursor> auto& c) { each(io, c.block, c.meter_hash); }

void fields(auto& io, Is<Totals> auto& t) {
  each(io, t.next_provider, t.queue_seq, t.receipt_seq, t.slash_seq, t.dispute_seq, t.event_seq,
       t.provider_count, t.open_disputes, t.total_capacity_kwh, t.total_consumed_kwh,
       t.total_kwh_settled, t.total_price_paid, t.treasury_accrued);
  fields(io, t.expired_below);
  fields(io, t.purged_below);
  each(io, t.open_since, t.epoch_kwh, t.epoch_payout);
  io.optional(t.epoch_low_price, plain(io));
  each(io, t.capacity_resets, t.height_base);
}

}  // namespace

template <class Row>
RowBytes::RowBytes(const Row& row) {
  Writer writer(*this, Row::kLayout);
  fields(writer, row);
}

template <class Row>
RowError decode_row(std::string_view bytes, Row& row) {
  if (bytes.empty()) return RowError::kDamaged;
  if (static_cast<std::uint8_t>(bytes[0]) != Row::kLayout) return RowError::kUnknownLayout;
  Reader reader(bytes.substr(1));
  fields(reader, row);
  return reader.done() ? RowError::kNone : RowError::kDamaged;
}

std::string describe_row_error(RowError error, std::string_view row_name, std::string_view bytes,
                               std::uint8_t known_layout) {
  const std::string row = "energy state: a " + std::string(row_name) + " row ";
  switch (error) {
    case RowError::kNone:
      return row + "is fine";
    case RowError::kUnknownLayout:
      return row + "has layout " + std::to_string(static_cast<std::uint8_t>(bytes[0])) +
             ", this build reads layout " + std::to_string(known_layout) +
             "; run the plugin version that the roster names for this height";
    case RowError::kDamaged:
      break;
  }
  return row + "of " + std::to_string(bytes.size()) +
         " bytes does not decode; restore the newest verified snapshot and replay";
}

#define ENERGY_ROW(Row)                    \
  template RowBytes::RowBytes(const Row&); \
  template RowError decode_row(std::string_view, Row&)
ENERGY_ROW(Provider);
ENERGY_ROW(MeterBinding);
ENERGY_ROW(Credit);
ENERGY_ROW(CreditPlace);
ENERGY_ROW(QueuedSettlement);
ENERGY_ROW(Receipt);
ENERGY_ROW(ReceiptPlace);
ENERGY_ROW(SlashRecord);
ENERGY_ROW(Dispute);
ENERGY_ROW(OpenDispute);
ENERGY_ROW(TrustRoot);
ENERGY_ROW(KeyVersion);
ENERGY_ROW(KeyDigest);
ENERGY_ROW(Totals);
template RowBytes::RowBytes(const CreditView&);
#undef ENERGY_ROW

}  // namespace energy
