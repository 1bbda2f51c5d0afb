#include "kernel/net/response_writer.hpp"

#include <zlib.h>

#include <charconv>
#include <ctime>

#include "kernel/net/http_server.hpp"

namespace blockd {
namespace {

constexpr int kGzipLevel = 1;         // an io thread pays for it
constexpr int kGzipWindow = 15 + 16;  // 32 KiB window, gzip wrapper

void append_clean(std::string& out, std::string_view text) {
  for (char c : text) {
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
  }
}

void append_number(std::string& out, std::uint64_t value) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// "Sun, 06 Nov 1994 08:49:37 GMT" of now. Formatted once a second and thread. Not strftime: its
// names depend on the locale.
std::string_view date_text() {
  thread_local std::time_t made_at = 0;
  thread_local char text[30];
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::string fresh = std::string(kDays[parts.tm_wday]) + ", ";
    const auto two = [&fresh](int value) {
      fresh.push_back(static_cast<char>('0' + value / 10 % 10));
      fresh.push_back(static_cast<char>('0' + value % 10));
    };
    two(parts.tm_mday);
    fresh.append(" ").append(kMonths[parts.tm_mon]).append(" ");
    two((parts.tm_year + 1900) / 100);
    two(parts.tm_year + 1900);
    fresh.push_back(' ');
    two(parts.tm_hour);
    fresh.push_back(':');
    two(parts.tm_min);
    fresh.push_back(':');
    two(parts.tm_sec);
    fresh.append(" GMT");
    fresh.copy(text, sizeof text);
    made_at = now;
  }
  return {text, 29};
}

bool is_text(std::string_view type) {
  return type.starts_with("text/") || type.starts_with("application/json") ||
         type.starts_with("application/javascript") ||
         type.starts_with("application/openmetrics-text") || type.starts_with("image/svg+xml");
}

// "gzip" or "*" in the list, not with q=0.
bool accepts_gzip(std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    const std::size_t semicolon = item.find(';');
    std::string_view weight =
        semicolon == std::string_view::npos ? std::string_view() : item.substr(semicolon + 1);
    item = item.substr(0, semicolon);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!equal_ignoring_case(item, "gzip") && item != "*") continue;
    const std::size_t q = weight.find("q=");
    return q == std::string_view::npos ||
           weight.substr(q + 2).find_first_of("123456789") != std::string_view::npos;
  }
  return false;
}

bool has_header(const HttpResponse& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (equal_ignoring_case(key, name)) return true;
  }
  return false;
}

}  // namespace

bool status_without_body(int status) { return status < 200 || status == 204 || status == 304; }

void append_response_head(std::string& out, const HttpResponse& response,
                          const ResponseShape& shape) {
  out.append("HTTP/1.1 ");
  append_number(out, static_cast<std::uint64_t>(response.status));
  out.append(" ").append(http_reason(response.status)).append("\r\nDate: ").append(date_text());
  if (!response.content_type.empty() && !status_without_body(response.status)) {
    out.append("\r\nContent-Type: ");
    append_clean(out, response.content_type);
  }
  if (!status_without_body(response.status)) {
    out.append("\r\nContent-Length: ");
    append_number(out, response.body.size());
  }
  if (!shape.keep_alive) {
    out.append("\r\nConnection: close");
  } else if (shape.http_1_0) {
    out.append("\r\nConnection: keep-alive");
  }
  for (const auto& [name, value] : response.headers) {
    out.append("\r\n");
    append_clean(out, name);
    out.append(": ");
    append_clean(out, value);
  }
  out.append("\r\n\r\n");
}

void gzip_if_wanted(HttpResponse& response, std::string_view accept_encoding) {
  if (accept_encoding.empty() || response.body.size() <= kGzipMinBytes) return;
  if (!is_text(response.content_type) || has_header(response, "Content-Encoding")) return;
  response.headers.emplace_back("Vary", "Accept-Encoding");
  if (!accepts_gzip(accept_encoding) || response.body.size() > UINT32_MAX / 2) return;
  z_stream z{};
  if (deflateInit2(&z, kGzipLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) return;
  std::string packed(deflateBound(&z, response.body.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(response.body.data());
  z.avail_in = static_cast<uInt>(response.body.size());
  z.next_out = reinterpret_cast<Bytef*>(packed.data());
  z.avail_out = static_cast<uInt>(packed.size());
  const int result = deflate(&z, Z_FINISH);
  packed.resize(z.total_out);
  deflateEnd(&z);
  if (result != Z_STREAM_END) return;  // sent as it is
  response.body = std::move(packed);
  response.headers.emplace_back("Content-Encoding", "gzip");
}

}  // namespace blockd
