#include "kernel/programs/probe/probe.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <ostream>

#include "kernel/base/json.hpp"
#include "kernel/net/http_client.hpp"

namespace blockd::probe {
namespace {

constexpr int kOk = 0, kFailed = 1, kMissed = 2;
constexpr std::uint32_t kPollMs = 200;
constexpr const char* kUsage =
    "usage: probe [--timeout SECS] [--expect N] [--prom] [--url URL] [--token TOKEN] "
    "ping-rpc [url] | tip [url] | mine-one [url] [miner] | gossip-check [addr]";

struct Settings {
  std::uint64_t timeout_secs = 5;
  std::optional<std::uint64_t> expect;
  bool prom = false, help = false;
  std::string url, token, miner, address, sub;
  std::vector<std::string> words;
};

Status set_number(const std::string& name, const std::string& text, std::uint64_t max,
                  std::uint64_t* out) {
  const auto value = parse_u64(text);
  if (!value || *value > max)
    return Status(Code::kInvalid, name + ": expected a number up to " + std::to_string(max) +
                                      ", found '" + text + "'");
  *out = *value;
  return {};
}

Status set_flag(const std::string& name, const std::string& value, Settings* s) {
  if (name == "--timeout") return set_number(name, value, 86'400, &s->timeout_secs);
  if (name == "--expect" || name == "--expect-peers") {
    s->expect.emplace();
    return set_number(name, value, kMaxSafeInteger, &*s->expect);
  }
  std::string* text = name == "--url" || name == "--rpc"      ? &s->url
                      : name == "--token" || name == "--auth" ? &s->token
                      : name == "--miner"                     ? &s->miner
                      : name == "--addr"                      ? &s->address
                                                              : nullptr;
  if (!text) return Status(Code::kInvalid, "there is no flag " + name);
  *text = value;
  return {};
}

Result<Settings> read_settings(const std::vector<std::string>& args) {
  Settings s;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--prom") {
      s.prom = true;
    } else if (args[i] == "--help" || args[i] == "-h") {
      s.help = true;
    } else if (args[i].starts_with("--")) {
      const std::size_t equals = args[i].find('=');
      const std::string name = args[i].substr(0, equals);
      if (equals == std::string::npos && i + 1 == args.size())
        return Status(Code::kInvalid, name + ": a value is missing");
      TB_TRY(
          set_flag(name, equals == std::string::npos ? args[++i] : args[i].substr(equals + 1), &s));
    } else if (s.sub.empty()) {
      s.sub = args[i];
    } else {
      s.words.push_back(args[i]);
    }
  }
  return s;
}

// What a probe found: its exit code, the sentence for stderr, and the extra metric.
struct Finding {
  int code = kOk;
  std::string text, metric;
};

std::string seconds(std::uint64_t us) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%llu.%06llu",
                static_cast<unsigned long long>(us / 1'000'000),
                static_cast<unsigned long long>(us % 1'000'000));
  return buffer;
}

class Prober {
 public:
  Prober(World& world, const Settings& settings) : world_(world), settings_(settings) {
    url_ = settings.url;
    if (url_.empty() && settings.sub != "gossip-check" && !settings.words.empty())
      url_ = settings.words[0];
    if (url_.empty()) {
      const auto at = world.environment.find("TB_RPC_ENDPOINT");
      url_ = at == world.environment.end() || at->second.empty() ? "http://127.0.0.1:8545"
                                                                 : at->second;
    }
    deadline_us_ = world.clock.monotonic_us() + settings.timeout_secs * 1'000'000;
  }

  Finding ping() {
    const std::uint64_t start = world_.clock.monotonic_us();
    Result<std::uint64_t> height = read_height();
    const std::uint64_t took = world_.clock.monotonic_us() - start;
    if (!height.ok()) return failed(height.status());
    Finding out{kOk,
                "node answers, height " + std::to_string(*height) + ", " + seconds(took) + " s",
                "probe_rpc_ping_seconds " + seconds(took)};
    if (settings_.expect && took > *settings_.expect * 1000) {
      out.code = kMissed;
      out.text = "answered after " + std::to_string(took / 1000) + " ms, expected at most " +
                 std::to_string(*settings_.expect) + " ms";
    }
    return out;
  }

  Finding tip() {
    Result<std::uint64_t> height = read_height();
    if (!height.ok()) return failed(height.status());
    Finding out{kOk, std::to_string(*height), "probe_tip_height " + std::to_string(*height)};
    if (settings_.expect && *height < *settings_.expect) {
      out.code = kMissed;
      out.text = "height " + std::to_string(*height) + ", expected at least " +
                 std::to_string(*settings_.expect);
    }
    return out;
  }

  Finding mine_one() {
    Result<std::uint64_t> start = read_height();
    if (!start.ok()) return failed(start.status());
    json::object params;
    std::string miner = settings_.miner;
    if (miner.empty() && settings_.words.size() > (settings_.url.empty() ? 1u : 0u))
      miner = settings_.words.back();
    if (!miner.empty()) params["miner"] = miner;
    // A node that refuses may have another producer: then its blocks are waited for.
    Result<json::value> mining = call("start_mining", params);
    if (!mining.ok() && mining.status().code() != Code::kDenied) return failed(mining.status());
    if (!mining.ok())
      world_.err << "start_mining: " << mining.status().message()
                 << "; waiting for the blocks of others\n";
    const std::uint64_t wanted = *start + std::max<std::uint64_t>(1, settings_.expect.value_or(1));
    const Finding out = wait_for(wanted);
    if (mining.ok()) {
      if (Result<json::value> stopped = call("stop_mining", {}); !stopped.ok())
        world_.err << "stop_mining: " << stopped.status().message() << '\n';
    }
    return out;
  }

 private:
  Finding wait_for(std::uint64_t wanted) {
    Result<std::uint64_t> height = read_height();
    while (height.ok() && *height < wanted) {
      if (world_.clock.monotonic_us() >= deadline_us_) {
        return {kMissed,
                "height " + std::to_string(*height) + " after " +
                    std::to_string(settings_.timeout_secs) + " s, expected " +
                    std::to_string(wanted),
                ""};
      }
      world_.pause(kPollMs);
      height = read_height();
    }
    if (!height.ok()) return failed(height.status());
    return {kOk, "height " + std::to_string(*height), ""};
  }

  static Finding failed(const Status& status) {
    return {status.code() == Code::kTimeout ? kMissed : kFailed, status.message(), ""};
  }

  Result<std::uint64_t> read_height() {
    Result<json::value> status = call("node.status", {});
    if (!status.ok()) return status.status();
    const json::object* object = status->if_object();
    const json::value* height = object ? object->if_contains("current_block_height") : nullptr;
    if (!height || !height->is_int64() || height->get_int64() < 0)
      return Status(Code::kCorrupt, url_ + ": node.status has no current_block_height");
    return static_cast<std::uint64_t>(height->get_int64());
  }

  std::string token() const {
    if (!settings_.token.empty()) return settings_.token;
    const auto at = world_.environment.find("TB_RPC_AUTH_TOKEN");
    return at == world_.environment.end() || url_.starts_with("unix:") ? "" : at->second;
  }

  Result<json::value> call(const std::string& method, const json::object& params) {
    const std::uint64_t now = world_.clock.monotonic_us();
    if (now >= deadline_us_)
      return Status(Code::kTimeout,
                    url_ + ": no answer within " + std::to_string(settings_.timeout_secs) + " s");
    HttpClientOptions options;
    options.timeout_ms =
        static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (deadline_us_ - now) / 1000));
    options.connect_timeout_ms = std::min(options.timeout_ms, options.connect_timeout_ms);
    HttpClient client(options);
    HttpClientRequest request;
    request.method = "POST";
    request.url = url_;
    request.headers.emplace_back("Content-Type", "application/json");
    if (const std::string bearer = token(); !bearer.empty())
      request.headers.emplace_back("Authorization", "Bearer " + bearer);
    request.body = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" + method + "\",\"params\":";
    TB_TRY(append_canonical(params, request.body));
    request.body += "}";
    Result<HttpClientResponse> response = client.send(request);
    if (!response.ok()) return response.status();
    return result_of(*response);
  }

  Result<json::value> result_of(const HttpClientResponse& response) const {
    Result<json::value> body = parse_json(response.body);
    const json::object* object = body.ok() ? body->if_object() : nullptr;
    if (object && object->contains("result")) return object->at("result");
    const json::value* error = object ? object->if_contains("error") : nullptr;
    if (error && error->is_object()) {
      const json::value* text = error->get_object().if_contains("message");
      return Status(Code::kDenied,
                    text && text->is_string() ? std::string(text->get_string()) : "refused");
    }
    return Status(Code::kCorrupt, url_ + " answered HTTP " + std::to_string(response.status) +
                                      ", which is no JSON-RPC answer");
  }

  World& world_;
  const Settings& settings_;
  std::string url_;
  std::uint64_t deadline_us_ = 0;
};

void print(World& world, const Settings& settings, const Finding& finding, std::uint64_t took_us) {
  if (!settings.prom) {
    (finding.code == kOk ? world.out : world.err) << finding.text << '\n';
    return;
  }
  if (finding.code != kOk) world.err << finding.text << '\n';
  world.out << "probe_success " << (finding.code == kOk ? 1 : 0) << '\n'
            << "probe_duration_seconds " << seconds(took_us) << '\n';
  if (!finding.metric.empty()) world.out << finding.metric << '\n';
}

}  // namespace

int run_probe(World& world, const std::vector<std::string>& args) {
  Result<Settings> settings = read_settings(args);
  if (!settings.ok()) {
    world.err << settings.status().message() << '\n' << kUsage << '\n';
    return kMissed;
  }
  if (settings->help) {
    world.out << kUsage << '\n';
    return kOk;
  }
  const std::uint64_t start = world.clock.monotonic_us();
  Prober prober(world, *settings);
  Finding finding;
  const std::size_t max_words = settings->sub == "mine-one" ? 2 : 1;
  if (settings->sub == "ping-rpc" && settings->words.size() <= max_words) {
    finding = prober.ping();
  } else if (settings->sub == "tip" && settings->words.size() <= max_words) {
    finding = prober.tip();
  } else if (settings->sub == "mine-one" && settings->words.size() <= max_words) {
    finding = prober.mine_one();
  } else if (settings->sub == "gossip-check") {
    finding = {kFailed, "gossip-check: no peer network in this build", ""};
  } else {
    world.err << kUsage << '\n';
    return kMissed;
  }
  print(world, *settings, finding, world.clock.monotonic_us() - start);
  return finding.code;
}

}  // namespace blockd::probe
