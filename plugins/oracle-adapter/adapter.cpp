#include "plugins/oracle-adapter/adapter.hpp"

namespace oracle_adapter {
namespace {

constexpr std::uint32_t kFetchTimeoutMs = 5'000;
constexpr std::uint32_t kSubmitTimeoutMs = 15'000;  // answered when the reading is in a block
constexpr std::uint64_t kMaxReadingBytes = 16'384;

enum class Step : std::uint32_t { kFetch = 0, kSubmit = 1 };

// Answers find their meter by generation, place and step.
std::uint64_t cookie_of(std::uint32_t generation, std::uint32_t place, Step step) {
  return std::uint64_t{generation} << 32 | std::uint64_t{place} << 1 |
         static_cast<std::uint64_t>(step);
}

std::string seconds_text(std::uint64_t ms) {
  const std::string thousandths = tb::cat(ms % 1000);
  return tb::cat(ms / 1000, ".", std::string(3 - thousandths.size(), '0'), thousandths);
}

}  // namespace

void Adapter::load() {
  loaded_ = true;
  generation_ += 1;
  meters_.clear();
  try {
    settings_ = load_settings(host_);
    usable_ = true;
  } catch (const std::runtime_error& problem) {
    settings_ = {};
    usable_ = false;
    host_.log(TB_LOG_ERROR, tb::cat("energy-oracle is not usable: ", problem.what()));
  }
  spool_ = Spool(settings_.spool_dir);
  for (const MeterSettings& one : settings_.meters) {
    Meter& meter = meters_.emplace_back();
    meter.settings = one;
    std::string problem;
    meter.waiting = spool_.get(host_, one.provider_id, &problem);
    if (!problem.empty()) host_.log(TB_LOG_WARN, tb::cat("energy-oracle spool: ", problem));
    if (meter.waiting && !signature_holds(host_, one.public_key, *meter.waiting)) {
      note(meter, Trouble::kInvalidSignature, "the spooled reading is not signed by its key");
      meter.waiting.reset();
    }
  }
  meter_count_ = static_cast<std::uint32_t>(meters_.size());
  show_depths();
}

void Adapter::on_timer() {
  if (!loaded_) load();
  const std::uint64_t now = host_.unix_ms();
  for (std::uint32_t place = 0; place < meters_.size(); ++place) {
    Meter& meter = meters_[place];
    if (meter.stopped) continue;
    if (!meter.fetching && now >= meter.fetch_at_ms) fetch(meter, place);
    if (meter.waiting && !meter.sent && now >= meter.send_at_ms) send(meter, place);
  }
}

std::uint64_t Adapter::later(std::uint32_t failures) const {
  std::uint32_t dice = 0;
  host_.random(&dice, sizeof dice);
  return host_.unix_ms() + retry_delay_ms(failures, dice);
}

void Adapter::fetch(Meter& meter, std::uint32_t place) {
  const tb::Status started = tb::fetch(
      host_,
      {.url = meter.settings.url, .timeout_ms = kFetchTimeoutMs, .max_bytes = kMaxReadingBytes},
      cookie_of(generation_, place, Step::kFetch));
  if (started) {
    meter.fetching = true;
    meter.fetch_at_ms = host_.unix_ms() + meter.settings.interval_ms;
    return;
  }
  meter.fetch_at_ms = later(++meter.fetch_failures);
  note(meter, Trouble::kTransport,
       tb::cat("the fetch did not start (status ", started.code(), ")"));
}

void Adapter::send(Meter& meter, std::uint32_t place) {
  const Trouble stale = check_time(meter.waiting->timestamp, host_.unix_ms(),
                                   settings_.max_age_secs, settings_.max_future_skew_secs);
  if (stale != Trouble::kNone) {
    // The next reading carries what this one would have told.
    note(meter, stale, "the reading could not be delivered in time");
    spool_.erase(host_, meter.settings.provider_id);
    meter.waiting.reset();
    show_depths();
    return;
  }
  const std::string body = submit_request(*meter.waiting);
  const tb::Status started = tb::fetch(host_,
                                       {.method = "POST",
                                        .url = settings_.node_url,
                                        .body = body,
                                        .content_type = "application/json",
                                        .bearer = settings_.token,
                                        .timeout_ms = kSubmitTimeoutMs},
                                       cookie_of(generation_, place, Step::kSubmit));
  if (!started) return retry_send(meter, tb::cat("not sent (status ", started.code(), ")"));
  meter.sent = std::move(meter.waiting);
  meter.waiting.reset();
  show_depths();
}

void Adapter::on_reply(std::uint64_t cookie, const tb::Reply& reply) {
  const auto generation = static_cast<std::uint32_t>(cookie >> 32);
  const auto place = static_cast<std::uint32_t>(cookie & 0xffff'ffff) >> 1;
  if (!loaded_ || generation != generation_ || place >= meters_.size()) return;
  Meter& meter = meters_[place];
  const tb::Fetched got = tb::fetched(reply);
  if (static_cast<Step>(cookie & 1) == Step::kFetch) {
    meter.fetching = false;
    take_reading(meter, got);
  } else if (meter.sent) {
    take_answer(meter, got);
  }
  show_depths();
}

void Adapter::take_reading(Meter& meter, const tb::Fetched& got) {
  std::string problem;
  std::optional<Reading> reading;
  if (got.status == 200) {
    reading = parse_reading(got.json, &problem);
  } else {
    problem = got.status == 0 ? std::string(got.problem) : tb::cat("HTTP ", got.status);
  }
  if (!reading) {
    meter.fetch_at_ms = later(++meter.fetch_failures);
    return note(meter, Trouble::kTransport, problem);
  }
  meter.fetch_failures = 0;
  if (reading->provider_id != meter.settings.provider_id)
    return note(meter, Trouble::kInvalidSignature, "the reading names another provider");
  if (!signature_holds(host_, meter.settings.public_key, *reading))
    return note(meter, Trouble::kInvalidSignature, "the reading is not signed by its key");
  const Trouble time = check_time(reading->timestamp, host_.unix_ms(), settings_.max_age_secs,
                                  settings_.max_future_skew_secs);
  if (time != Trouble::kNone) return note(meter, time, "the time of the reading is out of bounds");
  keep(meter, *std::move(reading));
}

void Adapter::keep(Meter& meter, Reading reading) {
  if (const std::string problem = spool_.put(host_, reading); !problem.empty())
    host_.log(TB_LOG_WARN, tb::cat("energy-oracle spool: ", problem));
  meter.waiting = std::move(reading);
}

void Adapter::retry_send(Meter& meter, std::string_view why) {
  meter.send_at_ms = later(++meter.send_failures);
  note(meter, Trouble::kTransport, why);
}

void Adapter::take_answer(Meter& meter, const tb::Fetched& got) {
  const std::uint64_t timestamp = meter.sent->timestamp;
  const Verdict verdict = judge(got);
  if (verdict == Verdict::kRetry) {
    if (!meter.waiting) meter.waiting = std::move(meter.sent);  // else a newer one took its place
    meter.sent.reset();
    return retry_send(meter, refusal_text(got));
  }
  meter.sent.reset();
  meter.send_failures = 0;
  if (!meter.waiting) spool_.erase(host_, meter.settings.provider_id);
  switch (verdict) {
    case Verdict::kDelivered:
      return delivered(meter, "delivered", timestamp);
    case Verdict::kRehearsal:
      return delivered(meter, "rehearsal", timestamp);
    case Verdict::kStopMeter:
      meter.stopped = true;
      [[fallthrough]];
    default:
      host_.add(kReadings, 1, {"dropped"});
      note(meter, Trouble::kSubmit, refusal_text(got));
  }
  if (meter.stopped) {
    host_.log(TB_LOG_ERROR,
              tb::cat("energy-oracle meter stopped provider=", meter.settings.provider_id,
                      ": its key or this adapter's token is not accepted; correct it and reload "
                      "the configuration"));
  }
}

void Adapter::delivered(Meter& meter, std::string_view result, std::uint64_t timestamp_s) {
  const std::uint64_t now = host_.unix_ms();
  last_latency_ms_ = now > timestamp_s * 1000 ? now - timestamp_s * 1000 : 0;
  host_.add(kReadings, 1, {result});
  host_.observe(kLatency, static_cast<std::int64_t>(last_latency_ms_));
  show_depths();
  host_.log(TB_LOG_INFO, tb::cat("energy-oracle reading ", result,
                                 " provider=", meter.settings.provider_id, depths_text()));
}

void Adapter::note(const Meter& meter, Trouble trouble, std::string_view why) {
  host_.add(kErrors, 1, {label_of(trouble)});
  host_.log(TB_LOG_WARN, tb::cat("energy-oracle ", label_of(trouble), " provider=",
                                 meter.settings.provider_id, depths_text(), ": ", why));
}

std::string Adapter::depths_text() const {
  return tb::cat(" oracle_latency=", seconds_text(last_latency_ms_),
                 " queue_depth=", queue_depth_.load(), " pending_verifications=", pending_.load());
}

void Adapter::show_depths() {
  std::uint32_t waiting = 0, sent = 0, stopped = 0;
  for (const Meter& meter : meters_) {
    waiting += meter.waiting.has_value();
    sent += meter.sent.has_value();
    stopped += meter.stopped;
  }
  queue_depth_ = waiting;
  pending_ = sent;
  stopped_ = stopped;
  host_.set(kQueueDepth, waiting);
  host_.set(kPendingVerifications, sent);
  host_.set(kMetersStopped, stopped);
}

void Adapter::on_status() {
  if (!loaded_) return;
  host_.log(TB_LOG_INFO, tb::cat("energy-oracle status meters=", meters_.size(),
                                 " stopped=", stopped_.load(), depths_text()));
}

tb::Status Adapter::healthz(tb::View&, const tb::HttpRequest&, tb::HttpReply& reply) {
  const bool good = usable_ && stopped_ == 0;
  tb::Out out = reply.status(good ? 200 : 503).json();
  out.put("status", good ? "ok" : usable_ ? "meter_stopped" : "bad_config");
  out.put("meters", meter_count_.load());
  out.put("meters_stopped", stopped_.load());
  out.put("queue_depth", queue_depth_.load());
  out.put("pending_verifications", pending_.load());
  return tb::ok();
}

}  // namespace oracle_adapter
