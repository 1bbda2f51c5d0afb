// How the rows of the local index are shown, in queries and in HTTP bodies alike. [face]
#pragma once

#include "plugins/energy/local_index.hpp"

namespace energy {

void put_slashes(const std::vector<SlashRow>& rows, tb::Out& out);      // "slashes": [...]
void put_timeline(const std::vector<TimelineRow>& rows, tb::Out& out);  // "entries": [...]
// The type that a filter names, older names included; empty for none.
std::string_view event_type_named(std::string_view text);

}  // namespace energy
