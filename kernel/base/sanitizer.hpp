// What a build that a sanitizer watches does differently (presets `asan` and `tsan`, and `fuzz`).
// The only place that knows; everybody else asks these two constants.
#pragma once

#include <cstdint>

namespace blockd {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// Code that is watched needs this many times longer, its start above all: a process maps and
// poisons terabytes of shadow before main(). Bounds on what another process may take until it is
// given up, in time or CPU, are multiplied by it; nothing that a chain computes depends on it.
inline constexpr std::uint64_t kSanitizerSlowdown = kSanitized ? 24 : 1;

}  // namespace blockd
