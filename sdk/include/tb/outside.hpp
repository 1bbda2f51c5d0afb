// What a face needs to talk to other machines: requests over HTTP, and checks of the signatures on
// what comes back (draft extensions tb.host.http/1 and tb.host.crypto/1). [face]
//
//   tb::fetch(host_, {.url = "http://10.0.0.7/reading"}, kCookie);       // the answer comes later
//   void Face::on_reply(std::uint64_t cookie, const tb::Reply& reply) {
//     const tb::Fetched got = tb::fetched(reply);
//     if (got.status == 200) use(got.json["kwh_reading"].u64());
//   }
#pragma once

#include "tb/draft/host_crypto.h"
#include "tb/draft/host_http.h"
#include "tb/host.hpp"

namespace tb {

struct Fetch {
  std::string_view method = "GET";
  std::string_view url;
  std::string_view body{}, content_type{};
  std::string_view bearer{};        // a token for the header Authorization
  std::uint32_t timeout_ms = 5000;  // at most 15,000
  std::uint64_t max_bytes = 65'536;
};

// What came back; borrowed for on_reply. `status` 0: no answer came, and `problem` says why.
struct Fetched {
  std::uint32_t status = 0;
  std::string_view content_type{}, body{};
  Value json{nullptr};  // empty unless the body is JSON
  std::string_view problem{};
};

// Starts the request; on_reply with `cookie` tells its end. TB_E_UNSUPPORTED: this kernel does not
// offer it; TB_E_BUSY: too many wait; TB_E_INVALID: a member is out of bounds.
inline Status fetch(const Host& host, const Fetch& what, std::uint64_t cookie) {
  const auto* http = static_cast<const tb_host_http*>(host.extension(TB_HOST_HTTP_1));
  if (http == nullptr) return Status(TB_E_UNSUPPORTED);
  const std::string bearer = "Bearer " + std::string(what.bearer);
  tb_value headers[2] = {};
  std::uint32_t count = 0;
  const auto add = [&](std::string_view name, std::string_view value) {
    headers[count].type = TB_TYPE_STR;
    headers[count].name = to_str(name);
    headers[count++].str = to_str(value);
  };
  if (!what.content_type.empty()) add("Content-Type", what.content_type);
  if (!what.bearer.empty()) add("Authorization", bearer);
  tb_http_fetch request{};
  request.size = sizeof request;
  request.timeout_ms = what.timeout_ms;
  request.max_bytes = what.max_bytes;
  request.method = to_str(what.method);
  request.url = to_str(what.url);
  request.headers = headers;
  request.header_count = count;
  request.body = to_str(what.body);
  return Status(http->fetch(host.raw(), &request, cookie));
}

// True if `signature` (64 bytes) over `message` verifies under the Ed25519 `key` (32 bytes). Throws
// std::runtime_error on a kernel that does not offer the check. [any]
inline bool verify(const Host& host, std::string_view key, std::string_view message,
                   std::string_view signature) {
  const auto* crypto = static_cast<const tb_host_crypto*>(host.extension(TB_HOST_CRYPTO_1));
  if (crypto == nullptr) throw std::runtime_error("this kernel checks no signatures for faces");
  return crypto->verify(host.raw(), to_str(key), to_str(message), to_str(signature)) == TB_OK;
}

inline Fetched fetched(const Reply& reply) {
  Fetched out;
  if (!reply.ok) {
    out.problem = reply.value["message"].text();
    return out;
  }
  out.status = static_cast<std::uint32_t>(reply.value["status"].u64());
  out.content_type = reply.value["content_type"].text();
  out.body = reply.value["body"].text();
  out.json = reply.value["json"];
  return out;
}

}  // namespace tb
