// The searchable log to clients: method logs.search, GET /logs/search and the WebSocket /logs/tail,
// for callers of role operator. The files are read, so it works while the node is busy; a search
// runs on a worker.
#pragma once

#include "kernel/rpc/kernel_methods.hpp"

namespace blockd {

inline constexpr std::size_t kTailFirstRows = 200;
inline constexpr std::uint32_t kTailEveryMs = 1000;

// GET /logs/search. REQUIRES: origin and host were checked. [io]
void serve_log_search(RpcImpl& rpc, const Access& access,
                      const std::shared_ptr<const HttpRequest>& request, const HttpReply& reply);
// The WebSocket /logs/tail of a caller that was let in. [io]
WsAnswer accept_log_tail(RpcImpl& rpc, const Access& access, const HttpRequest& request,
                         const Caller& caller);

std::span<const KernelEntry> log_methods();

}  // namespace blockd
