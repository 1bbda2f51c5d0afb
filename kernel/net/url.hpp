// URLs of the node and its clients, query strings, and listen addresses. Pure functions. [any]
//
// Understood: http, https, ws, wss with a host (name, IPv4, [IPv6]), optional port, path and query;
// and "unix:PATH" or "http+unix:PATH", where the socket's path ends at the first ':' behind it,
// after which a request target may follow: "unix:/run/blockd/rpc.sock:/ws". User information is
// refused: credentials do not belong in URLs, which end up in logs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd {

struct Url {
  std::string scheme;        // "http", "https", "ws", "wss", "unix"
  std::string host;          // without brackets; empty for unix
  std::uint16_t port = 0;    // the scheme's default (80, 443) when not given
  std::string socket_path;   // unix only
  std::string target = "/";  // path and query as they go on the wire

  bool tls() const { return scheme == "https" || scheme == "wss"; }
  // "host:port" as the Host header has it, without the scheme's default port; "localhost" for unix.
  std::string authority() const;
  // What a human recognises: "http://127.0.0.1:8545", "unix:/run/rpc.sock". No target.
  std::string origin() const;
};

// Errors: kInvalid with the part that is wrong.
Result<Url> parse_url(std::string_view text);

// Percent-decoding. `plus_is_space` for query strings. nullopt: a broken escape, or one for NUL.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
// Escapes all but letters, digits and "-._~".
std::string percent_encode(std::string_view text);

using QueryPairs = std::vector<std::pair<std::string, std::string>>;
inline constexpr std::size_t kMaxQueryPairs = 256;
// "a=1&b=x+y" -> pairs in order; a name without '=' has an empty value. nullopt: broken escape or
// more than kMaxQueryPairs.
std::optional<QueryPairs> parse_query(std::string_view text);

// "127.0.0.1:8545", "[::1]:0", "localhost:80", "0.0.0.0:9000", or "unix:/path".
struct ListenAddress {
  std::string host;  // without brackets; empty for unix
  std::uint16_t port = 0;
  std::string socket_path;
  bool is_unix() const { return !socket_path.empty(); }
  std::string to_string() const;
};
// Errors: kInvalid, with an example of the right form.
Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace blockd
