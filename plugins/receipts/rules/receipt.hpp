// Receipt: a market receipt as a value, and the table of fields that each type has (receipts spec
// 3.1). [any]
//
// A receipt holds one Field for each entry of its type's schema, in encoding order; everything else
// (encoding, JSON, checks) walks that table, so a type is described in one place.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace receipts {

enum class Type : std::uint8_t {
  kStorage,
  kStorageSlash,
  kCompute,
  kComputeSlash,
  kEnergy,
  kEnergySlash,
  kAd,
  kRelay,
};
inline constexpr std::size_t kTypes = 8;

enum class Market : std::uint8_t { kStorage, kCompute, kEnergy, kAd, kRelay };
inline constexpr std::size_t kMarkets = 5;
inline constexpr std::string_view kMarketNames[kMarkets] = {"storage", "compute", "energy", "ad",
                                                            "relay"};

enum class Kind : std::uint8_t {
  kText,
  kNumber,
  kSmall,   // u32, encoded as u64
  kFlag,    // bool, encoded as u64
  kDigest,  // 32 bytes
  kBytes,
  kRoutes,     // list of {role, address}, sorted by role, roles unique
  kBreakdown,  // the eight numbers of kBreakdownNames
  kLinks,      // list of {device_hash, opt_in}, sorted by hash, hashes unique
  kTexts,      // list of text
};

inline constexpr std::string_view kBreakdownNames[] = {
    "viewer",    "host",  "hardware",         "verifier",
    "liquidity", "miner", "price_usd_micros", "clearing_price_usd_micros"};

struct FieldSpec {
  std::string_view name;
  Kind kind;
  bool optional = false;
  std::uint32_t max_bytes = 256;  // of a text
};

struct Schema {
  std::string_view type;
  Market market;
  bool slash;
  std::span<const FieldSpec> fields;
  std::string_view provider;   // name of the field that holds who is paid or slashed
  std::string_view domain;     // contract, job or campaign; empty: none
  std::string_view amount;     // settlement amount
  std::string_view units;      // what the epoch totals count; empty: nothing
  std::string_view signature;  // empty: a slash has none
};

const Schema& schema_of(Type type);
std::optional<Type> type_named(std::string_view name);
std::optional<Market> market_named(std::string_view name);
inline std::string_view name_of(Market market) {
  return kMarketNames[static_cast<std::size_t>(market)];
}

// One element of a list: role and address, device hash and one byte 0 or 1, a text and nothing, or
// the name and the number of a breakdown.
struct Entry {
  std::string key;
  std::string value;
  std::uint64_t number = 0;
};

struct Field {
  bool present = false;
  std::uint64_t number = 0;
  std::string bytes;
  std::vector<Entry> list;
};

class Receipt {
 public:
  explicit Receipt(Type type) : type_(type), fields_(schema_of(type).fields.size()) {}

  Type type() const { return type_; }
  const Schema& schema() const { return schema_of(type_); }
  Market market() const { return schema().market; }
  bool slash() const { return schema().slash; }

  std::vector<Field>& fields() { return fields_; }
  const std::vector<Field>& fields() const { return fields_; }
  // The field of that name, or NULL if the type has none.
  Field* find(std::string_view name);
  const Field* find(std::string_view name) const;

  // 0 and empty where the field is absent.
  std::uint64_t number(std::string_view name) const;
  std::string_view bytes(std::string_view name) const;
  void set_number(std::string_view name, std::uint64_t value);
  void set_bytes(std::string_view name, std::string_view value);
  void drop(std::string_view name);

  std::string_view provider() const { return bytes(schema().provider); }
  std::string_view domain() const { return bytes(schema().domain); }
  std::string_view signature() const { return bytes(schema().signature); }
  std::uint64_t nonce() const { return number("signature_nonce"); }
  std::uint64_t amount() const { return number(schema().amount); }
  std::uint64_t units() const { return number(schema().units); }
  bool has_blocktorch() const;

 private:
  Type type_;
  std::vector<Field> fields_;
};

// The fields that a compute receipt has only as a bundle.
inline constexpr std::string_view kBlockTorchPrefix = "blocktorch_";

}  // namespace receipts
