// mempool.qos_event and telemetry.report_signer: what wallets tell, so that metrics outlive their
// short lives; they change figures and nothing else. telemetry.wrappers: all figures at once.

#include "kernel/rpc/kernel_methods.hpp"
#include "kernel/rpc/wrappers.hpp"

namespace blockd {
namespace {

using Answer = std::optional<RpcError>;

Answer qos_event(RpcImpl& rpc, const Call& call, std::string* result) {
  const std::string lane = call.text("lane");
  const TelemetryMetrics& metrics = rpc.metrics().telemetry;
  (call.text("event") == "override" ? metrics.fee_overrides : metrics.fee_warnings)
      ->counter({std::string_view(lane)})
      ->add();
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

bool is_reason(std::string_view text) {
  return !text.empty() && text.size() <= 32 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

Answer report_signer(RpcImpl& rpc, const Call& call, std::string* result) {
  const TelemetryMetrics& m = rpc.metrics().telemetry;
  const std::vector<std::string> reasons = list_param(call, "errors");
  for (const std::string& reason : reasons) {
    if (!is_reason(reason))
      return param_error(call, "errors", "expected words such as timeout, found '" + reason + "'");
  }
  const auto count = [&](Counter* counter, std::string_view name) {
    if (const std::uint64_t n = call.number(name, 0); n > 0) counter->add(n);
  };
  count(m.discoveries, "discoveries");
  count(m.discovered, "discovered");
  count(m.signer_requests, "requests");
  count(m.signer_successes, "successes");
  count(m.signer_rotations, "rotations");
  for (const std::string& reason : reasons)
    m.signer_errors->counter({std::string_view(reason)})->add();
  const tb_value& latencies = call.param("latencies_us");
  for (std::uint64_t i = 0; latencies.type == TB_TYPE_LIST && i < latencies.count; ++i)
    m.signer_latency->observe(static_cast<double>(latencies.items[i].num) * 1e-6);
  *result = R"({"status":"ok"})";
  return std::nullopt;
}

// Every exported series of this node. A scrape first sets the gauges that are cheaper to read then.
Answer wrappers(RpcImpl& rpc, const Call& call, std::string* result) {
  const RpcParts& p = rpc.parts();
  (void)p.metrics->render();
  *result = wrappers_document(collect_wrappers(call.plans->generation->manifests, *p.metrics),
                              p.config()->text("node.label"), call.text("namespace"),
                              p.clock->unix_ms() / 1000);
  return std::nullopt;
}

constexpr KernelEntry kTelemetryEntries[] = {
    {"telemetry.wrappers", wrappers, KernelRun::kWorker},
    {"mempool.qos_event", qos_event},
    {"telemetry.report_signer", report_signer},
};

}  // namespace

std::span<const KernelEntry> telemetry_methods() { return kTelemetryEntries; }

}  // namespace blockd
