#include "plugins/receipts/vectors.hpp"

#include <sodium.h>

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>

#include "plugins/receipts/json_tree.hpp"
#include "plugins/receipts/key_point.hpp"
#include "plugins/receipts/rules/bundles.hpp"
#include "plugins/receipts/rules/digests.hpp"
#include "plugins/receipts/rules/draft.hpp"
#include "plugins/receipts/rules/drain.hpp"
#include "plugins/receipts/rules/nonces.hpp"
#include "plugins/receipts/rules/registry.hpp"
#include "plugins/receipts/rules/sla.hpp"
#include "plugins/receipts/rules/totals.hpp"
#include "plugins/receipts/rules/validation.hpp"

namespace receipts {
namespace {

namespace json = boost::json;

std::string unhex(const json::value& text) {
  auto bytes = from_hex(std::string_view(text.as_string()));
  if (!bytes) throw std::runtime_error("a member of the case is no hexadecimal text");
  return *bytes;
}
std::uint64_t number(const json::value& value) { return value.to_number<std::uint64_t>(); }
std::string text(const json::value& value) { return std::string(value.as_string()); }
// A member that a case may leave out, or give as null.
const json::value* given(const json::object& in, std::string_view member) {
  const json::value* value = in.if_contains(member);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Receipt receipt_of(const json::value& value) {
  const JsonTree tree(value);
  std::string problem;
  std::optional<Receipt> receipt = read_receipt(tree.root(), &problem);
  if (!receipt) throw std::runtime_error("a receipt of the case: " + problem);
  return *std::move(receipt);
}

json::object replay_encoding(const json::object& in) {
  const Item item = make_item(receipt_of(in.at("receipt")), 64);
  json::object out;
  out["encoding_hex"] = tb::to_hex(item.encoding);
  out["encoded_len"] = encoded_length(item.encoding);
  out["receipt_id"] = receipt_id(item.receipt).hex();
  out["leaf"] = item.leaf.hex();
  out["shard_64"] = item.shard;
  out["verify_units"] = item.units;
  if (const auto claim = claim_digest(item.receipt)) out["claim_digest"] = claim->hex();
  return out;
}

json::object replay_blocks(const json::object& in) {
  const auto shard_count = static_cast<std::uint32_t>(number(in.at("shard_count")));
  std::vector<Item> items;
  for (const json::value& receipt : in.at("receipts").as_array())
    items.push_back(make_item(receipt_of(receipt), shard_count));
  const std::uint64_t until =
      number(in.at("timestamp_ms")) + 1000 * number(in.at("da_window_secs"));
  const Header header = make_header(items, shard_count, until, kSchemeBatch);
  const std::string list = encode_list(items);
  json::object roots, blobs;
  json::array usage;
  for (const ShardUse& use : header.shards) {
    roots[std::to_string(use.shard)] = use.root.hex();
    blobs[std::to_string(use.shard)] = use.blob.hex();
    usage.push_back({{"shard", use.shard},
                     {"count", use.count},
                     {"bytes", use.bytes},
                     {"verify_units", use.units}});
  }
  json::object out;
  out["available_until"] = until;
  out["shard_roots"] = roots;
  out["blob_commitments"] = blobs;
  out["empty_shard_root"] = merkle_root({}).hex();
  out["empty_blob_commitment"] = tb::blake3("").hex();
  out["aggregate_sig"] = header.aggregate.hex();
  out["usage"] = usage;
  out["receipts_serialized_len"] = list.size();
  out["receipts_serialized_blake3"] = tb::blake3(list).hex();
  out["header_struct_blake3"] =
      items.empty() ? json::value(nullptr) : json::value(tb::blake3(encode_header(header)).hex());
  out["receipts_commitment"] = commitment(items.empty() ? nullptr : &header, list).hex();
  return out;
}

bool verify_signature(std::string_view key, std::string_view message, std::string_view signature) {
  const auto raw = [](std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
  };
  return crypto_sign_verify_detached(raw(signature), raw(message), message.size(), raw(key)) == 0;
}

std::vector<KeyVersion> key_versions(const json::array& keys) {
  std::vector<KeyVersion> out;
  for (const json::value& key : keys) {
    KeyVersion version{unhex(key.at("key_hex")), number(key.at("registered_at_block")), {}, {}};
    if (const json::value* retired = given(key.as_object(), "retired_at_block"))
      version.retired_at_block = number(*retired);
    out.push_back(std::move(version));
  }
  return out;
}

json::object replay_validate(const json::object& in) {
  const std::uint64_t height = number(in.at("height"));
  const JsonTree tree(in.at("receipt"));
  std::string problem;
  const std::optional<Receipt> receipt = read_receipt(tree.root(), &problem);
  const auto result = [](std::string_view name) { return json::object{{"result", name}}; };
  if (!receipt) return result(name_of(Reason::kSchemaMismatch));
  if (const Checked refused = check_fields(*receipt)) return result(name_of(refused->reason));
  if (receipt->slash()) return result("ok");
  Questions ask;
  ask.key_of = [&](std::string_view provider) -> std::string {
    for (const json::value& entry : in.at("registry").as_array()) {
      if (text(entry.at("provider_id")) != provider) continue;
      const auto versions = key_versions(entry.at("keys").as_array());
      const KeyVersion* version = key_for_block(versions, height);
      return version == nullptr ? std::string() : version->key;
    }
    return {};
  };
  ask.nonce_fresh = [&](std::string_view provider, std::uint64_t nonce) {
    if (const json::value* floors = given(in, "next_min")) {
      const json::value* floor = given(floors->as_object(), provider);
      if (floor != nullptr && nonce < number(*floor)) return false;
    }
    const json::value* tracked = given(in, "seen");
    if (tracked == nullptr) return true;
    for (const json::value& seen : tracked->as_array()) {
      if (text(seen.at(0)) == provider && number(seen.at(1)) == nonce) return false;
    }
    return true;
  };
  ask.verify = &verify_signature;
  const Checked refused = check_signature(*receipt, ask);
  return result(refused ? name_of(refused->reason) : "ok");
}

class NonceMap : public NonceRows {
 public:
  NonceFloor floor(std::string_view provider) override { return of(provider).floor; }
  void set_floor(std::string_view provider, const NonceFloor& floor) override {
    of(provider).floor = floor;
  }
  bool tracked(std::string_view provider, std::uint64_t nonce) override {
    return of(provider).nonces.count(nonce) != 0;
  }
  void put(std::string_view provider, std::uint64_t nonce, std::uint64_t block) override {
    of(provider).nonces[nonce] = block;
  }
  void erase(std::string_view provider, std::uint64_t nonce) override {
    of(provider).nonces.erase(nonce);
  }
  std::optional<std::uint64_t> smallest(std::string_view provider) override {
    const auto& nonces = of(provider).nonces;
    return nonces.empty() ? std::nullopt : std::optional(nonces.begin()->first);
  }
  std::optional<OldNonce> oldest_before(std::uint64_t cutoff) override {
    for (const auto& [provider, entry] : providers_) {
      for (const auto& [nonce, block] : entry.nonces) {
        if (block < cutoff) return OldNonce{block, provider, nonce};
      }
    }
    return std::nullopt;
  }
  json::object state() const {
    json::object out;
    for (const auto& [provider, entry] : providers_)
      out[provider] = {{"tracked", entry.floor.tracked}, {"next_min", entry.floor.next_min}};
    return out;
  }

 private:
  struct Entry {
    NonceFloor floor;
    std::map<std::uint64_t, std::uint64_t> nonces;
  };
  Entry& of(std::string_view provider) { return providers_[std::string(provider)]; }
  std::map<std::string, Entry> providers_;
};

json::object replay_nonces(const json::object& in) {
  NonceMap rows;
  json::array results;
  for (const json::value& op : in.at("ops").as_array()) {
    const std::uint64_t block = number(op.at("block"));
    if (text(op.at("op")) == "end_block") {
      prune_nonces(rows, block, number(in.at("finality_window")), ~std::uint64_t{0});
      results.push_back(rows.state());
      continue;
    }
    const std::string provider = text(op.at("provider"));
    const std::uint64_t nonce = number(op.at("nonce"));
    const bool fresh = nonce_fresh(rows, provider, nonce);
    if (fresh) accept_nonce(rows, provider, nonce, block, number(in.at("per_provider_cap")));
    results.push_back(fresh ? "ok" : json::value(name_of(Reason::kReplayedNonce)));
  }
  return {{"results", results}};
}

json::value run_registry(std::map<std::string, std::vector<KeyVersion>>& registry,
                         const json::value& op) {
  const std::string kind = text(op.at("op")), id = text(op.at("provider_id"));
  const std::uint64_t block = number(op.at("block"));
  const auto found = registry.find(id);
  if (kind == "register") {
    const auto key = from_hex(text(op.at("key")));
    if (!valid_provider_id(id) || !key || !valid_provider_key(*key)) return "schema_mismatch";
    if (found != registry.end()) return "provider_exists";
    registry[id] = {{*key, block, {}, {}}};
    return "ok";
  }
  if (found == registry.end()) return kind == "key_for_block" ? json::value() : "unknown_provider";
  if (kind == "key_for_block") {
    const KeyVersion* version = key_for_block(found->second, block);
    return version == nullptr ? json::value() : json::value(tb::to_hex(version->key));
  }
  if (kind == "retire") return retire_key(found->second, block) ? "ok" : "rotation_not_monotonic";
  if (kind != "rotate") throw std::runtime_error("no op of the registry is called '" + kind + "'");
  const auto key = from_hex(text(op.at("key")));
  if (!key || !valid_provider_key(*key)) return "schema_mismatch";
  return rotate_key(found->second, *key, block, {}) ? "ok" : "rotation_not_monotonic";
}

json::object replay_registry(const json::object& in) {
  std::map<std::string, std::vector<KeyVersion>> registry;
  json::array results;
  for (const json::value& op : in.at("ops").as_array())
    results.push_back(run_registry(registry, op));
  return {{"results", results}};
}

json::object replay_drain(const json::object& in) {
  const json::object& params = in.at("params").as_object();
  DrainLimits limits;
  limits.max_receipts = number(params.at("max_receipts"));
  limits.byte_budget = number(params.at("byte_budget"));
  limits.verify_budget = number(params.at("verify_budget"));
  limits.shard_budget_ppm = number(params.at("shard_budget_ppm"));
  limits.max_per_provider = number(params.at("max_per_provider_per_shard"));
  limits.min_regions = number(params.at("min_region_diversity"));
  limits.min_asns = number(params.at("min_asn_diversity"));
  Drain drain(limits);
  std::vector<std::uint64_t> sequence;
  for (const json::value& pending : in.at("pending").as_array()) {
    Receipt receipt = receipt_of(pending.at("receipt"));
    receipt.set_number("block_height", number(in.at("height")));
    drain.offer(make_item(std::move(receipt),
                          static_cast<std::uint32_t>(number(params.at("shard_count")))));
    sequence.push_back(number(pending.at("seq")));
  }
  drain.finish([&](std::string_view provider) {
    const json::value* entry = in.at("registry").as_object().if_contains(provider);
    if (entry == nullptr) return Origin{};
    Origin origin;
    if (const json::value* region = given(entry->as_object(), "region"))
      origin.region = text(*region);
    if (const json::value* asn = given(entry->as_object(), "asn")) origin.asn = number(*asn);
    return origin;
  });
  json::array included, left;
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    const auto& taken = drain.taken();
    const bool in_block = std::find(taken.begin(), taken.end(), i) != taken.end();
    (in_block ? included : left).push_back(sequence[i]);
  }
  json::array violations(drain.violations().begin(), drain.violations().end());
  return {{"included", included}, {"left", left}, {"diversity_violation_shards", violations}};
}

json::object replay_malformed(const json::object& in) {
  const bool good = decode(unhex(in.at("encoding_hex"))).has_value();
  return {{"error", good ? json::value() : json::value(name_of(Reason::kSchemaMismatch))}};
}

json::object replay_totals(const json::object& in) {
  Totals totals[kMarkets];
  std::set<std::string> providers[kMarkets];
  for (const json::value& value : in.at("receipts").as_array()) {
    const Receipt receipt = receipt_of(value);
    const auto market = static_cast<std::size_t>(receipt.market());
    add_to(totals[market], receipt);
    if (!receipt.slash()) providers[market].emplace(receipt.provider());
  }
  json::object out;
  for (std::size_t i = 0; i < kMarkets; ++i) {
    const Totals& sum = totals[i];
    json::object market = {{"receipts", sum.receipts},
                           {"slash_receipts", sum.slash_receipts},
                           {"units", sum.units},
                           {"settled", sum.settled},
                           {"slashed", sum.slashed},
                           {"payout_total", sum.payout_total()},
                           {"providers", providers[i].size()}};
    if (kMarketNames[i] == "storage") market["provider_escrow_sum"] = sum.provider_escrow_sum;
    if (kMarketNames[i] == "compute") market["verified"] = sum.verified;
    if (kMarketNames[i] == "ad") market["conversions"] = sum.conversions;
    out[kMarketNames[i]] = market;
  }
  return out;
}

json::object replay_sla(const json::object& in) {
  std::vector<std::uint64_t> latencies;
  for (const json::value& latency : in.at("proof_latencies_ms").as_array())
    latencies.push_back(number(latency));
  const SlaOutcome outcome =
      judge_latency(latencies, number(in.at("budget_ms")), number(in.at("provider_bond")),
                    number(in.at("consumer_bond")));
  return {{"outcome", outcome.violated ? "violated" : "completed"},
          {"reason", outcome.violated ? json::value(kLatencyBudgetReason) : json::value()},
          {"burned", outcome.burned},
          {"refunded", outcome.refunded},
          {"slash_receipt", outcome.slash_receipt}};
}

json::object replay_bundles(const json::object& in) {
  const SizeClass size = text(in.at("size_class")) == "L2" ? SizeClass::kL2 : SizeClass::kL3;
  const std::uint64_t slot = bundle_slot(size, number(in.at("timestamp_ms")));
  std::vector<RootEntry> entries;
  for (const json::value& entry : in.at("entries").as_array()) {
    entries.push_back({tb::Hash::from(unhex(entry.at("root_hash"))),
                       static_cast<std::uint32_t>(number(entry.at("shard_id"))),
                       static_cast<std::uint8_t>(number(entry.at("lane"))),
                       number(entry.at("available_until")),
                       static_cast<std::uint32_t>(number(entry.at("payload_bytes")))});
  }
  return {{"slot", slot}, {"bundle_hash", bundle_hash(slot, size, entries).hex()}};
}

// What a case is, by the members that only its kind has; empty: none.
std::string_view kind_of(const json::object& in) {
  static constexpr std::pair<std::string_view, std::string_view> kMarks[] = {
      {"encoding_hex", "malformed"}, {"height", "validate"}, {"timestamp_ms", "blocks"},
      {"finality_window", "nonces"}, {"ops", "registry"},    {"proof_latencies_ms", "sla"},
      {"receipt", "encoding"},       {"receipts", "totals"}};
  if (in.contains("pending")) return "drain";
  if (in.contains("size_class")) return "bundles";
  for (const auto& [member, kind] : kMarks) {
    if (in.contains(member)) return kind;
  }
  return {};
}

}  // namespace

std::string replay_receipts_case(std::string_view kind, std::string_view input_json) {
  static constexpr std::pair<std::string_view, json::object (*)(const json::object&)> kKinds[] = {
      {"encoding", &replay_encoding},
      {"blocks", &replay_blocks},
      {"validate", &replay_validate},
      {"nonces", &replay_nonces},
      {"registry", &replay_registry},
      {"drain", &replay_drain},
      {"malformed", &replay_malformed},
      {"totals", &replay_totals},
      {"sla", &replay_sla},
      {"bundles", &replay_bundles}};
  const json::value input = json::parse(json::string_view(input_json.data(), input_json.size()));
  const auto named = [&](std::string_view wanted) {
    return std::find_if(std::begin(kKinds), std::end(kKinds),
                        [&](const auto& entry) { return entry.first == wanted; });
  };
  auto found = named(kind);
  if (found == std::end(kKinds)) found = named(kind_of(input.as_object()));
  if (found != std::end(kKinds)) return json::serialize(found->second(input.as_object()));
  throw std::runtime_error("receipts have no vectors of kind '" + std::string(kind) + "'");
}

}  // namespace receipts
