#include "kernel/base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace blockd {

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(
      stderr,
      "%s:%d: invariant broken: %s\n"
      "  this is a defect of the program; it stops here so that nothing wrong is written\n",
      file, line, expression);
  std::abort();
}

}  // namespace blockd
