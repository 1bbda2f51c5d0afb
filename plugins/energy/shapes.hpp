// How entities are shown in results, lists and pages. [machine] [face]
//
// Numbers that are optional are null when absent; hashes are lower-case hex; provider ids are in
// their padded form.
#pragma once

#include "plugins/energy/market.hpp"
#include "plugins/energy/readings.hpp"
#include "plugins/energy/settlement.hpp"

namespace energy {

inline std::string_view status_name(ProviderStatus status) {
  return status == ProviderStatus::kActive ? "active" : "deactivated";
}

// `view` is asked for the provider's key.
void show_provider(tb::View& view, const Params& params, const Provider& provider, tb::Out& out);
void show_fulfillment(const Provider& provider, tb::Out& out);

enum class CreditStatus : std::uint8_t { kPending, kExpired, kDisputed, kConsumed };
std::string_view credit_status_name(CreditStatus status);
void show_credit(const CreditView& credit, const Hash& meter_hash, CreditStatus status,
                 std::uint64_t expiry, tb::Out& out);

void show_receipt(const Receipt& receipt, tb::Out& out);
void show_queued(const QueuedSettlement& entry, tb::Out& out);  // as the answer to settle
void show_queue_entry(const QueuedSettlement& entry, tb::Out& out);
void show_dispute(const Dispute& dispute, tb::Out& out);

// A member that is null when the value is absent.
template <class T>
void put_or_null(tb::Out& out, std::string_view name, const std::optional<T>& value) {
  value ? out.put(name, *value) : out.null(name);
}

}  // namespace energy
