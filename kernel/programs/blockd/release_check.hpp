// Whether what runs here is what the houses approved (governance spec 5.7): the node's own
// executable under `release.enforce`, libraries of plugins under
// `plugins.require_approved_release`.
#pragma once

#include "kernel/base/bytes.hpp"
#include "kernel/config/config.hpp"
#include "kernel/host/host.hpp"

namespace blockd {

// Asks governance on this node for the release of `file`, and waits for the answer. Errors: kDenied
// (there is none for `target`, or it is not approved; governance does not run). [any] but the
// thread that answers calls.
Status check_approved(MethodCaller& rpc, const Hash& file, std::string_view target);

// At a start, when the chain answers: the executable, then each library that is loaded. Errors:
// kDenied; *exit_code is 3 when it is the executable. kIo.
Status check_releases(const Config& config, MethodCaller& rpc, const Host& host, int* exit_code);

}  // namespace blockd
