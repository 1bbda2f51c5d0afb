// The node's own web page: files of dashboards/console, part of the program since it was built.
//
// No file is read at run time, so a console always fits the node that serves it. Each file is there
// twice, as it is and compressed with gzip; a browser that has it by its ETag gets 304.
//
// Thread: [any]. The views live as long as the program.
#pragma once

#include <optional>
#include <string_view>

#include "kernel/net/http.hpp"

namespace blockd {

struct ConsoleFile {
  std::string_view path;  // "js/app.js"
  std::string_view type;  // Content-Type
  std::string_view etag;  // with its quotes
  std::string_view plain, gzip;
};

// The file at `path` below /console/; "" is the page itself. nullptr if there is none.
const ConsoleFile* console_file(std::string_view path);

// The answer to GET or HEAD of "/console" and of all below it; nothing for other paths. Headers
// forbid inline scripts, other hosts and frames.
std::optional<HttpResponse> serve_console(const HttpRequest& request);

}  // namespace blockd
