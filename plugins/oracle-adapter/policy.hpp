// Policy: what is done with a reading, and what follows from an answer of the node. Pure functions.
// [any]
#pragma once

#include <cstdint>
#include <string_view>

#include "plugins/oracle-adapter/reading.hpp"

namespace oracle_adapter {

// Why a reading did not reach the market; the label `error` of oracle_adapter_errors_total.
enum class Trouble : std::uint8_t {
  kNone,
  kTransport,
  kInvalidSignature,
  kStaleReading,
  kFutureSkew,
  kSubmit
};
std::string_view label_of(Trouble trouble);

// Whether the time of a reading lets it be sent: kNone, kStaleReading or kFutureSkew.
Trouble check_time(std::uint64_t timestamp_s, std::uint64_t now_ms, std::uint64_t max_age_secs,
                   std::uint64_t max_future_skew_secs);

enum class Verdict : std::uint8_t {
  kDelivered,
  kRehearsal,  // the market rehearses and would have taken it: counts as delivered
  kRetry,
  kDrop,      // this reading will never be taken, the next one may be
  kStopMeter  // the meter's key, or ours, is wrong: no reading will be taken
};
// `got` is the node's answer to submit_request(), or that none came.
Verdict judge(const tb::Fetched& got);
// Name and text of the refusal, for the log; no more than fits a line, never the reading itself.
std::string refusal_text(const tb::Fetched& got);

// How long to wait before attempt `failures` + 1: 0.5 s doubling to 30 s, and up to a fifth more or
// less by `dice`, so that adapters that failed together do not come back together.
std::uint64_t retry_delay_ms(std::uint32_t failures, std::uint32_t dice);

}  // namespace oracle_adapter
