// What the server answers by itself, before a request reaches a handler: errors in the form of
// those of calls, so that a client reads one form only. Internal to net. [any]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "kernel/net/http_server.hpp"

namespace blockd {

// As the table of errors of calls has them.
enum class RefusalCode : std::int32_t {
  kInvalidRequest = -32600,
  kTimeout = -34001,
  kBusy = -34005,
  kLimitExceeded = -34012,
};

struct Refused {
  int status = 400;
  RefusalCode code = RefusalCode::kInvalidRequest;
  std::string_view name;     // likewise
  std::string what;          // what was refused, and the bound
  std::string next;          // what the client can do about it
  std::string_view limit{};  // the configuration key of the bound; empty: there is none
  std::uint32_t retry_after_ms = 0;
};

// {"jsonrpc":"2.0","id":null,"error":{code, message, data}}; {"error": …} alone where the method is
// known and not POST, since that is no call. `method`: empty if no head came. With a limit the hint
// says that it can be raised, with retry_after_ms there is a Retry-After.
HttpResponse refusal_response(const Refused& refused, std::string_view method);

// What a crowd is answered, made when limits change: a refusal costs a copy. Immutable.
struct CrowdRefusals {
  explicit CrowdRefusals(const HttpLimits& limits);
  // Whole answers, head included, of connections that are not taken.
  std::string connections, local_connections, connections_per_ip;
  HttpResponse requests_in_work(std::string_view method) const;

 private:
  HttpResponse in_work_call_, in_work_page_;
};

}  // namespace blockd
