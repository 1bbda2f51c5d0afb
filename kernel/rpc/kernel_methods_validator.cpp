// validator.status: what this node's validator key does on the chain.

#include <algorithm>

#include "kernel/base/bytes.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {
namespace {

constexpr std::uint64_t kDayMs = 24ull * 3600 * 1000;
constexpr std::uint64_t kSignedWindow = 100;        // blocks whose votes are counted
constexpr std::uint64_t kMaxHeadersRead = 100'000;  // of a chain with several validators

using Answer = std::optional<RpcError>;

// Place of `key` in the set, or nothing.
std::optional<std::size_t> place_of(const PublicKey& key,
                                    const std::vector<Genesis::Validator>& set) {
  const auto at =
      std::find_if(set.begin(), set.end(), [&](const auto& member) { return member.key == key; });
  if (at == set.end()) return std::nullopt;
  return static_cast<std::size_t>(at - set.begin());
}

// The first block in [first, head] that is not older than `since_ms`; head + 1 if all are.
Result<std::uint64_t> first_since(const Chain& chain, std::uint64_t head, std::uint64_t since_ms) {
  std::uint64_t low = chain.first_height(), high = head + 1;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const Result<Header> header = chain.header(middle);
    if (!header.ok()) return header.status();
    if (header->time_ms < since_ms)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// Blocks of the last day that `key` proposed. The times of blocks never fall, so their beginning is
// found by halving; where one validator makes all blocks, nothing else has to be read.
Result<std::uint64_t> proposed_in_a_day(const Chain& chain, std::uint64_t head,
                                        const PublicKey& key, std::uint64_t now_ms) {
  const Result<std::uint64_t> first =
      first_since(chain, head, now_ms > kDayMs ? now_ms - kDayMs : 0);
  if (!first.ok()) return first.status();
  if (*first > head) return std::uint64_t{0};
  const bool alone = chain.genesis().validators.size() == 1;
  const std::uint64_t span = head - *first + 1;
  const std::uint64_t read = alone ? 1 : std::min(span, kMaxHeadersRead);
  std::uint64_t proposed = alone ? span - 1 : 0;
  for (std::uint64_t i = 0; i < read; ++i) {
    const Result<Header> header = chain.header(alone ? *first : head - i);
    if (!header.ok()) return header.status();
    if (header->proposer == key) ++proposed;
  }
  return proposed;
}

bool has_vote(const Bytes& certificate, std::size_t index) {
  Reader in(certificate);
  const std::uint16_t count = certificate.empty() ? std::uint16_t{0} : in.u16();
  for (std::uint16_t i = 0; i < count && in.ok(); ++i) {
    if (in.u16() == index) return in.ok();
    (void)in.array<64>();
  }
  return false;
}

struct Votes {
  std::uint64_t given = 0, missed = 0;
};

Result<Votes> newest_votes(const Chain& chain, std::uint64_t head, std::size_t index) {
  const std::uint64_t first =
      std::max(chain.first_height(), head + 1 - std::min(head + 1, kSignedWindow));
  Votes votes;
  for (std::uint64_t height = first; height <= head; ++height) {
    const auto block = chain.block(height);
    if (!block.ok()) return block.status();
    ++(has_vote((*block)->certificate, index) ? votes.given : votes.missed);
  }
  return votes;
}

// The next height whose preferred proposer is `index`, and when its slot begins.
json::object next_slot(RpcImpl& rpc, const StateView& view, std::size_t index, std::size_t count) {
  const std::shared_ptr<const Config> config = rpc.parts().config();
  const Mempool::Stats pool = rpc.parts().producer->pool().stats();
  const bool pending = pool.size[0] + pool.size[1] + pool.size[2] > 0;
  const std::uint64_t slot_ms =
      config->u64(pending ? "chain.block_interval_ms" : "chain.empty_block_interval_ms");
  const std::uint64_t wait = (index + count - (view.height + 1) % count) % count;
  const std::uint64_t now = rpc.parts().clock->unix_ms();
  const std::uint64_t since = now > view.time_ms ? now - view.time_ms : 0;
  const std::uint64_t due = (wait + 1) * slot_ms;
  json::object out = {{"height", view.height + 1 + wait}};
  if (slot_ms == 0 && !pending)
    out["in_ms"] = nullptr;  // no block without a command
  else
    out["in_ms"] = due > since ? due - since : 0;
  return out;
}

Answer validator_status(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  const std::vector<Genesis::Validator>& set = p.chain->genesis().validators;
  json::object out = {{"state", "not a validator"}, {"public_key", nullptr}, {"power", 0},
                      {"blocks_proposed_24h", 0},   {"next_slot", nullptr},  {"signed_last_100", 0},
                      {"missed_last_100", 0}};
  const std::optional<PublicKey> key =
      p.keys.validator ? std::optional(p.keys.validator->public_key()) : std::nullopt;
  if (key) out["public_key"] = "ed25519:" + to_hex(*key);
  const std::optional<std::size_t> index = key ? place_of(*key, set) : std::nullopt;
  if (index) {
    const std::uint64_t head = call.view->height;
    const auto proposed = proposed_in_a_day(*p.chain, head, *key, p.clock->unix_ms());
    if (!proposed.ok()) return from_status(proposed.status());
    const Result<Votes> votes = newest_votes(*p.chain, head, *index);
    if (!votes.ok()) return from_status(votes.status());
    out["state"] = "active";
    out["power"] = set[*index].power;
    out["blocks_proposed_24h"] = *proposed;
    out["next_slot"] = next_slot(rpc, *call.view, *index, set.size());
    out["signed_last_100"] = votes->given;
    out["missed_last_100"] = votes->missed;
  }
  *result = to_text(out);
  return std::nullopt;
}

// What is odd about this node's TLS settings (tls_warnings.hpp).
Answer diagnostics_tls(RpcImpl& rpc, const Call&, std::string* result) {
  *result = to_text(json::object{{"warnings", rpc.tls_warnings().to_json()}});
  return std::nullopt;
}

constexpr KernelEntry kValidatorEntries[] = {
    {"validator.status", validator_status, KernelRun::kWorker},
    {"diagnostics.tls", diagnostics_tls},
};

}  // namespace

std::span<const KernelEntry> validator_methods() { return kValidatorEntries; }

}  // namespace blockd
