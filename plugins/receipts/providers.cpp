#include "plugins/receipts/providers.hpp"

#include <tb/address.hpp>

#include "plugins/receipts/emitters.hpp"
#include "plugins/receipts/key_point.hpp"
#include "plugins/receipts/store.hpp"

namespace receipts {
namespace {

constexpr std::size_t kMaxVersions = 4096;
constexpr tb::Error kSchema{-34100, "schema_mismatch"};
constexpr tb::Error kUnknown{-34102, "unknown_provider"};

tb::Status check_key(tb::Ctx& ctx, const tb::Hash& key) {
  if (valid_provider_key(key.view())) return tb::ok();
  return ctx.fail(kSchema, "the key is no valid Ed25519 public key");
}

struct SourceField {
  std::string_view kind;
  std::optional<std::string_view> config_path, tx_hash, proposal_id, stake_id;
};
BOOST_DESCRIBE_STRUCT(SourceField, (), (kind, config_path, tx_hash, proposal_id, stake_id))

struct RegisterParams {
  std::string_view provider_id;
  tb::Hash verifying_key_hex;
  std::optional<std::string_view> region;
  std::optional<std::uint32_t> asn;
  SourceField source;
  std::optional<tb::Bytes> proof_hex;
};
BOOST_DESCRIBE_STRUCT(RegisterParams, (),
                      (provider_id, verifying_key_hex, region, asn, source, proof_hex))

// The one member of the source that its kind asks for.
std::optional<std::string_view> source_value(const SourceField& source) {
  if (source.kind == "config") return source.config_path;
  if (source.kind == "signed_announcement") return source.tx_hash.value_or("");
  if (source.kind == "governance") return source.proposal_id;
  return source.stake_id;
}

// Whether `proof` is the key's signature over the announcement of the provider.
bool announced(tb::Ctx& ctx, std::string_view provider, const tb::Hash& key,
               const std::optional<tb::Bytes>& proof) {
  if (!proof || proof->data.size() != 64) return false;
  std::string message("tb.provider.announce.v1\0", 24);
  put_text(message, provider);
  return ctx.verify(key.view(), message, proof->data);
}

bool proven(tb::Ctx& ctx, const RegisterParams& in) {
  const bool by_proof = in.source.kind == "signed_announcement" || in.source.kind == "stake_linked";
  return by_proof && announced(ctx, in.provider_id, in.verifying_key_hex, in.proof_hex);
}

tb::Status register_provider(tb::Ctx& ctx, const RegisterParams& in, tb::Out& out) {
  if (!valid_provider_id(in.provider_id))
    return ctx.fail(kSchema, "provider_id has 1 to 256 bytes");
  if (auto s = check_key(ctx, in.verifying_key_hex); !s) return s;
  const auto value = source_value(in.source);
  if (!value) {
    return ctx.fail(kSchema, tb::cat("source of kind ", in.source.kind,
                                     " names its config_path, proposal_id or stake_id"));
  }
  if (!proven(ctx, in)) {
    if (auto s = check_emitter(ctx, "registering a provider without a proof of its key"); !s)
      return s;
  }
  const tb::Key key = provider_key(in.provider_id);
  if (ctx.has(key))
    return ctx.fail(kProviderExists,
                    tb::cat("provider '", in.provider_id, "' exists; rotate its key instead"));
  Provider row;
  row.source_kind = in.source.kind;
  row.source_value = value->empty() ? ctx.command_id().hex() : std::string(*value);
  if (in.region) row.region = std::string(*in.region);
  row.asn = in.asn;
  row.key_versions.push_back({in.verifying_key_hex, ctx.height(), {}, {}});
  ctx.store(key, row);
  out.put("provider_id", in.provider_id);
  out.put("registered_at_block", ctx.height());
  return tb::ok();
}

tb::Status load_provider(tb::Ctx& ctx, std::string_view id, std::optional<Provider>& out) {
  if (valid_provider_id(id)) out = ctx.load<Provider>(provider_key(id));
  if (out) return tb::ok();
  return ctx.fail(kUnknown,
                  tb::cat("no provider '", id.substr(0, kMaxProviderBytes), "' is registered"));
}

struct RotateParams {
  std::string_view provider_id;
  tb::Hash new_key_hex;
  std::optional<std::string_view> evidence;
  std::optional<tb::Bytes> proof_hex;
};
BOOST_DESCRIBE_STRUCT(RotateParams, (), (provider_id, new_key_hex, evidence, proof_hex))

// A provider changes its key by itself: the command is signed with the key in force, and the new
// key proves that somebody has it.
bool rotates_own(tb::Ctx& ctx, const std::vector<KeyVersion>& versions, const RotateParams& in) {
  const KeyVersion* active = key_for_block(versions, ctx.height());
  return active != nullptr && ctx.account() == tb::address_of(tb::Hash::from(active->key)) &&
         announced(ctx, in.provider_id, in.new_key_hex, in.proof_hex);
}

tb::Status rotate_provider(tb::Ctx& ctx, const RotateParams& in, tb::Out& out) {
  std::optional<Provider> row;
  if (auto s = load_provider(ctx, in.provider_id, row); !s) return s;
  if (auto s = check_key(ctx, in.new_key_hex); !s) return s;
  std::vector<KeyVersion> versions = versions_of(*row);
  if (!rotates_own(ctx, versions, in)) {
    if (auto s = check_emitter(ctx, "rotating the key of another provider"); !s) return s;
  }
  std::optional<std::string> evidence;
  if (in.evidence) evidence = std::string(*in.evidence);
  if (versions.size() >= kMaxVersions ||
      !rotate_key(versions, in.new_key_hex.view(), ctx.height(), std::move(evidence))) {
    return ctx.fail(kNotMonotonic,
                    "a key rotates once a block, after the block that registered "
                    "it, and at most 4,096 times");
  }
  set_versions(*row, versions);
  ctx.store(provider_key(in.provider_id), *row);
  out.put("provider_id", in.provider_id);
  out.put("registered_at_block", ctx.height());
  return tb::ok();
}

struct RetireParams {
  std::string_view provider_id, reason;
};
BOOST_DESCRIBE_STRUCT(RetireParams, (), (provider_id, reason))

tb::Status retire_provider(tb::Ctx& ctx, const RetireParams& in, tb::Out& out) {
  std::optional<Provider> row;
  if (auto s = load_provider(ctx, in.provider_id, row); !s) return s;
  if (auto s = check_emitter(ctx, "retiring a provider"); !s) return s;
  std::vector<KeyVersion> versions = versions_of(*row);
  if (!retire_key(versions, ctx.height())) {
    return ctx.fail(kNotMonotonic,
                    "the newest key is retired already, or was registered in this "
                    "block");
  }
  versions.back().evidence = std::string(in.reason);
  set_versions(*row, versions);
  ctx.store(provider_key(in.provider_id), *row);
  out.put("provider_id", in.provider_id);
  out.put("retired_at_block", ctx.height() - 1);
  return tb::ok();
}

struct MetadataParams {
  std::string_view provider_id;
  std::optional<std::string_view> region;
  std::optional<std::uint32_t> asn;
};
BOOST_DESCRIBE_STRUCT(MetadataParams, (), (provider_id, region, asn))

tb::Status set_metadata(tb::Ctx& ctx, const MetadataParams& in, tb::Out& out) {
  std::optional<Provider> row;
  if (auto s = load_provider(ctx, in.provider_id, row); !s) return s;
  if (auto s = check_emitter(ctx, "changing a provider's region or ASN"); !s) return s;
  if (in.region) row->region = std::string(*in.region);
  if (in.asn) row->asn = in.asn;
  ctx.store(provider_key(in.provider_id), *row);
  out.put("provider_id", in.provider_id);
  return tb::ok();
}

void describe_register(tb::Plugin& p) {
  p.command("receipts.register_provider", &register_provider)
      .role("admin")
      .summary("Register a provider and its first key")
      .error(kSchema)
      .error(kNotAuthorized)
      .error(kProviderExists)
      .field("provider_id")
      .help("1 to 256 bytes")
      .field("verifying_key_hex")
      .help("Ed25519 public key")
      .field("region")
      .max(256)
      .field("source.kind")
      .choices({"config", "signed_announcement", "governance", "stake_linked"})
      .field("source.config_path")
      .max(256)
      .field("source.proposal_id")
      .max(256)
      .field("source.stake_id")
      .max(256)
      .field("source.tx_hash")
      .max(256)
      .field("proof_hex")
      .min(64)
      .max(64)
      .help("signature of the new key over the announcement of its id")
      .cli("receipts provider register")
      .positional("provider_id")
      .flag("verifying_key_hex", "--verifying-key")
      .file_field("source");
}

}  // namespace

void describe_providers(tb::Plugin& p) {
  describe_register(p);
  p.command("receipts.rotate_provider", &rotate_provider)
      .role("admin")
      .summary("Give a provider a new key from this block on")
      .error(kUnknown)
      .error(kSchema)
      .error(kNotAuthorized)
      .error(kNotMonotonic)
      .field("evidence")
      .max(512)
      .field("proof_hex")
      .min(64)
      .max(64)
      .help(
          "signature of the new key over the announcement of the provider's id; with it a provider "
          "rotates its own key, in a command that its present key signs")
      .cli("receipts provider rotate")
      .positional("provider_id")
      .flag("new_key_hex", "--new-key");
  p.command("receipts.retire_provider", &retire_provider)
      .role("admin")
      .summary("Take a provider's key out of use from this block on")
      .error(kUnknown)
      .error(kNotAuthorized)
      .error(kNotMonotonic)
      .field("reason")
      .max(512)
      .cli("receipts provider retire")
      .positional("provider_id");
  p.command("receipts.set_provider_metadata", &set_metadata)
      .role("admin")
      .summary("Change region or ASN of a provider")
      .error(kUnknown)
      .error(kNotAuthorized)
      .field("region")
      .max(256)
      .cli("receipts provider set")
      .positional("provider_id");
}

}  // namespace receipts
