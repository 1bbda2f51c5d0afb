// WebSocket client (RFC 6455) over the blocking transport. Its own framing: Beast's stream cannot
// go on after a read that timed out, and "nothing came for a second, go on" is what `events tail`
// lives from.

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "kernel/base/crypto.hpp"
#include "kernel/net/http_client.hpp"
#include "kernel/net/http_parser.hpp"
#include "kernel/net/tls_context.hpp"
#include "kernel/net/transport.hpp"
#include "kernel/net/url.hpp"

namespace blockd {
namespace {

constexpr std::size_t kWsReadBytes = 16384;
constexpr unsigned kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

std::string base64(const unsigned char* data, std::size_t size) {
  std::string out(4 * ((size + 2) / 3) + 1, '\0');
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), data, static_cast<int>(size));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

// RFC 6455, 4.2.2: SHA-1 here is a handshake check of the protocol, not a hash of ours.
std::string accept_value(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[SHA_DIGEST_LENGTH];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return base64(digest, size);
}

std::string masked_frame(unsigned opcode, std::string_view payload) {
  std::string out;
  out.push_back(static_cast<char>(0x80u | opcode));
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(0x80u | payload.size()));
  } else {
    const int bytes = payload.size() < 65536 ? 2 : 8;
    out.push_back(static_cast<char>(0x80u | (bytes == 2 ? 126u : 127u)));
    for (int i = bytes; i-- > 0;) out.push_back(static_cast<char>(payload.size() >> (8 * i)));
  }
  unsigned char mask[4];
  random_bytes(mask, sizeof mask);
  out.append(reinterpret_cast<const char*>(mask), sizeof mask);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]));
  }
  return out;
}

struct Frame {
  bool last = false;
  unsigned opcode = 0;
  std::string payload;
};

}  // namespace

class WsClient::Impl {
 public:
  Impl(std::unique_ptr<Transport> transport, std::string origin, const HttpClientOptions& options)
      : transport_(std::move(transport)), origin_(std::move(origin)), options_(options) {}

  Status handshake(const Url& url, const std::vector<std::pair<std::string, std::string>>& headers,
                   std::uint64_t deadline) {
    unsigned char raw[16];
    random_bytes(raw, sizeof raw);
    const std::string key = base64(raw, sizeof raw);
    std::string text = "GET " + url.target + " HTTP/1.1\r\nHost: " + url.authority() +
                       "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n";
    for (const auto& [name, value] : headers)
      text.append(name).append(": ").append(value).append("\r\n");
    std::size_t sent = 0;
    TB_TRY(transport_->write_all(text.append("\r\n"), deadline, &sent));
    ResponseParser parser(options_.max_response_bytes, false);
    while (parser.state() == ParseState::kHead || parser.state() == ParseState::kBody) {
      TB_TRY(fill(deadline));
      in_.erase(0, parser.put(in_));
    }
    if (parser.status() != 101 || parser.state() != ParseState::kDone) {
      std::string body = parser.body().substr(0, 200);
      while (!body.empty() && body.back() == '\n') body.pop_back();
      return Status(Code::kDenied, origin_ + url.target + ": no WebSocket: HTTP " +
                                       std::to_string(parser.status()) + ": " + body);
    }
    if (parser.headers().get("Sec-WebSocket-Accept") != accept_value(key)) {
      return Status(Code::kInvalid, origin_ + ": wrong Sec-WebSocket-Accept");
    }
    subprotocol_ = parser.headers().get("Sec-WebSocket-Protocol");
    return {};
  }

  Status send(unsigned opcode, std::string_view payload) {
    if (!closed_.ok()) return closed_;
    std::size_t sent = 0;
    Status status = transport_->write_all(masked_frame(opcode, payload),
                                          steady_ms() + options_.timeout_ms, &sent);
    // Half a frame on the wire cannot be taken back.
    if (!status.ok()) closed_ = status;
    return status;
  }

  Result<std::string> receive(std::uint32_t timeout_ms) {
    const std::uint64_t deadline = steady_ms() + timeout_ms;
    while (closed_.ok()) {
      Frame frame;
      if (!take_frame(&frame)) {
        if (!closed_.ok()) break;
        Status more = fill(deadline);
        if (more.ok()) continue;
        if (more.code() != Code::kTimeout) closed_ = more;
        return more;
      }
      if (frame.opcode == kPing) {
        TB_TRY(send(kPong, frame.payload));
      } else if (frame.opcode == kClose) {
        closed_by_server(frame.payload);
      } else if (frame.opcode <= kBinary) {
        message_.append(frame.payload);
        if (message_.size() > options_.max_response_bytes) {
          closed_ = Status(Code::kLimit, origin_ + ": message too large");
        } else if (frame.last) {
          return std::exchange(message_, std::string());
        }
      }
    }
    return closed_;
  }

  void close(std::uint16_t code) {
    if (!closed_.ok()) return;
    const char payload[2] = {static_cast<char>(code >> 8), static_cast<char>(code & 255)};
    (void)send(kClose, {payload, 2});
    closed_ = Status(Code::kUnavailable, origin_ + ": closed by this side");
    transport_.reset();
  }

  const std::string& subprotocol() const { return subprotocol_; }

 private:
  Status fill(std::uint64_t deadline) {
    char buffer[kWsReadBytes];
    Result<std::size_t> n = transport_->read_some(buffer, sizeof buffer, deadline);
    if (!n.ok()) return n.status();
    if (*n == 0) return Status(Code::kUnavailable, origin_ + ": connection closed by the server");
    in_.append(buffer, *n);
    return {};
  }

  // False if `in_` holds no whole frame (or a bad one: then closed_ says so).
  bool take_frame(Frame* frame) {
    const auto byte = [this](std::size_t i) { return static_cast<unsigned char>(in_[i]); };
    if (in_.size() < 2) return false;
    std::uint64_t size = byte(1) & 0x7fu;
    std::size_t head = 2;
    if (size >= 126) {
      const std::size_t bytes = size == 126 ? 2 : 8;
      if (in_.size() < head + bytes) return false;
      size = 0;
      for (std::size_t i = 0; i < bytes; ++i) size = size << 8 | byte(head + i);
      head += bytes;
    }
    if ((byte(1) & 0x80u) != 0 || (byte(0) & 0x70u) != 0) {
      closed_ = Status(Code::kInvalid, origin_ + ": malformed WebSocket frame");
      return false;
    }
    if (size > options_.max_response_bytes) {
      closed_ = Status(Code::kLimit, origin_ + ": message too large");
      return false;
    }
    if (in_.size() - head < size) return false;
    frame->last = (byte(0) & 0x80u) != 0;
    frame->opcode = byte(0) & 0x0fu;
    frame->payload = in_.substr(head, size);
    in_.erase(0, head + size);
    return true;
  }

  void closed_by_server(const std::string& payload) {
    std::string why = "closed by the server";
    if (payload.size() >= 2) {
      const unsigned code =
          static_cast<unsigned char>(payload[0]) * 256u + static_cast<unsigned char>(payload[1]);
      why += ": " + std::to_string(code) + " " + payload.substr(2);
    }
    (void)send(kClose, std::string_view(payload).substr(0, 2));
    closed_ = Status(Code::kUnavailable, origin_ + ": " + why);
    transport_.reset();  // the server waits for our end of the connection
  }

  std::unique_ptr<Transport> transport_;
  const std::string origin_;
  const HttpClientOptions options_;
  std::string in_;
  std::string message_;
  std::string subprotocol_;
  Status closed_;  // why nothing goes any more
};

WsClient::WsClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WsClient::~WsClient() { close(); }

Result<std::unique_ptr<WsClient>> WsClient::connect(
    std::string_view url, const HttpClientOptions& options,
    const std::vector<std::pair<std::string, std::string>>& headers) {
  crypto_init();
  Result<Url> parsed = parse_url(url);
  if (!parsed.ok()) return parsed.status();
  TlsContext tls;
  if (parsed->tls()) {
    Result<TlsContext> made = make_client_tls(options.tls);
    if (!made.ok()) return made.status();
    tls = std::move(*made);
  }
  const std::uint64_t deadline = steady_ms() + options.connect_timeout_ms;
  Result<std::unique_ptr<Transport>> transport =
      Transport::connect(*parsed, tls, !options.tls.insecure, deadline);
  if (!transport.ok()) return transport.status();
  auto impl = std::make_unique<Impl>(std::move(*transport), parsed->origin(), options);
  TB_TRY(impl->handshake(*parsed, headers, deadline));
  return std::unique_ptr<WsClient>(new WsClient(std::move(impl)));
}

Status WsClient::send(std::string_view text) { return impl_->send(kText, text); }
Result<std::string> WsClient::receive(std::uint32_t timeout_ms) {
  return impl_->receive(timeout_ms);
}
void WsClient::close(std::uint16_t code) { impl_->close(code); }
const std::string& WsClient::subprotocol() const { return impl_->subprotocol(); }

}  // namespace blockd
