// A node for tests: an HTTP server on a free port that answers JSON-RPC from a table and keeps what
// it was asked.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json/serialize.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/base/json.hpp"
#include "kernel/net/http_server.hpp"

namespace blockd::test {

class TempHome {
 public:
  TempHome() {
    char name[] = "/tmp/blockd-cli-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TempHome() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

struct Asked {
  std::string method, body, authorization;
  json::object params;
};

class FakeNode {
 public:
  using Answer = std::function<json::value(const json::object& params)>;

  FakeNode() : handler_(std::make_shared<Handler>()), server_(pool_, HttpLimits{}) {
    ListenerConfig config;
    config.name = "rpc";
    config.addresses = {"127.0.0.1:0"};
    config.handler = handler_;
    EXPECT_TRUE(server_.set_listener(std::move(config)).ok());
  }
  ~FakeNode() { [[maybe_unused]] const Status stopped = server_.stop(1000); }

  std::uint16_t port() const { return server_.port("rpc"); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.port("rpc")); }
  // The answer is a result, or an error when it is an object with the member "!error".
  void on(const std::string& method, Answer answer) {
    std::lock_guard lock(handler_->mutex);
    handler_->answers[method] = std::move(answer);
  }
  void on(const std::string& method, json::value result) {
    on(method, [result](const json::object&) { return result; });
  }
  std::vector<Asked> asked(const std::string& method) const {
    std::lock_guard lock(handler_->mutex);
    std::vector<Asked> out;
    for (const Asked& one : handler_->asked) {
      if (one.method == method) out.push_back(one);
    }
    return out;
  }

 private:
  struct Handler : HttpHandler {
    void handle(std::shared_ptr<const HttpRequest> request, HttpReply reply) override {
      // Probes of a supervisor: always ready.
      if (request->method == "GET") return reply(text_response(200, "ready"));
      const json::value body = *parse_json(request->body);
      Asked asked_now;
      asked_now.method = std::string(body.at("method").as_string());
      asked_now.body = request->body;
      asked_now.authorization = std::string(request->headers.get("Authorization"));
      asked_now.params = body.at("params").as_object();
      json::value result = {{"!error",
                             {{"code", -32601},
                              {"message", "method_not_found: " + asked_now.method},
                              {"data", {{"name", "method_not_found"}}}}}};
      {
        std::lock_guard lock(mutex);
        if (auto at = answers.find(asked_now.method); at != answers.end())
          result = at->second(asked_now.params);
        asked.push_back(std::move(asked_now));
      }
      json::object out = {{"jsonrpc", "2.0"}, {"id", 1}};
      const bool is_error = result.is_object() && result.get_object().contains("!error");
      out[is_error ? "error" : "result"] = is_error ? result.get_object().at("!error") : result;
      HttpResponse response;
      response.body = json::serialize(out);
      reply(std::move(response));
    }
    mutable std::mutex mutex;
    std::map<std::string, Answer> answers;
    std::vector<Asked> asked;
  };

  std::shared_ptr<Handler> handler_;
  IoPool pool_{1};
  HttpServer server_;
};

}  // namespace blockd::test
