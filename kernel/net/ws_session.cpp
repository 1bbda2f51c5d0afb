// The server's end of a WebSocket, over Beast. Reading and writing go on side by side; the bounded
// queue between WsPeer::send and the socket is what keeps a client that does not read from holding
// up anybody.

#include "kernel/net/ws_session.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

#include "kernel/net/any_stream.hpp"

namespace blockd {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using Error = boost::system::error_code;

constexpr std::size_t kMaxReason = 123;  // RFC 6455, 5.5.1

// What handlers get. Weak, because a handler keeps its peer and the session its handler: no circle.
class PeerHandle final : public WsPeer {
 public:
  PeerHandle(std::weak_ptr<WsPeer> session, std::size_t max_queue)
      : session_(std::move(session)), max_queue_(max_queue) {}
  bool send(std::string text) override {
    const auto session = session_.lock();
    return session && session->send(std::move(text));
  }
  void close(std::uint16_t code, std::string_view reason) override {
    if (const auto session = session_.lock()) session->close(code, reason);
  }
  std::size_t queue_size() const override {
    const auto session = session_.lock();
    return session ? session->queue_size() : 0;
  }
  std::size_t max_queue() const override { return max_queue_; }
  std::size_t drop_queue() override {
    const auto session = session_.lock();
    return session ? session->drop_queue() : 0;
  }
  bool is_open() const override {
    const auto session = session_.lock();
    return session && session->is_open();
  }

 private:
  const std::weak_ptr<WsPeer> session_;
  const std::size_t max_queue_;
};

// A connection as Beast's WebSocket takes it.
template <class Stream>
class StreamOf final : public AnyStream::Impl {
 public:
  explicit StreamOf(Stream stream) : stream_(std::move(stream)) {}
  NetExecutor executor() override { return stream_.get_executor(); }
  void read_some(asio::mutable_buffer to, AnyStream::Done done) override {
    stream_.async_read_some(to, std::move(done));
  }
  void write_some(const AnyStream::WriteBuffers& from, AnyStream::Done done) override {
    stream_.async_write_some(from, std::move(done));
  }
  void end(AnyStream::Ended ended) override {
    using websocket::async_teardown;
    async_teardown(beast::role_type::server, stream_, std::move(ended));
  }
  void close() override {
    Error ignored;
    beast::get_lowest_layer(stream_).close(ignored);
  }

 private:
  Stream stream_;
};

}  // namespace

// What Beast asks of a stream, found by its argument.
template <class Handler>
void async_teardown(beast::role_type, AnyStream& stream, Handler&& handler) {
  using Kept = std::decay_t<Handler>;
  auto kept = std::make_shared<Kept>(std::forward<Handler>(handler));
  stream.end([kept](const Error& error) { std::move (*kept)(error); });
}
void beast_close_socket(AnyStream& stream) { stream.close(); }

namespace {

class WsSession final : public Connection, public WsPeer {
 public:
  WsSession(AnyStream stream, WsStart start)
      : Connection(start.info.listener.get(), -1),
        executor_(stream.get_executor()),
        info_(std::move(start.info)),
        core_(info_.core),
        limits_(start.limits),
        handler_(std::move(start.handler)),
        received_(std::move(start.received)),
        ws_(std::move(stream)),
        in_(limits_.ws_message_bytes) {
    configure(start.subprotocol);
    core_->websockets.fetch_add(1);
  }
  ~WsSession() override {
    core_->websockets.fetch_sub(1);
    core_->leave(this);
  }

  void run() {
    core_->enter(this);
    ws_.async_accept(asio::buffer(received_), [self = self()](const Error& error) {
      self->received_ = std::string();
      if (error || self->finished_) return self->finish();
      self->opened_ = true;
      self->handler_->on_open(
          std::make_shared<PeerHandle>(std::static_pointer_cast<WsPeer>(self), self->max_queue()));
      if (self->core_->draining.load()) self->close(websocket::going_away, "server stops");
      if (self->write_due_) self->write();
      self->read();
    });
  }

  bool send(std::string text) override {
    {
      std::lock_guard lock(mutex_);
      if (!open_ || closing_) return false;
      if (queue_.size() >= limits_.ws_queue_messages ||
          queued_bytes_ + text.size() > limits_.ws_queue_bytes) {
        refused_ = true;
        return false;
      }
      queued_bytes_ += text.size();
      queue_.push_back(std::move(text));
      if (writing_) return true;
      writing_ = true;
    }
    asio::post(executor_, [self = self()] { self->write(); });
    return true;
  }

  void close(std::uint16_t code, std::string_view reason) override {
    {
      std::lock_guard lock(mutex_);
      if (!open_ || closing_) return;
      closing_ = true;
      close_reason_.code = code;
      close_reason_.reason.assign(reason.data(), std::min(reason.size(), kMaxReason));
      if (writing_) return;
      writing_ = true;
    }
    asio::post(executor_, [self = self()] { self->write(); });
  }

  std::size_t queue_size() const override {
    std::lock_guard lock(mutex_);
    return queue_.size();
  }
  std::size_t max_queue() const override { return limits_.ws_queue_messages; }
  std::size_t drop_queue() override {
    std::lock_guard lock(mutex_);
    const std::size_t dropped = queue_.size();
    queue_.clear();
    queued_bytes_ = 0;
    return dropped;
  }
  bool is_open() const override {
    std::lock_guard lock(mutex_);
    return open_ && !closing_;
  }

  void on_deadline() override {
    asio::post(executor_, [self = self()] {
      if (!self->finished_ && self->deadline_passed()) self->cut_now();
    });
  }
  void drain() override { close(websocket::going_away, "server stops"); }
  void cut() override {
    asio::post(executor_, [self = self()] { self->cut_now(); });
  }

 private:
  std::shared_ptr<WsSession> self() {
    return std::static_pointer_cast<WsSession>(shared_from_this());
  }

  void configure(const std::string& subprotocol) {
    websocket::stream_base::timeout limits{};
    limits.handshake_timeout = std::chrono::milliseconds(limits_.handshake_timeout_ms);
    limits.idle_timeout = std::chrono::milliseconds(limits_.ws_idle_ms);
    limits.keep_alive_pings = true;
    ws_.set_option(limits);
    ws_.read_message_max(limits_.ws_message_bytes);
    ws_.text(true);
    if (subprotocol.empty()) return;
    ws_.set_option(
        websocket::stream_base::decorator([subprotocol](websocket::response_type& response) {
          response.set(beast::http::field::sec_websocket_protocol, subprotocol);
        }));
  }

  void read() {
    ws_.async_read(in_, [self = self()](const Error& error, std::size_t) { self->on_read(error); });
  }

  void on_read(const Error& error) {
    if (error || finished_) return finish();
    if (!ws_.got_text()) {
      close(websocket::unknown_data, "text messages only");
    } else {
      const asio::const_buffer data = in_.cdata();
      try {
        handler_->on_message({static_cast<const char*>(data.data()), data.size()});
      } catch (...) {
        close(websocket::internal_error, "the handler failed");
      }
    }
    in_.consume(in_.size());
    read();
  }

  // Writes the next message; when none is left, the close frame if one is due. REQUIRES: writing_.
  void write() {
    if (!opened_) {  // the server stops while the answer to the handshake is being written
      write_due_ = true;
      return;
    }
    bool idle = false;
    bool drained = false;
    bool close_now = false;
    {
      std::lock_guard lock(mutex_);
      if (!open_) return;
      if (queue_.empty()) {
        close_now = closing_;
        idle = !closing_;
        if (idle) writing_ = false;
        drained = refused_;
        refused_ = false;
      } else {
        out_ = std::move(queue_.front());
        queue_.pop_front();
        queued_bytes_ -= out_.size();
      }
    }
    if (close_now) return write_close();
    if (idle) {
      set_deadline(0);
      if (drained) handler_->on_drain();
      return;
    }
    // A client that pings but never reads would pass for alive otherwise.
    set_deadline(now_ms() + limits_.ws_idle_ms);
    ws_.async_write(asio::buffer(out_), [self = self()](const Error& error, std::size_t) {
      if (error || self->finished_) return self->cut_now();
      self->write();
    });
  }

  void write_close() {
    set_deadline(now_ms() + limits_.write_timeout_ms);
    ws_.async_close(close_reason_, [self = self()](const Error&) { self->cut_now(); });
  }

  // The pending read ends with an error, which leads to finish().
  void cut_now() {
    if (finished_) return;
    ws_.next_layer().close();
    if (!opened_) finish();
  }

  void finish() {
    if (finished_) return;
    finished_ = true;
    set_deadline(0);
    {
      std::lock_guard lock(mutex_);
      open_ = false;
      queue_.clear();
      queued_bytes_ = 0;
    }
    ws_.next_layer().close();
    if (opened_) handler_->on_close();
    handler_.reset();
  }

  const NetExecutor executor_;
  ConnectionInfo info_;
  const std::shared_ptr<ServerCore> core_;
  const HttpLimits limits_;
  std::unique_ptr<WsHandler> handler_;
  std::string received_;
  // No compression: nothing here asks for it.
  websocket::stream<AnyStream, false> ws_;
  beast::flat_buffer in_;
  std::string out_;  // being written
  bool opened_ = false;
  bool write_due_ = false;  // write() is to be called once it is opened
  bool finished_ = false;

  mutable std::mutex mutex_;
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  bool open_ = true;
  bool writing_ = false;
  bool closing_ = false;
  bool refused_ = false;
  websocket::close_reason close_reason_;
};

}  // namespace

void start_websocket(PlainStream stream, WsStart start) {
  AnyStream any(std::make_unique<StreamOf<PlainStream>>(std::move(stream)));
  std::make_shared<WsSession>(std::move(any), std::move(start))->run();
}

void start_websocket(TlsStream stream, WsStart start) {
  AnyStream any(std::make_unique<StreamOf<TlsStream>>(std::move(stream)));
  std::make_shared<WsSession>(std::move(any), std::move(start))->run();
}

}  // namespace blockd
