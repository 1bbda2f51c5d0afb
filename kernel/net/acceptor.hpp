// Takes connections from one ListenSocket and starts them. Internal to net. Goes on when file
// descriptors run out: it waits kBackOffMs and tries again. Who is over a limit of connections is
// told so and closed at once.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>

#include "kernel/net/listen_socket.hpp"
#include "kernel/net/server_core.hpp"

namespace blockd {

class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(std::shared_ptr<ServerCore> core, std::shared_ptr<Listener> listener,
           ListenSocket socket);
  void start();
  // [any] No connection is accepted any more when it returns; the socket is closed.
  void close();
  const ListenAddress& bound() const { return bound_; }

 private:
  void wait();
  // False: nothing more to take now. `error` is errno then.
  bool take_one(int* error);
  void take_many();
  void back_off();
  void serve(int fd, const void* address);

  const std::shared_ptr<ServerCore> core_;
  const std::shared_ptr<Listener> listener_;
  const ListenAddress bound_;
  std::mutex mutex_;  // between close() and the io threads
  std::unique_ptr<ListenSocket> socket_;
  std::unique_ptr<boost::asio::posix::stream_descriptor> waiter_;
  boost::asio::steady_timer timer_;
};

}  // namespace blockd
