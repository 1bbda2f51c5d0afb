#include "plugins/receipts/rules/validation.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace receipts {
namespace {

Refused mismatch(std::string text) { return {Reason::kSchemaMismatch, std::move(text)}; }

// Up to three names; empty ones are none.
using Names = std::array<std::string_view, 3>;

Names required_texts(Type type) {
  switch (type) {
    case Type::kStorage:
    case Type::kEnergy:
      return {"contract_id", "provider"};
    case Type::kCompute:
    case Type::kRelay:
      return {"job_id", "provider"};
    case Type::kAd:
      return {"campaign_id", "publisher"};
    case Type::kComputeSlash:
      return {"job_id", "provider", "reason"};
    default:
      return {"provider", "reason"};
  }
}

Names never_zero(Type type) {
  switch (type) {
    case Type::kStorage:
      return {"bytes", "price"};
    case Type::kCompute:
      return {"compute_units", "payment"};
    case Type::kEnergy:
      return {"energy_units", "price"};
    case Type::kAd:
      return {"impressions"};
    case Type::kRelay:
      return {"bytes", "total_usd_micros"};
    case Type::kComputeSlash:
      return {"burned"};
    default:
      return {};
  }
}

bool all_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

Checked check_lengths(const Receipt& receipt) {
  const auto specs = receipt.schema().fields;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const Field& field = receipt.fields()[i];
    if (specs[i].kind == Kind::kText && field.bytes.size() > specs[i].max_bytes) {
      return mismatch(std::string(specs[i].name) + " has more than " +
                      std::to_string(specs[i].max_bytes) + " bytes");
    }
    for (const Entry& entry : field.list) {
      if (entry.key.size() > specs[i].max_bytes || entry.value.size() > specs[i].max_bytes)
        return mismatch("a text in " + std::string(specs[i].name) + " has more than 256 bytes");
    }
  }
  return {};
}

Checked check_zeros(const Receipt& receipt) {
  for (std::string_view name : never_zero(receipt.type())) {
    if (!name.empty() && receipt.number(name) == 0)
      return mismatch(std::string(name) + " must not be 0");
  }
  if (receipt.type() == Type::kAd && receipt.number("spend") == 0 &&
      receipt.number("spend_usd_micros") == 0) {
    return mismatch("spend or spend_usd_micros must not be 0");
  }
  if (receipt.type() == Type::kEnergy && all_zero(receipt.bytes("proof_hash")))
    return mismatch("proof_hash must not be all zero");
  return {};
}

Checked check_blocktorch(const Receipt& receipt) {
  if (!receipt.has_blocktorch()) return {};
  for (std::string_view name : {"blocktorch_benchmark_commit", "blocktorch_tensor_profile_epoch"}) {
    if (receipt.bytes(name).empty())
      return Refused{Reason::kBlockTorch, std::string(name) + " is missing or empty"};
  }
  for (std::string_view name : {"blocktorch_kernel_variant_digest", "blocktorch_descriptor_digest",
                                "blocktorch_output_digest"}) {
    if (all_zero(receipt.bytes(name)))
      return Refused{Reason::kBlockTorch, std::string(name) + " is all zero"};
  }
  if (receipt.number("blocktorch_proof_latency_ms") == 0)
    return Refused{Reason::kBlockTorch, "blocktorch_proof_latency_ms is 0"};
  return {};
}

}  // namespace

Checked check_fields(const Receipt& receipt) {
  const auto specs = receipt.schema().fields;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (!specs[i].optional && !receipt.fields()[i].present)
      return mismatch("field " + std::string(specs[i].name) + " is missing");
  }
  for (std::string_view name : required_texts(receipt.type())) {
    if (!name.empty() && receipt.bytes(name).empty())
      return mismatch(std::string(name) + " must not be empty");
  }
  if (auto refused = check_lengths(receipt)) return refused;
  if (auto refused = check_zeros(receipt)) return refused;
  if (!receipt.slash() && receipt.nonce() == std::numeric_limits<std::uint64_t>::max())
    return mismatch("signature_nonce is at most 2^64 - 2");
  return check_blocktorch(receipt);
}

Checked check_signature(const Receipt& receipt, const Questions& ask) {
  const std::string_view signature = receipt.signature();
  if (signature.size() != 64) {
    return Refused{Reason::kSignatureInvalid, "a provider signature has 64 bytes, this one has " +
                                                  std::to_string(signature.size())};
  }
  const std::string provider(receipt.provider());
  const std::string key = ask.key_of(provider);
  if (key.empty()) {
    return Refused{Reason::kUnknownProvider, "provider '" + provider +
                                                 "' has no key for this height; register it with "
                                                 "receipts.register_provider"};
  }
  if (!ask.nonce_fresh(provider, receipt.nonce())) {
    return Refused{Reason::kReplayedNonce, "nonce " + std::to_string(receipt.nonce()) +
                                               " of provider '" + provider +
                                               "' was used or is too old; use a larger one"};
  }
  const std::optional<Hash> claim = claim_digest(receipt);
  if (!claim || !ask.verify(key, claim->view(), signature)) {
    return Refused{Reason::kSignatureInvalid,
                   "the signature over the claim digest does not verify "
                   "under the key of provider '" +
                       provider + "'"};
  }
  return {};
}

}  // namespace receipts
