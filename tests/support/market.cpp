#include "tests/support/market.hpp"

#include <stdexcept>

#include "kernel/base/address.hpp"
#include "kernel/base/blake3.hpp"
#include "kernel/base/hex.hpp"

namespace blockd::support {
namespace {

std::string text_of(const json::object& object, std::string_view member) {
  const json::string& text = object.at(member).get_string();
  return {text.data(), text.size()};
}

Bytes preimage(const std::string& id, const std::string& meter, std::uint64_t kwh,
               std::uint64_t timestamp, std::uint64_t nonce) {
  Bytes out = id + meter;
  put_u64(out, kwh);
  put_u64(out, timestamp);
  put_u64(out, nonce);
  return out;
}

}  // namespace

SigningKey key_of(std::string_view kind, std::uint64_t number) {
  return SigningKey::from_seed(blake3({"tests/support/", kind, "/", std::to_string(number)}));
}

Account::Account(std::uint64_t number)
    : key_(key_of("account", number)), address_(address_of(key_.public_key())) {}

CommandPtr Account::sign(std::string_view method, json::object params, std::uint64_t fee) {
  CommandDraft draft;
  draft.chain = kChainId;
  draft.method = method;
  draft.nonce = ++nonce;
  draft.fee = fee;
  draft.params = std::move(params);
  auto made = sign_command(draft, key_);
  if (!made.ok()) throw std::runtime_error(made.status().to_string());
  return *made;
}

Meter::Meter(std::uint64_t provider)
    : provider_(provider), key_(std::make_shared<const SigningKey>(key_of("meter", provider))) {}

std::string Meter::provider_id() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "energy-0x00000000";
  std::uint64_t rest = provider_;
  for (std::size_t at = out.size() - 1; rest != 0; --at, rest /= 16) out[at] = kDigits[rest % 16];
  return out;
}
std::string Meter::meter_address() const { return "meter_" + std::to_string(provider_); }
std::string Meter::public_key_hex() const { return to_hex(view(key_->public_key())); }

json::object Meter::reading(std::uint64_t kwh, std::uint64_t timestamp, std::uint64_t nonce) const {
  const std::string id = provider_id(), meter = meter_address();
  const Hash digest = blake3(preimage(id, meter, kwh, timestamp, nonce));
  json::object out;
  out["provider_id"] = id;
  out["meter_address"] = meter;
  out["kwh_reading"] = kwh;
  out["timestamp"] = timestamp;
  out["nonce"] = nonce;
  out["signature"] = to_hex(view(key_->sign(view(digest))));
  return out;
}

std::string Meter::meter_hash(const json::object& reading) {
  auto signature = array_from_hex<64>(text_of(reading, "signature"));
  if (!signature.ok()) throw std::runtime_error(signature.status().to_string());
  auto number = [&](std::string_view member) {
    return reading.at(member).to_number<std::uint64_t>();
  };
  Bytes all = preimage(text_of(reading, "provider_id"), text_of(reading, "meter_address"),
                       number("kwh_reading"), number("timestamp"), number("nonce"));
  put_u32(all, 64);
  all.append(view(*signature));
  return to_hex(view(blake3(all)));
}

json::object register_params(std::uint64_t provider, std::string_view owner, std::uint64_t stake) {
  json::object out;
  out["capacity_kwh"] = 1'000'000'000;
  out["price_per_kwh"] = 3;
  out["stake"] = stake;
  out["meter_address"] = Meter(provider).meter_address();
  out["jurisdiction"] = "US_CA";
  out["owner"] = owner;
  return out;
}

}  // namespace blockd::support
