#include "plugins/mock-oracle/answers.hpp"

namespace mock_oracle {
namespace {

constexpr std::int64_t kRehearsalCode = -33020;
constexpr std::size_t kMaxErrorBytes = 300;

}  // namespace

std::uint64_t number_of(tb::Value value) {
  if (value.type() != TB_TYPE_STR) return value.u64();
  const std::string_view digits = value.text();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

bool is_rehearsal(tb::Value error) { return error["code"].i64() == kRehearsalCode; }

std::string error_text(tb::Value error) {
  return tb::cat(error["message"].text("no reason given").substr(0, kMaxErrorBytes), " (",
                 error["code"].i64(), ")");
}

std::string_view result_label(const tb::Reply& reply) {
  if (reply.ok) return "ok";
  return is_rehearsal(reply.value) ? "rehearsal" : "refused";
}

MeterState shown_by(tb::Value provider) {
  return {number_of(provider["last_meter_value"]), number_of(provider["last_meter_timestamp"]),
          number_of(provider["last_nonce"])};
}

std::uint32_t page_count(tb::Value page) {
  const std::uint64_t total = std::min(number_of(page["total"]), kMaxListed);
  return static_cast<std::uint32_t>((total + kPageSize - 1) / kPageSize);
}

KeyTable keys_of(tb::Value registry) {
  KeyTable table;
  const tb::Value list = registry["keys"];
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    table.insert_or_assign(std::string(list[i]["provider_id"].text()),
                           std::string(list[i]["public_key_hex"].text()));
  }
  return table;
}

bool add_keys(KeyTable& table, const std::vector<std::string>& providers, const MeterKeys& keys) {
  bool changed = false;
  for (std::uint32_t place = 0; place < providers.size(); ++place) {
    std::string key = keys.public_hex(demo_meter(place));
    std::string& held = table[providers[place]];
    if (held == key) continue;
    held = std::move(key);
    changed = true;
  }
  return changed;
}

void put_keys(const KeyTable& table, tb::Out& out) {
  out.list("keys", [&](tb::Out& list) {
    for (const auto& one : table) {
      list.record({}, [&](tb::Out& entry) {
        entry.put("provider_id", one.first);
        entry.put("public_key_hex", one.second);
      });
    }
  });
}

}  // namespace mock_oracle
