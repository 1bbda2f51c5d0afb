// The table `hook` of a script, read strictly. [any]
#pragma once

#include <span>
#include <string>

#include "kernel/base/json.hpp"
#include "kernel/lua/script.hpp"

namespace blockd::lua {

inline constexpr std::size_t kMaxHeaderNames = 64;  // keys, owned keys, methods
inline constexpr std::size_t kMaxHeaderName = 128;  // bytes of one

// `functions` are the global functions of the text, sorted. On failure `*why` says what is wrong.
Fault parse_header(const json::value& table, std::span<const std::string> functions, Scope scope,
                   Header* header, std::string* why);

}  // namespace blockd::lua
