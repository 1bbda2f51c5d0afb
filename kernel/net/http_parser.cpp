#include "kernel/net/http_parser.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <optional>

namespace blockd {
namespace {

namespace http = boost::beast::http;
using Error = boost::beast::error_code;
using Text = boost::beast::string_view;

std::string_view to_std(Text text) { return {text.data(), text.size()}; }

// Both directions: fields into HttpHeaders, body into a string.
template <bool kRequest>
class Sink : public http::basic_parser<kRequest> {
 public:
  Sink(HttpHeaders& headers, std::string& body) : headers_(headers), body_(body) {}
  HttpRequest* request = nullptr;
  int status = 0;
  int version = 11;  // ten times major plus minor

 private:
  void on_request_impl(http::verb, Text method, Text target, int message_version, Error&) override {
    version = message_version;
    request->method = to_std(method);
    request->target = to_std(target);
  }
  void on_response_impl(int code, Text, int, Error&) override { status = code; }
  void on_field_impl(http::field, Text name, Text value, Error&) override {
    headers_.add(to_std(name), to_std(value));
  }
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, Error&) override {
    // What a client announces is not what it sends: no more than this is taken in advance.
    constexpr std::uint64_t kReserve = 65536;
    if (length) body_.reserve(static_cast<std::size_t>(std::min(*length, kReserve)));
  }
  std::size_t on_body_impl(Text data, Error&) override {
    body_.append(data.data(), data.size());
    return data.size();
  }
  void on_chunk_header_impl(std::uint64_t, Text, Error&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text data, Error&) override {
    body_.append(data.data(), data.size());
    return data.size();
  }
  void on_finish_impl(Error&) override {}

  HttpHeaders& headers_;
  std::string& body_;
};

template <class Parser>
ParseState state_of(const Parser& parser, const Error& error) {
  if (error && error != http::error::need_more) return ParseState::kError;
  if (parser.is_done()) return ParseState::kDone;
  return parser.is_header_done() ? ParseState::kBody : ParseState::kHead;
}

// Feeds until the parser wants more, stops by itself, or fails.
template <class Parser>
std::size_t feed(Parser& parser, std::string_view data, Error& error) {
  error = {};
  std::size_t eaten = 0;
  while (eaten < data.size() && !parser.is_done()) {
    const std::size_t n =
        parser.put(boost::asio::const_buffer(data.data() + eaten, data.size() - eaten), error);
    eaten += n;
    if (error || n == 0) break;
    if (parser.is_header_done() && !parser.eager()) break;
  }
  return eaten;
}

}  // namespace

struct RequestParser::Impl {
  std::optional<Sink<true>> sink;
  const HttpRequest* request = nullptr;
  Error error;
  bool continue_answered = false;
};

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;

void RequestParser::reset(HttpRequest* request, std::uint32_t head_limit,
                          std::uint64_t body_limit) {
  impl_->sink.emplace(request->headers, request->body);
  impl_->sink->request = request;
  impl_->sink->header_limit(head_limit);
  impl_->sink->body_limit(body_limit);
  impl_->sink->eager(false);  // a look at the head before the body
  impl_->request = request;
  impl_->error = {};
  impl_->continue_answered = false;
}

std::size_t RequestParser::put(std::string_view data) {
  Sink<true>& sink = *impl_->sink;
  std::size_t eaten = 0;
  if (!sink.is_header_done()) {
    eaten = feed(sink, data, impl_->error);
    if (!sink.is_header_done() || sink.is_done() || impl_->error) return eaten;
    sink.eager(true);
    impl_->continue_answered =
        !equal_ignoring_case(impl_->request->headers.get("Expect"), "100-continue");
  }
  return eaten + feed(sink, data.substr(eaten), impl_->error);
}

ParseState RequestParser::state() const { return state_of(*impl_->sink, impl_->error); }

int RequestParser::error_status() const {
  if (impl_->error == http::error::header_limit) return 431;
  if (impl_->error == http::error::body_limit) return 413;
  if (impl_->error == http::error::bad_version) return 505;
  return 400;
}

bool RequestParser::keep_alive() const { return impl_->sink->keep_alive(); }
bool RequestParser::http_1_0() const { return impl_->sink->version == 10; }
bool RequestParser::is_upgrade() const { return impl_->sink->upgrade(); }

bool RequestParser::take_expect_continue() {
  if (state() != ParseState::kBody || impl_->continue_answered) return false;
  impl_->continue_answered = true;
  return impl_->request->body.empty();
}

struct ResponseParser::Impl {
  Impl() : sink(headers, body) {}
  HttpHeaders headers;
  std::string body;
  Sink<false> sink;
  Error error;
};

ResponseParser::ResponseParser(std::uint64_t body_limit, bool to_head)
    : impl_(std::make_unique<Impl>()) {
  impl_->sink.header_limit(65536);
  impl_->sink.body_limit(body_limit);
  impl_->sink.skip(to_head);
  impl_->sink.eager(true);
}
ResponseParser::~ResponseParser() = default;

std::size_t ResponseParser::put(std::string_view data) {
  return feed(impl_->sink, data, impl_->error);
}

void ResponseParser::put_eof() {
  impl_->error = {};
  if (!impl_->sink.got_some()) {
    impl_->error = http::error::end_of_stream;
    return;
  }
  impl_->sink.put_eof(impl_->error);
}

ParseState ResponseParser::state() const { return state_of(impl_->sink, impl_->error); }
bool ResponseParser::too_large() const {
  return impl_->error == http::error::body_limit || impl_->error == http::error::header_limit;
}
bool ResponseParser::keep_alive() const { return impl_->sink.keep_alive(); }
int ResponseParser::status() const { return impl_->sink.status; }
HttpHeaders& ResponseParser::headers() { return impl_->headers; }
std::string& ResponseParser::body() { return impl_->body; }

}  // namespace blockd
