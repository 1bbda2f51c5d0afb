#include "kernel/net/refusals.hpp"

#include "kernel/base/json.hpp"
#include "kernel/base/status.hpp"

namespace blockd {
namespace {

constexpr std::uint32_t kCrowdRetryAfterMs = 1000;
// Fits into the empty send buffer of a new connection, whatever the system's settings are.
constexpr std::size_t kMaxWholeBytes = 1024;

Refused crowd(std::uint64_t bound, std::string_view of_what, std::string next,
              std::string_view limit) {
  std::string what = std::to_string(bound) + std::string(of_what) + ", as many as ";
  what.append(limit.empty() ? "this server" : limit).append(limit.empty() ? " takes" : " allows");
  return {.status = 503,
          .code = RefusalCode::kBusy,
          .name = "busy",
          .what = std::move(what),
          .next = std::move(next),
          .limit = limit,
          .retry_after_ms = kCrowdRetryAfterMs};
}

// No Date: the text is older than the answer.
std::string whole_answer(const Refused& refused) {
  const std::string body = refusal_response(refused, "").body;
  std::string out =
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/json\r\n"
      "Connection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  TB_ASSERT(out.size() <= kMaxWholeBytes);
  return out;
}

}  // namespace

HttpResponse refusal_response(const Refused& refused, std::string_view method) {
  const bool page = !method.empty() && method != "POST";
  std::string hint = refused.next;
  if (!refused.limit.empty()) hint.append(", or raise ").append(refused.limit);
  HttpResponse out;
  out.status = refused.status;
  out.content_type = "application/json";
  std::string& body = out.body;
  body = page ? "{" : "{\"jsonrpc\":\"2.0\",\"id\":null,";
  body.append("\"error\":{\"code\":").append(std::to_string(static_cast<int>(refused.code)));
  body.append(",\"message\":");
  append_json_string(body, std::string(refused.name) + ": " + refused.what);
  body.append(",\"data\":{\"name\":");
  append_json_string(body, refused.name);
  if (!refused.limit.empty()) {
    body.append(",\"limit\":");
    append_json_string(body, refused.limit);
  }
  body.append(",\"hint\":");
  append_json_string(body, hint);
  if (refused.retry_after_ms != 0) {
    body.append(",\"retry_after_ms\":").append(std::to_string(refused.retry_after_ms));
    out.headers.emplace_back("Retry-After", std::to_string((refused.retry_after_ms + 999) / 1000));
  }
  body.append("}}}");
  return out;
}

CrowdRefusals::CrowdRefusals(const HttpLimits& limits)
    : connections(
          whole_answer(crowd(limits.connections, " connections are open",
                             "send many calls over one connection", limits.keys.connections))),
      local_connections(
          whole_answer(crowd(limits.local_connections, " connections are open over local sockets",
                             "send many calls over one connection", ""))),
      connections_per_ip(whole_answer(
          crowd(limits.connections_per_ip, " connections of this address are open",
                "send many calls over one connection", limits.keys.connections_per_ip))) {
  const Refused in_work = crowd(limits.requests_in_work, " requests are in work",
                                "send fewer at the same time", limits.keys.requests_in_work);
  in_work_call_ = refusal_response(in_work, "POST");
  in_work_page_ = refusal_response(in_work, "GET");
}

HttpResponse CrowdRefusals::requests_in_work(std::string_view method) const {
  return method == "POST" ? in_work_call_ : in_work_page_;
}

}  // namespace blockd
