#include "plugins/receipts/store.hpp"

namespace receipts {
namespace {

tb::Key floor_key(std::string_view provider) {
  return with_provider(tb::Key("rcpt/nonce_floor/"), provider);
}
tb::Key nonces_key(std::string_view provider) {
  return with_provider(tb::Key("rcpt/nonce/"), provider);
}
tb::Key age_key(std::uint64_t block, std::string_view provider, std::uint64_t nonce) {
  return with_provider(tb::Key(kNonceAgePrefix).u64(block), provider).u64(nonce);
}

}  // namespace

NonceFloor NonceState::floor(std::string_view provider) {
  const Floor row = ctx_.load<Floor>(floor_key(provider)).value_or(Floor{});
  return {row.next_min, row.tracked};
}
void NonceState::set_floor(std::string_view provider, const NonceFloor& floor) {
  ctx_.store(floor_key(provider), Floor{floor.next_min, floor.tracked});
}
bool NonceState::tracked(std::string_view provider, std::uint64_t nonce) {
  return ctx_.has(nonces_key(provider).u64(nonce));
}
void NonceState::put(std::string_view provider, std::uint64_t nonce, std::uint64_t block) {
  ctx_.store(nonces_key(provider).u64(nonce), Nonce{block});
  ctx_.put(age_key(block, provider, nonce), "1");
}
void NonceState::erase(std::string_view provider, std::uint64_t nonce) {
  const tb::Key key = nonces_key(provider).u64(nonce);
  if (const auto row = ctx_.load<Nonce>(key)) ctx_.erase(age_key(row->block, provider, nonce));
  ctx_.erase(key);
}
std::optional<std::uint64_t> NonceState::smallest(std::string_view provider) {
  std::optional<std::uint64_t> nonce;
  const tb::Key prefix = nonces_key(provider);
  ctx_.scan(prefix, {}, 1, [&](std::string_view key, std::string_view) {
    nonce = tb::Key::read_u64(key, prefix.view().size());
  });
  return nonce;
}
std::optional<OldNonce> NonceState::oldest_before(std::uint64_t cutoff) {
  std::optional<OldNonce> old;
  ctx_.scan(kNonceAgePrefix, {}, 1, [&](std::string_view key, std::string_view) {
    const std::uint64_t block = tb::Key::read_u64(key, kNonceAgePrefix.size());
    if (block >= cutoff) return;
    const std::string_view rest = key.substr(kNonceAgePrefix.size() + 8);
    const auto size = static_cast<std::size_t>(tb::Key::read_u64(rest, 0, 2));
    old = OldNonce{block, std::string(rest.substr(2, size)), tb::Key::read_u64(rest, 2 + size)};
  });
  return old;
}

bool nonce_fresh(tb::View& view, std::string_view provider, std::uint64_t nonce) {
  const Floor floor = view.load<Floor>(floor_key(provider)).value_or(Floor{});
  return nonce >= floor.next_min && !view.has(nonces_key(provider).u64(nonce));
}

std::vector<KeyVersion> versions_of(const Provider& provider) {
  std::vector<KeyVersion> out;
  out.reserve(provider.key_versions.size());
  for (const KeyRow& row : provider.key_versions) {
    out.push_back({std::string(row.verifying_key.view()), row.registered_at_block,
                   row.retired_at_block, row.evidence});
  }
  return out;
}

void set_versions(Provider& provider, const std::vector<KeyVersion>& versions) {
  provider.key_versions.clear();
  for (const KeyVersion& version : versions) {
    provider.key_versions.push_back({tb::Hash::from(version.key), version.registered_at_block,
                                     version.retired_at_block, version.evidence});
  }
}

std::string key_at(tb::View& view, std::string_view provider, std::uint64_t height) {
  if (!valid_provider_id(provider)) return {};
  const auto row = view.load<Provider>(provider_key(provider));
  if (!row) return {};
  const auto versions = versions_of(*row);
  const KeyVersion* version = key_for_block(versions, height);
  return version == nullptr ? std::string() : version->key;
}

Origin origin_of(tb::View& view, std::string_view provider) {
  const auto row = view.load<Provider>(provider_key(provider));
  if (!row) return {};
  return {row->region.value_or("unknown"), row->asn.value_or(0)};
}

Header header_of(const Block& block) {
  Header header{block.shard_count, {}, block.available_until, block.scheme, block.aggregate};
  for (const ShardRow& row : block.shards) {
    header.shards.push_back(
        {row.shard, row.root, row.blob, row.count, row.bytes, row.verify_units});
  }
  return header;
}

SealedBlock sealed_of(std::uint64_t height, const Block& block) {
  SealedBlock out;
  out.height = height;
  out.time_ms = block.time_ms;
  out.count = block.count;
  out.shard_count = block.rules.shard_count;
  out.da_window_ms = 1000 * block.rules.da_window_secs;
  out.header_wanted = block.rules.header;
  if (block.shard_count > 0) out.header = header_of(block);
  out.commitment = block.commitment;
  out.limits.shard_budget_ppm = block.rules.shard_budget_ppm;
  out.limits.max_per_provider = block.rules.max_per_provider;
  out.limits.min_regions = block.rules.min_regions;
  out.limits.min_asns = block.rules.min_asns;
  return out;
}

bool read_encodings(tb::View& view, std::uint64_t height, const Block& block,
                    std::vector<std::string>& out) {
  for (std::uint32_t chunk = 0; chunk < block.chunks; ++chunk) {
    const auto row = view.get(body_key(height, chunk));
    Body body;
    if (!row || !tb::decode_row(*row, body) || body.first != out.size()) return false;
    for (std::string_view rest = body.encodings.data; !rest.empty();) {
      const std::string_view start = rest;
      if (!decode_next(rest)) {
        out.emplace_back(start);
        return true;
      }
      out.emplace_back(start.substr(0, start.size() - rest.size()));
    }
  }
  return true;
}

bool each_receipt(tb::View& view, std::uint64_t height, const Block& block, std::uint32_t from,
                  const std::function<bool(std::uint32_t, std::string_view)>& fn) {
  for (std::uint32_t chunk = 0; chunk < block.chunks; ++chunk) {
    const auto body = view.load<Body>(body_key(height, chunk));
    if (!body) return false;
    std::string_view rest = body->encodings.data;
    for (std::uint32_t index = body->first; !rest.empty(); ++index) {
      const std::string_view start = rest;
      if (!decode_next(rest)) return false;
      if (index >= from && !fn(index, start.substr(0, start.size() - rest.size()))) return true;
    }
  }
  return true;
}

}  // namespace receipts
