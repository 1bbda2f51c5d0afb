#include "plugins/mock-oracle/meters.hpp"

namespace mock_oracle {
namespace {

std::uint64_t shifted(std::uint64_t timestamp, std::int64_t skew) {
  if (skew >= 0) return timestamp + std::uint64_t(skew);
  return timestamp - std::min(timestamp, std::uint64_t(-skew));
}

}  // namespace

void Meters::set_faults(const Faults& faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

MeterState* Meters::find_or_add(std::string_view meter) {
  if (const auto found = meters_.find(meter); found != meters_.end()) return &found->second;
  if (meters_.size() >= kMaxMeters) return nullptr;
  return &meters_.emplace(std::string(meter), MeterState{}).first->second;
}

bool Meters::learn(std::string_view meter, const MeterState& seen) {
  const std::lock_guard lock(mutex_);
  MeterState* state = find_or_add(meter);
  if (state == nullptr) return false;
  state->total_kwh = std::max(state->total_kwh, seen.total_kwh);
  state->timestamp = std::max(state->timestamp, seen.timestamp);
  state->nonce = std::max(state->nonce, seen.nonce);
  return true;
}

std::optional<MeterState> Meters::state(std::string_view meter) const {
  const std::lock_guard lock(mutex_);
  const auto found = meters_.find(meter);
  return found == meters_.end() ? std::nullopt : std::optional(found->second);
}

bool Meters::strikes(std::uint32_t ppm) const {
  if (ppm == 0) return false;
  std::uint32_t dice = 0;
  host_.random(&dice, sizeof(dice));
  return dice % 1'000'000 < ppm;
}

std::optional<Meters::Made> Meters::read(std::string_view meter, std::string_view provider,
                                         std::uint64_t kwh, const MeterKeys& keys) {
  Made made;
  bool bad_signature = false;
  {
    const std::lock_guard lock(mutex_);
    MeterState* state = find_or_add(meter);
    if (state == nullptr) return std::nullopt;
    if (kwh > UINT64_MAX - state->total_kwh) throw std::runtime_error("the meter's total is full");
    state->total_kwh += kwh;
    state->timestamp = std::max(host_.unix_ms() / 1000, state->timestamp + 1);
    // Times are nonces too, so that a meter whose memory is gone does not repeat one.
    state->nonce = std::max(state->nonce + 1, state->timestamp);
    const std::uint64_t back = strikes(faults_.regress_ppm) ? kwh + 1 : 0;
    made.reading = {std::string(provider),
                    std::string(meter),
                    state->total_kwh - std::min(back, state->total_kwh),
                    shifted(state->timestamp, faults_.skew_secs),
                    state->nonce,
                    {}};
    made.dropped = strikes(faults_.drop_ppm);
    bad_signature = strikes(faults_.bad_signature_ppm);
  }
  keys.sign(made.reading);
  if (bad_signature) made.reading.signature[0] = made.reading.signature[0] == '0' ? '1' : '0';
  return made;
}

}  // namespace mock_oracle
