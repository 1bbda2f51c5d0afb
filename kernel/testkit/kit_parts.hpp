// Small parts of the test kit: its clock, and how outcomes are shown. Only testkit_impl.hpp
// includes this.
#pragma once

#include <boost/json/serialize.hpp>
#include <stdexcept>

#include "kernel/base/clock.hpp"
#include "kernel/chain/executor.hpp"
#include "kernel/testkit/face_host.hpp"
#include "tb/testkit.hpp"

namespace tb {
inline namespace kit {

using namespace blockd;  // the kit is made of the kernel's parts

[[noreturn]] inline void misuse(const std::string& what) {
  throw std::runtime_error("TestChain: " + what);
}

inline void must(const Status& status) {
  if (!status.ok()) misuse(status.to_string());
}

struct TestClock final : Clock {
  std::uint64_t now = 0;
  std::uint64_t unix_ms() const override { return now; }
  std::uint64_t monotonic_us() const override { return now * 1000; }
};

inline Sender as_admin() {
  Sender sender;
  sender.admin = true;
  return sender;
}

inline Ran refused(std::int32_t code, std::string name, std::string text) {
  Ran ran;
  ran.error_code = code;
  ran.error_name = std::move(name);
  ran.error_text = std::move(text);
  return ran;
}

inline Outcome outcome_of(blockd::Outcome outcome) {
  if (outcome == blockd::Outcome::kApplied) return Outcome::kApplied;
  return outcome == blockd::Outcome::kCharged ? Outcome::kCharged : Outcome::kRejected;
}

template <class StepLike>
Ran ran_of(const StepLike& step) {
  return Ran{outcome_of(step.outcome), step.result, step.code, step.name, step.text,
             step.error_data};
}

// As tb/draft/host_http.h tells it.
inline FaceHost::Answer answer_of_world(const TestHttpAnswer& got) {
  json::object out;
  if (got.status == 0) {
    out["code"] = TB_ABORTED;
    out["message"] = got.body.empty() ? "connection refused" : got.body;
    return {false, json::serialize(out)};
  }
  out["status"] = got.status;
  out["content_type"] = "application/json";
  out["body"] = got.body;
  if (Result<json::value> parsed = parse_json(got.body); parsed.ok())
    out["json"] = *std::move(parsed);
  return {true, json::serialize(out)};
}

}  // namespace kit
}  // namespace tb
