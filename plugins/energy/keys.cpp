#include "plugins/energy/keys.hpp"

#include <algorithm>

namespace energy {
namespace {

constexpr std::string_view kProvider = "p/";
constexpr std::string_view kMeter = "m/";
constexpr std::string_view kCredit = "c/";
constexpr std::string_view kCreditPlace = "cb/";
constexpr std::string_view kQueued = "q/";
constexpr std::string_view kReceipt = "r/";
constexpr std::string_view kReceiptPlace = "rh/";
constexpr std::string_view kSlash = "sk/";
constexpr std::string_view kDispute = "d/";
constexpr std::string_view kOpenDispute = "do/";
constexpr std::string_view kTotals = "tot";

std::string_view bytes_of(const Hash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

// Keys grow in the string that begin() has made room in: one piece of memory each.
std::string with_number(std::string key, std::uint64_t number) {
  char bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(number >> (56 - 8 * i) & 0xff);
  key.append(bytes, sizeof bytes);
  return key;
}
std::string with_text(std::string key, std::string_view text) {
  key.append(text);
  return key;
}

// REQUIRES: 8 bytes at `offset`.
std::uint64_t number_at(std::string_view bytes, std::size_t offset) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i)
    number = number << 8 | static_cast<std::uint8_t>(bytes[offset + i]);
  return number;
}

}  // namespace

std::string Keys::begin(std::string_view kind) const {
  std::string key;
  key.reserve(prefix_.size() + kind.size() + 48);
  key.append(prefix_).append(kind);
  return key;
}

ShortKey Keys::provider(ProviderId id) const {
  return short_key(kProvider).text(ProviderIdText(id).view());
}
std::string Keys::meter(std::string_view address) const {
  return with_text(begin(kMeter), address);
}
ShortKey Keys::credit(const Hash& meter_hash) const {
  return short_key(kCredit).text(bytes_of(meter_hash));
}
ShortKey Keys::credit_place(const CreditCursor& at) const {
  return short_key(kCreditPlace).number(at.block).text(bytes_of(at.meter_hash));
}
std::string Keys::queued(Height due_block, std::uint64_t queue_id) const {
  return with_number(with_number(begin(kQueued), due_block), queue_id);
}
std::string Keys::receipt(std::uint64_t seq) const { return with_number(begin(kReceipt), seq); }
std::string Keys::receipt_place(const Hash& meter_hash, std::uint64_t seq) const {
  return with_number(receipts_of(meter_hash), seq);
}
std::string Keys::slash(const Hash& meter_hash, SlashReason reason) const {
  return with_text(with_text(begin(kSlash), bytes_of(meter_hash)), slash_reason_name(reason));
}
std::string Keys::dispute(std::uint64_t id) const { return with_number(begin(kDispute), id); }
std::string Keys::open_dispute(const Hash& meter_hash) const {
  return with_text(begin(kOpenDispute), bytes_of(meter_hash));
}
std::string Keys::totals() const { return begin(kTotals); }

std::string Keys::providers() const { return begin(kProvider); }
std::string Keys::credits() const { return begin(kCredit); }
std::string Keys::credit_places() const { return begin(kCreditPlace); }
std::string Keys::queue() const { return begin(kQueued); }
std::string Keys::receipts() const { return begin(kReceipt); }
std::string Keys::receipts_of(const Hash& meter_hash) const {
  return with_text(begin(kReceiptPlace), bytes_of(meter_hash));
}
std::string Keys::disputes() const { return begin(kDispute); }

std::optional<std::string_view> Keys::rest(std::string_view key, std::string_view kind,
                                           std::size_t size) const {
  if (!key.starts_with(prefix_)) return std::nullopt;
  key.remove_prefix(prefix_.size());
  if (!key.starts_with(kind) || key.size() != kind.size() + size) return std::nullopt;
  return key.substr(kind.size());
}

std::optional<CreditCursor> Keys::read_credit_place(std::string_view key) const {
  const auto bytes = rest(key, kCreditPlace, 8 + 32);
  if (!bytes) return std::nullopt;
  CreditCursor at{.block = number_at(*bytes, 0), .meter_hash = {}};
  std::copy_n(bytes->begin() + 8, 32, at.meter_hash.begin());
  return at;
}

std::optional<Keys::QueuePlace> Keys::read_queued(std::string_view key) const {
  const auto bytes = rest(key, kQueued, 16);
  if (!bytes) return std::nullopt;
  return QueuePlace{.due_block = number_at(*bytes, 0), .queue_id = number_at(*bytes, 8)};
}

std::optional<std::uint64_t> Keys::read_receipt_place(std::string_view key) const {
  const auto bytes = rest(key, kReceiptPlace, 32 + 8);
  if (!bytes) return std::nullopt;
  return number_at(*bytes, 32);
}

ShortKey trust_root_key(ProviderId id) {
  return ShortKey().text(kTrustRootPrefix).text(ProviderIdText(id).view());
}

}  // namespace energy
