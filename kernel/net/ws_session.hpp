// Takes an HTTP connection over after an accepted upgrade request. Internal to net; the two units
// that include it carry the templates of Asio's TLS and of Beast's WebSocket.
#pragma once

#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <string>

#include "kernel/net/server_core.hpp"

namespace blockd {

using TlsStream = boost::asio::ssl::stream<PlainStream>;

struct WsStart {
  ConnectionInfo info;
  HttpLimits limits;
  std::unique_ptr<WsHandler> handler;
  std::string subprotocol;
  std::string received;  // the upgrade request as text, and what came behind it
};

// REQUIRES: nothing is pending on `stream`. [io, on the stream's strand]
void start_websocket(PlainStream stream, WsStart start);
void start_websocket(TlsStream stream, WsStart start);

}  // namespace blockd
