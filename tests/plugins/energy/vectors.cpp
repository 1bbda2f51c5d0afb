#include "tests/plugins/energy/vectors.hpp"

#include <boost/json.hpp>
#include <stdexcept>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/json.hpp"
#include "plugins/energy/keys.hpp"
#include "plugins/energy/rules/fees.hpp"
#include "plugins/energy/rules/reputation.hpp"
#include "plugins/energy/state_codec.hpp"
#include "tests/plugins/energy/market_bench.hpp"
#include "tests/plugins/energy/node_crypto.hpp"

namespace energy {
namespace {

namespace json = boost::json;

// A number, or its decimal text, as requests carry the large ones.
std::uint64_t number(const json::value& value, std::string_view name) {
  const json::string* text = value.if_string();
  if (text != nullptr) {
    if (const auto read = blockd::parse_u64({text->data(), text->size()})) return *read;
  } else if (value.is_uint64() || (value.is_int64() && value.get_int64() >= 0)) {
    return value.to_number<std::uint64_t>();
  }
  throw std::runtime_error(std::string(name) + " is " + json::serialize(value) +
                           ", expected a number from 0 to 2^64 - 1");
}
std::uint64_t number(const json::object& o, std::string_view name) {
  const json::value* value = o.if_contains(name);
  if (value == nullptr) throw std::runtime_error("the member " + std::string(name) + " is missing");
  return number(*value, name);
}
std::string text(const json::object& o, std::string_view name) {
  return std::string(o.at(name).as_string());
}
std::string hex(std::string_view bytes) {
  return format_hex(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

Reading reading_of(const json::object& in) {
  return {text(in, "provider_id"), text(in, "meter_address"), number(in, "kwh_reading"),
          number(in, "timestamp"), number(in, "nonce"),       {}};
}

json::object sign(const json::object& in) {
  const NodeCrypto crypto;
  const auto seed = parse_hex<32>(text(in, "secret_seed_hex"));
  if (!seed) throw std::runtime_error("secret_seed_hex is not 32 bytes of hex");
  const blockd::SigningKey key = blockd::SigningKey::from_seed(*seed);
  Reading reading = reading_of(in);
  const std::string preimage = reading_preimage(reading);
  const Hash digest = reading_digest(reading, crypto);
  json::object out{{"public_key_hex", format_hex(key.public_key())},
                   {"preimage_hex", hex(preimage)},
                   {"digest_hex", format_hex(digest)}};
  reading.signature = key.sign(blockd::view(digest));
  out["signature_hex"] = format_hex(reading.signature);
  out["meter_hash"] = format_hex(reading_meter_hash(reading, crypto));
  reading.signature = key.sign(preimage);
  out["raw_signature_hex"] = format_hex(reading.signature);
  out["raw_meter_hash"] = format_hex(reading_meter_hash(reading, crypto));
  return out;
}

json::object verify(const json::object& in) {
  const json::object& given = in.contains("reading") ? in.at("reading").as_object() : in;
  const auto key = parse_public_key(text(in, "public_key_hex"));
  const auto signature = parse_signature(text(given, "signature"));
  Reading reading = reading_of(given);
  if (!signature) return {{"valid", false}, {"reason", "invalid_format"}};
  reading.signature = *signature;
  const bool valid = key && verify_reading(reading, *key, NodeCrypto());
  return {{"valid", valid},
          {"reason", valid ? json::value(nullptr) : json::value("verification_failed")}};
}

Params params_of(const json::object& in) {
  Params params;
  for (const auto& [name, value] : in) {
    const ParamSpec* spec = find_param(name);
    if (spec == nullptr) throw std::runtime_error("no parameter '" + std::string(name) + "'");
    params.*spec->field = number(value, name);
  }
  return params;
}

json::object fee(const json::object& in) {
  const MarketLoad load{number(in, "total_capacity_kwh"), number(in, "total_consumed_kwh"),
                        number(in, "providers")};
  const auto rate = fee_rate(params_of(in.at("params").as_object()), load, number(in, "timestamp"));
  if (!rate) return {{"error", "InvalidParams"}};
  return {{"utilization_ppm", rate->utilization_ppm},
          {"tanh_ppm", rate->tanh_ppm},
          {"congestion_ppm", rate->congestion_ppm},
          {"liquidity_ppm", rate->liquidity_ppm},
          {"time_ppm", rate->time_ppm},
          {"fee_bps", rate->fee_bps}};
}

bool update(Reputation& r, const json::object& in, std::uint64_t threshold) {
  const std::string kind = text(in, "update");
  if (kind == "delivery")
    return observe(r, Trait::kDelivery, quality_of(in.at("success").as_bool()));
  if (kind == "meter") return observe(r, Trait::kMeter, quality_of(in.at("consistent").as_bool()));
  if (kind == "latency")
    return observe(r, Trait::kLatency, latency_quality(number(in, "latency_ms"), threshold));
  if (kind == "penalize") return penalize(r, number(in, "severity_ppm"));
  if (kind != "capacity") throw std::runtime_error("no update is called '" + kind + "'");
  const auto quality = capacity_quality(number(in, "current"), number(in, "expected"));
  return !quality || observe(r, Trait::kCapacity, *quality);
}

json::object show(const Reputation& r) {
  json::object out{{"observations", r.observations},
                   {"composite_ppm", r.composite_ppm},
                   {"confidence_ppm", confidence_ppm(r.observations)}};
  constexpr std::string_view kNames[] = {"delivery", "meter", "latency", "capacity"};
  for (unsigned i = 0; i < kTraits; ++i) out[kNames[i]] = {r.traits[i].alpha, r.traits[i].beta};
  return out;
}

json::object reputation(const json::object& in) {
  Reputation r;
  for (const json::value& entry : in.at("updates").as_array()) {
    if (!update(r, entry.as_object(), number(in, "latency_threshold_ms")))
      throw std::runtime_error("a counter is full");
  }
  return show(r);
}

template <class Row>
Row row_of(const std::string& bytes) {
  Row row;
  if (decode_row(bytes, row) != RowError::kNone) throw std::runtime_error("a row does not decode");
  return row;
}

json::value or_null(const std::optional<std::uint64_t>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

// Beyond u64 as a decimal text, as an answer would print it.
json::value wide(U128 value) {
  if (value <= kU64Max) return static_cast<std::uint64_t>(value);
  return json::string(blockd::u128_to_string(value));
}

// `block` in a credit is the height at which it was minted.
json::object with_block(json::object result) {
  if (const json::value* minted = result.if_contains("block_height")) result["block"] = *minted;
  return result;
}

// The error object of an answer, and beside it its name and numbers as the vectors spell errors.
json::object flat(json::object error) {
  if (json::value* data = error.if_contains("data"); data != nullptr && data->is_object()) {
    for (const auto& [name, value] : data->get_object()) error.insert_or_assign(name, value);
  }
  return error;
}

json::object show(const Provider& p) {
  const auto& last = p.last_reading;
  return {{"provider_id", format_provider_id(p.id)},
          {"owner", p.owner},
          {"jurisdiction", p.jurisdiction},
          {"capacity_kwh", p.capacity_kwh},
          {"available_kwh", p.available_kwh},
          {"price_per_kwh", p.price_per_kwh},
          {"meter_address", p.meter_address},
          {"total_delivered_kwh", p.total_delivered_kwh},
          {"staked_balance", p.staked_balance},
          {"last_meter_value", or_null(last ? std::optional(last->meter_value) : std::nullopt)},
          {"last_meter_timestamp", or_null(last ? std::optional(last->timestamp) : std::nullopt)},
          {"last_nonce", or_null(last ? std::optional(last->nonce) : std::nullopt)},
          {"status", p.status == ProviderStatus::kActive ? "active" : "deactivated"},
          {"reputation_score_ppm", p.reputation_score_ppm},
          {"reputation", show(p.reputation)}};
}
json::object show(const Receipt& r) {
  return {{"buyer", r.buyer},
          {"seller", format_provider_id(r.seller)},
          {"kwh_delivered", r.kwh_delivered},
          {"price_paid", r.price_paid},
          {"block_settled", r.block_settled},
          {"treasury_fee", r.treasury_fee},
          {"treasury_fee_bps", r.treasury_fee_bps},
          {"jurisdiction_fee", r.jurisdiction_fee},
          {"slash_applied", r.slash_applied},
          {"meter_hash", format_hex(r.meter_hash)}};
}
json::object show(const Dispute& d) {
  const auto& end = d.resolution;
  return {{"id", d.id},
          {"provider_id", format_provider_id(d.provider)},
          {"meter_hash", format_hex(d.meter_hash)},
          {"reporter", d.reporter},
          {"reason", d.reason},
          {"status", end ? "resolved" : "open"},
          {"opened_at", d.opened_at},
          {"resolved_at", end ? json::value(end->resolved_at) : json::value(nullptr)},
          {"resolution_note", end && end->note ? json::value(*end->note) : json::value(nullptr)},
          {"resolver", end ? json::value(end->resolver) : json::value(nullptr)},
          {"outcome",
           end ? json::value(end->outcome == DisputeOutcome::kSlashed ? "slashed" : "resolved")
               : json::value(nullptr)}};
}

// Requests carry integers above 2^53 - 1 as texts, the vectors as numbers.
void large_as_text(json::value& value) {
  constexpr std::uint64_t kLargest = (std::uint64_t{1} << 53) - 1;
  if (json::object* object = value.if_object()) {
    for (auto& member : *object) large_as_text(member.value());
  } else if (json::array* list = value.if_array()) {
    for (json::value& element : *list) large_as_text(element);
  } else if (value.is_uint64() || (value.is_int64() && value.get_int64() > 0)) {
    const std::uint64_t found = value.to_number<std::uint64_t>();
    if (found > kLargest) value = std::to_string(found);
  }
}

// A sequence of blocks, commands and parameter changes, and the state that it leaves.
class Sequence {
 public:
  explicit Sequence(const json::object& in) : bench_(&tb_plugin_entry), in_(in) {
    for (const auto& [name, value] : in.at("params").as_object())
      bench_.set_param(name, number(value, name));
    if (!in.contains("accounts")) return;
    for (const auto& [name, value] : in.at("accounts").as_object())
      bench_.set_balance(std::string(name), number(value, name));
  }

  json::object replay() {
    json::array results;
    for (const json::value& op : in_.at("ops").as_array()) {
      results.push_back(step(op.as_object()));
      collect();
    }
    return {{"results", std::move(results)}, {"state", state()}};
  }

 private:
  json::value step(json::object op) {
    const std::string name = text(op, "op");
    op.erase("op");
    if (name == "block") return block(op);
    if (name == "set_params") {
      for (const auto& [key, value] : op) bench_.set_param(key, number(value, key));
      return {{"ok", json::object()}};
    }
    for (auto& member : op) large_as_text(member.value());
    const BenchAnswer answer = bench_.run("energy." + name, op);
    if (answer.applied) return {{"ok", with_block(answer.result.as_object())}};
    json::object error = answer.data;
    if (json::value* would = error.if_contains("would_be")) {
      if (json::value* inner = would->as_object().if_contains("error"))
        *inner = flat(inner->as_object());
      if (json::value* inner = would->as_object().if_contains("ok"))
        *inner = with_block(inner->as_object());
    }
    error["name"] = answer.name;
    error["message"] = answer.text;
    error["code"] = answer.code;
    return {{"error", std::move(error)}};
  }

  json::value block(const json::object& op) {
    bench_.begin(number(op, "height"), number(op, "time"));
    json::array executed;
    for (const BenchEvent& event : collect()) {
      if (event.topic == "energy.settlement_failed") {
        json::object error = event.data;
        error["name"] = event.data.at("error");
        executed.push_back({{"queue_id", event.data.at("queue_id")}, {"error", std::move(error)}});
      } else if (event.topic == "energy.settled") {
        executed.push_back({{"queue_id", event.data.at("queue_id")}, {"receipt", event.data}});
      }
    }
    return executed.empty() ? json::value(nullptr) : json::value{{"executed", std::move(executed)}};
  }

  std::vector<BenchEvent> collect() {
    std::vector<BenchEvent> events = bench_.take_events();
    for (const BenchEvent& event : events) {
      if (event.topic != "energy.slashed") continue;
      slashes_.push_back({{"provider_id", event.data.at("provider_id")},
                          {"meter_hash", event.data.at("meter_hash")},
                          {"block_height", event.data.at("height")},
                          {"amount", event.data.at("slash_amount")},
                          {"reason", event.data.at("reason")}});
    }
    return events;
  }

  template <class Row, class Show>
  json::array list(const std::string& prefix, Show&& shown) {
    json::array out;
    for (auto row = bench_.rows().lower_bound(prefix);
         row != bench_.rows().end() && row->first.starts_with(prefix); ++row) {
      out.push_back(shown(row->first, row_of<Row>(row->second)));
    }
    return out;
  }

  json::object state() {
    const Keys keys(Space::kReal);
    const auto found = bench_.rows().find(keys.totals());
    const Totals totals = found == bench_.rows().end() ? Totals{} : row_of<Totals>(found->second);
    json::object out;
    out["providers"] = list<Provider>(keys.providers(), [&](const std::string&, Provider p) {
      if (p.capacity_resets_seen != totals.capacity_resets) p.available_kwh = p.capacity_kwh;
      return show(p);
    });
    out["credits"] = list<Credit>(keys.credits(), [&](const std::string& key, const Credit& c) {
      return json::object{{"provider", format_provider_id(c.provider)},
                          {"amount_kwh", c.amount_kwh},
                          {"block", c.block},
                          {"reserved_kwh", c.reserved_kwh},
                          {"meter_hash", hex(std::string_view(key).substr(2))}};
    });
    out["receipts"] = list<Receipt>(keys.receipts(),
                                    [](const std::string&, const Receipt& r) { return show(r); });
    out["disputes"] = list<Dispute>(keys.disputes(),
                                    [](const std::string&, const Dispute& d) { return show(d); });
    out["queue"] =
        list<QueuedSettlement>(keys.queue(), [](const std::string&, const QueuedSettlement& q) {
          return json::object{{"queue_id", q.queue_id},
                              {"due_block", q.due_block},
                              {"provider_id", format_provider_id(q.provider)},
                              {"buyer", q.buyer},
                              {"kwh_consumed", q.kwh_consumed},
                              {"meter_hash", format_hex(q.meter_hash)}};
        });
    out["slashes"] = slashes_;
    out["total_kwh_settled"] = totals.total_kwh_settled;
    out["total_price_paid"] = wide(totals.total_price_paid);
    out["treasury_accrued"] = wide(totals.treasury_accrued);
    json::object accounts{{"energy:stakes", 0}, {"treasury", 0}};
    for (const auto& [name, amount] : bench_.balances()) accounts[name] = amount;
    out["accounts"] = std::move(accounts);
    return out;
  }

  MarketBench bench_;
  const json::object& in_;
  json::array slashes_;
};

}  // namespace

std::string replay_energy_case(std::string_view kind, std::string_view input) {
  const json::value parsed = json::parse(input);
  const json::object& in = parsed.as_object();
  if (kind == "sign") return json::serialize(sign(in));
  if (kind == "verify") return json::serialize(verify(in));
  if (kind == "fee") return json::serialize(fee(in));
  if (kind == "reputation") return json::serialize(reputation(in));
  if (kind == "sequence") return json::serialize(Sequence(in).replay());
  throw std::runtime_error("no kind of energy vector is called '" + std::string(kind) + "'");
}

}  // namespace energy
