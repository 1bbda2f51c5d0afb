#include "plugins/oracle-adapter/reading.hpp"

#include "plugins/oracle-adapter/settings.hpp"

namespace oracle_adapter {
namespace {

constexpr std::size_t kMaxTextBytes = 256;

void append_le64(std::string& out, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i));
}

// A number, or a decimal string for one above 2^53-1.
bool take(tb::Value value, std::uint64_t& out) {
  if (value.type() == TB_TYPE_STR) {
    const std::string_view digits = value.text();
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, out);
    return !digits.empty() && error == std::errc() && stop == end;
  }
  if (value.type() != TB_TYPE_U64 && (value.type() != TB_TYPE_I64 || value.i64() < 0)) return false;
  out = value.u64();
  return true;
}

bool take(tb::Value value, std::string& out) {
  if (value.type() != TB_TYPE_STR || value.text().empty() || value.text().size() > kMaxTextBytes)
    return false;
  out = value.text();
  return true;
}

void append_quoted(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20) {
      out += tb::cat("\\u00", kDigits[byte >> 4], kDigits[byte & 15]);
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace

std::optional<Reading> parse_reading(tb::Value body, std::string* problem) {
  Reading r;
  const char* wrong = nullptr;
  if (body.type() != TB_TYPE_RECORD)
    wrong = "the answer is not a JSON object";
  else if (!take(body["provider_id"], r.provider_id))
    wrong = "provider_id: expected text";
  else if (!take(body["meter_address"], r.meter_address))
    wrong = "meter_address: expected text";
  else if (!take(body["kwh_reading"], r.kwh_reading))
    wrong = "kwh_reading: expected a number";
  else if (!take(body["timestamp"], r.timestamp))
    wrong = "timestamp: expected a number";
  else if (!take(body["nonce"], r.nonce))
    wrong = "nonce: expected a number";
  else if (!take(body["signature"], r.signature))
    wrong = "signature: expected hex text";
  if (wrong == nullptr) return r;
  *problem = wrong;
  return std::nullopt;
}

std::string reading_preimage(const Reading& reading) {
  std::string bytes = reading.provider_id + reading.meter_address;
  append_le64(bytes, reading.kwh_reading);
  append_le64(bytes, reading.timestamp);
  append_le64(bytes, reading.nonce);
  return bytes;
}

bool signature_holds(const tb::Host& host, std::string_view public_key, const Reading& reading) {
  const std::optional<std::string> signature = from_hex(reading.signature);
  if (!signature) return false;
  const std::string preimage = reading_preimage(reading);
  const tb::Hash digest = host.blake3({preimage});
  return tb::verify(host, public_key, digest.view(), *signature) ||
         tb::verify(host, public_key, preimage, *signature);
}

std::string submit_request(const Reading& reading) {
  std::string out =
      R"({"jsonrpc":"2.0","id":1,"method":"energy.submit_reading","params":{"provider_id":)";
  append_quoted(out, reading.provider_id);
  out += R"(,"meter_address":)";
  append_quoted(out, reading.meter_address);
  out += tb::cat(R"(,"kwh_reading":")", reading.kwh_reading, R"(","timestamp":")",
                 reading.timestamp, R"(","nonce":")", reading.nonce, R"(","signature":)");
  append_quoted(out, reading.signature);
  return out += "}}";
}

}  // namespace oracle_adapter
