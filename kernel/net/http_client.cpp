#include "kernel/net/http_client.hpp"

#include <algorithm>
#include <mutex>

#include "kernel/net/http_parser.hpp"
#include "kernel/net/tls_context.hpp"
#include "kernel/net/transport.hpp"
#include "kernel/net/url.hpp"

namespace blockd {
namespace {

constexpr std::size_t kReadBytes = 16384;

bool is_clean(std::string_view text) {
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') return false;
  }
  return true;
}

Result<std::string> request_text(const HttpClientRequest& request, const Url& url) {
  std::string out = request.method + " " + url.target + " HTTP/1.1\r\nHost: " + url.authority();
  if (!is_clean(request.method)) return Status(Code::kInvalid, "bad HTTP method");
  for (const auto& [name, value] : request.headers) {
    if (!is_clean(name) || !is_clean(value)) {
      return Status(Code::kInvalid, "header '" + name + "' holds a control character");
    }
    out.append("\r\n").append(name).append(": ").append(value);
  }
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
    out.append("\r\nContent-Length: ").append(std::to_string(request.body.size()));
  }
  return out.append("\r\n\r\n").append(request.body);
}

struct Exchange {
  bool answer_began = false;
  std::size_t sent = 0;
  bool reusable = false;
};

Result<HttpClientResponse> exchange(Transport& transport, const std::string& text,
                                    const HttpClientRequest& request, std::uint64_t max_bytes,
                                    std::uint64_t deadline_ms, Exchange* about) {
  // A server that refuses early (413, 503) answers and closes, maybe before our first byte; its
  // answer counts more than our error.
  const Status written = transport.write_all(text, deadline_ms, &about->sent);
  if (!written.ok() && written.code() != Code::kUnavailable) return written;
  ResponseParser parser(max_bytes, request.method == "HEAD");
  std::string buffer(kReadBytes, '\0');
  std::size_t held = 0;
  while (parser.state() == ParseState::kHead || parser.state() == ParseState::kBody) {
    if (held == buffer.size()) buffer.resize(buffer.size() * 2);  // ends at the parser's head limit
    Result<std::size_t> n =
        transport.read_some(buffer.data() + held, buffer.size() - held, deadline_ms);
    if (!n.ok()) return !written.ok() ? written : n.status();
    if (*n == 0) {
      if (!about->answer_began) {
        if (!written.ok()) return written;
        return Status(Code::kUnavailable, "connection closed before an answer came");
      }
      parser.put_eof();
      if (parser.state() == ParseState::kDone) break;
      return Status(Code::kUnavailable, "connection closed in the middle of the answer");
    }
    about->answer_began = true;
    held += *n;
    const std::size_t eaten = parser.put(std::string_view(buffer).substr(0, held));
    buffer.erase(0, eaten);
    held -= eaten;
    buffer.resize(std::max(kReadBytes, held));
  }
  if (parser.too_large()) {
    return Status(Code::kLimit,
                  "the answer is larger than " + std::to_string(max_bytes) + " bytes");
  }
  if (parser.state() != ParseState::kDone) {
    return Status(Code::kInvalid, "the answer is not HTTP", "is this the right port?");
  }
  about->reusable = written.ok() && held == 0 && parser.keep_alive();
  HttpClientResponse response;
  response.status = parser.status();
  response.headers = std::move(parser.headers());
  response.body = std::move(parser.body());
  return response;
}

}  // namespace

class HttpClient::Impl {
 public:
  explicit Impl(HttpClientOptions given) : options(std::move(given)) {}

  Result<HttpClientResponse> send(const HttpClientRequest& request) {
    Result<Url> url = parse_url(request.url);
    if (!url.ok()) return url.status();
    Result<std::string> text = request_text(request, *url);
    if (!text.ok()) return text.status();
    const std::uint64_t deadline =
        steady_ms() + (request.timeout_ms ? request.timeout_ms : options.timeout_ms);
    if (std::unique_ptr<Transport> kept = take_kept(url->origin())) {
      Exchange about;
      Result<HttpClientResponse> response = run(*kept, *url, *text, request, deadline, &about);
      if (response.ok() || !may_repeat(request, response.status(), about)) {
        if (about.reusable) keep(url->origin(), std::move(kept));
        return response;
      }
    }
    Result<TlsContext> tls = tls_for(*url);
    if (!tls.ok()) return tls.status();
    Result<std::unique_ptr<Transport>> fresh =
        Transport::connect(*url, *tls, !options.tls.insecure,
                           std::min(deadline, steady_ms() + options.connect_timeout_ms));
    if (!fresh.ok()) return fresh.status();
    Exchange about;
    Result<HttpClientResponse> response = run(**fresh, *url, *text, request, deadline, &about);
    if (about.reusable) keep(url->origin(), std::move(*fresh));
    return response;
  }

  const HttpClientOptions options;

 private:
  Result<HttpClientResponse> run(Transport& transport, const Url& url, const std::string& text,
                                 const HttpClientRequest& request, std::uint64_t deadline,
                                 Exchange* about) const {
    Result<HttpClientResponse> response = exchange(
        transport, text, request,
        request.max_response_bytes ? request.max_response_bytes : options.max_response_bytes,
        deadline, about);
    if (response.ok()) return response;
    const Status& status = response.status();
    const bool named = status.message().find(url.origin()) != std::string::npos;
    return named ? status : status.in(url.origin());
  }

  static bool may_repeat(const HttpClientRequest& request, const Status& status,
                         const Exchange& about) {
    const bool safe =
        request.method == "GET" || request.method == "HEAD" || request.method == "OPTIONS";
    return status.code() == Code::kUnavailable && !about.answer_began && (safe || about.sent == 0);
  }

  Result<TlsContext> tls_for(const Url& url) {
    if (!url.tls()) return TlsContext();
    std::lock_guard lock(mutex_);
    if (tls_) return tls_;
    Result<TlsContext> made = make_client_tls(options.tls);
    if (made.ok()) tls_ = *made;
    return made;
  }

  std::unique_ptr<Transport> take_kept(const std::string& origin) {
    std::lock_guard lock(mutex_);
    for (std::size_t i = kept_.size(); i-- > 0;) {
      if (kept_[i].first != origin) continue;
      std::unique_ptr<Transport> out = std::move(kept_[i].second);
      kept_.erase(kept_.begin() + static_cast<std::ptrdiff_t>(i));
      if (!out->is_stale()) return out;
    }
    return nullptr;
  }

  void keep(std::string origin, std::unique_ptr<Transport> transport) {
    std::lock_guard lock(mutex_);
    if (kept_.size() == kMaxKeptConnections) kept_.erase(kept_.begin());
    kept_.emplace_back(std::move(origin), std::move(transport));
  }

  std::mutex mutex_;
  TlsContext tls_;
  std::vector<std::pair<std::string, std::unique_ptr<Transport>>> kept_;
};

HttpClient::HttpClient(HttpClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
HttpClient::~HttpClient() = default;

Result<HttpClientResponse> HttpClient::send(const HttpClientRequest& request) {
  return impl_->send(request);
}

Result<HttpClientResponse> HttpClient::get(std::string_view url) {
  HttpClientRequest request;
  request.url = url;
  return send(request);
}

Result<HttpClientResponse> HttpClient::post_json(std::string_view url, std::string body) {
  HttpClientRequest request;
  request.method = "POST";
  request.url = url;
  request.headers.emplace_back("Content-Type", "application/json");
  request.body = std::move(body);
  return send(request);
}

bool HttpClient::send_async(WorkerPool& pool, HttpClientRequest request,
                            std::function<void(Result<HttpClientResponse>)> done) {
  return pool.submit(
      [this, request = std::move(request), done = std::move(done)] { done(send(request)); });
}

}  // namespace blockd
