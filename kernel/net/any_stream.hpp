// One type for a client's connection with TLS or without, so that Beast's WebSocket is compiled
// once and not once per kind. Costs one virtual call and one allocation per read or write. Internal
// to net; an object belongs to the strand of its stream. [io]
#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "kernel/net/server_core.hpp"

namespace blockd {

class AnyStream {
 public:
  using executor_type = NetExecutor;
  using Error = boost::system::error_code;
  using Done = std::function<void(const Error&, std::size_t)>;
  using Ended = std::function<void(const Error&)>;
  // A frame is a head and a body; what a longer sequence holds goes out with the next write.
  using WriteBuffers = std::array<boost::asio::const_buffer, 4>;

  class Impl {
   public:
    virtual ~Impl() = default;
    virtual executor_type executor() = 0;
    virtual void read_some(boost::asio::mutable_buffer to, Done done) = 0;
    virtual void write_some(const WriteBuffers& from, Done done) = 0;
    // Ends the stream in an orderly way, as the side that serves.
    virtual void end(Ended ended) = 0;
    virtual void close() = 0;
  };

  explicit AnyStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

  executor_type get_executor() { return impl_->executor(); }

  template <class Buffers, class Handler>
  auto async_read_some(const Buffers& buffers, Handler&& handler) {
    return initiate<void(Error, std::size_t)>(
        [this](Done done, const boost::asio::mutable_buffer& to) {
          impl_->read_some(to, std::move(done));
        },
        handler, first(buffers));
  }

  template <class Buffers, class Handler>
  auto async_write_some(const Buffers& buffers, Handler&& handler) {
    WriteBuffers from{};
    std::size_t count = 0;
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != end; ++at) {
      const boost::asio::const_buffer part(*at);
      if (part.size() == 0) continue;
      if (count == from.size()) break;
      from[count++] = part;
    }
    return initiate<void(Error, std::size_t)>(
        [this](Done done, const WriteBuffers& what) { impl_->write_some(what, std::move(done)); },
        handler, from);
  }

  void end(Ended ended) { impl_->end(std::move(ended)); }
  void close() { impl_->close(); }

 private:
  // std::function asks for copies, a handler may only move: it waits in a shared place.
  template <class Signature, class Start, class Handler, class Buffers>
  static auto initiate(Start start, Handler& handler, const Buffers& buffers) {
    return boost::asio::async_initiate<Handler, Signature>(
        [start = std::move(start)](auto&& done, const Buffers& what) {
          using Kept = std::decay_t<decltype(done)>;
          auto kept = std::make_shared<Kept>(std::forward<decltype(done)>(done));
          start([kept](const Error& error, std::size_t size) { std::move (*kept)(error, size); },
                what);
        },
        handler, buffers);
  }

  template <class Buffers>
  static boost::asio::mutable_buffer first(const Buffers& buffers) {
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto at = boost::asio::buffer_sequence_begin(buffers); at != end; ++at) {
      const boost::asio::mutable_buffer part(*at);
      if (part.size() > 0) return part;
    }
    return {};
  }

  std::unique_ptr<Impl> impl_;
};

}  // namespace blockd
