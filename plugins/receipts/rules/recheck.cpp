#include "plugins/receipts/rules/recheck.hpp"

#include <algorithm>

namespace receipts {

bool NonceWindow::repeated(std::string_view provider, std::uint64_t nonce, std::uint64_t height) {
  while (!by_age_.empty() && by_age_.front().first + window_ < height) {
    seen_.erase(by_age_.front().second);
    by_age_.pop_front();
  }
  Entry entry{std::string(provider), nonce};
  if (!seen_.insert(entry).second) return true;
  by_age_.emplace_back(height, std::move(entry));
  return false;
}

void Recheck::report(const SealedBlock& block, Reason reason, std::string detail) {
  report_({block.height, {}, {}, reason, false, std::move(detail), {}});
}

std::vector<Item> Recheck::run(const SealedBlock& block,
                               const std::vector<std::string>& encodings) {
  std::vector<Item> items;
  items.reserve(encodings.size());
  if (block.shard_count == 0) {
    report(block, Reason::kSchemaMismatch, "the block has no shard count");
    return items;
  }
  std::set<Hash> ids;
  for (std::uint32_t index = 0; index < encodings.size(); ++index) {
    std::optional<Receipt> receipt = decode(encodings[index]);
    if (!receipt) {
      ++receipts_;
      report_({block.height,
               index,
               {},
               Reason::kSchemaMismatch,
               true,
               "the stored receipt does not decode",
               {}});
      continue;
    }
    items.push_back(make_item(*std::move(receipt), block.shard_count));
    const Receipt& read = items.back().receipt;
    const Hash id = receipt_id(read);
    const bool twice = !ids.insert(id).second;
    if (only_ && read.market() != *only_) continue;
    ++receipts_;
    Checked refused = check_receipt(block, read);
    if (!refused && twice) refused = Refused{Reason::kDuplicate, "the block lists it twice"};
    sound_ += refused ? 0 : 1;
    if (refused) {
      report_({block.height, index, read.market(), refused->reason, false, std::move(refused->text),
               id});
    }
  }
  // Digests of a block that cannot be read say nothing more.
  if (items.size() < encodings.size()) return items;
  check_header(block, items);
  check_limits(block, items);
  return items;
}

namespace {

bool same_shards(const Header& a, const Header& b) {
  return a.shard_count == b.shard_count &&
         std::equal(a.shards.begin(), a.shards.end(), b.shards.begin(), b.shards.end(),
                    [](const ShardUse& x, const ShardUse& y) {
                      return x.shard == y.shard && x.root == y.root && x.blob == y.blob &&
                             x.count == y.count && x.bytes == y.bytes && x.units == y.units;
                    });
}

}  // namespace

void Recheck::check_header(const SealedBlock& block, const std::vector<Item>& items) {
  std::string parts;
  const auto require = [&](bool good, std::string_view part) {
    if (!good) parts += (parts.empty() ? "" : ", ") + std::string(part);
  };
  require(block.count == items.size(), "the number of receipts");
  require(block.header.has_value() == block.header_wanted, "whether there is a header");
  const std::uint8_t scheme = block.header ? block.header->scheme : kSchemeNone;
  const Header expected =
      make_header(items, block.shard_count, block.time_ms + block.da_window_ms, scheme);
  if (block.header) {
    require(same_shards(*block.header, expected), "shard roots, blob commitments or usage");
    require(block.header->available_until == expected.available_until, "available_until");
  }
  require(
      commitment(block.header_wanted ? &expected : nullptr, encode_list(items)) == block.commitment,
      "the receipts commitment");
  if (!parts.empty()) report(block, Reason::kHeaderMismatch, "recomputed, these differ: " + parts);
  if (block.header && block.header->aggregate != expected.aggregate)
    report(block, Reason::kAggregateMismatch, "the aggregate differs when recomputed");
}

void Recheck::check_limits(const SealedBlock& block, const std::vector<Item>& items) {
  Drain drain(block.limits);
  std::uint64_t over = 0;
  for (const Item& item : items) over += drain.offer(item) ? 0 : 1;
  if (over > 0) {
    report(block, Reason::kBudgetExceeded,
           std::to_string(over) + " receipts are above the budgets or the cap of a provider");
  }
  drain.finish(ask_.origin_of);
  if (!drain.violations().empty()) {
    report(block, Reason::kDiversity,
           "shard " + std::to_string(drain.violations().front()) + " and " +
               std::to_string(drain.violations().size() - 1) +
               " others have too few regions or ASNs");
  }
}

Checked Recheck::check_receipt(const SealedBlock& block, const Receipt& receipt) {
  if (receipt.number("block_height") != block.height) {
    return Refused{Reason::kSchemaMismatch,
                   "it names block " + std::to_string(receipt.number("block_height"))};
  }
  if (Checked refused = check_fields(receipt)) return refused;
  // An empty signature is one of auth `ledger`.
  if (receipt.slash() || receipt.signature().empty()) return {};
  if (receipt.type() == Type::kRelay) return check_with_emitter(receipt);
  return check_claim(block, receipt);
}

Checked Recheck::check_with_emitter(const Receipt& receipt) {
  const std::optional<bool> holds = ask_.ask_emitter ? ask_.ask_emitter(receipt) : std::nullopt;
  if (!holds) ++unchecked_;
  if (holds.value_or(true)) return {};
  return Refused{Reason::kSignatureInvalid, "the plugin that emitted it does not know it"};
}

Checked Recheck::check_claim(const SealedBlock& block, const Receipt& receipt) {
  const bool energy = receipt.type() == Type::kEnergy;
  const auto fresh = [&](std::string_view provider, std::uint64_t nonce) {
    return !nonces_.repeated(provider, nonce, block.height);
  };
  Questions ask;
  ask.key_of = [&](std::string_view provider) { return ask_.key_of(provider, block.height); };
  ask.verify = ask_.verify;
  ask.nonce_fresh = fresh;
  // The nonce of an energy receipt is only one of the guard if the claim verifies.
  if (energy) ask.nonce_fresh = [](std::string_view, std::uint64_t) { return true; };
  Checked refused = check_signature(receipt, ask);
  if (!energy) return refused;
  // It carries the signature of a reading, which only the energy market knows how to verify.
  if (refused) return check_with_emitter(receipt);
  if (fresh(receipt.provider(), receipt.nonce())) return {};
  return Refused{Reason::kReplayedNonce, "nonce " + std::to_string(receipt.nonce()) +
                                             " was used within the finality window"};
}

std::vector<Remark> audit(const Receipt& receipt, bool stake_linked) {
  std::vector<Remark> out;
  const auto require = [&](bool good, std::string_view name, std::string_view severity) {
    if (!good) out.push_back({name, severity});
  };
  if (receipt.slash()) return out;
  const auto zero = [&](std::string_view name) {
    const std::string_view bytes = receipt.bytes(name);
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
  };
  require(stake_linked, "stake_linked_identity", "critical");
  switch (receipt.type()) {
    case Type::kStorage:
      require(receipt.number("provider_escrow") >= receipt.number("price"),
              "storage_escrow_coverage", "high");
      require(receipt.find("chunk_hash")->present, "storage_chunk_fingerprint", "high");
      break;
    case Type::kCompute: {
      const Checked refused = check_fields(receipt);
      require(receipt.has_blocktorch() && (!refused || refused->reason != Reason::kBlockTorch),
              "compute_blocktorch_metadata", "critical");
      break;
    }
    case Type::kEnergy:
      require(!zero("proof_hash"), "energy_proof_hash", "critical");
      break;
    case Type::kAd:
      require(receipt.number("conversions") <= receipt.number("impressions"),
              "ad_conversion_bounds", "medium");
      break;
    case Type::kRelay:
      require(receipt.number("total_usd_micros") >=
                  std::max(receipt.number("clearing_price_usd_micros"),
                           receipt.number("resource_floor_usd_micros")),
              "relay_clearing_floor", "high");
      break;
    default:
      break;
  }
  return out;
}

}  // namespace receipts
