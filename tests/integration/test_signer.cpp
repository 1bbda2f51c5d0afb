// test_signer: a small remote signer, for tests of the wallet: GET /pubkey, POST /sign, the same
// over a WebSocket, and an answer to discovery over UDP.
//
//   test_signer --seed HEX [--fault bad_signature|http_500|http_404] [--discovery PORT]
//
// Prints its URL on the first line. A line "seed HEX" on standard input changes the key, the end of
// standard input ends the program. A command that does not hash to the bytes to be signed is
// refused, as every signer must.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>

#include <boost/json/serialize.hpp>

#include "kernel/base/blake3.hpp"
#include "kernel/base/crypto.hpp"
#include "kernel/base/hex.hpp"
#include "kernel/base/json.hpp"
#include "kernel/net/http_server.hpp"

namespace blockd {
namespace {

class Signer final : public HttpHandler {
 public:
  Signer(SigningKey key, std::string fault) : key_(std::move(key)), fault_(std::move(fault)) {}

  void set_key(SigningKey key) {
    std::lock_guard lock(mutex_);
    key_ = std::move(key);
  }

  void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) override {
    if (fault_ == "http_500") return reply(text_response(500, "out of order"));
    if (fault_ == "http_404") return reply(text_response(404, "nothing here"));
    HttpResponse response;
    response.body = answer(request->method == "GET" ? "{\"pubkey\":true}" : request->body);
    reply(std::move(response));
  }

  WsAnswer accept_ws(std::shared_ptr<const HttpRequest>) override {
    WsAnswer answer;
    answer.handler = std::make_unique<Socket>(*this);
    return answer;
  }

 private:
  struct Socket final : WsHandler {
    explicit Socket(Signer& owner) : signer(owner) {}
    void on_open(std::shared_ptr<WsPeer> opened) override { peer = std::move(opened); }
    void on_message(std::string_view text) override { peer->send(signer.answer(text)); }
    void on_close() override { peer.reset(); }
    Signer& signer;
    std::shared_ptr<WsPeer> peer;
  };

  std::string answer(std::string_view text) {
    std::lock_guard lock(mutex_);
    const Result<json::value> request = parse_json(text);
    const json::object* o = request.ok() ? request->if_object() : nullptr;
    if (o == nullptr) return R"({"error":"no JSON object"})";
    if (o->contains("pubkey"))
      return json::serialize(json::object{{"pubkey", to_hex(key_.public_key())}});
    const Result<Bytes> msg = from_hex(std::string(o->at("msg").as_string()));
    if (!msg.ok() || !o->contains("trace")) return R"({"error":"no msg or trace"})";
    if (const json::value* command = o->if_contains("command")) {
      const Result<std::string> canonical = canonical_json(*command);
      if (!canonical.ok() ||
          view(blake3({BytesView("tb/command/v1"), *canonical})) != BytesView(*msg))
        return R"({"error":"the command does not hash to msg"})";
    }
    Signature signature = key_.sign(*msg);
    if (fault_ == "bad_signature") signature[7] ^= 1;
    return json::serialize(json::object{{"sig", to_hex(signature)}});
  }

  std::mutex mutex_;
  SigningKey key_;
  const std::string fault_;
};

// Answers "theblock:signer?" on `port` until the process ends.
void answer_discovery(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(port);
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) std::_Exit(3);
  std::thread([fd] {
    for (;;) {
      std::array<char, 64> text;
      sockaddr_in from{};
      socklen_t size = sizeof from;
      const ssize_t got =
          ::recvfrom(fd, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (got < 0) return;
      if (std::string_view(text.data(), static_cast<std::size_t>(got)) != "theblock:signer?")
        continue;
      for (const std::string_view word : {"theblock:signer!", "something else", "theblock:signer!"})
        ::sendto(fd, word.data(), word.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
    }
  }).detach();
}

int run(std::map<std::string, std::string> flags) {
  Result<SigningKey> key = SigningKey::from_hex(flags["--seed"]);
  if (!key.ok()) {
    std::fprintf(stderr, "%s\n", key.status().to_string().c_str());
    return 2;
  }
  if (!flags["--discovery"].empty())
    answer_discovery(static_cast<std::uint16_t>(std::stoul(flags["--discovery"])));
  IoPool pool(1);
  auto signer = std::make_shared<Signer>(*std::move(key), flags["--fault"]);
  HttpServer server(pool, HttpLimits{});
  ListenerConfig config;
  config.name = "signer";
  config.addresses = {"127.0.0.1:0"};
  config.handler = signer;
  if (const Status bound = server.set_listener(std::move(config)); !bound.ok()) {
    std::fprintf(stderr, "%s\n", bound.to_string().c_str());
    return 1;
  }
  std::printf("http://127.0.0.1:%u\n", static_cast<unsigned>(server.port("signer")));
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.starts_with("seed ")) continue;
    Result<SigningKey> next = SigningKey::from_hex(line.substr(5));
    if (next.ok()) signer->set_key(*std::move(next));
    std::puts("changed");
    std::fflush(stdout);
  }
  return server.stop(1000).ok() ? 0 : 1;
}

}  // namespace
}  // namespace blockd

int main(int argc, char** argv) {
  blockd::crypto_init();
  std::map<std::string, std::string> flags;
  for (int i = 1; i + 1 < argc; i += 2) flags[argv[i]] = argv[i + 1];
  return blockd::run(std::move(flags));
}
