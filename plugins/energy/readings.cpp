#include "plugins/energy/readings.hpp"

#include <map>

#include <tb/blake3.hpp>

#include "plugins/energy/events.hpp"
#include "plugins/energy/metrics.hpp"
#include "plugins/energy/providers.hpp"

namespace energy {
namespace {

class CtxCrypto final : public Crypto {
 public:
  explicit CtxCrypto(tb::Ctx& ctx) : ctx_(ctx) {}
  Hash blake3(std::string_view data) const override { return tb::blake3(data).bytes; }
  bool verify(const PublicKey& key, std::string_view message,
              const Signature& signature) const override {
    return ctx_.verify({reinterpret_cast<const char*>(key.data()), key.size()}, message,
                       {reinterpret_cast<const char*>(signature.data()), signature.size()});
  }
  std::pair<Hash, Hash> blake3_prefix_and_all(std::string_view data,
                                              std::size_t prefix) const override {
    const auto [first, all] = tb::blake3_prefix_and_all(data, prefix);
    return {first.bytes, all.bytes};
  }

 private:
  tb::Ctx& ctx_;
};

Refusal signature_failed(std::string reason, std::string text) {
  Refusal refusal = refuse(kSignatureVerificationFailed, std::move(text));
  refusal.data = {{"reason", std::move(reason)}};
  return refusal;
}

std::optional<Refusal> check_skew(Market& market, std::uint64_t timestamp) {
  const std::uint64_t skew = clock_skew(market.time_s(), timestamp);
  const std::uint64_t allowed = market.params().max_clock_skew_secs;
  if (skew <= allowed) return std::nullopt;
  Refusal refusal = refuse(kTimestampSkew, tb::cat("the reading is ", skew,
                                                   " s away from the block's time, allowed are ",
                                                   allowed, "; check the oracle's clock"));
  refusal.data = {{"tolerance_secs", allowed}, {"observed_skew", skew}};
  return refusal;
}

std::optional<Refusal> check_signature(Market& market, const ReadingBytes& reading,
                                       const Hash& digest, const Signature& signature,
                                       ProviderId id, const CtxCrypto& crypto) {
  const auto root = market.load<TrustRoot>(trust_root_key(id));
  if (!root) {
    return signature_failed("key_not_found",
                            "the provider has no key; add it with energy.set_provider_keys");
  }
  if (root->scheme != KeyScheme::kEd25519) {
    return signature_failed("scheme_unsupported", "the provider's key is not of scheme ed25519");
  }
  if (!verify_reading(reading, digest, signature, root->public_key, crypto)) {
    return signature_failed("verification_failed",
                            "the signature does not verify under the provider's key");
  }
  return std::nullopt;
}

// A holder of the key sent a reading that contradicts an earlier one: one bad observation of its
// meter.
Refusal contradiction(tb::Error error, std::string text, ProviderId id) {
  Refusal refusal = refuse(error, std::move(text));
  refusal.penalty = [id, name = error.name](Market& market) {
    std::optional<Provider> provider = market.provider_row(id);
    observe_provider(market, *provider, Trait::kMeter, kBad);
    market.put(*provider);
    if (market.real()) {
      market.ctx().emit(kReadingRejected,
                        {format_provider_id(id), name, market.height_from(provider->height_base)});
    }
  };
  return refusal;
}

std::optional<Refusal> check_against_last(const ReadingParams& in, const Provider& provider) {
  if (in.meter_address != provider.meter_address) {
    return refuse(kMeterMismatch, "the provider is bound to another meter");
  }
  if (!provider.last_reading) return std::nullopt;
  if (in.timestamp <= provider.last_reading->timestamp) {
    return contradiction(kStaleReading, "a newer reading of this meter was accepted already",
                         provider.id);
  }
  if (in.kwh_reading < provider.last_reading->meter_value) {
    return contradiction(
        kInvalidMeterValue,
        tb::cat("the meter shows less than before, ", provider.last_reading->meter_value, " kWh"),
        provider.id);
  }
  return std::nullopt;
}

// The rows of the specification's table up to the signature.
std::optional<Refusal> check_sender(Market& market, const ReadingParams& in,
                                    const std::optional<Provider>& provider) {
  if (!provider) return unknown_provider(in.provider_id);
  if (provider->status != ProviderStatus::kActive) {
    return refuse(
        kProviderInactive,
        "the provider is deactivated; energy.update_provider with reactivate brings it back");
  }
  if (auto refusal = check_skew(market, in.timestamp)) return refusal;
  if (provider->last_reading && in.nonce <= provider->last_reading->nonce) {
    Refusal refusal = refuse(
        kNonceReplay,
        tb::cat("nonce ", in.nonce, " is not above the last one, ", provider->last_reading->nonce));
    refusal.data = {{"nonce", in.nonce}};
    return refusal;
  }
  return std::nullopt;
}

void publish(Market& market, const Provider& provider, const Minted& minted) {
  if (!market.real()) return;
  tb::Ctx& ctx = market.ctx();
  const ProviderIdText name(provider.id);
  const std::string_view id = name.view();
  const ReadingView& reading = minted.credit.reading;
  const std::uint64_t now = market.time_s();
  const std::uint64_t latency = now > reading.timestamp ? now - reading.timestamp : 0;
  ctx.emit(kReadingAccepted, {id, reading.meter_address, to_tb(minted.meter_hash),
                              minted.credit.amount_kwh, reading.kwh_reading, reading.timestamp,
                              reading.nonce, latency, now, minted.credit.block});
  ctx.add(kMeterReadings, 1, {id});
  ctx.add(kReadings);
  ctx.observe(kReadingLatency, static_cast<std::int64_t>(latency));
}

// Writes what an accepted reading changes. nullopt: good.
std::optional<Refusal> accept(Market& market, Provider& provider, Minted& minted) {
  const ReadingView& reading = minted.credit.reading;
  minted.credit.amount_kwh =
      reading.kwh_reading - (provider.last_reading ? provider.last_reading->meter_value : 0);
  const ShortKey credit_key = market.keys().credit(minted.meter_hash);
  if (minted.credit.amount_kwh > 0) {
    if (const auto live = market.load<Credit>(credit_key); live && live->provider != provider.id) {
      return refuse(kMeterHashConflict, "a credit of another provider has this meter hash");
    }
  }
  const auto latency = reading_latency_ms(market.time_s(), reading.timestamp);
  if (!latency) return invalid("the reading is older than milliseconds can count");
  provider.last_reading = LastReading{reading.kwh_reading, reading.timestamp, reading.nonce};
  observe_provider(market, provider, Trait::kMeter, kGood);
  observe_provider(market, provider, Trait::kLatency,
                   latency_quality(*latency, market.params().latency_threshold_ms));
  if (minted.credit.amount_kwh > 0) {
    provider.pending_credits += 1;
    market.put(credit_key, minted.credit);
    market.put(market.keys().credit_place({minted.credit.block, minted.meter_hash}),
               CreditPlace{provider.id});
  }
  market.put(provider);
  return std::nullopt;
}

}  // namespace

Result<Minted> submit_reading(Market& market, const ReadingParams& in) {
  const auto signature = parse_signature(in.signature);
  if (!signature) {
    Refusal refusal = invalid("signature is not 64 bytes of hex");
    refusal.data = {{"reason", std::string("invalid_format")}};
    return refusal;
  }
  const auto id = parse_provider_id(in.provider_id);
  std::optional<Provider> provider = id ? market.provider_row(*id) : std::nullopt;
  if (auto refusal = check_sender(market, in, provider)) return std::move(*refusal);

  const CtxCrypto crypto(market.ctx());
  Minted minted;
  minted.credit.reading = {in.provider_id, in.meter_address, in.kwh_reading,
                           in.timestamp,   in.nonce,         *signature};
  const ReadingBytes bytes(minted.credit.reading);
  const auto [digest, meter_hash] =
      crypto.blake3_prefix_and_all(bytes.whole(), bytes.preimage().size());
  if (auto refusal = check_signature(market, bytes, digest, *signature, *id, crypto))
    return std::move(*refusal);
  if (auto refusal = check_against_last(in, *provider)) return std::move(*refusal);
  minted.meter_hash = meter_hash;
  minted.credit.provider = *id;
  minted.credit.block = market.height_from(provider->height_base);
  if (auto refusal = accept(market, *provider, minted)) return std::move(*refusal);
  publish(market, *provider, minted);
  return minted;
}

Result<KeyList> parse_keys(const std::vector<KeyEntry>& entries) {
  if (entries.size() > kMaxTrustRoots)
    return invalid(tb::cat("more than ", kMaxTrustRoots, " keys"));
  std::map<ProviderId, PublicKey> sorted;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto id = parse_provider_id(entries[i].provider_id);
    if (!id)
      return invalid(tb::cat(
          "keys[", i, "].provider_id is no id such as energy-0x00000000; nothing was changed"));
    const auto key = parse_public_key(entries[i].public_key_hex);
    if (!key) {
      return invalid(tb::cat("keys[", i, "].public_key_hex of ", format_provider_id(*id),
                             " is not 32 bytes of hex; nothing was changed"));
    }
    sorted[*id] = *key;
  }
  return KeyList(sorted.begin(), sorted.end());
}

Hash digest_of(const KeyList& keys) {
  tb::Blake3 hasher;
  for (const auto& [id, key] : keys) {
    hasher.update(format_provider_id(id))
        .update({reinterpret_cast<const char*>(key.data()), key.size()});
  }
  return hasher.finish().bytes;
}

Result<KeysReplaced> set_provider_keys(Market& market, const KeysParams& in) {
  tb::Ctx& ctx = market.ctx();
  if (!ctx.is_admin()) return refuse(kUnauthorized, "set_provider_keys takes an admin");
  auto parsed = parse_keys(in.keys);
  if (!parsed) return std::move(parsed.refusal());
  std::map<std::string, TrustRoot> old;
  ctx.scan(kTrustRootPrefix, {}, kMaxTrustRoots, [&](std::string_view key, std::string_view value) {
    old.emplace(key, row_of<TrustRoot>(value));
  });
  const Height height = market.height();
  for (const auto& [id, public_key] : *parsed) {
    const std::string key(trust_root_key(id).view());
    const auto before = old.find(key);
    if (before == old.end() || before->second.public_key != public_key) {
      market.put(key, TrustRoot{public_key, KeyScheme::kEd25519, height});
    }
    if (before != old.end()) old.erase(before);
  }
  for (const auto& [key, root] : old) ctx.erase(key);
  KeysReplaced done{
      parsed->size(),
      market.load<KeyVersion>(std::string(kKeyVersionKey)).value_or(KeyVersion{}).version + 1,
      digest_of(*parsed)};
  market.put(std::string(kKeyVersionKey), KeyVersion{done.version});
  market.put(std::string(kKeyDigestKey), KeyDigest{done.digest});
  ctx.emit(kKeysReplaced, {done.registered, done.version, to_tb(done.digest), height});
  return done;
}

std::string_view reject_reason(std::string_view name) {
  if (name == kInvalidMeterValue.name || name == kNonceReplay.name || name == kMeterMismatch.name)
    return "invalid_reading";
  if (name == kStaleReading.name || name == kTimestampSkew.name) return "stale_timestamp";
  if (name == kSignatureVerificationFailed.name) return "bad_signature";
  if (name == kUnauthorized.name) return "authorization_failed";
  return "other";
}

}  // namespace energy
