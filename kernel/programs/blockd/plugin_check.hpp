// The libraries of plugins.load as a start looks at them, for the node and for `config check`: so
// that both say the same. [any]
#pragma once

#include <memory>
#include <string>

#include "kernel/config/kernel_keys.hpp"
#include "kernel/host/library.hpp"

namespace blockd {

// What the configuration asks of a library: signatures, signers, least versions. Errors: kInvalid
// (the file of the signers).
Result<LoadRules> plugin_rules(const Config& config);

// The library of an enabled entry, found and checked up to the probe as a node with this
// configuration would, in a temporary folder. Errors: kNotFound with the nearest id, those of
// Library::check(), kInvalid if it is another plugin.
Result<std::shared_ptr<const Manifest>> check_plugin(const Config& config, LoadRules rules,
                                                     const std::string& program_dir,
                                                     const PluginLoad& wanted);

// Whether a start would make a new chain, which fixes its roster for ever: then no library of
// plugins.load may be missing. Else only what is `required` may not.
bool begins_new_chain(const Config& config);

}  // namespace blockd
