// HTTP/1.1 parsers without Boost in sight: bytes in, HttpRequest or HttpClientResponse-like parts
// out. Internal to net. Beast's parser does the work (no allocation of its own when the head lies
// in one piece); this header keeps its templates in one translation unit. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "kernel/net/http.hpp"

namespace blockd {

enum class ParseState : std::uint8_t {
  kHead,   // the head is not complete
  kBody,   // the body is not complete
  kDone,   // a whole message
  kError,  // see error_status()
};

class RequestParser {
 public:
  RequestParser();
  ~RequestParser();
  // Begins a new message, which is written to `request`. REQUIRES: `request` outlives it.
  void reset(HttpRequest* request, std::uint32_t head_limit, std::uint64_t body_limit);
  // Eats from the front of `data` and returns how much. In state kHead the bytes left over must
  // come again in front of the next ones. Stops after the head when the client waits for "100
  // Continue" (see there).
  std::size_t put(std::string_view data);
  ParseState state() const;
  // 400, 413, 431 or 505.
  int error_status() const;
  // The client wants the connection kept.
  bool keep_alive() const;
  bool http_1_0() const;
  // The head said "Expect: 100-continue" and the body is still to come. True once.
  bool take_expect_continue();
  bool is_upgrade() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ResponseParser {
 public:
  // `to_head`: the response has no body whatever its headers say.
  ResponseParser(std::uint64_t body_limit, bool to_head);
  ~ResponseParser();
  std::size_t put(std::string_view data);
  // The connection ended; fine if the body was delimited by it.
  void put_eof();
  ParseState state() const;
  bool too_large() const;
  bool keep_alive() const;
  int status() const;
  HttpHeaders& headers();
  std::string& body();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace blockd
