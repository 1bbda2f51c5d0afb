#include "plugins/mock-oracle/oracle.hpp"

#include "plugins/mock-oracle/answers.hpp"

namespace mock_oracle {
namespace {

constexpr std::uint32_t kCallMs = 10'000;
constexpr std::string_view kSeedKey = "seed";

tb::Status refuse(tb::HttpReply& reply, std::uint32_t status, std::string_view why) {
  reply.status(status).json().put("error", why);
  return tb::ok();
}

bool is_meter(std::string_view id) { return !id.empty() && id.size() <= kMaxMeterNameBytes; }

}  // namespace

// The key of the configuration, else one that was made once and stays in the local store.
tb::Hash Oracle::seed_of(const Settings& settings) {
  if (settings.key) return *settings.key;
  tb::Hash seed;
  if (const auto kept = host_.store_get(kSeedKey); kept && kept->size() == seed.bytes.size()) {
    return tb::Hash::from(*kept);
  }
  host_.random(seed.bytes.data(), seed.bytes.size());
  if (!host_.store_put(kSeedKey, seed.view())) {
    throw std::runtime_error("the new key was not kept by the node's local store");
  }
  return seed;
}

std::shared_ptr<const Oracle::Setup> Oracle::load() {
  auto made = std::make_shared<Setup>();
  try {
    made->settings = load_settings(host_);
    made->keys = std::make_shared<const MeterKeys>(host_, seed_of(made->settings));
    meters_.set_faults(made->settings.faults);
    host_.log(TB_LOG_INFO, tb::cat("mock_oracle_key public_key_hex=", made->keys->public_hex({})));
  } catch (const std::runtime_error& problem) {
    made->problem = problem.what();
    host_.log(TB_LOG_ERROR, tb::cat("mock_oracle is not usable: ", made->problem));
  }
  return made;
}

std::shared_ptr<const Oracle::Setup> Oracle::setup() {
  const std::lock_guard lock(mutex_);
  if (!setup_) setup_ = load();
  return setup_;
}

void Oracle::on_config() {
  const std::lock_guard lock(mutex_);
  setup_ = nullptr;
  changed_ = true;
}

void Oracle::on_timer() {
  if (changed_.exchange(false)) {
    const auto now = setup();
    now->problem.empty() ? demo_.start(now->settings, now->keys) : demo_.stop();
  }
  demo_.tick();
}

void Oracle::on_reply(std::uint64_t cookie, const tb::Reply& reply) { demo_.reply(cookie, reply); }

// The setup for a route; null after a refusal.
std::shared_ptr<const Oracle::Setup> Oracle::open_setup(tb::HttpReply& reply) {
  auto now = setup();
  if (!now->problem.empty()) {
    refuse(reply, 503, now->problem).ignore();
    return nullptr;
  }
  if (!now->settings.open_to_callers) {
    refuse(reply, 403,
           "the mock oracle signs for anybody who asks, so it serves this machine only: set "
           "mock_oracle.listen to a loopback address, or mock_oracle.allow_remote to true")
        .ignore();
    return nullptr;
  }
  return now;
}

// Asks the node page by page which provider has the meter. The meter goes on at least where the
// node saw it last.
Oracle::Found Oracle::ask_provider(std::string_view meter) {
  Found found;
  std::uint32_t pages = 1;
  for (std::uint32_t page = 0; page < pages && found.provider.empty(); ++page) {
    const tb::Status status = host_.call(
        "energy.providers",
        [&](tb::Out& out) {
          out.put("page", page);
          out.put("page_size", kPageSize);
        },
        kCallMs,
        [&](const tb::Reply& reply) {
          if (!reply.ok) return;
          pages = page_count(reply.value);
          const tb::Value list = reply.value["providers"];
          for (std::uint32_t i = 0; i < list.size(); ++i) {
            if (list[i]["meter_address"].text() != meter) continue;
            found.provider = list[i]["provider_id"].text();
            meters_.learn(meter, shown_by(list[i]));
          }
        });
    // A refusal says that this node has no energy market, so no provider either.
    if (status.failed()) break;
    if (!status) {
      found.problem = tb::cat("the node did not name the meter's provider (status ", status.code(),
                              "); try again, or pass provider_id");
      return found;
    }
  }
  if (found.provider.empty()) found.provider = tb::cat("provider-", meter);
  return found;
}

Oracle::Found Oracle::find_provider(const Setup& setup, std::string_view meter,
                                    std::string_view asked) {
  if (!asked.empty()) return {std::string(asked), {}};
  const auto& map = setup.settings.providers_by_meter;
  if (const auto named = map.find(meter); named != map.end()) return {named->second, {}};
  if (auto known = demo_.provider_of(meter)) return {std::move(*known), {}};
  return ask_provider(meter);
}

// Empty after a refusal.
std::optional<Reading> Oracle::fresh_reading(const Setup& setup, const tb::HttpRequest& request,
                                             tb::HttpReply& reply) {
  const std::string_view meter = request.path("id");
  const Found found = find_provider(setup, meter, request.query("provider_id"));
  std::optional<Meters::Made> made;
  if (!found.problem.empty()) {
    refuse(reply, 502, found.problem).ignore();
    return std::nullopt;
  }
  made = meters_.read(meter, found.provider, setup.settings.step_kwh, *setup.keys);
  if (!made) {
    refuse(reply, 503, tb::cat("there are ", kMaxMeters, " meters already")).ignore();
  } else if (made->dropped) {
    refuse(reply, 503, "the reading was lost on purpose (mock_oracle.drop_ppm)").ignore();
    made.reset();
  }
  return made ? std::optional(std::move(made->reading)) : std::nullopt;
}

tb::Status Oracle::get_reading(tb::View&, const tb::HttpRequest& request, tb::HttpReply& reply) {
  const auto now = open_setup(reply);
  if (!now) return tb::ok();
  if (!is_meter(request.path("id"))) return refuse(reply, 400, "a meter has 1 to 128 bytes");
  if (const auto reading = fresh_reading(*now, request, reply)) reply.json().write(*reading);
  return tb::ok();
}

void Oracle::submit(const Reading& reading, tb::HttpReply& reply) {
  const tb::Status status = host_.call(
      "energy.submit_reading", [&](tb::Out& out) { out.write(reading); }, kCallMs,
      [&](const tb::Reply& answer) {
        host_.add(kReadings, 1, {result_label(answer)});
        tb::Out out = reply.status(answer.ok ? 200 : 422).json();
        if (answer.ok) out.put("status", "ok");
        out.put(answer.ok ? "credit" : "error", answer.value);
      });
  if (status || status.failed()) return;
  host_.add(kReadings, 1, {"dropped"});
  refuse(reply, 502,
         tb::cat("the node did not answer (status ", status.code(),
                 "); the reading may still arrive, ask energy.credits"))
      .ignore();
}

tb::Status Oracle::post_submit(tb::View&, const tb::HttpRequest& request, tb::HttpReply& reply) {
  const auto now = open_setup(reply);
  if (!now) return tb::ok();
  const std::string_view meter = request.path("id");
  if (!is_meter(meter)) return refuse(reply, 400, "a meter has 1 to 128 bytes");
  std::optional<Reading> reading;
  if (request.body().empty()) {
    reading = fresh_reading(*now, request, reply);
  } else {
    std::string problem;
    reading = parse_reading(request.json(), meter, &problem);
    if (!reading) return refuse(reply, 400, problem);
    if (!meters_.learn(meter, {reading->kwh_reading, reading->timestamp, reading->nonce})) {
      return refuse(reply, 503, tb::cat("there are ", kMaxMeters, " meters already"));
    }
  }
  if (reading) submit(*reading, reply);
  return tb::ok();
}

tb::Status Oracle::get_key(tb::View&, const tb::HttpRequest& request, tb::HttpReply& reply) {
  const auto now = open_setup(reply);
  if (now) reply.json().put("public_key_hex", now->keys->public_hex(request.query("meter")));
  return tb::ok();
}

}  // namespace mock_oracle
