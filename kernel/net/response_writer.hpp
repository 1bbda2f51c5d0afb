// Responses as bytes. Internal to net; pure but for the clock of the Date header. [any]
#pragma once

#include <string>
#include <string_view>

#include "kernel/net/http.hpp"

namespace blockd {

struct ResponseShape {
  bool keep_alive = true;
  bool http_1_0 = false;  // says "keep-alive" where it is not the default
  bool head_only = false;
};

// True for answers that never have a body.
bool status_without_body(int status);
// Appends status line and headers, Content-Length of `response.body` included. Control characters
// in header values become blanks: no handler can split a response.
void append_response_head(std::string& out, const HttpResponse& response,
                          const ResponseShape& shape);
// Compresses the body and adds the headers for it, if the client takes gzip, the body is longer
// than kGzipMinBytes and text, and the handler has not encoded it already.
void gzip_if_wanted(HttpResponse& response, std::string_view accept_encoding);

}  // namespace blockd
