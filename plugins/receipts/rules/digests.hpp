// Digests of receipts and of a block's receipts (receipts spec 6.2 to 6.4). [any]
#pragma once

#include <tb/blake3.hpp>

#include "plugins/receipts/rules/encoding.hpp"

namespace receipts {

using tb::Hash;

// What the provider signs; nothing for slashes and relay receipts.
std::optional<Hash> claim_digest(const Receipt& receipt);
Hash receipt_id(const Receipt& receipt);
Hash leaf_of(std::string_view encoding);
// REQUIRES: shard_count > 0.
std::uint32_t shard_of(std::string_view provider, std::uint32_t shard_count);
std::uint64_t verify_units(const Receipt& receipt);

// A receipt on its way into a block: its encoding and what is derived from it.
struct Item {
  Receipt receipt;
  std::string encoding;
  Hash leaf;
  std::uint32_t shard = 0;
  std::uint64_t units = 0;
};
Item make_item(Receipt receipt, std::uint32_t shard_count);

Hash merkle_root(std::vector<Hash> leaves);

struct ShardUse {
  std::uint32_t shard = 0;
  Hash root, blob;
  std::uint64_t count = 0, bytes = 0, units = 0;
};

inline constexpr std::uint8_t kSchemeNone = 0;
inline constexpr std::uint8_t kSchemeBatch = 1;

// The header of a block's receipts. Only shards that hold receipts are listed, ascending.
struct Header {
  std::uint32_t shard_count = 0;
  std::vector<ShardUse> shards;
  std::uint64_t available_until = 0;  // ms
  std::uint8_t scheme = kSchemeBatch;
  Hash aggregate;
};
Header make_header(const std::vector<Item>& items, std::uint32_t shard_count,
                   std::uint64_t available_until, std::uint8_t scheme);
std::string header_bytes(const Header& header);
// The header in the form of 6.1.
std::string encode_header(const Header& header);

// EL of a block's receipts.
std::string encode_list(const std::vector<Item>& items);
// `header` is NULL for a block without receipts.
Hash commitment(const Header* header, std::string_view list_encoding);
Hash empty_commitment();

}  // namespace receipts
