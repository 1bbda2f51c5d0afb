// Providers of the configuration: `receipts.receipt_providers` of this node becomes commands of the
// registry, signed by the node's admin key. New ids are registered, and a key that the provider
// never had is a rotation. What is missing in the list changes nothing, and so does a key of the
// provider's history: a list that nobody touched since brings no old key back. Looked at once after
// a start, and when the configuration changes.
#include <algorithm>

#include "plugins/receipts/face.hpp"
#include "plugins/receipts/key_point.hpp"
#include "plugins/receipts/rules/draft.hpp"
#include "plugins/receipts/store.hpp"

namespace receipts {
namespace {

constexpr std::string_view kPath = "receipt_providers";

// Why an entry cannot be one; empty: it can.
std::string problem_of(const ConfiguredProvider& entry) {
  if (!valid_provider_id(entry.provider_id)) return "provider_id has 1 to 256 bytes";
  const auto key = from_hex(entry.verifying_key_hex);
  if (!key || !valid_provider_key(*key))
    return tb::cat("verifying_key_hex of '", entry.provider_id, "' is no Ed25519 public key");
  if (entry.region && entry.region->size() > 256) return "region has at most 256 bytes";
  return {};
}

// Whether the provider has, or had, the key.
bool had_key(const Provider& provider, const std::string& key_hex) {
  const tb::Hash key = tb::Hash::from(from_hex(key_hex).value());
  return std::ranges::any_of(provider.key_versions,
                             [&](const KeyRow& row) { return row.verifying_key == key; });
}

void put_registration(tb::Out& out, const ConfiguredProvider& entry) {
  out.put("provider_id", entry.provider_id);
  out.put("verifying_key_hex", entry.verifying_key_hex);
  out.put("region", entry.region);
  out.put("asn", entry.asn);
  out.record("source", [](tb::Out& source) {
    source.put("kind", "config");
    source.put("config_path", kPath);
  });
}

void put_rotation(tb::Out& out, const ConfiguredProvider& entry) {
  out.put("provider_id", entry.provider_id);
  out.put("new_key_hex", entry.verifying_key_hex);
  out.put("evidence", kPath);
}

}  // namespace

void Face::on_commit(tb::View& view) {
  if (!providers_checked_.exchange(true)) reconcile_providers(view);
  if (!markets_asked_.exchange(true)) ask_for_markets();
}

void Face::on_config() {
  host_
      .with_view([&](tb::View& view) {
        reconcile_providers(view);
        return tb::ok();
      })
      .ignore();
}

void Face::reconcile_providers(tb::View& view) {
  const auto wanted = host_.config(kProviders);
  if (!wanted) return;
  for (const ConfiguredProvider& entry : *wanted) {
    if (const std::string problem = problem_of(entry); !problem.empty()) {
      host_.log(TB_LOG_ERROR, tb::cat("receipt_provider_config_failed: ", kPath, ": ", problem));
      continue;
    }
    const auto known = view.load<Provider>(provider_key(entry.provider_id));
    if (known && had_key(*known, entry.verifying_key_hex)) continue;
    if (!send_provider(entry, known.has_value())) {
      providers_checked_ = false;  // the node is busy: again after the next commit
      return;
    }
  }
}

bool Face::send_provider(const ConfiguredProvider& entry, bool known) {
  if (known) {
    return host_
        .post(
            "receipts.rotate_provider", [&](tb::Out& out) { put_rotation(out, entry); },
            kProvidersCookie)
        .ok();
  }
  return host_
      .post(
          "receipts.register_provider", [&](tb::Out& out) { put_registration(out, entry); },
          kProvidersCookie)
      .ok();
}

void Face::on_reply(std::uint64_t cookie, const tb::Reply& reply) {
  if (cookie == kMarketsCookie && reply.ok) return show_markets(reply.value);
  if (cookie != kProvidersCookie || reply.ok) return;
  host_.log(TB_LOG_ERROR,
            tb::cat("receipt_provider_config_failed: ", kPath, ": ", reply.value["message"].text(),
                    "; the account of the node's admin key needs the role admin"));
}

void describe_configured(tb::Plugin& p) {
  p.config(kProviders, "receipt_providers")
      .max(kMaxConfiguredProviders)
      .help(
          "providers that this node registers, and whose keys it rotates: provider_id, "
          "verifying_key_hex, region, asn");
}

}  // namespace receipts
