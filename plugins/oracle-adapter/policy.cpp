#include "plugins/oracle-adapter/policy.hpp"

namespace oracle_adapter {
namespace {

constexpr std::uint64_t kFirstDelayMs = 500, kLongestDelayMs = 30'000;
constexpr std::size_t kMaxErrorBytes = 300;

// Codes of the energy market and of the node (node-and-cli specification, chapter of error codes).
constexpr std::int64_t kSignature = -33001, kMeter = -33003, kReplay = -33007, kSkew = -33008,
                       kUnauthorized = -33009, kRateLimited = -33010, kRehearsal = -33020;
constexpr std::int64_t kNodeUnauthorized = -34000, kNodeForbidden = -34003;
constexpr std::int64_t kNodeLimited = -32001, kNodeBanned = -32002, kNotReady = -34004,
                       kBusy = -34005;

}  // namespace

std::string_view label_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::kTransport:
      return "transport";
    case Trouble::kInvalidSignature:
      return "invalid_signature";
    case Trouble::kStaleReading:
      return "stale_reading";
    case Trouble::kFutureSkew:
      return "future_skew";
    case Trouble::kSubmit:
      return "submit";
    case Trouble::kNone:
      break;
  }
  return "none";
}

Trouble check_time(std::uint64_t timestamp_s, std::uint64_t now_ms, std::uint64_t max_age_secs,
                   std::uint64_t max_future_skew_secs) {
  const std::uint64_t now = now_ms / 1000;
  if (timestamp_s < now && now - timestamp_s > max_age_secs) return Trouble::kStaleReading;
  if (timestamp_s > now && timestamp_s - now > max_future_skew_secs) return Trouble::kFutureSkew;
  return Trouble::kNone;
}

Verdict judge(const tb::Fetched& got) {
  const tb::Value error = got.json["error"];
  if (got.status == 429 || error.absent()) {
    return got.status == 200 && !got.json["result"].absent() ? Verdict::kDelivered
                                                             : Verdict::kRetry;
  }
  switch (error["code"].i64()) {
    case kRehearsal:
      return error["data"]["would_be"]["ok"].absent() ? Verdict::kDrop : Verdict::kRehearsal;
    case kRateLimited:
    case kNodeLimited:
    case kNodeBanned:
    case kNotReady:
    case kBusy:
      return Verdict::kRetry;
    case kSignature:
    case kUnauthorized:
    case kNodeUnauthorized:
    case kNodeForbidden:
      return Verdict::kStopMeter;
    case kReplay:
    case kMeter:
    case kSkew:
    default:
      return Verdict::kDrop;
  }
}

std::string refusal_text(const tb::Fetched& got) {
  const tb::Value error = got.json["error"];
  if (error.absent()) {
    return got.status == 0 ? std::string(got.problem.substr(0, kMaxErrorBytes))
                           : tb::cat("HTTP ", got.status);
  }
  return tb::cat(error["data"]["name"].text(), " ",
                 error["message"].text("no reason given").substr(0, kMaxErrorBytes), " (",
                 error["code"].i64(), ")");
}

std::uint64_t retry_delay_ms(std::uint32_t failures, std::uint32_t dice) {
  std::uint64_t delay = kFirstDelayMs;
  for (std::uint32_t i = 1; i < failures && delay < kLongestDelayMs; ++i) delay *= 2;
  if (delay > kLongestDelayMs) delay = kLongestDelayMs;
  return delay * (800 + dice % 401) / 1000;
}

}  // namespace oracle_adapter
