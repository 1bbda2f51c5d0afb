// What the two verbs that print descriptions have in common: libraries from the command line to
// manifests, text to a file.
#pragma once

#include <string>
#include <vector>

#include "kernel/base/status.hpp"
#include "kernel/manifest/openrpc.hpp"

namespace blockd {

struct DumpRequest {
  std::string out;       // value of the flag; empty: standard output
  ManifestList kernel;   // the kernel's own
  ManifestList plugins;  // of the libraries, in the order given
};

// `words`: `flag` VALUE and paths of libraries. All manifests are read and must not clash. Errors:
// kInvalid and those of the libraries.
Result<DumpRequest> read_dump_request(const std::string& program,
                                      const std::vector<std::string>& words,
                                      const std::string& flag);
// Replaces the file in one step, making its folder; an empty path is standard output.
Status write_dump(const std::string& path, const std::string& text);
// Prints the error; returns the exit code, 1.
int refuse_dump(const Status& status);

}  // namespace blockd
