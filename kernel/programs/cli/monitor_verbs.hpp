// The verbs below `monitor`.
#pragma once

#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {

std::vector<LocalVerb> monitor_verbs();

}  // namespace blockd::cli
