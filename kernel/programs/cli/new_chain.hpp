// `snapshots restore --chain-id NEW [--staging]`: what the chain is that a restored state becomes.
#pragma once

#include "kernel/programs/cli/catalogue.hpp"
#include "kernel/snapshot/new_chain.hpp"

namespace blockd::cli {

// Whether the words ask for another chain.
bool wants_new_chain(const LocalArgs& args);

// The chain that `args` name, made from the genesis of the old one. With --staging this data
// directory's own keys (made where there are none) are its validator, operator, admin and oracle,
// so that no key of production is needed. Errors: kInvalid (no genesis, the old name, a name that
// is none), kExists (another genesis lies in the directory), kDenied and kIo of the keys.
Result<NewChain> plan_new_chain(const LocalArgs& args, const Genesis* old,
                                const std::string& data_dir);

}  // namespace blockd::cli
