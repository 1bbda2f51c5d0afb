#include "kernel/rpc/tls_warnings.hpp"

#include <cctype>

#include "kernel/net/tls_fingerprint.hpp"

namespace blockd {
namespace {

constexpr std::string_view kSections[] = {"node", "rpc", "http", "status", "gateway", "aggregator"};
constexpr std::string_view kMissing = "missing_identity_component";
constexpr std::string_view kConflict = "conflicting_client_ca";

std::string prefix_of(std::string_view section) {
  std::string out = "TB_";
  for (const char c : section)
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out + "_TLS";
}

}  // namespace

std::vector<TlsWarning> tls_warnings_of(const Config& config) {
  std::vector<TlsWarning> out;
  for (const std::string_view section : kSections) {
    const auto set = [&](const char* name) {
      return !config.text("tls." + std::string(section) + "." + name).empty();
    };
    const std::string prefix = prefix_of(section);
    const bool cert = set("cert"), key = set("key");
    const bool required = set("client_ca"), optional = set("client_ca_optional");
    if (cert != key || ((required || optional) && !cert)) {
      out.push_back({prefix,
                     std::string(kMissing),
                     "identity requires both " + prefix + "_CERT and " + prefix + "_KEY",
                     {prefix + "_CERT", prefix + "_KEY"}});
    }
    if (required && optional) {
      out.push_back({prefix,
                     std::string(kConflict),
                     prefix + "_CLIENT_CA and " + prefix +
                         "_CLIENT_CA_OPTIONAL are both set; clients must show a certificate",
                     {prefix + "_CLIENT_CA", prefix + "_CLIENT_CA_OPTIONAL"}});
    }
  }
  return out;
}

Status TlsWarnings::declare(MetricRegistry& metrics) {
  std::vector<std::vector<std::string>> known;
  for (const std::string_view section : kSections) {
    for (const std::string_view code : {kMissing, kConflict})
      known.push_back({prefix_of(section), std::string(code)});
  }
  Result<MetricFamily*> totals =
      metrics.declare("kernel", {.name = "tls_env_warning_total",
                                 .labels = {"prefix", "code"},
                                 .help = "Configurations with such a defect in their TLS settings",
                                 .presets = std::move(known)});
  if (!totals.ok()) return totals.status();
  Result<MetricFamily*> last =
      metrics.declare("kernel", {.name = "tls_env_warning_last_seen_seconds",
                                 .type = MetricType::kGauge,
                                 .labels = {"prefix", "code"},
                                 .help = "Unix time at which a TLS warning was seen last"});
  if (!last.ok()) return last.status();
  totals_ = *totals;
  last_seen_ = *last;
  return {};
}

void TlsWarnings::note(const std::vector<TlsWarning>& warnings, std::uint64_t unix_ms) {
  std::lock_guard lock(mutex_);
  for (const TlsWarning& warning : warnings) {
    Seen& seen = seen_[{warning.prefix, warning.code}];
    seen.warning = warning;
    seen.last_seen = unix_ms / 1000;
    ++seen.total;
    totals_->counter({std::string_view(warning.prefix), std::string_view(warning.code)})->add();
    last_seen_->gauge({std::string_view(warning.prefix), std::string_view(warning.code)})
        ->set(static_cast<double>(seen.last_seen));
  }
}

json::array TlsWarnings::to_json() const {
  std::lock_guard lock(mutex_);
  json::array out;
  for (const auto& [name, seen] : seen_) {
    const TlsWarning& w = seen.warning;
    out.push_back(json::object{{"prefix", w.prefix},
                               {"code", w.code},
                               {"total", seen.total},
                               {"last_seen", seen.last_seen},
                               {"origin", "diagnostics"},
                               {"detail", w.detail},
                               {"variables", json::array(w.variables.begin(), w.variables.end())},
                               {"detail_fingerprint", tls_fingerprint(w.detail)},
                               {"variables_fingerprint", tls_fingerprint(std::span(w.variables))}});
  }
  return out;
}

}  // namespace blockd
