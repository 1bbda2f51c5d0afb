#include "plugins/mock-oracle/reading.hpp"

namespace mock_oracle {
namespace {

constexpr std::string_view kDemoPrefix = "gb-";
constexpr std::size_t kMaxTextBytes = 256;

void append_le64(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
}

std::optional<std::uint64_t> parse_number(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  if (digits.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

// A number, or a decimal string for one above 2^53-1.
bool take(tb::Value body, std::string_view name, std::uint64_t& out) {
  const tb::Value value = body[name];
  if (value.type() == TB_TYPE_STR) {
    const auto number = parse_number(value.text());
    out = number.value_or(0);
    return number.has_value();
  }
  if (value.type() != TB_TYPE_U64 && (value.type() != TB_TYPE_I64 || value.i64() < 0)) return false;
  out = value.u64();
  return true;
}

bool take(tb::Value body, std::string_view name, std::string& out) {
  const tb::Value value = body[name];
  if (value.type() != TB_TYPE_STR || value.text().empty() || value.text().size() > kMaxTextBytes) {
    return false;
  }
  out = value.text();
  return true;
}

}  // namespace

std::string reading_preimage(const Reading& reading) {
  std::string bytes = reading.provider_id + reading.meter_address;
  append_le64(bytes, reading.kwh_reading);
  append_le64(bytes, reading.timestamp);
  append_le64(bytes, reading.nonce);
  return bytes;
}

tb::Hash MeterKeys::secret_of(std::string_view meter) const {
  return demo_place(meter) ? host_.blake3({seed_.view(), meter}) : seed_;
}

std::string MeterKeys::public_hex(std::string_view meter) const {
  tb::Hash key;
  if (!host_.public_key(secret_of(meter), key)) {
    throw std::runtime_error("the node could not make the public key of a meter");
  }
  return key.hex();
}

void MeterKeys::sign(Reading& reading) const {
  const tb::Hash digest = host_.blake3({reading_preimage(reading)});
  std::array<std::uint8_t, 64> signature;
  if (!host_.sign(secret_of(reading.meter_address), digest.view(), signature)) {
    throw std::runtime_error("the node could not sign a reading");
  }
  reading.signature =
      tb::to_hex({reinterpret_cast<const char*>(signature.data()), signature.size()});
}

std::string demo_meter(std::uint32_t place) { return tb::cat(kDemoPrefix, place); }

std::optional<std::uint32_t> demo_place(std::string_view meter) {
  if (!meter.starts_with(kDemoPrefix)) return std::nullopt;
  const auto place = parse_number(meter.substr(kDemoPrefix.size()));
  if (!place || *place > UINT32_MAX) return std::nullopt;
  const auto found = static_cast<std::uint32_t>(*place);
  if (demo_meter(found) != meter) return std::nullopt;  // "gb-007"
  return found;
}

std::optional<Reading> parse_reading(tb::Value body, std::string_view meter, std::string* problem) {
  const auto refuse = [&](std::string_view what) {
    *problem = what;
    return std::nullopt;
  };
  Reading reading;
  if (body.type() != TB_TYPE_RECORD) return refuse("the body is not a JSON object");
  if (!take(body, "provider_id", reading.provider_id)) return refuse("provider_id: expected text");
  if (!take(body, "meter_address", reading.meter_address)) {
    return refuse("meter_address: expected text");
  }
  if (!take(body, "kwh_reading", reading.kwh_reading))
    return refuse("kwh_reading: expected a number");
  if (!take(body, "timestamp", reading.timestamp)) return refuse("timestamp: expected a number");
  if (!take(body, "nonce", reading.nonce)) return refuse("nonce: expected a number");
  if (!take(body, "signature", reading.signature)) return refuse("signature: expected hex text");
  if (reading.meter_address != meter) return refuse("meter_address is not the meter of the path");
  return reading;
}

}  // namespace mock_oracle
