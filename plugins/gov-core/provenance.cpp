#include "plugins/gov-core/provenance.hpp"

namespace gov {
namespace {

constexpr std::uint64_t kMaxPlainNumber = (std::uint64_t{1} << 53) - 1;
constexpr char kHex[] = "0123456789abcdef";

// Members of one JSON object, which the caller names in ascending order.
class Object {
 public:
  Object& text(std::string_view name, const std::optional<std::string>& value) {
    return raw(name, value ? json_text(*value) : "null");
  }
  Object& number(std::string_view name, const std::optional<std::uint64_t>& value) {
    return raw(name, value ? json_number(*value) : "null");
  }
  Object& raw(std::string_view name, std::string_view json) {
    out_ += out_.size() > 1 ? ",\"" : "\"";
    out_.append(name).append("\":").append(json);
    return *this;
  }
  std::string end() { return std::move(out_) + "}"; }

 private:
  std::string out_ = "{";
};

void append_escaped(std::string& out, char c) {
  static constexpr std::string_view kValues = "\"\\\b\f\n\r\t", kNames = "\"\\bfnrt";
  const std::size_t at = kValues.find(c);
  const auto byte = static_cast<unsigned char>(c);
  if (at != std::string_view::npos) {
    out += '\\';
    out += kNames[at];
  } else if (byte < 0x20) {
    out += "\\u00";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  } else {
    out += c;
  }
}

}  // namespace

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) append_escaped(out, c);
  return out + '"';
}

std::string json_number(std::uint64_t number) {
  const std::string digits = std::to_string(number);
  return number > kMaxPlainNumber ? '"' + digits + '"' : digits;
}

std::string canonical_json(const ProvenanceEntry& e) {
  Object object;
  if (e.kind != "disbursement") {
    return object.raw("data", e.data_json)
        .number("epoch", e.epoch)
        .number("height", e.height)
        .text("kind", e.kind)
        .text("prev_hash", e.prev_hash)
        .number("seq", e.seq)
        .text("subject", e.subject)
        .number("time", e.time)
        .end();
  }
  return object.number("amount", e.amount)
      .text("destination", e.destination)
      .number("disbursement_id", e.disbursement_id)
      .number("epoch", e.epoch)
      .text("from_state", e.from_state)
      .number("height", e.height)
      .text("kind", e.kind)
      .text("prev_hash", e.prev_hash)
      .text("reason", e.reason)
      .number("seq", e.seq)
      .number("time", e.time)
      .text("to_state", e.to_state)
      .text("tx_hash", e.tx_hash)
      .end();
}

std::string entry_hash(const ProvenanceEntry& entry, HashFunction hash) {
  std::string hex;
  for (std::uint8_t byte : hash(canonical_json(entry))) {
    hex += kHex[byte >> 4];
    hex += kHex[byte & 15];
  }
  return hex;
}

std::optional<std::size_t> first_break(std::span<const ProvenanceEntry> entries,
                                       HashFunction hash) {
  std::string expected(kFirstPrevHash);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].seq != i + 1 || entries[i].prev_hash != expected) return i;
    expected = entry_hash(entries[i], hash);
  }
  return std::nullopt;
}

}  // namespace gov
