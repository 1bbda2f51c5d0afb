#include "kernel/console/console.hpp"

#include <string>

#include "kernel/console/embedded.hpp"

namespace blockd {
namespace {

constexpr std::string_view kRoot = "/console";
// Scripts and styles come from this node alone; style-src allows what a script sets on an element,
// not style attributes.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

HttpResponse with_headers(HttpResponse response) {
  response.headers.emplace_back("Content-Security-Policy", kPolicy);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cache-Control", "no-cache");  // asked again each time, by ETag
  response.headers.emplace_back("Vary", "Accept-Encoding");
  return response;
}

}  // namespace

const ConsoleFile* console_file(std::string_view path) {
  if (path.empty()) path = "index.html";
  for (const ConsoleFile& file : embedded_console_files()) {
    if (file.path == path) return &file;
  }
  return nullptr;
}

std::optional<HttpResponse> serve_console(const HttpRequest& request) {
  std::string_view path = request.path;
  if (!path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  if (!path.empty() && path.front() != '/') return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") {
    HttpResponse out = text_response(405, "the console can only be read");
    out.headers.emplace_back("Allow", "GET, HEAD");
    return out;
  }
  HttpResponse out;
  if (path.empty()) {  // so that the page's relative links lead below it
    out.status = 308;
    out.content_type.clear();
    out.headers.emplace_back("Location", "/console/");
    return out;
  }
  const ConsoleFile* file = console_file(path.substr(1));
  if (!file) return text_response(404, "the console has no " + std::string(path.substr(0, 128)));
  out.headers.emplace_back("ETag", file->etag);
  if (request.headers.get("If-None-Match") == file->etag) {
    out.status = 304;
    out.content_type.clear();
    return with_headers(std::move(out));
  }
  out.content_type = std::string(file->type);
  const bool zipped = request.headers.get("Accept-Encoding").find("gzip") != std::string_view::npos;
  if (zipped) out.headers.emplace_back("Content-Encoding", "gzip");
  out.body = std::string(zipped ? file->gzip : file->plain);
  return with_headers(std::move(out));
}

}  // namespace blockd
