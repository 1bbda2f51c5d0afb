#include "kernel/programs/cli/monitor_native.hpp"

#include <algorithm>
#include <csignal>
#include <ctime>
#include <ostream>

#include "kernel/base/clock.hpp"
#include "kernel/monitoring/rules.hpp"
#include "kernel/net/http_client.hpp"
#include "kernel/net/http_server.hpp"
#include "kernel/programs/cli/monitor_files.hpp"
#include "kernel/programs/cli/monitor_verbs.hpp"

namespace blockd::cli {
namespace {

constexpr const char* kJob = "the-block";  // as in targets.yaml
constexpr std::uint64_t kMaxRefreshSeconds = 3600;
constexpr unsigned kNativeThreads = 1;
constexpr const char* kNativeListener = "native";

// "localhost:26658" of "http://localhost:26658/metrics".
std::string instance_of(const std::string& url) {
  const std::size_t begin = url.find("://");
  const std::string rest = begin == std::string::npos ? url : url.substr(begin + 3);
  return rest.substr(0, rest.find('/'));
}

HttpResponse answer_of(int status, const char* type, std::string body) {
  HttpResponse out;
  out.status = status;
  out.content_type = type;
  out.body = std::move(body);
  out.headers = {{"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
                 {"X-Content-Type-Options", "nosniff"},
                 {"Cache-Control", "no-store"}};
  return out;
}

// The rules that would be written for Prometheus.
Result<std::vector<RuleGroup>> rules_of(const MonitoringModel& model) {
  std::vector<RuleGroup> out;
  for (const std::string& text : {recording_rules(model), alert_rules(model)}) {
    Result<json::value> document = yaml_to_json("rules", text);
    if (!document.ok()) return document.status();
    Result<std::vector<RuleGroup>> some = read_rule_groups(*document);
    if (!some.ok()) return some.status();
    for (RuleGroup& group : *some) out.push_back(std::move(group));
  }
  return out;
}

// By flag, else by the variable, else as given here.
std::string setting(Session& session, const LocalArgs& args, const char* flag, const char* variable,
                    const std::string& otherwise) {
  const std::string value = session.world.variable(variable);
  return args.get(flag, value.empty() ? otherwise : value);
}

std::int64_t unix_now(const Session& session) {
  return static_cast<std::int64_t>(session.world.clock.unix_ms());
}

// Waits at most so long; true when the program is asked to end.
bool asked_to_end(const sigset_t& signals, std::uint64_t seconds) {
  const timespec limit{static_cast<std::time_t>(seconds), 0};
  return ::sigtimedwait(&signals, nullptr, &limit) > 0;
}

int native(Session& session, const LocalArgs& args) {
  Result<MonitoringTree> tree = find_monitoring_tree(session);
  if (!tree.ok()) return session.fail(tree.status());
  Result<MonitoringModel> model = read_monitoring_model(session, args, *tree);
  if (!model.ok()) return session.fail(model.status());
  Result<std::vector<RuleGroup>> rules = rules_of(*model);
  if (!rules.ok()) return session.fail(rules.status());
  const std::string interval = setting(session, args, "--interval", "REFRESH_INTERVAL", "5");
  const auto refresh = parse_u64(interval);
  if (!refresh || *refresh == 0 || *refresh > kMaxRefreshSeconds)
    return session.fail(
        Status(Code::kInvalid, "--interval: expected 1..3600 seconds, found '" + interval + "'"));
  const std::string address = args.get(
      "--listen",
      "127.0.0.1:" + setting(session, args, "--port", "FOUNDATION_DASHBOARD_PORT", "8088"));
  const std::string endpoint = args.get("--endpoint", metrics_endpoint(session));

  sigset_t signals;  // taken by this thread alone, so blocked before there are others
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGINT);
  ::sigaddset(&signals, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto page = std::make_shared<NativePage>(*model, *std::move(rules), endpoint, *refresh);
  page->take(read_metrics(endpoint), unix_now(session));
  IoPool pool(kNativeThreads);
  HttpServer server(pool, HttpLimits{});
  const Status open =
      server.set_listener({.name = kNativeListener, .addresses = {address}, .handler = page});
  if (!open.ok()) return session.fail(open);
  for (const std::string& bound : server.bound_addresses(kNativeListener))
    session.world.out << "http://" << bound << "/ shows " << endpoint << "; Ctrl-C ends\n"
                      << std::flush;
  while (!asked_to_end(signals, *refresh)) page->take(read_metrics(endpoint), unix_now(session));
  const Status closed = server.remove_listener(kNativeListener);
  pool.stop();
  return closed.ok() ? kExitOk : session.fail(closed);
}

}  // namespace

NativePage::NativePage(const MonitoringModel& model, std::vector<RuleGroup> groups,
                       std::string source, std::uint64_t refresh_seconds)
    : model_(model),
      engine_(std::move(groups), {kRuleIntervalMs}),
      target_{{"instance", instance_of(source)}, {"job", kJob}} {
  preview_.source = std::move(source);
  preview_.refresh_seconds = refresh_seconds;
  preview_.error = "not read yet";
}

void NativePage::take(Result<std::string> scraped, std::int64_t now_ms) {
  preview_.now_ms = now_ms;
  preview_.error = scraped.ok() ? std::string() : scraped.status().message();
  ++(scraped.ok() ? good_ : bad_);
  samples_.scrape(scraped.ok() ? std::string_view(*scraped) : std::string_view(), target_, now_ms);
  samples_.add("up", target_, {now_ms, scraped.ok() ? 1.0 : 0.0, false});
  if (scraped.ok()) {
    preview_.text = *std::move(scraped);
    scraped_ms_ = now_ms;
  }
  if (scraped_ms_ > 0)
    preview_.age_seconds =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, now_ms - scraped_ms_) / 1000);
  if (evaluated_ms_ == 0 || now_ms - evaluated_ms_ >= kRuleIntervalMs) {
    evaluated_ms_ = now_ms;
    engine_.evaluate(&samples_, now_ms);
    preview_.alerts = engine_.alerts();
  }
  samples_.forget(now_ms - kKeptMs);
  serve({preview_page(model_, preview_), preview_json(preview_), own_metrics()});
}

std::string NativePage::own_metrics() const {
  const auto counter = [](const char* name, const char* type, std::uint64_t value) {
    return std::string("# TYPE ") + name + " " + type + "\n" + name + " " + std::to_string(value) +
           "\n";
  };
  return counter("monitoring_snapshot_success_total", "counter", good_) +
         counter("monitoring_snapshot_error_total", "counter", bad_) +
         counter("monitoring_native_series", "gauge", samples_.size()) +
         counter("monitoring_native_dropped_total", "counter", samples_.dropped());
}

void NativePage::serve(Served next) {
  auto made = std::make_shared<const Served>(std::move(next));
  std::lock_guard lock(mutex_);
  served_ = std::move(made);
}

void NativePage::handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) {
  std::shared_ptr<const Served> now;
  {
    std::lock_guard lock(mutex_);
    now = served_;
  }
  const std::string& path = request->path;
  if (request->method != "GET") return reply(answer_of(405, "text/plain", "only GET\n"));
  if (path == "/" || path == "/index.html")
    return reply(answer_of(200, "text/html; charset=utf-8", now->page));
  if (path == "/api/snapshot") return reply(answer_of(200, "application/json", now->snapshot));
  if (path == "/metrics") return reply(answer_of(200, "text/plain; version=0.0.4", now->metrics));
  if (path == "/healthz") return reply(answer_of(200, "text/plain", "ok\n"));
  reply(answer_of(404, "text/plain", "there is /, /api/snapshot, /metrics and /healthz\n"));
}

std::string metrics_endpoint(Session& session) {
  for (const char* name : {"TELEMETRY_ENDPOINT", "TB_MONITORING_ENDPOINT"}) {
    if (std::string value = session.world.variable(name); !value.empty()) return value;
  }
  return "http://localhost:26658/metrics";
}

Result<std::string> read_metrics(const std::string& endpoint) {
  HttpClient client(HttpClientOptions{.max_response_bytes = kMaxScrapeBytes});
  Result<HttpClientResponse> answer = client.get(endpoint);
  if (!answer.ok()) return answer.status();
  if (answer->status != 200 || answer->body.starts_with("<"))
    return Status(Code::kInvalid, "answered " + std::to_string(answer->status) + " and no series");
  return std::move(answer->body);
}

LocalVerb native_verb(std::vector<LocalFlag> sources) {
  std::vector<LocalFlag> flags = {
      {"--listen", "ADDRESS", "Where it is served; 127.0.0.1:8088 unless given"},
      {"--port", "N", "The port alone (FOUNDATION_DASHBOARD_PORT)"},
      {"--endpoint", "URL", "What is scraped (TELEMETRY_ENDPOINT)"},
      {"--interval", "SECS", "Time between two scrapes, 5 unless given (REFRESH_INTERVAL)"}};
  flags.insert(flags.end(), sources.begin(), sources.end());
  return {"monitor native",
          "",
          "Serve a page with all metrics and alerts, without Grafana and Prometheus",
          std::move(flags),
          0,
          0,
          native,
          {{"contract-cli monitor native", "then open http://127.0.0.1:8088"},
           {"contract-cli monitor native --from rpc --endpoint http://127.0.0.1:26658/metrics",
            "with the plugins of the node that runs"}}};
}

}  // namespace blockd::cli
