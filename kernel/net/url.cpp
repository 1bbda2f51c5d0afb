#include "kernel/net/url.hpp"

#include <charconv>

namespace blockd {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  auto [rest, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc() || rest != end || digits.empty()) return std::nullopt;
  return port;
}

bool has_blank_or_control(std::string_view text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f) return true;
  }
  return false;
}

Status bad_url(std::string_view text, std::string_view why) {
  return Status(Code::kInvalid, "bad URL '" + std::string(text) + "': " + std::string(why),
                "write http://HOST:PORT/PATH, https://…, or unix:/path/to/socket");
}

struct HostPort {
  std::string host;
  std::optional<std::uint16_t> port;
};

// "host", "host:1", "[v6]", "[v6]:1"; nullopt if it is none of these.
std::optional<HostPort> split_host_port(std::string_view text) {
  HostPort out;
  std::string_view after;
  if (!text.empty() && text.front() == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    after = text.substr(end + 1);
  } else {
    const std::size_t colon = text.find(':');
    out.host = text.substr(0, colon);
    if (colon != std::string_view::npos) after = text.substr(colon);
  }
  if (out.host.empty()) return std::nullopt;
  if (after.empty()) return out;
  if (after.front() != ':') return std::nullopt;
  out.port = parse_port(after.substr(1));
  if (!out.port) return std::nullopt;
  return out;
}

Result<Url> parse_unix_url(std::string_view text, std::string_view rest) {
  if (rest.substr(0, 3) == "///") rest.remove_prefix(2);
  Url url;
  url.scheme = "unix";
  const std::size_t colon = rest.find(':');
  url.socket_path = rest.substr(0, colon);
  if (colon != std::string_view::npos) url.target = rest.substr(colon + 1);
  if (url.target.empty()) url.target = "/";
  if (url.socket_path.empty()) return bad_url(text, "the path of the socket is missing");
  if (url.target.front() != '/') return bad_url(text, "what follows ':' must begin with '/'");
  return url;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (has_blank_or_control(text)) return bad_url(text, "blank or control character");
  if (text.starts_with("unix:")) return parse_unix_url(text, text.substr(5));
  if (text.starts_with("http+unix:")) return parse_unix_url(text, text.substr(10));
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos) return bad_url(text, "no scheme");
  Url url;
  url.scheme = text.substr(0, mark);
  const bool known =
      url.scheme == "http" || url.scheme == "https" || url.scheme == "ws" || url.scheme == "wss";
  if (!known) return bad_url(text, "unknown scheme '" + url.scheme + "'");
  std::string_view rest = text.substr(mark + 3);
  rest = rest.substr(0, rest.find('#'));
  const std::size_t end = rest.find_first_of("/?");
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) {
    return bad_url(url.scheme + "://…", "user information is not accepted in URLs");
  }
  std::optional<HostPort> parts = split_host_port(authority);
  if (!parts) return bad_url(text, "host or port is wrong");
  if (parts->port == 0) return bad_url(text, "port 0");
  url.host = std::move(parts->host);
  url.port = parts->port.value_or(url.tls() ? 443 : 80);
  if (end != std::string_view::npos) {
    url.target = (rest[end] == '?' ? "/" : "") + std::string(rest.substr(end));
  }
  return url;
}

std::string Url::authority() const {
  if (scheme == "unix") return "localhost";
  if (port == (tls() ? 443 : 80)) return bracketed(host);
  return bracketed(host) + ":" + std::to_string(port);
}

std::string Url::origin() const {
  return scheme == "unix" ? "unix:" + socket_path : scheme + "://" + authority();
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

std::string percent_encode(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    }
  }
  return out;
}

std::optional<QueryPairs> parse_query(std::string_view text) {
  QueryPairs pairs;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view part = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (part.empty()) continue;
    if (pairs.size() == kMaxQueryPairs) return std::nullopt;
    const std::size_t equals = part.find('=');
    std::optional<std::string> name = percent_decode(part.substr(0, equals), true);
    std::optional<std::string> value =
        percent_decode(equals == std::string_view::npos ? "" : part.substr(equals + 1), true);
    if (!name || !value) return std::nullopt;
    pairs.emplace_back(std::move(*name), std::move(*value));
  }
  return pairs;
}

std::string ListenAddress::to_string() const {
  return is_unix() ? "unix:" + socket_path : bracketed(host) + ":" + std::to_string(port);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress address;
  if (text.starts_with("unix:")) {
    address.socket_path = text.substr(5);
    if (address.is_unix()) return address;
  } else if (std::optional<HostPort> parts = split_host_port(text);
             parts && parts->port && !has_blank_or_control(text)) {
    address.host = std::move(parts->host);
    address.port = *parts->port;
    return address;
  }
  return Status(Code::kInvalid, "bad listen address '" + std::string(text) + "'",
                "write 127.0.0.1:8545, [::1]:8545 or unix:/path/to/socket");
}

}  // namespace blockd
