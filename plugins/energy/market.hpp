// Market: the market as one step sees it: typed rows of one space over the ctx, the parameters in
// force, and the totals, read once and written once. [machine]
//
// A Market lives for one command, one hook, or one savepoint inside of them; whoever makes one
// calls save() before it ends well. Rows that are there and do not decode fail the step. Heights
// are those of the state (chain height + height_base).
//
// Rules that a reader of totals must not meet (a reading) take a provider through provider_row(),
// which does not touch them.
#pragma once

#include "plugins/energy/keys.hpp"
#include "plugins/energy/result.hpp"
#include "plugins/energy/rules/fees.hpp"
#include "plugins/energy/rules/params.hpp"
#include "plugins/energy/state.hpp"
#include "plugins/energy/state_codec.hpp"

namespace energy {

inline std::string_view bytes_of(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}
inline tb::Hash to_tb(const Hash& hash) { return tb::Hash::from(bytes_of(hash)); }

// The parameters in force.
Params load_params(tb::View& view);

// Decodes a row that a scan delivered or a read lent.
template <class Row>
void read_row(std::string_view bytes, Row& row) {
  const RowError error = decode_row(bytes, row);
  if (error != RowError::kNone) {
    throw std::runtime_error(describe_row_error(error, Row::kRowName, bytes, Row::kLayout));
  }
}
template <class Row>
Row row_of(std::string_view bytes) {
  Row row;
  read_row(bytes, row);
  return row;
}
template <class Row>
std::optional<Row> load_row(tb::View& view, std::string_view key) {
  std::optional<Row> row;
  view.read(key, [&](std::string_view bytes) { read_row(bytes, row.emplace()); });
  return row;
}

// A provider whose capacity period has been reset since it was last written has all of its capacity
// again.
void bring_up_to_date(Provider& provider, const Totals& totals);

class Market {
 public:
  Market(tb::Ctx& ctx, Space space, const Params& params);
  Market(const Market&) = delete;
  Market& operator=(const Market&) = delete;

  tb::Ctx& ctx() { return ctx_; }
  const Keys& keys() const { return keys_; }
  const Params& params() const { return params_; }
  bool real() const { return space_ == Space::kReal; }
  bool moves_funds() const { return real() && params_.funds_mode == 1; }
  std::uint64_t time_s() const { return ctx_.time_s(); }
  std::uint64_t recorded_at() const { return ctx_.time_s() * 1000; }
  std::uint64_t expiry() const { return effective_expiry(params_); }

  Totals& totals();
  // Chain height of the state; reads the totals.
  Height height() { return height_from(totals().height_base); }
  Height height_from(std::int64_t base) const;

  template <class Row>
  std::optional<Row> load(std::string_view key) {
    return load_row<Row>(ctx_, key);
  }
  template <class Row>
  void put(std::string_view key, const Row& row) {
    ctx_.put(key, RowBytes(row).view());
  }

  // By name, in any spelling; absent for a name that is none.
  std::optional<Provider> provider(std::string_view name);
  std::optional<Provider> provider(ProviderId id);
  std::optional<Provider> provider_row(ProviderId id) { return load<Provider>(keys_.provider(id)); }
  void put(const Provider& provider) { put(keys_.provider(provider.id), provider); }

  bool dispute_open(const Hash& meter_hash) { return ctx_.has(keys_.open_dispute(meter_hash)); }
  // True while the credit at this place has not been counted as expired.
  bool counts_as_pending(Height block, const Hash& meter_hash);
  // Takes a credit out of the state, with its place; the provider's count of pending credits
  // follows.
  void remove_credit(Provider& provider, const Credit& credit, const Hash& meter_hash);

  std::uint64_t next_event() { return ++totals().event_seq; }
  // Sum of capacities and what of them is used, before and after a change of one provider. False:
  // does not fit.
  [[nodiscard]] bool recount(const Provider& before, const Provider& after);
  MarketLoad load_now();

  void emit_provider(tb::Event<struct ProviderEvent> event, const Provider& provider);

  // Writes the totals if they were touched.
  void save();

 private:
  tb::Ctx& ctx_;
  Space space_;
  Keys keys_;
  Params params_;
  std::optional<Totals> totals_;
  std::optional<Totals> stored_;
};

}  // namespace energy
