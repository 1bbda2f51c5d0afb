#include "plugins/receipts/rules/digests.hpp"

#include <algorithm>
#include <map>

namespace receipts {
namespace {

constexpr std::string_view kZero("\0", 1);

std::string le(std::uint64_t value, std::size_t bytes) {
  std::string out;
  put_le(out, value, bytes);
  return out;
}

Receipt without_signature(Receipt receipt) {
  receipt.set_bytes(receipt.schema().signature, {});
  return receipt;
}

// What the ledger decides is taken out, so that a provider can sign before it knows the block.
Receipt claim_form(Receipt receipt) {
  receipt.set_bytes(receipt.schema().signature, {});
  receipt.set_number("block_height", 0);
  switch (receipt.type()) {
    case Type::kStorage:
      receipt.set_number("provider_escrow", 0);
      break;
    case Type::kCompute:
      receipt.set_number("verified", 0);
      break;
    case Type::kAd:
      receipt.set_number("conversions", 0);
      for (std::string_view name :
           {"claim_routes", "role_breakdown", "device_links", "selection_receipt_root"})
        receipt.drop(name);
      break;
    default:
      break;
  }
  return receipt;
}

}  // namespace

std::optional<Hash> claim_digest(const Receipt& receipt) {
  if (receipt.slash() || receipt.type() == Type::kRelay) return std::nullopt;
  return tb::blake3({"tb.receipt.claim.v2", kZero, encode(claim_form(receipt))});
}

Hash receipt_id(const Receipt& receipt) {
  const std::string encoding = encode(without_signature(receipt));
  return tb::blake3({"tb.receipt.id.v2", kZero, encoding});
}

Hash leaf_of(std::string_view encoding) { return tb::blake3({"receipt_leaf", encoding}); }

std::uint32_t shard_of(std::string_view provider, std::uint32_t shard_count) {
  const Hash hash = tb::blake3({"receipt_shard", provider});
  return (hash.bytes[0] | static_cast<std::uint32_t>(hash.bytes[1]) << 8) % shard_count;
}

std::uint64_t verify_units(const Receipt& receipt) {
  constexpr std::uint64_t kBase = 10;
  switch (receipt.type()) {
    case Type::kStorage:
      return kBase + std::min<std::uint64_t>(receipt.number("bytes") / 1000, 50);
    case Type::kCompute:
      return kBase + 5 + (receipt.number("verified") != 0 ? 5 : 0);
    case Type::kEnergy:
      return kBase + 3;
    case Type::kAd:
      return kBase + std::min<std::uint64_t>(receipt.number("impressions") / 10'000, 10);
    case Type::kRelay:
      return kBase + std::min<std::uint64_t>(receipt.number("bytes") / 2000, 10);
    default:
      return kBase + 2;
  }
}

Item make_item(Receipt receipt, std::uint32_t shard_count) {
  Item item{std::move(receipt), {}, {}, 0, 0};
  item.encoding = encode(item.receipt);
  item.leaf = leaf_of(item.encoding);
  item.shard = shard_of(item.receipt.provider(), shard_count);
  item.units = verify_units(item.receipt);
  return item;
}

Hash merkle_root(std::vector<Hash> leaves) {
  if (leaves.empty()) return {};
  while (leaves.size() > 1) {
    std::size_t written = 0;
    for (std::size_t i = 0; i < leaves.size(); i += 2) {
      leaves[written++] =
          i + 1 == leaves.size()
              ? leaves[i]
              : tb::blake3({"receipt_node", leaves[i].view(), leaves[i + 1].view()});
    }
    leaves.resize(written);
  }
  return leaves.front();
}

namespace {

struct ShardWork {
  std::vector<Hash> leaves;
  tb::Blake3 blob;
  ShardUse use;
};

void add_to_blob(tb::Blake3& blob, const Item& item) {
  blob.update("receipt_blob")
      .update(item.receipt.schema().type)
      .update(le(item.receipt.number("block_height"), 8))
      .update(item.leaf.view())
      .update(le(encoded_length(item.encoding), 4))
      .update(le(1, 8))
      .update(item.encoding);
}

Hash aggregate_of(const std::vector<Item>& items) {
  tb::Blake3 hasher;
  hasher.update("receipt_batch_ed25519");
  bool any = false;
  for (const Item& item : items) {
    if (item.receipt.type() != Type::kAd && item.receipt.type() != Type::kEnergy) continue;
    any = true;
    const std::string_view signature = item.receipt.signature();
    hasher.update(item.leaf.view()).update(le(signature.size(), 4)).update(signature);
  }
  return any ? hasher.finish() : Hash{};
}

// Calls fn(root, blob) for every shard, the empty ones too.
template <class Fn>
void each_shard(const Header& header, Fn&& fn) {
  const Hash empty_blob = tb::blake3("");
  auto next = header.shards.begin();
  for (std::uint32_t shard = 0; shard < header.shard_count; ++shard) {
    if (next != header.shards.end() && next->shard == shard) {
      fn(next->root, next->blob);
      ++next;
    } else {
      fn(Hash{}, empty_blob);
    }
  }
}

}  // namespace

Header make_header(const std::vector<Item>& items, std::uint32_t shard_count,
                   std::uint64_t available_until, std::uint8_t scheme) {
  std::map<std::uint32_t, ShardWork> work;
  for (const Item& item : items) {
    ShardWork& shard = work[item.shard];
    shard.leaves.push_back(item.leaf);
    add_to_blob(shard.blob, item);
    shard.use.count += 1;
    shard.use.bytes += encoded_length(item.encoding);
    shard.use.units += item.units;
  }
  Header header{shard_count, {}, available_until, scheme, {}};
  header.shards.reserve(work.size());
  for (auto& [shard, done] : work) {
    done.use.shard = shard;
    done.use.root = merkle_root(std::move(done.leaves));
    done.use.blob = done.blob.finish();
    header.shards.push_back(done.use);
  }
  if (scheme == kSchemeBatch) header.aggregate = aggregate_of(items);
  return header;
}

std::string header_bytes(const Header& header) {
  std::string out, blobs;
  out.reserve(2 + 64 * static_cast<std::size_t>(header.shard_count) + 41);
  put_le(out, header.shard_count, 2);
  each_shard(header, [&](const Hash& root, const Hash& blob) {
    out.append(root.view());
    blobs.append(blob.view());
  });
  out.append(blobs);
  put_le(out, header.available_until, 8);
  put_le(out, header.scheme, 1);
  out.append(header.aggregate.view());
  return out;
}

std::string encode_header(const Header& header) {
  std::string roots, blobs;
  each_shard(header, [&](const Hash& root, const Hash& blob) {
    put_text(roots, root.view());
    put_text(blobs, blob.view());
  });
  std::string out;
  put_le(out, 6, 8);
  put_text(out, "shard_count");
  put_le(out, header.shard_count, 8);
  put_text(out, "shard_roots");
  put_le(out, header.shard_count, 8);
  out.append(roots);
  put_text(out, "blob_commitments");
  put_le(out, header.shard_count, 8);
  out.append(blobs);
  put_text(out, "available_until");
  put_le(out, header.available_until, 8);
  put_text(out, "aggregate_scheme");
  put_le(out, header.scheme, 8);
  put_text(out, "aggregate_sig");
  put_text(out, header.aggregate.view());
  return out;
}

std::string encode_list(const std::vector<Item>& items) {
  std::string out;
  std::size_t size = 8;
  for (const Item& item : items) size += item.encoding.size();
  out.reserve(size);
  put_le(out, items.size(), 8);
  for (const Item& item : items) out.append(item.encoding);
  return out;
}

Hash commitment(const Header* header, std::string_view list_encoding) {
  const std::string bytes = header == nullptr ? std::string() : header_bytes(*header);
  return tb::blake3(
      {"tb.receipt.block.v2", kZero, bytes, le(list_encoding.size(), 4), list_encoding});
}

Hash empty_commitment() { return commitment(nullptr, le(0, 8)); }

}  // namespace receipts
