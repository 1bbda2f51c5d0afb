#include "plugins/mock-oracle/demo.hpp"

#include "plugins/mock-oracle/answers.hpp"

namespace mock_oracle {
namespace {

constexpr std::uint64_t kFirstPauseMs = 1000;
constexpr std::uint64_t kMaxPauseMs = 60'000;
constexpr std::uint64_t kComplainMs = 60'000;
constexpr std::string_view kStepKey = "step";

constexpr std::uint64_t kAskBits = 4;
constexpr std::uint64_t kPlaceBits = 28;

std::uint64_t load_step(const tb::Host& host) {
  const std::optional<std::string> text = host.store_get(kStepKey);
  std::uint64_t step = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), step);
  return step;
}

}  // namespace

void Demo::start(const Settings& settings, std::shared_ptr<const MeterKeys> keys) {
  const std::lock_guard lock(mutex_);
  settings_ = settings;
  keys_ = std::move(keys);
  step_ = load_step(host_);
  last_step_ms_ = 0;
  pause_ms_ = 0;
  complained_ms_ = 0;
  begin(0);
  if (!settings_.demo) {
    phase_ = Phase::kOff;
    return;
  }
  try {
    curve_ = Curve::load(settings_.data_file);
  } catch (const std::runtime_error& problem) {
    phase_ = Phase::kOff;
    complain(problem.what());
  }
}

void Demo::stop() {
  const std::lock_guard lock(mutex_);
  begin(0);
  phase_ = Phase::kOff;
}

void Demo::begin(std::uint64_t pause_ms) {
  phase_ = Phase::kBegin;
  ++generation_;
  in_flight_ = 0;
  step_under_way_ = look_again_ = false;
  next_try_ms_ = host_.unix_ms() + pause_ms;
}

void Demo::fail(std::string_view what) {
  complain(what);
  pause_ms_ = std::clamp(2 * pause_ms_, kFirstPauseMs, kMaxPauseMs);
  begin(pause_ms_);
}

void Demo::complain(std::string_view what) {
  const std::uint64_t now = host_.unix_ms();
  if (complained_ms_ != 0 && now < complained_ms_ + kComplainMs) {
    ++silent_;
    return;
  }
  std::string text = tb::cat("mock_oracle_demo: ", what);
  if (silent_ != 0) text += tb::cat(" (", silent_, " more since the last line)");
  host_.log(TB_LOG_WARN, text);
  complained_ms_ = now;
  silent_ = 0;
}

std::optional<std::string> Demo::provider_of(std::string_view meter) const {
  const std::optional<std::uint32_t> place = demo_place(meter);
  const std::lock_guard lock(mutex_);
  if (!place || *place >= providers_.size() || providers_[*place].empty()) return std::nullopt;
  return providers_[*place];
}

template <class Params>
bool Demo::post(Ask ask, std::uint32_t place, std::string_view method, Params&& params) {
  const std::uint64_t cookie = (std::uint64_t(generation_) << (kPlaceBits + kAskBits)) |
                               (std::uint64_t(place) << kAskBits) | std::uint64_t(ask);
  const tb::Status status = host_.post(method, params, cookie);
  if (status) {
    ++in_flight_;
    progress_ms_ = host_.unix_ms();
    return true;
  }
  if (status.code() != TB_E_BUSY) {
    fail(tb::cat("the node does not take calls of ", method, " (status ", status.code(), ")"));
  }
  return false;
}

void Demo::tick() {
  const std::lock_guard lock(mutex_);
  const std::uint64_t now = host_.unix_ms();
  if (phase_ == Phase::kOff) return;
  if (in_flight_ != 0) {
    if (now >= progress_ms_ + kAnswerMs) return fail("the node did not answer for a minute");
    return pump();
  }
  if (now < next_try_ms_) return;
  if (phase_ == Phase::kBegin) {
    if (post(Ask::kStatus, 0, "node.status", [](tb::Out&) {})) phase_ = Phase::kOperator;
    return;
  }
  if (phase_ == Phase::kRun && !step_under_way_) return begin_step();
  pump();
}

// Sends on what the window had no room for, or what a busy node did not take.
void Demo::pump() {
  if (phase_ == Phase::kProviders && in_flight_ == 0) return ask_providers();
  if (phase_ == Phase::kRegister) return register_more();
  if (phase_ == Phase::kKeys && in_flight_ == 0) return ask_keys();
  if (phase_ == Phase::kSetKeys && in_flight_ == 0) return begin(0);
  if (phase_ == Phase::kRun && step_under_way_) return read_more();
}

void Demo::reply(std::uint64_t cookie, const tb::Reply& reply) {
  const std::lock_guard lock(mutex_);
  if (cookie >> (kPlaceBits + kAskBits) != generation_ || phase_ == Phase::kOff) return;
  --in_flight_;
  progress_ms_ = host_.unix_ms();
  const auto place = static_cast<std::uint32_t>((cookie >> kAskBits) & ((1u << kPlaceBits) - 1));
  dispatch(static_cast<Ask>(cookie & ((1u << kAskBits) - 1)), place, reply);
}

void Demo::dispatch(Ask ask, std::uint32_t place, const tb::Reply& reply) {
  if (ask == Ask::kRead) return on_read(place, reply);
  if (ask == Ask::kSettle) {
    host_.add(kSettlements, 1, {result_label(reply)});
    if (!reply.ok) complain(tb::cat("a settlement was refused: ", error_text(reply.value)));
    return read_more();
  }
  if (!reply.ok) return fail(tb::cat("setting up was refused: ", error_text(reply.value)));
  switch (ask) {
    case Ask::kStatus:
      return on_status(reply.value);
    case Ask::kProviders:
      return on_providers(reply.value);
    case Ask::kRegister:
      learn_provider(reply.value);
      return register_more();
    case Ask::kKeys:
      return on_keys(reply.value);
    default:
      phase_ = Phase::kRun;
  }
}

void Demo::on_status(tb::Value status) {
  operator_ = status["operator"].text();
  if (operator_.empty()) return fail("node.status names no operator account");
  providers_.assign(settings_.providers, {});
  next_ = 0;
  phase_ = Phase::kProviders;
  ask_providers();
}

void Demo::ask_providers() {
  post(Ask::kProviders, 0, "energy.providers", [&](tb::Out& out) {
    out.put("page", next_);
    out.put("page_size", kPageSize);
  });
}

void Demo::learn_provider(tb::Value provider) {
  const std::string_view meter = provider["meter_address"].text();
  const std::optional<std::uint32_t> place = demo_place(meter);
  if (!place || *place >= providers_.size()) return;
  providers_[*place] = provider["provider_id"].text();
  meters_.learn(meter, shown_by(provider));
}

void Demo::on_providers(tb::Value page) {
  const tb::Value list = page["providers"];
  for (std::uint32_t i = 0; i < list.size(); ++i) learn_provider(list[i]);
  if (list.size() != 0 && ++next_ < page_count(page)) return ask_providers();
  next_ = 0;
  phase_ = Phase::kRegister;
  register_more();
}

void Demo::register_more() {
  for (; next_ < providers_.size() && in_flight_ < kWindow; ++next_) {
    if (!providers_[next_].empty()) continue;
    const bool sent = post(Ask::kRegister, next_, "energy.register_provider", [&](tb::Out& out) {
      out.put("capacity_kwh", kCapacityKwh);
      out.put("price_per_kwh", settings_.price_per_kwh);
      out.put("stake", kStake);
      out.put("meter_address", demo_meter(next_));
      out.put("jurisdiction", "GB");
      out.put("owner", operator_);
    });
    if (!sent) return;
  }
  if (next_ < providers_.size() || in_flight_ != 0) return;
  phase_ = Phase::kKeys;
  ask_keys();
}

void Demo::ask_keys() {
  post(Ask::kKeys, 0, "energy.oracle_keys", [](tb::Out&) {});
}

void Demo::on_keys(tb::Value registry) {
  KeyTable table = keys_of(registry);
  if (!add_keys(table, providers_, *keys_)) {
    phase_ = Phase::kRun;
    return;
  }
  if (table.size() > kMaxKeys) {
    return fail(tb::cat("the energy market keeps at most ", kMaxKeys, " keys, this would be ",
                        table.size(), "; lower mock_oracle.providers"));
  }
  phase_ = Phase::kSetKeys;
  post(Ask::kSetKeys, 0, "energy.set_provider_keys", [&](tb::Out& out) { put_keys(table, out); });
}

std::uint64_t Demo::due_half_hours(std::uint64_t now_ms) {
  // A second is the grain of a reading's timestamp, and each reading needs a new one.
  if (last_step_ms_ != 0 && now_ms / 1000 <= last_read_second_) return 0;
  if (last_step_ms_ == 0 || settings_.step_ms == 0) return 1;
  const std::uint64_t elapsed = now_ms - last_step_ms_;
  return std::min(elapsed / settings_.step_ms, kMaxHalfHoursAtOnce);
}

void Demo::begin_step() {
  const std::uint64_t now = host_.unix_ms();
  step_count_ = due_half_hours(now);
  if (step_count_ == 0) return;
  // What is left of the time counts for the next step, unless the demo has fallen behind by a day.
  const bool on_pace =
      last_step_ms_ != 0 && settings_.step_ms != 0 && step_count_ < kMaxHalfHoursAtOnce;
  last_step_ms_ = on_pace ? last_step_ms_ + step_count_ * settings_.step_ms : now;
  last_read_second_ = now / 1000;
  step_total_kwh_ = curve_->total_kwh(step_, step_count_, settings_.kwh_per_mw_ppm);
  step_ += step_count_;
  // Written first: after a crash a half hour may be missing, but none is reported twice.
  if (!host_.store_put(kStepKey, std::to_string(step_))) {
    return fail("the node's local store does not keep the place in the curve");
  }
  host_.set(kStep, static_cast<std::int64_t>(step_));
  next_ = 0;
  step_under_way_ = true;
  read_more();
}

void Demo::read_more() {
  while (step_under_way_ && next_ < providers_.size() && in_flight_ < kWindow) {
    read_meter(next_++);
  }
  if (step_under_way_ && next_ == providers_.size() && in_flight_ == 0) end_step();
}

// What a busy node does not take, or a fault drops, is not lost: totals are cumulative, so the next
// reading of the meter carries it.
void Demo::read_meter(std::uint32_t place) {
  const std::uint64_t kwh = meter_share(step_total_kwh_, step_, place, settings_.providers);
  const std::string meter = demo_meter(place);
  const auto made = meters_.read(meter, providers_[place], kwh, *keys_);
  const bool sent = made && !made->dropped &&
                    post(Ask::kRead, place, "energy.submit_reading",
                         [&](tb::Out& out) { out.write(made->reading); });
  if (!sent) host_.add(kReadings, 1, {"dropped"});
}

void Demo::on_read(std::uint32_t place, const tb::Reply& reply) {
  host_.add(kReadings, 1, {result_label(reply)});
  if (reply.ok) {
    settle_credit(place, reply.value);
  } else if (is_rehearsal(reply.value)) {
    return fail("the market is in rehearsal: readings are tried and dropped until its gate opens");
  } else {
    look_again_ = true;
    complain(
        tb::cat("a reading of ", demo_meter(place), " was refused: ", error_text(reply.value)));
  }
  read_more();
}

void Demo::settle_credit(std::uint32_t place, tb::Value credit) {
  const std::uint64_t kwh = number_of(credit["amount_kwh"]) * settings_.settle_share_pct / 100;
  if (kwh == 0) return;
  const bool sent = post(Ask::kSettle, place, "energy.settle", [&](tb::Out& out) {
    out.put("provider_id", providers_[place]);
    out.put("kwh_consumed", kwh);
    out.put("meter_hash", credit["meter_hash"].text());
    out.put("buyer", operator_);
  });
  // A credit that a busy node does not settle stays open; the next reading mints another.
  if (!sent) host_.add(kSettlements, 1, {"dropped"});
}

void Demo::end_step() {
  step_under_way_ = false;
  pause_ms_ = 0;
  if (look_again_) begin(kFirstPauseMs);
}

}  // namespace mock_oracle
