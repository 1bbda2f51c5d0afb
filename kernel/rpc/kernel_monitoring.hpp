// The manifest "kernel": metrics, panels and alerts of the kernel itself.
#pragma once

#include "kernel/manifest/manifest.hpp"

namespace blockd {

std::shared_ptr<const Manifest> kernel_monitoring();

}  // namespace blockd
