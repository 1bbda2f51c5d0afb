// A node for tests of the oracle: real keys and hashes, a clock that the test moves, a local store
// in a map, and an energy market that checks what it is sent. Answers to post() wait in `answers`
// until deliver().
#pragma once

#include <deque>
#include <map>
#include <set>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "plugins/mock-oracle/oracle.hpp"

namespace mock_oracle {

// A market with the energy plugin's names and shapes.
class FakeMarket {
 public:
  struct Provider {
    std::string meter;
    MeterState last;
  };
  bool rehearsal = false, settlements_paused = false;
  std::vector<Provider> providers;
  std::map<std::string, std::string> keys;                     // provider id -> public key in hex
  std::vector<Reading> readings;                               // accepted
  std::vector<std::pair<std::string, std::uint64_t>> settled;  // meter hash, kWh
  std::string buyer;

  static std::string id(std::size_t place) { return tb::cat("energy-0x0000000", place); }
  std::uint64_t total_kwh() const {
    std::uint64_t sum = 0;
    for (const Provider& provider : providers) sum += provider.last.total_kwh;
    return sum;
  }

  // Writes the result or the error; true for a result.
  bool answer(std::string_view method, tb::Value params, tb::Out& out) {
    if (method == "node.status") return out.put("operator", "tb1operator"), true;
    if (method == "energy.providers") return list(params, out);
    if (method == "energy.oracle_keys") return list_keys(out);
    if (method == "energy.set_provider_keys") return set_keys(params, out);
    if (rehearsal) return refuse(out, -33020, "Rehearsal");
    if (method == "energy.register_provider") return add(params, out);
    if (method == "energy.submit_reading") return read(params, out);
    if (method == "energy.settle") return settle(params, out);
    return refuse(out, -32601, "method_not_found");
  }

 private:
  static bool refuse(tb::Out& out, std::int32_t code, std::string_view name) {
    out.put("code", code);
    out.put("message", name);
    return false;
  }
  void show(std::size_t place, tb::Out& out) const {
    const Provider& provider = providers[place];
    out.put("provider_id", id(place));
    out.put("meter_address", provider.meter);
    out.put("last_meter_value", provider.last.total_kwh);
    out.put("last_meter_timestamp", provider.last.timestamp);
    out.put("last_nonce", provider.last.nonce);
  }
  bool list(tb::Value params, tb::Out& out) const {
    const std::uint64_t from = params["page"].u64() * params["page_size"].u64();
    out.put("total", providers.size());
    out.list("providers", [&](tb::Out& list) {
      for (std::uint64_t i = from; i < providers.size() && i < from + params["page_size"].u64();
           ++i) {
        list.record({}, [&](tb::Out& one) { show(i, one); });
      }
    });
    return true;
  }
  bool list_keys(tb::Out& out) const {
    out.list("keys", [&](tb::Out& list) {
      for (const auto& [provider, key] : keys) {
        list.record({}, [&, p = provider, k = key](tb::Out& one) {
          one.put("provider_id", p);
          one.put("public_key_hex", k);
        });
      }
    });
    return true;
  }
  bool set_keys(tb::Value params, tb::Out& out) {
    keys.clear();
    const tb::Value list = params["keys"];
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      keys[std::string(list[i]["provider_id"].text())] = list[i]["public_key_hex"].text();
    }
    out.put("registered", keys.size());
    return true;
  }
  bool add(tb::Value params, tb::Out& out) {
    for (const Provider& provider : providers) {
      if (provider.meter == params["meter_address"].text()) {
        return refuse(out, -33006, "MeterAddressInUse");
      }
    }
    if (params["owner"].text() != "tb1operator" || params["jurisdiction"].text() != "GB" ||
        params["stake"].u64() != 5000) {
      return refuse(out, -32602, "InvalidParams");
    }
    providers.push_back({std::string(params["meter_address"].text()), {}});
    show(providers.size() - 1, out);
    return true;
  }
  bool read(tb::Value params, tb::Out& out) {
    Reading reading;
    if (!tb::decode(*params.raw(), reading)) return refuse(out, -32602, "InvalidParams");
    std::size_t place = 0;
    while (place < providers.size() && id(place) != reading.provider_id) ++place;
    if (place == providers.size()) return refuse(out, -33006, "UnknownProvider");
    if (reading.meter_address != providers[place].meter)
      return refuse(out, -33003, "MeterMismatch");
    if (!signature_holds(reading)) return refuse(out, -33001, "SignatureVerificationFailed");
    MeterState& last = providers[place].last;
    if (reading.nonce <= last.nonce) return refuse(out, -33007, "NonceReplay");
    if (reading.timestamp <= last.timestamp) return refuse(out, -33003, "StaleReading");
    if (reading.kwh_reading < last.total_kwh) return refuse(out, -33003, "InvalidMeterValue");
    out.put("amount_kwh", reading.kwh_reading - last.total_kwh);
    out.put("meter_hash", tb::cat("hash", readings.size()));
    last = {reading.kwh_reading, reading.timestamp, reading.nonce};
    readings.push_back(std::move(reading));
    return true;
  }
  bool settle(tb::Value params, tb::Out& out) {
    if (settlements_paused) return refuse(out, -33005, "SettlementPaused");
    settled.emplace_back(params["meter_hash"].text(), params["kwh_consumed"].u64());
    buyer = params["buyer"].text();
    out.put("seq", settled.size());
    return true;
  }
  bool signature_holds(const Reading& reading) const {
    const auto key = keys.find(reading.provider_id);
    if (key == keys.end()) return false;
    blockd::PublicKey public_key{};
    const tb::Hash bytes = parse_seed(key->second).value_or(tb::Hash());
    std::copy(bytes.bytes.begin(), bytes.bytes.end(), public_key.begin());
    blockd::Signature signature{};
    const auto first = parse_seed(std::string_view(reading.signature).substr(0, 64));
    const auto second = parse_seed(std::string_view(reading.signature).substr(64));
    if (!first || !second) return false;
    std::copy(first->bytes.begin(), first->bytes.end(), signature.begin());
    std::copy(second->bytes.begin(), second->bytes.end(), signature.begin() + 32);
    const blockd::Hash digest = blockd::blake3(reading_preimage(reading));
    return blockd::ed25519_verify(public_key, blockd::view(digest), signature);
  }
};

class FakeNode : public tb_host {
 public:
  FakeNode() {
    blockd::crypto_init();
    this->api = &table();
    set(keys::kDemo, true);
    set(keys::kProviders, 4u);
    set(keys::kStepMs, std::uint64_t(1000));
    set(keys::kDataFile,
        std::string(TB_SOURCE_DIR "/config/sample-data/gb-electricity-demand-2000.csv"));
    set(keys::kKwhPerMwPpm, std::uint64_t(100'000));
    set(keys::kPricePerKwh, std::uint64_t(2));
    set(keys::kSettleSharePct, 50u);
    set(keys::kListen, std::string("127.0.0.1:8080"));
    set(keys::kAllowRemote, false);
    set(keys::kKeyHex, std::optional<std::string>());
    set(keys::kSigningKey, std::optional<std::string>());
    set(keys::kMap, std::optional<std::vector<std::string>>());
    set(keys::kStepKwh, std::uint64_t(250));
    set(keys::kSkewSecs, std::int64_t(0));
    set(keys::kDropPpm, 0u);
    set(keys::kBadSignaturePpm, 0u);
    set(keys::kRegressPpm, 0u);
  }

  template <class T>
  void set(tb::Config<T> key, const std::type_identity_t<T>& value) {
    auto tree = std::make_unique<tb::detail::Tree>();
    tb::Out out(tree->out());
    out.put("v", value);
    config[key.index] = std::move(tree);
  }

  // Hands all answers that wait to the face, and those that follow from them. Returns how many.
  std::size_t deliver(Oracle& oracle) {
    std::size_t count = 0;
    for (; !answers.empty(); ++count) {
      const Waiting one = std::move(answers.front());
      answers.pop_front();
      const tb::Value record(one.tree->finish());
      oracle.on_reply(one.cookie, {one.ok, record});
    }
    return count;
  }

  struct Waiting {
    std::uint64_t cookie;
    bool ok;
    std::unique_ptr<tb::detail::Tree> tree;
  };
  FakeMarket market;
  std::uint64_t now_ms = 1'710'000'000'000;
  std::map<std::string, std::string> store;
  std::map<std::uint32_t, std::unique_ptr<tb::detail::Tree>> config;
  std::map<std::string, std::int64_t> metrics;  // "0 ok" -> 3
  std::vector<std::string> logs, posted;        // posted: names of methods
  std::deque<Waiting> answers;
  std::size_t most_waiting = 0;
  tb_status post_status = TB_OK, call_status = TB_OK;

 private:
  static FakeNode& of(tb_host* host) { return *static_cast<FakeNode*>(host); }
  Waiting ask(std::string_view method, tb_fill fill, void* user, std::uint64_t cookie) {
    tb::detail::Tree params;
    if (fill != nullptr) fill(user, params.out());
    Waiting made{cookie, false, std::make_unique<tb::detail::Tree>()};
    tb::Out out(made.tree->out());
    made.ok = market.answer(method, tb::Value(params.finish()), out);
    return made;
  }
  static const tb_host_api& table();
};

inline const tb_host_api& FakeNode::table() {
  static const tb_host_api kTable = [] {
    tb_host_api t{};
    t.log = [](tb_host* h, std::uint32_t, tb_str text) {
      of(h).logs.emplace_back(tb::to_view(text));
    };
    t.unix_ms = [](tb_host* h) { return of(h).now_ms; };
    t.random = [](tb_host*, void* out, std::uint64_t n) { std::memset(out, 9, n); };
    t.blake3 = [](tb_host*, const tb_str* parts, std::uint32_t count, std::uint8_t out[32]) {
      blockd::Blake3 hasher;
      for (std::uint32_t i = 0; i < count; ++i) hasher.update(tb::to_view(parts[i]));
      const auto hash = hasher.finish();
      std::memcpy(out, hash.data(), 32);
    };
    t.ed25519_public = [](tb_host*, const std::uint8_t seed[32],
                          std::uint8_t out[32]) -> tb_status {
      std::array<std::uint8_t, 32> copy;
      std::memcpy(copy.data(), seed, 32);
      std::memcpy(out, blockd::SigningKey::from_seed(copy).public_key().data(), 32);
      return TB_OK;
    };
    t.ed25519_sign = [](tb_host*, const std::uint8_t seed[32], tb_str text,
                        std::uint8_t out[64]) -> tb_status {
      std::array<std::uint8_t, 32> copy;
      std::memcpy(copy.data(), seed, 32);
      std::memcpy(out, blockd::SigningKey::from_seed(copy).sign(tb::to_view(text)).data(), 64);
      return TB_OK;
    };
    t.config = [](tb_host* h, std::uint32_t index, void (*read)(void*, const tb_value*),
                  void* user) -> tb_status {
      const tb_value* record = of(h).config.at(index)->finish();
      const tb_value none{};
      read(user, record->count == 0 ? &none : record->items);
      return TB_OK;
    };
    t.metric = [](tb_host* h, std::uint32_t index, const tb_str* labels, std::uint32_t count,
                  std::int64_t value) -> tb_status {
      std::string name = std::to_string(index);
      for (std::uint32_t i = 0; i < count; ++i) name += tb::cat(" ", tb::to_view(labels[i]));
      index == kStep.index ? of(h).metrics[name] = value : of(h).metrics[name] += value;
      return TB_OK;
    };
    t.call = [](tb_host* h, tb_str method, tb_fill fill, void* params, std::uint32_t,
                void (*read)(void*, std::uint32_t, const tb_value*), void* user) -> tb_status {
      if (of(h).call_status != TB_OK) return of(h).call_status;
      const Waiting answer = of(h).ask(tb::to_view(method), fill, params, 0);
      read(user, answer.ok ? 1 : 0, answer.tree->finish());
      return answer.ok ? TB_OK : TB_FAILED;
    };
    t.post = [](tb_host* h, tb_str method, tb_fill fill, void* user,
                std::uint64_t cookie) -> tb_status {
      if (of(h).post_status != TB_OK) return of(h).post_status;
      of(h).posted.emplace_back(tb::to_view(method));
      of(h).answers.push_back(of(h).ask(tb::to_view(method), fill, user, cookie));
      of(h).most_waiting = std::max(of(h).most_waiting, of(h).answers.size());
      return TB_OK;
    };
    t.store_get = [](tb_host* h, tb_str key, const tb_sink* value) -> tb_status {
      const auto found = of(h).store.find(std::string(tb::to_view(key)));
      if (found == of(h).store.end()) return TB_NOT_FOUND;
      value->put(value->user, tb::to_str(found->second));
      return TB_OK;
    };
    t.store_put = [](tb_host* h, tb_str key, tb_str value) -> tb_status {
      of(h).store[std::string(tb::to_view(key))] = tb::to_view(value);
      return TB_OK;
    };
    return t;
  }();
  return kTable;
}

}  // namespace mock_oracle
