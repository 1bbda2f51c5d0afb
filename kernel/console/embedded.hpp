// What embed.py makes of dashboards/console. For console.cpp only.
#pragma once

#include <span>

#include "kernel/console/console.hpp"

namespace blockd {

std::span<const ConsoleFile> embedded_console_files();

}  // namespace blockd
