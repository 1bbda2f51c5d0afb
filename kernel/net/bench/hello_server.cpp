// Our server with a fixed answer: `bench_hello_server PORT [THREADS]`, until end of input.
#include <cstdlib>
#include <iostream>
#include <string>

#include "kernel/net/http_server.hpp"

namespace {

class Hello : public blockd::HttpHandler {
  void handle(std::shared_ptr<const blockd::HttpRequest>, blockd::HttpReply reply) override {
    blockd::HttpResponse response;
    response.body = "{\"hello\":\"world\"}";
    reply(std::move(response));
  }
};

}  // namespace

int main(int argc, char** argv) {
  const std::string port = argc > 1 ? argv[1] : "0";
  blockd::IoPool pool(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 1);
  blockd::HttpServer server(pool, {});
  const blockd::Status status = server.set_listener(
      {.name = "bench", .addresses = {"127.0.0.1:" + port}, .handler = std::make_shared<Hello>()});
  if (!status.ok()) {
    std::cerr << status.to_string() << '\n';
    return 1;
  }
  std::cout << server.port("bench") << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
  }
  return server.stop(1000).ok() ? 0 : 1;
}
