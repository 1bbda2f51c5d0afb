// Whether a text is the address of an account that somebody can sign for. Pure. [any]
#pragma once

#include <string_view>

namespace gov {

// Bech32m (BIP-350) with the prefix "tb", in small letters, with a right checksum. Other accounts
// belong to plugins: nobody signs for them, so they neither vote nor bear a role.
bool is_address(std::string_view text);

}  // namespace gov
