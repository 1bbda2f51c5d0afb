// The form of a command object: which members there are and what each may hold (node-and-cli
// spec 3.2). Only command.cpp includes this. [any]
#pragma once

#include <optional>
#include <string>

#include "kernel/chain/command.hpp"

namespace blockd::internal {

// Fills `out` from the members of `command`, but for `params`, `envelope`, `signed_bytes`, `id`,
// `signatures` and `cosigners`. Members are checked in the order of the spec's table, unknown ones
// last.
std::optional<Refusal> read_command_members(const json::object& command, Command& out);

// Fills `out.signatures` from the array of the envelope.
std::optional<Refusal> read_signatures(const json::value& signatures, Command& out);

// The fast path for an envelope as nearly all are: plain canonical text with the usual members and
// `signatures`. True: everything but `envelope`, `id`, `params` and `cosigners` is filled as the
// functions above would have done it, views point into `envelope`, and the bytes are canonical.
// False: something is unusual or wrong, and `out` is to be thrown away; the functions above find
// out. `known`: the envelope is known to be canonical, and the insides of the params are not looked
// at again.
bool read_plain_envelope(BytesView envelope, bool known, Command& out);

// Where in `envelope` the first number stands that canonical JSON does not know, as data.field says
// it: below `command.params` the path begins there. Empty when there is none.
std::string path_of_bad_number(const json::value& envelope);

Refusal bad_field(std::string_view field, std::string_view text);

}  // namespace blockd::internal
