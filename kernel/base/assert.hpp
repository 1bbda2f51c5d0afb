// TB_ASSERT: an invariant of ours. Active in every build: a node that finds one broken stops before
// it writes anything more. Never used on input from outside; that gets a Status.
#pragma once

namespace blockd {
// Prints `expression` with its place on stderr and ends the process. [any]
[[noreturn, gnu::cold]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace blockd

#define TB_ASSERT(expression)          \
  ((expression) ? static_cast<void>(0) \
                : ::blockd::assertion_failed(#expression, __FILE__, __LINE__))
