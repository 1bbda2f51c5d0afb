#include "plugins/receipts/rules/receipt.hpp"

namespace receipts {
namespace {

constexpr FieldSpec kStorageFields[] = {
    {"contract_id", Kind::kText},
    {"provider", Kind::kText},
    {"bytes", Kind::kNumber},
    {"price", Kind::kNumber},
    {"block_height", Kind::kNumber},
    {"provider_escrow", Kind::kNumber},
    {"region", Kind::kText, true},
    {"chunk_hash", Kind::kDigest, true},
    {"provider_signature", Kind::kBytes},
    {"signature_nonce", Kind::kNumber},
};
constexpr FieldSpec kStorageSlashFields[] = {
    {"provider", Kind::kText},           {"amount", Kind::kNumber},
    {"block_height", Kind::kNumber},     {"reason", Kind::kText},
    {"region", Kind::kText, true},       {"contract_id", Kind::kText, true},
    {"chunk_hash", Kind::kDigest, true},
};
constexpr FieldSpec kComputeFields[] = {
    {"job_id", Kind::kText},
    {"provider", Kind::kText},
    {"compute_units", Kind::kNumber},
    {"payment", Kind::kNumber},
    {"block_height", Kind::kNumber},
    {"verified", Kind::kFlag},
    {"provider_signature", Kind::kBytes},
    {"signature_nonce", Kind::kNumber},
    {"blocktorch_kernel_variant_digest", Kind::kDigest, true},
    {"blocktorch_descriptor_digest", Kind::kDigest, true},
    {"blocktorch_output_digest", Kind::kDigest, true},
    {"blocktorch_benchmark_commit", Kind::kText, true},
    {"blocktorch_tensor_profile_epoch", Kind::kText, true, 512},
    {"blocktorch_proof_latency_ms", Kind::kNumber, true},
};
constexpr FieldSpec kComputeSlashFields[] = {
    {"job_id", Kind::kText},        {"provider", Kind::kText},       {"buyer", Kind::kText},
    {"burned", Kind::kNumber},      {"reason", Kind::kText},         {"deadline", Kind::kNumber},
    {"resolved_at", Kind::kNumber}, {"block_height", Kind::kNumber},
};
constexpr FieldSpec kEnergyFields[] = {
    {"contract_id", Kind::kText},         {"provider", Kind::kText},
    {"energy_units", Kind::kNumber},      {"price", Kind::kNumber},
    {"block_height", Kind::kNumber},      {"proof_hash", Kind::kDigest},
    {"provider_signature", Kind::kBytes}, {"signature_nonce", Kind::kNumber},
};
constexpr FieldSpec kEnergySlashFields[] = {
    {"provider", Kind::kText}, {"meter_hash", Kind::kDigest},   {"slash_amount", Kind::kNumber},
    {"reason", Kind::kText},   {"block_height", Kind::kNumber},
};
constexpr FieldSpec kAdFields[] = {
    {"campaign_id", Kind::kText},
    {"creative_id", Kind::kText},
    {"publisher", Kind::kText},
    {"impressions", Kind::kNumber},
    {"spend", Kind::kNumber},
    {"block_height", Kind::kNumber},
    {"conversions", Kind::kSmall},
    {"claim_routes", Kind::kRoutes, true},
    {"role_breakdown", Kind::kBreakdown, true},
    {"device_links", Kind::kLinks, true},
    {"spend_usd_micros", Kind::kNumber, true},
    {"selection_receipt_root", Kind::kDigest, true},
    {"publisher_signature", Kind::kBytes},
    {"signature_nonce", Kind::kNumber},
};
constexpr FieldSpec kRelayFields[] = {
    {"job_id", Kind::kText},
    {"campaign_id", Kind::kText, true},
    {"creative_id", Kind::kText, true},
    {"provider", Kind::kText},
    {"bytes", Kind::kNumber},
    {"total_usd_micros", Kind::kNumber},
    {"price_per_mib_usd_micros", Kind::kNumber},
    {"clearing_price_usd_micros", Kind::kNumber},
    {"resource_floor_usd_micros", Kind::kNumber},
    {"delivered_at_micros", Kind::kNumber},
    {"block_height", Kind::kNumber},
    {"payload_digest", Kind::kDigest},
    {"mesh_peer", Kind::kText, true},
    {"mesh_transport", Kind::kText, true},
    {"latency_ms", Kind::kNumber, true},
    {"hop_proofs", Kind::kTexts, true},
    {"provider_signature", Kind::kBytes},
    {"signature_nonce", Kind::kNumber},
};

constexpr Schema kSchemas[kTypes] = {
    {"storage", Market::kStorage, false, kStorageFields, "provider", "contract_id", "price",
     "bytes", "provider_signature"},
    {"storage_slash", Market::kStorage, true, kStorageSlashFields, "provider", "contract_id",
     "amount", "", ""},
    {"compute", Market::kCompute, false, kComputeFields, "provider", "job_id", "payment",
     "compute_units", "provider_signature"},
    {"compute_slash", Market::kCompute, true, kComputeSlashFields, "provider", "job_id", "burned",
     "", ""},
    {"energy", Market::kEnergy, false, kEnergyFields, "provider", "contract_id", "price",
     "energy_units", "provider_signature"},
    {"energy_slash", Market::kEnergy, true, kEnergySlashFields, "provider", "", "slash_amount", "",
     ""},
    {"ad", Market::kAd, false, kAdFields, "publisher", "campaign_id", "spend", "impressions",
     "publisher_signature"},
    {"relay", Market::kRelay, false, kRelayFields, "provider", "job_id", "total_usd_micros",
     "bytes", "provider_signature"},
};

}  // namespace

const Schema& schema_of(Type type) { return kSchemas[static_cast<std::size_t>(type)]; }

std::optional<Type> type_named(std::string_view name) {
  for (std::size_t i = 0; i < kTypes; ++i) {
    if (kSchemas[i].type == name) return static_cast<Type>(i);
  }
  return std::nullopt;
}

std::optional<Market> market_named(std::string_view name) {
  for (std::size_t i = 0; i < kMarkets; ++i) {
    if (kMarketNames[i] == name) return static_cast<Market>(i);
  }
  return std::nullopt;
}

Field* Receipt::find(std::string_view name) {
  const auto specs = schema().fields;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) return &fields_[i];
  }
  return nullptr;
}
const Field* Receipt::find(std::string_view name) const {
  return const_cast<Receipt*>(this)->find(name);
}

std::uint64_t Receipt::number(std::string_view name) const {
  const Field* field = find(name);
  return field == nullptr ? 0 : field->number;
}
std::string_view Receipt::bytes(std::string_view name) const {
  const Field* field = find(name);
  return field == nullptr ? std::string_view() : std::string_view(field->bytes);
}
void Receipt::set_number(std::string_view name, std::uint64_t value) {
  if (Field* field = find(name)) {
    field->present = true;
    field->number = value;
  }
}
void Receipt::set_bytes(std::string_view name, std::string_view value) {
  if (Field* field = find(name)) {
    field->present = true;
    field->bytes = value;
  }
}
void Receipt::drop(std::string_view name) {
  if (Field* field = find(name)) *field = Field{};
}

bool Receipt::has_blocktorch() const {
  const Field* digest = find("blocktorch_kernel_variant_digest");
  return digest != nullptr && digest->present;
}

}  // namespace receipts
