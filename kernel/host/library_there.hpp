// What an operator may have got wrong about a library before anybody opens it. [any]
#pragma once

#include <string>
#include <vector>

#include "kernel/base/status.hpp"

namespace blockd {

// Errors: kNotFound if there is no file at `path`; names the library in `dirs` whose name is
// nearest to `id`, of the first thousand.
Status library_there(const std::string& id, const std::string& path,
                     const std::vector<std::string>& dirs);
// Errors: kInvalid if the library at `path`, which is plugin `found`, is not the plugin `id`.
Status library_is(const std::string& id, const std::string& path, const std::string& found);

}  // namespace blockd
