// The manual page contract-cli(1), made from the same catalogue as the help. Pure. [any]
#pragma once

#include <string>

#include "kernel/programs/cli/catalogue.hpp"

namespace blockd::cli {

std::string manual_page(const Catalogue& catalogue);

}  // namespace blockd::cli
