// One client connection: read a request, hand it to the listener's handler, write the answer,
// again. Half duplex by design: at most one read or one write is pending, so a slow client costs
// one buffer.

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>

#include "kernel/net/http_parser.hpp"
#include "kernel/net/response_writer.hpp"
#include "kernel/net/server_core.hpp"
#include "kernel/net/url.hpp"
#include "kernel/net/ws_session.hpp"

namespace blockd {
namespace {

namespace asio = boost::asio;
using Error = boost::system::error_code;

constexpr std::size_t kFirstBuffer = 4096;
constexpr std::size_t kBodyBuffer = 65536;
constexpr std::size_t kJoinBody =
    16384;  // smaller bodies are copied behind the head: one buffer, one write
constexpr std::size_t kKeptOut = 65536;  // a larger output buffer is not kept for the next answer
constexpr std::size_t kWriteChunk = 65536;  // has write_timeout_ms to leave
constexpr std::uint32_t kLingerMs = 1000;
constexpr std::size_t kLingerBytes = 1 << 20;

bool is_served(std::string_view method) {
  return method == "GET" || method == "POST" || method == "HEAD" || method == "OPTIONS" ||
         method == "PUT" || method == "DELETE" || method == "PATCH";
}

// Splits the target into path and query. False: malformed.
bool split_target(HttpRequest& request) {
  std::string_view target = request.target;
  if (target == "*") {
    request.path = "*";
    return request.method == "OPTIONS";
  }
  if (target.starts_with("http://") || target.starts_with("https://")) {
    const std::size_t slash = target.find('/', target.find("://") + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  if (target.empty() || target.front() != '/') return false;
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  if (path.find('%') == std::string_view::npos) {
    request.path = path;
  } else {
    std::optional<std::string> decoded = percent_decode(path);
    if (!decoded) return false;
    request.path = std::move(*decoded);
  }
  if (mark == std::string_view::npos) return true;
  std::optional<QueryPairs> query = parse_query(target.substr(mark + 1));
  if (!query) return false;
  request.query = std::move(*query);
  return true;
}

PlainStream make_stream(PlainStream socket, const ListenerSettings&, PlainStream*) {
  return socket;
}

TlsStream make_stream(PlainStream socket, const ListenerSettings& settings, TlsStream*) {
  SSL_CTX_up_ref(settings.tls.get());  // the wrapper frees what it is given
  asio::ssl::context context(settings.tls.get());
  return TlsStream(std::move(socket), context);
}

template <class Stream>
class HttpConnection final : public Connection {
 public:
  HttpConnection(ConnectionInfo info, std::shared_ptr<const ListenerSettings> settings,
                 PlainStream socket)
      : Connection(info.listener.get(), kWatched ? socket.native_handle() : -1),
        info_(std::move(info)),
        core_(info_.core),
        executor_(socket.get_executor()),
        stream_(make_stream(std::move(socket), *settings, static_cast<Stream*>(nullptr))),
        settings_(std::move(settings)),
        in_(kFirstBuffer, '\0') {
    refresh();
  }
  ~HttpConnection() override { core_->leave(this); }

  void start() {
    core_->enter(this);
    asio::dispatch(executor_, [self = self()] { self->handshake(); });
  }

  void on_deadline() override {
    asio::post(executor_, [self = self()] { self->expire(); });
  }
  void drain() override {
    asio::post(executor_, [self = self()] {
      self->close_after_ = true;
      if (self->phase_ == Phase::kIdle || self->phase_ == Phase::kHandshake) self->close();
    });
  }
  void cut() override {
    asio::post(executor_, [self = self()] { self->close(); });
  }
  // Calls the pending operation off; its handler goes on in read_without_ready() or
  // write_without_ready().
  void retry(std::uint64_t wait) override {
    asio::post(executor_, [self = self(), wait] {
      if (self->wait() != wait || self->phase_ == Phase::kClosed) return;
      self->retries_ = true;
      Error ignored;
      self->stream_.lowest_layer().cancel(ignored);
    });
  }

 private:
  // A TLS stream cannot go on behind an operation that was called off.
  static constexpr bool kWatched = std::is_same_v<Stream, PlainStream>;

  enum class Phase : std::uint8_t {
    kHandshake,
    kIdle,  // no byte of the next request yet
    kHead,
    kBody,
    kWork,  // the handler has it
    kWrite,
    kLinger,  // answered for the last time, the client may still be sending
    kClosed,
  };

  // The handler's right to answer, once. Shared by the copies of an HttpReply.
  struct Ticket {
    explicit Ticket(std::shared_ptr<HttpConnection> c) : connection(std::move(c)) {}
    ~Ticket() {
      if (!used.load()) answer(text_response(500, "the handler gave no answer"));
    }
    void answer(HttpResponse response) {
      if (used.exchange(true)) return;
      HttpConnection& c = *connection;
      if (c.executor_.running_in_this_thread()) {
        c.finish_work(std::move(response));
        return;
      }
      asio::post(c.executor_, [held = connection, r = std::move(response)]() mutable {
        held->finish_work(std::move(r));
      });
    }
    std::shared_ptr<HttpConnection> connection;
    std::atomic<bool> used{false};
  };

  std::shared_ptr<HttpConnection> self() {
    return std::static_pointer_cast<HttpConnection>(shared_from_this());
  }

  void enter_phase(Phase phase, std::uint64_t limit_ms) {
    phase_ = phase;
    set_deadline(limit_ms == 0 ? 0 : now_ms() + limit_ms);
  }

  void handshake() {
    if (phase_ == Phase::kClosed) return;
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      enter_phase(Phase::kHandshake, limits_.handshake_timeout_ms);
      stream_.async_handshake(asio::ssl::stream_base::server, [self = self()](const Error& error) {
        if (error || self->phase_ == Phase::kClosed) {
          self->core_->failed_handshakes.fetch_add(1, std::memory_order_relaxed);
          return self->close();
        }
        self->info_.client_cert = peer_certificate(self->stream_.native_handle());
        self->wait_first();
      });
    } else {
      wait_first();
    }
  }

  void wait_first() {
    enter_phase(Phase::kIdle, limits_.header_timeout_ms);
    read();
  }

  void read() {
    make_room();
    set_wait(Wait::kRead);
    stream_.async_read_some(asio::buffer(in_.data() + end_, in_.size() - end_),
                            [self = self()](const Error& error, std::size_t n) {
                              self->set_wait(Wait::kNothing);
                              if (self->take_retry(error)) return self->read_without_ready();
                              self->on_read(error, n);
                            });
  }

  // Whether the operation ended because retry() called it off, and for nothing else.
  bool take_retry(const Error& error) {
    const bool retries = std::exchange(retries_, false);
    return retries && error == asio::error::operation_aborted && !timed_out_ &&
           phase_ != Phase::kClosed;
  }

  void read_without_ready() {
    if constexpr (kWatched) {
      const ssize_t n =
          ::recv(stream_.native_handle(), in_.data() + end_, in_.size() - end_, MSG_DONTWAIT);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return read();
      if (n < 0) return close();
      if (n > 0) core_->reads_without_ready.fetch_add(1, std::memory_order_relaxed);
      on_read(n == 0 ? Error(asio::error::eof) : Error(), static_cast<std::size_t>(n));
    }
  }

  void make_room() {
    if (begin_ == end_) begin_ = end_ = 0;
    if (phase_ == Phase::kBody && in_.size() < kBodyBuffer && end_ == 0) in_.resize(kBodyBuffer);
    if (end_ < in_.size()) return;
    if (begin_ > 0) {
      std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    } else {
      in_.resize(in_.size() * 2);  // ends at the parser's head limit
    }
  }

  void on_read(const Error& error, std::size_t n) {
    if (phase_ == Phase::kClosed) return;
    if (phase_ == Phase::kLinger) return linger_on(error, n);
    if (timed_out_) return refuse_slow();
    if (error) return close();
    end_ += n;
    parse();
  }

  void parse() {
    if (phase_ == Phase::kIdle && !begin_request()) return read();
    begin_ += parser_.put(std::string_view(in_).substr(begin_, end_ - begin_));
    switch (parser_.state()) {
      case ParseState::kHead:
        return read();
      case ParseState::kBody:
        return read_body();
      case ParseState::kDone:
        return dispatch_request();
      case ParseState::kError:
        return refuse_malformed();
    }
  }

  // False if there are only the empty lines that some clients send between requests.
  bool begin_request() {
    while (begin_ < end_ && (in_[begin_] == '\r' || in_[begin_] == '\n')) ++begin_;
    if (begin_ == end_) return false;
    started_us_ = now_us();
    if (core_->generation.load(std::memory_order_acquire) != generation_) refresh();
    request_ = std::make_shared<HttpRequest>();
    parser_.reset(request_.get(), limits_.head_bytes, most_body_bytes());
    phase_ = Phase::kHead;
    set_deadline(started_us_ / 1000 + limits_.header_timeout_ms);
    return true;
  }

  void refresh() {
    generation_ = core_->generation.load(std::memory_order_acquire);
    limits_ = core_->limits();
    crowd_ = core_->refusals();
    settings_ = info_.listener->get();
  }

  void read_body() {
    if (phase_ == Phase::kHead) enter_phase(Phase::kBody, limits_.body_timeout_ms);
    if (!parser_.take_expect_continue()) return read();
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue.data(), kContinue.size()),
                      [self = self()](const Error& error, std::size_t) {
                        if (error) return self->close();
                        if (self->phase_ == Phase::kBody) self->read();
                      });
  }

  void refuse_slow() {
    const bool body = phase_ == Phase::kBody;
    refuse({.status = 408,
            .code = RefusalCode::kTimeout,
            .name = "timeout",
            .what = std::string("the ") + (body ? "body" : "head") +
                    " of the request took longer than " +
                    std::to_string(body ? limits_.body_timeout_ms : limits_.header_timeout_ms) +
                    " ms",
            .next = "send it again in one piece, in smaller parts over a slow line",
            .limit = body ? limits_.keys.body_timeout_ms : limits_.keys.header_timeout_ms});
  }

  std::uint64_t most_body_bytes() const {
    return settings_->body_bytes != 0 ? settings_->body_bytes : limits_.body_bytes;
  }

  void refuse_malformed() {
    switch (parser_.error_status()) {
      case 413:
        return refuse({.status = 413,
                       .code = RefusalCode::kLimitExceeded,
                       .name = "limit_exceeded",
                       .what = "the body is larger than the " + std::to_string(most_body_bytes()) +
                               " bytes that this listener takes",
                       .next = "send it in smaller parts",
                       .limit = settings_->body_bytes == 0 ? limits_.keys.body_bytes : ""});
      case 431:
        return refuse({.status = 431,
                       .code = RefusalCode::kLimitExceeded,
                       .name = "limit_exceeded",
                       .what = "the request line and headers are larger than " +
                               std::to_string(limits_.head_bytes) + " bytes",
                       .next = "send fewer or shorter headers",
                       .limit = limits_.keys.head_bytes});
      case 505:
        return refuse({.status = 505,
                       .name = "http_version_not_supported",
                       .what = "this server speaks HTTP/1.1",
                       .next = "tell the client to use HTTP/1.1"});
      default:
        return refuse({.name = "bad_request",
                       .what = "this is no HTTP/1.1 request",
                       .next = std::is_same_v<Stream, TlsStream>
                                   ? "is that a client of HTTP/1.1?"
                                   : "is that a client of HTTP/1.1, and does it speak without TLS "
                                     "on this port?"});
    }
  }

  HttpResponse refusal(const Refused& refused) const {
    return refusal_response(refused, request_->method);
  }

  // An answer after which the connection cannot go on, as the rest of the request is unknown.
  void refuse(const Refused& refused) {
    close_after_ = true;
    respond(refusal(refused));
  }

  void dispatch_request() {
    HttpRequest& request = *request_;
    request.listener = info_.listener->name;
    request.remote_ip = info_.remote_ip;
    request.over_tls = std::is_same_v<Stream, TlsStream>;
    request.over_unix_socket = info_.over_unix;
    request.peer_uid = info_.peer_uid;
    request.peer_gid = info_.peer_gid;
    request.tls_client_cert = info_.client_cert;
    if (!is_served(request.method)) {
      static constexpr std::string_view kServed = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
      HttpResponse response = refusal({.status = 405,
                                       .name = "method_not_allowed",
                                       .what = "this method is not served",
                                       .next = "use one of " + std::string(kServed)});
      response.headers.emplace_back("Allow", kServed);
      return respond(std::move(response));
    }
    if (!split_target(request)) {
      return refuse({.name = "bad_request",
                     .what = "the request target is malformed",
                     .next = "a path begins with '/'; behind '%' stand two hexadecimal digits"});
    }
    if (!parser_.http_1_0() && !request.headers.has("Host")) {
      return refuse({.name = "bad_request",
                     .what = "the Host header is missing",
                     .next = "send the name of the node as Host, which HTTP/1.1 asks for"});
    }
    if (parser_.is_upgrade() && request.method == "GET" &&
        equal_ignoring_case(request.headers.get("Upgrade"), "websocket")) {
      return upgrade();
    }
    hand_over();
  }

  void hand_over() {
    if (core_->in_work.fetch_add(1) >= limits_.requests_in_work) {
      core_->in_work.fetch_sub(1);
      core_->refused_requests.fetch_add(1);
      return respond(crowd_->requests_in_work(request_->method));
    }
    enter_phase(Phase::kWork, 0);
    auto ticket = std::make_shared<Ticket>(self());
    const std::shared_ptr<HttpHandler> handler = settings_->handler;
    try {
      handler->handle(request_,
                      [ticket](HttpResponse response) { ticket->answer(std::move(response)); });
    } catch (const std::exception&) {
      ticket->answer(text_response(500, "the handler failed"));
    } catch (...) {
      ticket->answer(text_response(500, "the handler failed"));
    }
  }

  void finish_work(HttpResponse response) {
    core_->in_work.fetch_sub(1);
    if (phase_ == Phase::kWork) respond(std::move(response));
  }

  void upgrade() {
    WsAnswer answer;
    try {
      answer = settings_->handler->accept_ws(request_);
    } catch (const std::exception&) {
      return respond(text_response(500, "the handler failed"));
    }
    if (!answer.handler) return respond(std::move(answer.refusal));
    observe(101);
    phase_ = Phase::kClosed;  // of HTTP; the stream goes on as a WebSocket
    set_deadline(0);
    std::string received = request_->method + " " + request_->target + " HTTP/1.1\r\n";
    for (std::size_t i = 0; i < request_->headers.size(); ++i) {
      received.append(request_->headers.name(i)).append(": ");
      received.append(request_->headers.value(i)).append("\r\n");
    }
    received.append("\r\n").append(in_, begin_, end_ - begin_);
    start_websocket(std::move(stream_),
                    WsStart{std::move(info_), limits_, std::move(answer.handler),
                            std::move(answer.subprotocol), std::move(received)});
  }

  void respond(HttpResponse response) {
    response_ = std::move(response);
    const bool head_only = request_->method == "HEAD";
    gzip_if_wanted(response_, request_->headers.get("Accept-Encoding"));
    // After a refusal the parser may not have seen the head: it is asked last.
    keep_ = !close_after_ && !info_.listener->removed.load() && !core_->draining.load() &&
            parser_.keep_alive();
    out_.clear();
    append_response_head(out_, response_, {keep_, parser_.http_1_0(), head_only});
    if (head_only || status_without_body(response_.status)) response_.body.clear();
    written_ = 0;
    if (response_.body.size() <= kJoinBody) {
      out_.append(response_.body);
      written_ = response_.body.size();
    }
    enter_phase(Phase::kWrite, limits_.write_timeout_ms);
    sending_ = out_;
    send();
  }

  void send() {
    set_wait(Wait::kWrite);
    asio::async_write(stream_, asio::buffer(sending_.data(), sending_.size()),
                      [self = self()](const Error& error, std::size_t n) {
                        self->set_wait(Wait::kNothing);
                        self->sending_.remove_prefix(n);
                        if (self->take_retry(error)) return self->write_without_ready();
                        self->write_rest(error);
                      });
  }

  void write_without_ready() {
    if constexpr (kWatched) {
      const ssize_t n = ::send(stream_.native_handle(), sending_.data(), sending_.size(),
                               MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN && errno != EINTR) return close();
      if (n > 0) {
        core_->writes_without_ready.fetch_add(1, std::memory_order_relaxed);
        sending_.remove_prefix(static_cast<std::size_t>(n));
      }
      sending_.empty() ? write_rest({}) : send();
    }
  }

  void write_rest(const Error& error) {
    const std::size_t left = response_.body.size() - written_;
    if (error || phase_ == Phase::kClosed || left == 0) return on_written(error);
    const std::size_t chunk = std::min(left, kWriteChunk);
    enter_phase(Phase::kWrite, limits_.write_timeout_ms);
    sending_ = std::string_view(response_.body).substr(written_, chunk);
    written_ += chunk;
    send();
  }

  void on_written(const Error& error) {
    observe(response_.status);
    if (error || phase_ == Phase::kClosed) return close();
    request_.reset();
    if (!keep_) return linger();
    if (out_.capacity() > kKeptOut) out_ = std::string();
    if (response_.body.capacity() > kKeptOut) response_.body = std::string();
    if (begin_ == end_ && in_.size() >= kBodyBuffer) std::string(kFirstBuffer, '\0').swap(in_);
    enter_phase(Phase::kIdle, limits_.keep_alive_ms);
    if (close_after_) return linger();  // drain() came while we wrote
    begin_ == end_ ? read() : parse();
  }

  void observe(int status) {
    core_->requests.fetch_add(1, std::memory_order_relaxed);
    if (core_->observer) {
      core_->observer->on_request(info_.listener->name, now_us() - started_us_, status);
    }
  }

  // Closing with unread bytes makes the system send a reset, which can overtake the answer. So: our
  // half is closed, and what the client still sends is read and dropped for a moment.
  void linger() {
    enter_phase(Phase::kLinger, kLingerMs);
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      stream_.async_shutdown([self = self()](const Error&) { self->close(); });
    } else {
      Error ignored;
      stream_.shutdown(asio::socket_base::shutdown_send, ignored);
      begin_ = end_ = 0;
      read();
    }
  }

  void linger_on(const Error& error, std::size_t n) {
    lingered_ += n;
    if (error || lingered_ > kLingerBytes) return close();
    begin_ = end_ = 0;
    read();
  }

  void expire() {
    if (phase_ == Phase::kClosed || !deadline_passed()) return;
    if (phase_ == Phase::kWrite) core_->stalled_writes.fetch_add(1, std::memory_order_relaxed);
    if (phase_ != Phase::kHead && phase_ != Phase::kBody) return close();
    // The pending read ends with an error and on_read answers 408.
    timed_out_ = true;
    set_deadline(now_ms() + kLingerMs);
    if (expired_once_) return close();
    expired_once_ = true;
    Error ignored;
    stream_.lowest_layer().cancel(ignored);
  }

  void close() {
    if (phase_ == Phase::kClosed) return;
    phase_ = Phase::kClosed;
    set_deadline(0);
    Error ignored;
    stream_.lowest_layer().close(ignored);
  }

  ConnectionInfo info_;
  const std::shared_ptr<ServerCore> core_;
  const NetExecutor executor_;
  Stream stream_;
  std::shared_ptr<const ListenerSettings> settings_;
  HttpLimits limits_;
  std::shared_ptr<const CrowdRefusals> crowd_;
  std::uint64_t generation_ = 0;

  Phase phase_ = Phase::kIdle;
  std::string in_;  // bytes [begin_, end_) are received and not parsed
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  RequestParser parser_;
  std::shared_ptr<HttpRequest> request_;  // shared with the handler
  std::uint64_t started_us_ = 0;

  HttpResponse response_;
  std::size_t written_ = 0;   // of its body, or being written
  std::string_view sending_;  // what has not left yet of out_ or of the body
  std::string out_;
  bool keep_ = true;
  bool close_after_ = false;
  bool timed_out_ = false;
  bool expired_once_ = false;
  bool retries_ = false;  // the pending operation was called off to be tried without its event
  std::size_t lingered_ = 0;
};

}  // namespace

void start_connection(ConnectionInfo info, std::shared_ptr<const ListenerSettings> settings,
                      PlainStream socket) {
  if (settings->tls && !info.over_unix) {
    std::make_shared<HttpConnection<TlsStream>>(std::move(info), std::move(settings),
                                                std::move(socket))
        ->start();
  } else {
    std::make_shared<HttpConnection<PlainStream>>(std::move(info), std::move(settings),
                                                  std::move(socket))
        ->start();
  }
}

}  // namespace blockd
